"""A tiny project in a git repository of its own, on which the real `make repro` has run once, for all tests here."""

import os
import re
import runpy
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

ROOT = Path(__file__).parents[2]
TINY: dict[str, dict[str, Any]] = runpy.run_path(str(ROOT / "benchmarks" / "tiny_project.py"))["CHANGES"]
TINIER: dict[str, dict[str, Any]] = {
    "signer": {"num_test_signers": 2, "duration_s": 1.0},
    "train": {"epochs": 3, "sample_epochs": [1], "warmup_steps": 2},
    "recogniser": {"epochs": 20, "width": 8, "num_frames": 4, "image_size": 16, "batch_size": 8, "gate_margin": 0.05},
    "evaluate": {
        "clips_per_sign": 2,
        "num_steps": 3,
        "null_clips": 4,
        "timestep_clips": 4,
        "ranking_clips": 4,
        "bootstrap_resamples": 100,
        "frechet_splits": 4,
    },
    "sample": {"prompts": ["hello", "drink"], "num_steps": 3, "scale": 1},
}
NOT_COPIED = ("tests/", "docs/", "reports/", "data/", "models/", "dvc.lock")
REPRO = ("make", "--old-file=.venv/.installed", "repro")  # with the environment that is there
RUN_ARRIVES_S = 60.0  # the sender may still be at work when its stage has ended
IDENTITY = {f"GIT_{who}_{what}": "t2s" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@dataclass(frozen=True)
class Project:
    """A checkout, and what a person does in it."""

    path: Path

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a program; stdout and stderr as one text."""
        return subprocess.run(
            words, cwd=self.path, env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *words: str) -> str:
        """Run a program that must succeed; what it said."""
        done = self.command(*words)
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}"
        return done.stdout

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start a program in a process group of its own; what it says goes nowhere."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(
            words, cwd=self.path, env=self._environment(), text=True, start_new_session=True, **quiet
        )

    def copied(self, folder: Path) -> "Project":
        """A copy for others to change."""
        return Project(Path(shutil.copytree(self.path, folder / "project", symlinks=True)))

    def answer(self, *words: str) -> str:
        """Standard output alone of a program that must succeed."""
        done = subprocess.run(words, cwd=self.path, env=self._environment(), capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stderr}"
        return done.stdout

    def refusal(self, *words: str) -> str:
        """The one line with which a stage refuses."""
        done = self.command(*words)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stdout
        errors = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, done.stdout
        return errors[0]

    def set(self, **changes: Any) -> None:
        """`set(train__seed=3)`: change keys of params.yaml, and fail when one does not exist."""
        params = yaml.safe_load((self.path / "params.yaml").read_text("utf-8"))
        for dotted, value in changes.items():
            *above, key = dotted.split("__")
            section = params
            for name in above:
                section = section[name]
            assert key in section, dotted
            section[key] = value
        self._write(params)

    def make_tiny(self) -> None:
        params = yaml.safe_load((self.path / "params.yaml").read_text("utf-8"))
        for changes in (TINY, TINIER):
            for section, values in changes.items():
                params[section] |= values
        self._write(params)

    def append(self, file: str, text: str) -> None:
        path = self.path / file
        path.write_text(path.read_text("utf-8") + text, "utf-8")

    def bytes_of(self, file: str) -> bytes:
        return (self.path / file).read_bytes()

    def tracked_run(self, tag: str, value: str) -> dict[str, str]:
        """The tags of the MLflow run that carries this tag, once it has arrived in the project's own database."""
        deadline = time.monotonic() + RUN_ARRIVES_S
        query = "SELECT key, value FROM tags WHERE run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)"
        while True:
            with closing(sqlite3.connect(f"file:{self.path / 'mlflow.db'}?mode=ro", uri=True)) as database:
                tags = dict(database.execute(query, (tag, value)).fetchall())
            if tags or time.monotonic() > deadline:
                return tags
            time.sleep(0.5)

    def _write(self, params: dict[str, Any]) -> None:
        text = yaml.safe_dump(params, sort_keys=False, allow_unicode=True)
        (self.path / "params.yaml").write_text(text, "utf-8")

    def _environment(self) -> dict[str, str]:
        """This interpreter's programs first; nothing of a surrounding DVC, MLflow, git or t2s; no user's settings."""
        outside = ("DVC_", "MLFLOW_", "GIT_", "T2S_", "PYTHONPATH")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(outside)}
        settings = self.path.parent / "settings"
        return kept | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")]),
            "OMP_NUM_THREADS": "1",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(settings / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(settings / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(settings / "system"),
            "GIT_CONFIG_GLOBAL": str(settings / "gitconfig"),  # not /dev/null: git would replace it
            "GIT_CONFIG_NOSYSTEM": "1",
            **IDENTITY,
        }


@dataclass(frozen=True)
class Finished(Project):
    """The project after its first `make repro`, committed. Tests that change something take a copy."""

    said: str

    @property
    def stages_run(self) -> list[str]:
        return stages_run(self.said)


def stages_run(said: str) -> list[str]:
    """The stages that DVC ran, or with --dry would run, in order."""
    return re.findall(r"^Running stage '(\w+)'", said, re.MULTILINE)


@pytest.fixture(scope="session", name="stages_run")
def _stages_run() -> Any:
    return stages_run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Made once, also when several pytest-xdist workers ask for it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, log = base / "pipeline" / "project", base / "pipeline" / "repro.log"
    with FileLock(base / "pipeline.lock"):
        if not log.exists():
            copy_checkout(folder)
            project = Project(folder)
            project.make_tiny()
            project.run("git", "init", "--quiet")
            commit(project)
            said = project.run(*REPRO)
            commit(project)
            log.write_text(said, "utf-8")
    return Finished(folder, log.read_text("utf-8"))


@pytest.fixture
def project(finished: Finished, tmp_path: Path) -> Project:
    """The finished project, for one test to change."""
    return finished.copied(tmp_path)


def copy_checkout(folder: Path) -> None:
    """What is, or could be, committed; nothing that the pipeline makes."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(NOT_COPIED):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def commit(project: Project) -> None:
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "a state of the project")
