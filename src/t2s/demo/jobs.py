"""A bounded queue with one worker: one model, one clip run at a time, however many people ask."""

import logging
import secrets
import shutil
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from t2s.clips import Clips
from t2s.demo.request import GenerateRequest
from t2s.errors import UserError

logger = logging.getLogger(__name__)

State = Literal["waiting", "running", "done", "failed", "cancelled"]
MAX_WAITING = 64
MAX_FINISHED = MAX_WAITING + 16  # whose clips are kept: all that wait may end before the first visitor looks


class QueueFullError(Exception):
    """More people wait than may."""


class CancelledError(Exception):
    """The visitor wants no more of it."""


@dataclass
class Job:
    """One request on its way. `step` of `num_steps` are done; `remarks` are for the visitor, files go to `folder`."""

    id: str
    request: GenerateRequest
    folder: Path
    state: State = "waiting"
    step: int = 0
    num_steps: int = 0
    message: str = ""
    remarks: list[str] = field(default_factory=list)
    clips: Clips | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    files: threading.Lock = field(default_factory=threading.Lock)  # held by who writes, reads or deletes in `folder`
    forgotten: bool = False

    def on_step(self, done: int, total: int) -> None:
        """Note progress. Raises CancelledError once the visitor has cancelled."""
        self.step, self.num_steps = done, total
        if self.cancelled.is_set():
            raise CancelledError

    def forget(self) -> None:
        """Delete its files, once nobody reads them; none are written any more."""
        with self.files:
            self.forgotten = True
            shutil.rmtree(self.folder, ignore_errors=True)


class JobQueue:
    """`work(job)` fills a job's clips; it runs in one thread of its own."""

    def __init__(self, work: Callable[[Job], None], folder: Path) -> None:
        self._work = work
        self._folder = folder
        self._waiting: deque[Job] = deque()
        self._jobs: dict[str, Job] = {}
        self._finished: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="demo-worker", daemon=True)
        self._thread.start()

    def submit(self, request: GenerateRequest) -> Job:
        """Raises QueueFullError when MAX_WAITING jobs wait."""
        job_id = secrets.token_urlsafe(12)  # nobody can guess another visitor's
        job = Job(job_id, request, self._folder / job_id)
        with self._changed:
            if len(self._waiting) >= MAX_WAITING:
                raise QueueFullError
            self._waiting.append(job)
            self._jobs[job.id] = job
            self._changed.notify()
        return job

    def find(self, job_id: str) -> Job | None:
        """A job that waits, runs, or ended not long ago."""
        return self._jobs.get(job_id)

    def ahead_of(self, job: Job) -> int:
        """How many jobs go first; 0 for one that runs or has ended."""
        with self._changed:
            return self._waiting.index(job) + 1 if job in self._waiting else 0

    def cancel(self, job: Job) -> None:
        """Take it out of the line, or stop it at its next step."""
        with self._changed:
            job.cancelled.set()
            is_waiting = job in self._waiting
            if is_waiting:
                self._waiting.remove(job)
        if is_waiting:
            self._end(job, "cancelled")

    def close(self) -> None:
        """Stop the worker after the step under way."""
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                job.cancelled.set()
            self._changed.notify()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                job = self._waiting.popleft()
                job.state = "running"
            self._end(job, self._outcome(job))

    def _outcome(self, job: Job) -> State:
        try:
            self._work(job)
        except CancelledError:
            return "cancelled"
        except UserError as error:
            job.message = str(error)
            return "failed"
        except Exception:
            logger.exception("job %s failed", job.id)
            job.message = "something went wrong here; the terminal of `t2s demo` says what"
            return "failed"
        return "done"

    def _end(self, job: Job, state: State) -> None:
        with self._changed:
            job.state = state
            self._finished.append(job)
            if len(self._finished) <= MAX_FINISHED:
                return
            old = self._finished.popleft()
            del self._jobs[old.id]
        old.forget()
