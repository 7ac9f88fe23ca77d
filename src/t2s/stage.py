"""How a pipeline stage starts and how it fails: one line on stderr, exit code 1."""

import logging
import sys
from collections.abc import Callable

from t2s.errors import UserError


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage's main; a UserError ends in one clear line and exit code 1, Ctrl-C in 130."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
