"""The stage as DVC runs it: a subprocess that turns params.yaml into data/raw."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from t2s.data.manifest import read_manifest
from t2s.paramsfile import load_yaml

ROOT = Path(__file__).parents[2]
FEW = {"num_train_signers": 1, "num_val_signers": 0, "num_test_signers": 1, "performances": 1, "image_size": 32}


def run_acquire(folder: Path, data: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    params = load_yaml(ROOT / "params.yaml")
    params["signer"] |= FEW
    params["data"] |= data
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(ROOT / "pipelines" / "acquire.py")]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_synthetic_source_is_rendered(tmp_path: Path) -> None:
    done = run_acquire(tmp_path, {"source": "synthetic", "root": None, "signs": ["hello", "i love you"]})
    assert done.returncode == 0, done.stderr
    rows = read_manifest(tmp_path / "data" / "raw" / "manifest.csv")
    assert [(row.sign, row.split) for row in rows] == [
        ("hello", "train"), ("i love you", "train"), ("hello", "test"), ("i love you", "test"),
    ]  # fmt: skip
    assert all((tmp_path / "data" / "raw" / row.path).stat().st_size > 500 for row in rows)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"source": "synthetic", "root": None, "signs": ["helo"]}, "'helo'"),
        ({"source": "folder", "root": "nowhere"}, "nowhere"),
    ],
)
def test_a_mistake_is_one_clear_line_and_a_failure(tmp_path: Path, data: dict[str, Any], message: str) -> None:
    done = run_acquire(tmp_path, data)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "data" / "raw" / "manifest.csv").exists()
