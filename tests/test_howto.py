"""What docs/howto.md says of DVC and Git, typed as it stands in a project of one second."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from doc_commands import PAGES, ROOT, commands, typed
from processes import end_all_below

PARSE = """
import json, sys
from dvc.cli.parser import get_main_parser
for words in json.load(sys.stdin):
    get_main_parser().parse_args(words)
"""
STAGE = """
import json, pathlib, yaml
params = yaml.safe_load(open("params.yaml"))
value = params["model"]["depth"] / 10 + params["train"]["temporal_weight"] + (params["model"]["preset"] == "legacy")
for folder in ("reports/plots", "models"):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
json.dump({"ranking_top1": value}, open("reports/metrics.json", "w"))
open("reports/plots/training.csv", "w").write(f"epoch,train_loss\\n1,{value}\\n2,{value / 2}\\n")
open("models/t2s.safetensors", "w").write(str(value))
"""
PIPELINE = {
    "stages": {
        "train": {
            "cmd": f"{sys.executable} stage.py",
            "deps": ["stage.py"],
            "params": ["model", "train", "sample"],
            "outs": ["models/t2s.safetensors"],
            "metrics": [{"reports/metrics.json": {"cache": False}}],
            "plots": [{"reports/plots/training.csv": {"x": "epoch", "y": "train_loss"}}],
        }
    }
}
SECTIONS_RUN = (  # in an order that works
    "Commit first", "Run one experiment", "Compare", "Share: remotes", "Continue on a machine with a GPU",
    "Apply, keep, throw away", "Sweep by queue",
)  # fmt: skip
RUN_HERE = ("dvc", "git", "cp", "cd")
ELSEWHERE = ("s3://", "minio", "access_key", "$(")  # needs a server, or a shell
QUEUE_S = 120.0


def howto_commands(heading: str) -> Iterator[list[str]]:
    """The commands under a heading of docs/howto.md that need neither our stages nor a server."""
    for words in typed("docs/howto.md", heading):
        if words[0] in RUN_HERE and not any(part in word for part in ELSEWHERE for word in words):
            yield words


class Shell:
    """What a person types, in a project; `cd` stays in force."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self._environment = folder, environment

    def type(self, *words: str) -> None:
        if words[0] == "cd":
            self.folder /= words[1]
        else:
            self.call(*words)

    def call(self, *command: str, stdin: str = "") -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, input=stdin, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-1000:]}{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """In a pipeline of one second, run once, with the project's params.yaml, its metrics' names and a Git remote."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (project / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE), "utf-8")
    (project / "stage.py").write_text(STAGE, "utf-8")
    who = {f"GIT_{role}_{key}": "t@example.org" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "GIT_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    made = Shell(project, kept | who | {"DVC_NO_ANALYTICS": "true", "PATH": path})
    made.call("git", "init", "-q", "-b", "main")
    made.call("dvc", "init", "-q")
    made.call("dvc", "repro", "-q")
    made.call("git", "init", "-q", "--bare", "-b", "main", "../origin.git")
    made.call("git", "remote", "add", "origin", "../origin.git")
    yield made
    end_all_below(tmp_path)  # a queue's worker outlives its command


@pytest.mark.slow
def test_dvc_takes_every_command_as_it_is_shown(shell: Shell) -> None:
    shown = [words[1:] for page in PAGES for words, _ in commands(page) if words[0] == "dvc"]
    shell.call(sys.executable, "-c", PARSE, stdin=json.dumps(shown))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_the_howto_says_of_dvc_and_git_works(shell: Shell, tmp_path: Path) -> None:
    project = shell.folder
    stands_for = {"URL": str(tmp_path / "origin.git"), "/mnt/store/t2s": str(tmp_path / "store")}
    for heading in SECTIONS_RUN:
        shell.folder = project
        for words in howto_commands(heading):
            if words[:2] == ["git", "clone"]:
                shell.folder = tmp_path
            if words[:3] == ["dvc", "queue", "logs"]:
                stands_for["NAME"] = first_queued(shell)
            typed = [stands_for.get(word, word) for word in words]
            shell.type(*typed, *(["--force"] if words[:2] == ["dvc", "gc"] else []))
    assert list((tmp_path / "store").rglob("*"))
    assert (tmp_path / "t2s" / "models" / "t2s.safetensors").is_file()
    assert (project / "models" / "before.safetensors").read_bytes() != (
        project / "models" / "t2s.safetensors"
    ).read_bytes()


@pytest.mark.slow
def test_an_s3_like_remote_is_set_as_shown_and_its_keys_stay_out_of_git(shell: Shell) -> None:
    shown = [words for words in typed("docs/howto.md", "Share: remotes") if words[:2] == ["dvc", "remote"]]
    for words in shown[1:]:  # the first is a folder
        shell.type(*words)
    settings = (shell.folder / ".dvc" / "config.local").read_text("utf-8")
    assert len(shown) == 5
    assert all(words[-1] in settings for words in shown[1:])
    assert ".dvc" not in shell.call("git", "ls-files", "--others", "--exclude-standard").replace(".dvcignore", "")


def first_queued(shell: Shell) -> str:
    """The name of a queued experiment that has begun."""
    deadline = time.monotonic() + QUEUE_S
    while time.monotonic() < deadline:
        status = shell.call("dvc", "queue", "status")
        if begun := re.search(r"^\w+ +([\w-]+) .*(?:Running|Success)", status, re.MULTILINE):
            return begun[1]
        time.sleep(0.5)
    raise AssertionError(f"no queued experiment has begun:\n{status}")
