"""How many cores: the scheduler's, no more than a container's quota."""

import os
from pathlib import Path

import pytest

from t2s import cores


@pytest.fixture(autouse=True)
def sixteen_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a quota: neither kind of control group is there."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr(cores, "V2", tmp_path / "cpu.max")
    monkeypatch.setattr(cores, "V1", (tmp_path / "quota", tmp_path / "period"))


@pytest.mark.parametrize(
    ("told", "usable"),
    [(None, 16), ("max 100000", 16), ("200000 100000", 2), ("250000 100000", 2), ("50000 100000", 1), ("0 0", 16),
     ("3200000 100000", 16), ("nonsense", 16)],
)  # fmt: skip
def test_a_quota_counts(told: str | None, usable: int) -> None:
    if told is not None:
        cores.V2.write_text(f"{told}\n")
    assert cores.usable_cores() == usable


@pytest.mark.parametrize(("quota", "usable"), [("-1", 16), ("400000", 4)])
def test_an_older_kernels_quota_counts(quota: str, usable: int) -> None:
    cores.V1[0].write_text(f"{quota}\n")
    cores.V1[1].write_text("100000\n")
    assert cores.usable_cores() == usable


def test_where_a_system_names_no_affinity_all_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 10)
    assert cores.usable_cores() == 10


@pytest.mark.parametrize(
    ("quota", "own", "threads"), [("300000", None, "3"), ("300000", "5", "5"), ("max", None, None)]
)
def test_threads_keep_to_a_quota_and_to_what_a_user_says(
    monkeypatch: pytest.MonkeyPatch, quota: str, own: str | None, threads: str | None
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if own:
        monkeypatch.setenv("OMP_NUM_THREADS", own)
    cores.V2.write_text(f"{quota} 100000")
    cores.respect_quota()
    assert os.environ.get("OMP_NUM_THREADS") == threads
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
