"""The ablation by one command; interrupted, it goes on when the command is given again.

python experiments/run_all.py              all cells, decisive ones first, then the report
python experiments/run_all.py --first      the decisive cells with the first seed
python experiments/run_all.py --decisive   the decisive cells with every seed
python experiments/run_all.py --smoke      two tiny cells, data to report, in a temporary copy
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from t2s.errors import UserError
from t2s.paramsfile import load_yaml
from t2s.stage import run_stage

HERE = Path(__file__).resolve().parent
SOURCES = (
    "cells.py", "make_data.py", "train_recogniser.py", "cell_figures.py", "run_cell.py", "findings.py", "report.py",
    "dvc.yaml",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--first", action="store_true")
    which.add_argument("--decisive", action="store_true")
    which.add_argument("--smoke", action="store_true")
    wanted = parser.parse_args()
    if wanted.smoke:
        with tempfile.TemporaryDirectory(prefix="t2s-smoke-") as folder:
            smoke(Path(folder))
            print((Path(folder) / "experiments" / "report.md").read_text("utf-8"))
        return
    if wanted.first or wanted.decisive:
        seed = load_yaml(HERE / "params.yaml")["seeds"][0]
        repro(HERE, ["decisive"] if wanted.decisive else ["--glob", f"decisive@{seed}-*"])
        execute([sys.executable, "report.py"], HERE)  # of what is there so far
        return
    repro(HERE, [])


def repro(folder: Path, arguments: Sequence[str]) -> None:
    """`dvc repro` in a folder; what fails or is interrupted there ends this too."""
    execute([sys.executable, "-m", "dvc", "repro", *arguments], folder)


def smoke(folder: Path) -> None:
    """The whole pipeline, made tiny, in a DVC project of its own in `folder`."""
    make_tiny(folder)
    execute([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], folder / "experiments")
    repro(folder / "experiments", [])


def make_tiny(folder: Path) -> None:
    """Copy what the pipeline needs; its params are those of `smoke` on top of the usual ones."""
    inside = folder / "experiments"
    inside.mkdir(parents=True)
    for name in SOURCES:
        shutil.copy(HERE / name, inside)
    shutil.copy(HERE.parent / "params.yaml", folder)
    shutil.copytree(HERE.parent / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    params = load_yaml(HERE / "params.yaml")
    (inside / "params.yaml").write_text(yaml.safe_dump(overlaid(params, params["smoke"]), sort_keys=False), "utf-8")


def overlaid(tree: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`tree` with `changes` on top, mappings merged."""
    result = dict(tree)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(tree.get(key), dict)
        result[key] = overlaid(tree[key], value) if both else value
    return result


def execute(command: Sequence[str], folder: Path) -> None:
    """Run in `folder` with this interpreter first on the path, as inside the activated environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(folder.parent / "src")}
    if code := subprocess.run(command, cwd=folder, env=environment).returncode:
        raise UserError(f"{' '.join(command[1:])} ended with exit code {code}; the same command goes on from there")


if __name__ == "__main__":
    run_stage(main, takes_arguments=True)
