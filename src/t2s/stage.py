"""How a pipeline stage starts and how it fails: one line on stderr, exit code 1."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

from t2s import atomic
from t2s.allocator import keep_freed_memory
from t2s.errors import UserError

OUT_FOLDERS = (".", "models", "reports", "reports/plots")  # where stages write single files


def run_stage(main: Callable[[], None], takes_arguments: bool = False) -> None:
    """Clear what a crash left, run a stage's main; its faults end in one clear line and exit code 1, Ctrl-C in 130."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if len(sys.argv) > 1 and not takes_arguments:
        sys.exit(f"error: {sys.argv[1]}: {sys.argv[0]} takes no arguments; see params.yaml and `t2s --help`")
    keep_freed_memory()
    for folder in OUT_FOLDERS:
        atomic.remove_partials(Path(folder))
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:  # a disk that is full, a file that cannot be read
        sys.exit(f"error: {error.filename or 'input or output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit(130)
