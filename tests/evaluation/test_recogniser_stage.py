"""The recogniser stage on data that the evaluation can do little or nothing with."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from t2s.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recogniser_config: Any, tiny_section: Any) -> Any:
    """run_stage() runs it in a folder that holds the clips of `make_store`."""
    sections = {"recogniser": recogniser_config.model_dump(), "runtime": tiny_section("runtime")}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(sections))
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    return runpy.run_path(str(ROOT / "pipelines/recogniser.py"))["main"]


def test_clips_without_a_held_out_one_are_refused_before_anything_is_trained(run_stage: Any, make_store: Any) -> None:
    make_store({"train": range(2)}, lambda sign, _: (sign, sign)).folder.rename("data/clips")
    with pytest.raises(UserError, match=r"no clip is in test or val, nothing to evaluate on; see data\.split_key"):
        run_stage()
    assert not Path("models").exists()


@pytest.mark.parametrize(
    ("sign", "reason"), [("", "the clips name no signs"), ("wave", "'wave' is the only sign that the train clips name")]
)
def test_data_of_fewer_than_two_signs_are_refused_by_their_true_name(
    run_stage: Any, make_store: Any, sign: str, reason: str
) -> None:
    make_store({"train": range(2), "val": range(9, 10)}, lambda *_: (sign, "wave")).folder.rename("data/clips")
    run_stage()
    assert reason in json.loads(Path("reports/recogniser.json").read_text())["refused"]
