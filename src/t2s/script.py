"""How a file in pipelines/ or experiments/ becomes a program: Ctrl-C is one quiet exit from the first line on.

A stage imports for seconds, and its imports stand before the call of `run_stage`. So a script hands itself over before
them. This module imports next to nothing itself.
"""

import os
import signal
import sys
from typing import NoReturn


def run_script(path: str, takes_arguments: bool = False) -> NoReturn:
    """Load the script at `path`, whose imports Ctrl-C ends with exit code 130; then run its main as a stage."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is ignored, as in the background
    if ours:
        signal.signal(signal.SIGINT, _leave)
    import runpy

    from t2s.cores import respect_quota

    respect_quota()
    from t2s.stage import faults_in_one_line, run_stage

    main = runpy.run_path(path)["main"]
    with faults_in_one_line():
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        run_stage(main, takes_arguments)
    sys.exit()


def _leave(*_: object) -> NoReturn:
    """No exception: a library's import might make another one of it. Nothing is open yet that had to be closed."""
    os._exit(130)
