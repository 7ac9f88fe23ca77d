"""Starts the sender beside a trainer and repeats what it says."""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

SOURCE = Path(__file__).parents[2]

logger = logging.getLogger(__name__)


class SenderProcess:
    """`python -m t2s.tracking.sender` for one buffer; its messages become warnings of this process.

    It lives in its own session, so that Ctrl-C in the terminal does not keep the last metrics from leaving.
    """

    def __init__(self, root: Path, buffer: Path) -> None:
        path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
        with buffer.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "t2s.tracking.sender", str(root.resolve()), str(buffer.resolve())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"PYTHONPATH": path},
                start_new_session=True,
            )
        self._ended = threading.Thread(target=self._repeat_messages, daemon=True)
        self._ended.start()

    def finish(self, timeout_s: float) -> None:
        """Ask it to send the rest and leave; wait so long for that. It goes on by itself if that is too short."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._ended.join(timeout_s)

    def _repeat_messages(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                logger.warning("%s", line.rstrip())
        self._process.wait()
