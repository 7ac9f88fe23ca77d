"""Provenance never fails, and never claims what it does not know."""

import subprocess
from pathlib import Path

import pytest

from t2s import provenance


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {"GIT_AUTHOR_NAME": "t", "GIT_COMMITTER_NAME": "t", "EMAIL": "t@example.org"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_the_revision_says_when_a_tracked_file_differs(repository: Path) -> None:
    assert provenance.git_revision() == "unknown"
    git("init")
    assert provenance.git_revision() == "unknown"
    (repository / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "first")
    head = git("rev-parse", "HEAD")
    (repository / "untracked").write_text("1")
    assert provenance.git_revision() == head
    (repository / "a").write_text("2")
    assert provenance.git_revision() == f"{head}-dirty"


def test_without_git_the_revision_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance.git_revision() == "unknown"


def test_root_and_name_come_from_dvc_when_it_runs_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    assert provenance.project_root() == tmp_path
    assert provenance.run_name() == "workspace"
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "main"))
    monkeypatch.setenv("DVC_EXP_NAME", "tough-loon")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "abc")
    assert provenance.project_root() == tmp_path / "main"
    tags = provenance.run_tags("f1")
    assert (tags["dvc.experiment"], tags["dvc.baseline_revision"], tags["t2s.fingerprint"]) == (
        "tough-loon",
        "abc",
        "f1",
    )


def test_the_software_version_is_known() -> None:
    assert provenance.software_version() != ""
