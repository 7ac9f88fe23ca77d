"""What a person or a disk can spoil: one line says what, and the model that was there is still there."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MODEL = "models/t2s.safetensors"


def test_a_misspelt_key_costs_no_model(project: Any, stages_run: Any) -> None:
    before = project.bytes_of(MODEL)
    params = (project.path / "params.yaml").read_text("utf-8")
    (project.path / "params.yaml").write_text(params.replace("\n  epochs: 3\n", "\n  epohcs: 3\n", 1), "utf-8")
    line = project.refusal("dvc", "repro")
    assert "params.yaml: " in line
    assert "unknown key 'train.epohcs'; check its spelling" in line
    assert project.bytes_of(MODEL) == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sample__num_steps": 51}, "sample.num_steps 51 must be at most diffusion.num_timesteps 50"),
        ({"model__projection_shortcut": False}, "train.coarse_fraction > 0 needs model.projection_shortcut: true"),
    ],
    ids=["two sections", "a training that cannot be"],
)
def test_a_wrong_value_costs_no_model(project: Any, changes: dict[str, Any], said: str) -> None:
    before = project.bytes_of(MODEL)
    project.set(**changes)
    assert said in project.refusal("dvc", "repro")
    assert project.bytes_of(MODEL) == before


def test_clips_that_break_a_rule_stop_before_training(project: Any, stages_run: Any) -> None:
    before = project.bytes_of(MODEL)
    project.set(data__checks__min_clips_per_sign__train=1000, train__epochs=4)
    done = project.command("dvc", "repro", "train")
    assert done.returncode != 0
    assert "train" not in stages_run(done.stdout)
    line = next(line for line in done.stdout.splitlines() if line.startswith("error: "))
    assert "data checks fail" in line
    assert "expect_column_values_to_be_between" in line
    assert "reports/validation.html shows them" in line
    assert project.bytes_of(MODEL) == before


@pytest.mark.parametrize("make", [False, True], ids=["missing", "empty"])
def test_a_data_set_that_is_not_there_is_named(project: Any, make: bool) -> None:
    root = project.path.parent / "videos"
    if make:
        root.mkdir()
    shutil.rmtree(project.path / "data" / "raw")
    project.set(data__root=str(root))
    line = project.refusal("dvc", "repro")
    assert "data.root" in line
    assert str(root) in line


def test_push_and_pull_bring_the_model_to_another_machine(project: Any, tmp_path: Path) -> None:
    before = project.bytes_of(MODEL)
    project.run("dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    project.run("dvc", "push")
    shutil.rmtree(project.path / "models")
    shutil.rmtree(project.path / ".dvc" / "cache")
    project.run("dvc", "pull", MODEL)
    assert project.bytes_of(MODEL) == before


def test_a_cache_altered_behind_dvcs_back_is_noticed(project: Any) -> None:
    """DVC trusts its read-only cache files and restores them unread; the clips carry digests of their own."""
    index = project.path / "data" / "clips" / "index.jsonl"
    last = json.loads(index.read_text("utf-8").splitlines()[-1])
    shard = next((project.path / "data" / "clips").glob("*.npy")).read_bytes()
    cached = next(
        path
        for path in (project.path / ".dvc" / "cache").rglob("*")
        if path.is_file() and path.stat().st_size == len(shard) and path.read_bytes() == shard
    )
    mode = cached.stat().st_mode
    cached.chmod(0o600)
    cached.write_bytes(shard[:-5] + bytes([shard[-5] ^ 16]) + shard[-4:])
    cached.chmod(mode)
    shutil.rmtree(project.path / "data" / "clips")
    project.set(train__seed=7)
    line = project.refusal("dvc", "repro", "train")
    assert "do not match their digest" in line
    assert last["clip_id"] in line
