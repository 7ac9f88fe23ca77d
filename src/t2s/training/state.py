"""The run-state directory: where a killed training goes on from.

runs/<fingerprint>/         under the project root, git-ignored; no DVC out (DVC deletes its outs first)
    lock                    held while a process trains (lock.py)
    state-00000042.safetensors   everything needed to go on after step 42; the newest k are kept
    best.safetensors        a checkpoint of the averaged weights with the best validation so far
    tracking.jsonl …        the tracker's buffer
"""

import logging
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import Tensor

from t2s import atomic, lock
from t2s.checkpoint import Checkpoint, differing_keys, load_checkpoint, read_metadata, save_checkpoint
from t2s.errors import UserError
from t2s.tracking.buffer import BUFFER_NAME

STATE_PATTERN = "state-" + "[0-9]" * 8 + ".safetensors"
STATE_KIND = "training state"
BEST = "best.safetensors"

logger = logging.getLogger(__name__)


def step_of(path: Path) -> int:
    """The step of a state, from its file's name."""
    return int(path.stem.removeprefix("state-"))


class RunState:
    """One training's state, held exclusively from `open` to `close` (a context manager)."""

    def __init__(self, folder: Path, config: Mapping[str, Any], keep: int) -> None:
        self.folder = folder
        self.fingerprint = folder.name
        self.tracking_buffer = folder / BUFFER_NAME
        self._config = dict(config)
        self._keep = keep

    @classmethod
    def open(cls, root: Path, fingerprint: str, config: Mapping[str, Any], keep: int = 2, fresh: bool = False) -> Self:
        """Lock `<root>/runs/<fingerprint>/` and clear what a crash left in it.

        Args:
            config: what the fingerprint was made from (params, data digest); explains a mismatch by its keys.
            keep: newest states kept; with 2 or more, one damaged file costs no more than one interval.
            fresh: discard every earlier state first.

        Raises:
            UserError: another process trains this fingerprint, or the folder cannot be written.
        """
        folder = root.resolve() / "runs" / fingerprint
        try:
            lock.acquire(folder)
        except lock.InUseError as error:
            raise UserError(f"already training {fingerprint}, pid {error.pid}; wait for it or stop it") from None
        except OSError as error:
            raise UserError(f"{folder}: cannot be written ({error.strerror})") from None
        state = cls(folder, config, keep)
        try:
            atomic.remove_partials(folder)
            if fresh:
                state._discard()
            if not state._states():
                state._tell_what_differs()
        except BaseException:
            state.close()
            raise
        return state

    def close(self) -> None:
        """Release the lock."""
        lock.release(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def save(self, step: int, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> Path:
        """Durably store the state after `step` (0 … 99,999,999); then drop all but the newest k up to it.

        States past `step` go too: they are of a future that was rewound because a file was damaged.
        """
        path = self.folder / f"state-{step:08d}.safetensors"
        save_checkpoint(path, tensors, self._sealed(step, metadata), STATE_KIND)
        kept = [other for other in self._states() if other.name <= path.name][: self._keep]
        for other in self._states():
            if other not in kept:
                other.unlink(missing_ok=True)
        return path

    def latest(self) -> Checkpoint | None:
        """The newest state that is whole, or None when this training has not started yet.

        A damaged file is reported as a warning and the one before it used.

        Raises:
            UserError: states exist but none can be used (never a silent restart), or one is of another run.
        """
        states = self._states()
        for path in states:
            try:
                found = load_checkpoint(path, STATE_KIND)
            except UserError as error:
                logger.warning("%s; going back to the state before it", error)
                continue
            self._require_own(path, found.metadata)
            return found
        if states:
            raise UserError(
                f"{self.folder}: none of its {len(states)} states is usable; `t2s train --fresh` starts again"
            )
        return None

    def newest_step(self) -> int | None:
        """The step after which the newest state was written; None: there is none yet."""
        return next(map(step_of, self._states()), None)

    def _states(self) -> list[Path]:
        return sorted(self.folder.glob(STATE_PATTERN), reverse=True)

    def _sealed(self, step: int, metadata: Mapping[str, Any]) -> dict[str, Any]:
        return {**metadata, "step": step, "fingerprint": self.fingerprint, "config": self._config}

    def _require_own(self, path: Path, metadata: Mapping[str, Any]) -> None:
        if metadata["fingerprint"] != self.fingerprint:
            differs = self._differences(metadata["config"])
            raise UserError(f"{path}: belongs to run {metadata['fingerprint']}; it differs in {differs}")

    def _tell_what_differs(self) -> None:
        """Log in which keys the last training of the project that has a state differs from this one."""
        with suppress(UserError, OSError, KeyError, ValueError):  # there is none, it is damaged, or just being replaced
            others = self.folder.parent.glob(f"*/{STATE_PATTERN}")
            last = max(others, key=lambda path: path.stat().st_mtime)
            differs = self._differences(read_metadata(last, STATE_KIND)["config"])
            logger.info("a new training; the last one, %s, differs in %s", last.parent.name, differs)

    def _differences(self, config: Mapping[str, Any]) -> str:
        """In what another training differs: keys with both values, the data (a digest says no more), the code."""
        lines = differing_keys(self._config, config) or ["the source code"]
        return "; ".join("the data" if line.startswith("learned_digest: ") else line for line in lines)

    def _discard(self) -> None:
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != lock.NAME:
                path.unlink(missing_ok=True)
