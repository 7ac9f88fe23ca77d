"""How a pipeline stage starts and how it fails: one line on stderr, exit code 1."""

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from t2s import atomic
from t2s.allocator import keep_freed_memory
from t2s.errors import UserError

OUT_FOLDERS = (".", "models", "reports", "reports/plots")  # where stages write single files


def run_stage(main: Callable[[], None], takes_arguments: bool = False) -> None:
    """Run a stage's main as a program of its own."""
    if len(sys.argv) > 1 and not takes_arguments:
        sys.exit(f"error: {sys.argv[1]}: {sys.argv[0]} takes no arguments; see params.yaml and `t2s --help`")
    warnings.showwarning = one_line_warning
    keep_freed_memory()
    with faults_in_one_line():
        begin_stage()
        main()


def begin_stage() -> None:
    """Log to stderr, and clear what a crash left beside the outs."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for folder in OUT_FOLDERS:
        atomic.remove_partials(Path(folder))


def one_line_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """In place of `warnings.showwarning`: what a warning says, without the place and the line of code it came from."""
    print(f"warning: {message}", file=sys.stderr)


@contextmanager
def faults_in_one_line() -> Iterator[None]:
    """What a user or a disk can cause ends the process in one line on stderr and exit code 1, Ctrl-C in 130."""
    try:
        yield
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:  # a folder that cannot be written, a file that cannot be read, a full disk
        sys.exit(f"error: {error.filename or 'input or output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit(130)
