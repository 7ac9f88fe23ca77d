import threading
import time
from pathlib import Path

import pytest

from t2s.demo import jobs
from t2s.demo.jobs import Job, JobQueue
from t2s.demo.request import GenerateRequest

REQUEST = GenerateRequest(text="hello", seed=0, num_samples=1, num_steps=1, guidance_scale=1.0, sampler="ddim")


def ended(queue: JobQueue, job: Job) -> str:
    deadline = time.monotonic() + 10
    while job.state in ("waiting", "running") and time.monotonic() < deadline:
        time.sleep(0.005)
    return job.state


def test_a_failure_costs_one_job_and_tells_the_visitor_nothing_of_the_inside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def work(job: Job) -> None:
        if job.request.seed == 1:
            raise RuntimeError("secret path")

    queue = JobQueue(work, tmp_path)
    bad = queue.submit(REQUEST.model_copy(update={"seed": 1}))
    good = queue.submit(REQUEST)
    assert (ended(queue, bad), ended(queue, good)) == ("failed", "done")
    assert "secret" not in bad.message
    assert "secret path" in caplog.text
    queue.close()


def test_only_the_last_jobs_are_kept_with_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_FINISHED", 2)

    def work(job: Job) -> None:
        job.folder.mkdir()

    queue = JobQueue(work, tmp_path)
    made = [queue.submit(REQUEST) for _ in range(5)]
    assert [ended(queue, job) for job in made] == ["done"] * 5
    queue.close()
    assert [queue.find(job.id) is not None for job in made] == [False, False, False, True, True]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(job.id for job in made[3:])


def test_everybody_who_may_wait_finds_the_clips_when_all_have_ended(tmp_path: Path) -> None:
    gate = threading.Event()
    queue = JobQueue(lambda job: gate.wait(10) and job.folder.mkdir(), tmp_path)
    made = [queue.submit(REQUEST)]
    while made[0].state == "waiting":
        time.sleep(0.005)
    made += [queue.submit(REQUEST) for _ in range(jobs.MAX_WAITING)]
    gate.set()
    assert [ended(queue, job) for job in made] == ["done"] * (jobs.MAX_WAITING + 1)
    queue.close()
    assert all(queue.find(job.id) is not None and job.folder.is_dir() for job in made)


def test_files_are_deleted_only_when_nobody_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_FINISHED", 1)
    queue = JobQueue(lambda job: job.folder.mkdir(), tmp_path)
    old = queue.submit(REQUEST)
    ended(queue, old)
    with old.files:
        new = queue.submit(REQUEST)
        ended(queue, new)
        assert queue.find(new.id) is new  # nobody else waits for the reader
        assert old.folder.is_dir() and not old.forgotten
    queue.close()
    assert not old.folder.exists() and old.forgotten


def test_text_is_tidied() -> None:
    assert GenerateRequest(**{**REQUEST.model_dump(), "text": "  hello \u3000 no "}).text == "hello no"
