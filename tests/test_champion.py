"""After the evaluation: who becomes a version of the registered model, and who its champion."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml

from t2s import serving
from t2s.evaluation.semantics import passes_gate

ROOT = Path(__file__).parents[1]
TINY = runpy.run_path(str(ROOT / "benchmarks/tiny_project.py"))


def faithfulness(low: float, ceiling: float = 0.9, refused: str | None = None, copies: bool = False) -> dict[str, Any]:
    """`low`: of the interval of top-1; `ceiling`: of the signs that were generated, 0 where none is ever read right."""
    share = [low / ceiling, 1.0] if ceiling and not refused else None
    return {"refused": refused, "generated": {"over_ceiling_ci": share}, "recogniser": {"ceiling_top1": 0.1},
            "memorisation": {"above_expected": copies}}  # fmt: skip


@pytest.mark.parametrize(
    ("report", "passes"),
    [
        (faithfulness(low=0.73), True),  # 0.8 of 0.9 is 0.72
        (faithfulness(low=0.73, copies=True), False),
        (faithfulness(low=0.71), False),  # the value itself is above; its interval is not
        (faithfulness(low=0.5, ceiling=0.6), True),
        (faithfulness(low=0.5, ceiling=0.7), False),
        (faithfulness(low=0.5, ceiling=0.0), False),
        (faithfulness(low=1.0, refused="semantics refused: the recogniser reads real clips at chance"), False),
    ],
)
def test_the_gate_asks_for_a_share_of_the_ceiling_beyond_chance(report: dict[str, Any], passes: bool) -> None:
    assert passes_gate(report, 0.8) is passes


@pytest.fixture
def evaluate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_section: Callable[..., dict[str, Any]]
) -> Callable[..., dict[str, Any]]:
    """`evaluate(low=0.8, checkpoint=path)`: the stage's own main with a given finding → its stand-ins by name.

    The run is known only when the tracker has finished.
    """
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    sections = {"evaluate": params["evaluate"] | {"champion_min_share": 0.8}, "runtime": tiny_section("runtime")}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(sections))
    monkeypatch.chdir(tmp_path)
    tracker = MagicMock(run_id=None)

    @contextmanager
    def continue_run(*_: Any) -> Iterator[MagicMock]:
        yield tracker
        tracker.run_id = "the run"

    def run(low: float, **options: Any) -> dict[str, Any]:
        main = runpy.run_path(str(ROOT / "pipelines/evaluate.py"))["main"]
        names = ("ClipStore", "load_checkpoint", "Recogniser", "Text2Sign", "write_findings")
        fakes: dict[str, Any] = {name: MagicMock() for name in names}
        fakes["load_checkpoint"].return_value.metadata = {"learned_digest": "these clips"}
        fakes["Text2Sign"].from_checkpoint.return_value.metadata = {"learned_digest": "these clips", "step": 1}
        fakes["ClipStore"].open.return_value.learned_digest = "these clips"
        fakes |= {"examine": MagicMock(return_value=MagicMock(faithfulness=faithfulness(low)))}
        fakes |= {"headline": MagicMock(return_value={"evaluate/skill_min": low}), "continue_run": continue_run}
        fakes |= {"register": MagicMock(return_value=1)}
        for name, fake in fakes.items():
            assert name in main.__globals__
            monkeypatch.setitem(main.__globals__, name, fake)
        main(**options)
        return fakes | {"tracker": tracker}

    return run


@pytest.mark.parametrize("low", [0.5, 0.8])
def test_what_the_gate_says_goes_to_the_registry_once_mlflow_knows_the_run(
    evaluate: Callable[..., dict[str, Any]], low: float
) -> None:
    evaluate(low)["register"].assert_called_once_with(Path("models/t2s.safetensors"), "the run", low == 0.8)


def test_another_model_leaves_its_figures_and_no_trace_in_the_project(evaluate: Callable[..., dict[str, Any]]) -> None:
    best = Path("runs/0123456789abcdef/best.safetensors")
    done = evaluate(0.8, checkpoint=best, output_dir=Path("looked at"))
    assert done["Text2Sign"].from_checkpoint.call_args.args[0] == best
    _, folder, clips, _ = done["write_findings"].call_args.args
    assert folder == Path("looked at/0123456789abcdef-best")
    assert clips == folder / "generated"
    assert not done["register"].called
    assert not done["tracker"].mock_calls
    assert not Path("reports").exists()


def test_pairs_of_the_drawn_signer_are_not_told_of_real_signs_that_share_their_names() -> None:
    pairs_of = runpy.run_path(str(ROOT / "pipelines/evaluate.py"))["pairs_of"]
    assert {parameter for *_, parameter in pairs_of({"synthetic": True})} >= {"movement", "location"}
    assert pairs_of({"synthetic": False}) == pairs_of({}) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_checkpoint_is_a_version_but_no_champion_while_the_recogniser_cannot_judge(tmp_path: Path) -> None:
    project: Path = TINY["make_project"](
        tmp_path / "project",
        train={"epochs": 2, "sample_epochs": [], "validation": {"num_clips": 4, "num_timesteps": 3, "every_epochs": 2}},
        recogniser={"epochs": 1, "width": 4, "num_frames": 4, "image_size": 16, "batch_size": 8, "gate_margin": 0.7},
        evaluate={
            "clips_per_sign": 2, "null_clips": 4, "num_steps": 2, "timestep_clips": 4, "ranking_clips": 4,
            "bootstrap_resamples": 100, "frechet_splits": 2, "champion_min_share": 0.0,
        },
    )  # fmt: skip
    for stage in ("recogniser", "train", "evaluate"):
        said = in_project(project, TINY["stage_command"](stage)).stderr
    assert "semantics refused" in said
    assert "registered as models:/t2s/1\n" in said
    assert registry(project) == (["not passed"], None)


def in_project(project: Path, command: list[str]) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(command, cwd=project, env=TINY["environment"](), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def registry(project: Path) -> tuple[list[str], str | None]:
    """(the gate's word on each version, the champion's number)."""
    code = """
import json
from t2s.serving import _client
client = _client()
versions = sorted(client.search_model_versions("name = 't2s'"), key=lambda one: int(one.version))
aliases = client.get_registered_model("t2s").aliases
print(json.dumps([[one.tags["t2s.gate"] for one in versions], aliases.get("champion")]))
"""
    gates, champion = json.loads(in_project(project, [sys.executable, "-c", code]).stdout.splitlines()[-1])
    return gates, champion


@pytest.mark.parametrize(("passed", "heir"), [([1, 3], "3"), ([], None)])
def test_a_champion_that_fails_gives_the_alias_back(
    monkeypatch: pytest.MonkeyPatch, passed: list[int], heir: str | None
) -> None:
    client = MagicMock()
    client.get_registered_model.return_value.aliases = {"champion": "4"}
    client.search_model_versions.side_effect = lambda asked: [
        MagicMock(version=str(number)) for number in ([4] if "digest" in asked else passed)
    ]
    monkeypatch.setattr(serving, "_client", lambda: client)
    monkeypatch.setattr(serving, "read_metadata", lambda _: {"digest": "d"})
    assert serving.register(Path("t2s.safetensors"), "the run", gate_passed=False) == 4
    if heir:
        client.set_registered_model_alias.assert_called_once_with("t2s", "champion", heir)
    else:
        client.delete_registered_model_alias.assert_called_once_with("t2s", "champion")


def test_who_was_no_champion_takes_no_alias_away(monkeypatch: pytest.MonkeyPatch) -> None:
    client = MagicMock()
    client.get_registered_model.return_value.aliases = {"champion": "2"}
    client.search_model_versions.return_value = [MagicMock(version="4")]
    monkeypatch.setattr(serving, "_client", lambda: client)
    monkeypatch.setattr(serving, "read_metadata", lambda _: {"digest": "d"})
    serving.register(Path("t2s.safetensors"), "the run", gate_passed=False)
    assert not client.set_registered_model_alias.called and not client.delete_registered_model_alias.called
