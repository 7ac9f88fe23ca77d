"""`t2s weights`: the same loss on three targets, all strategies in one picture, the chosen one as a table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from t2s.diffusion.config import DiffusionConfig, SNRWeightingConfig
from t2s.diffusion.schedule import make_schedule
from t2s.diffusion.weighting import STRATEGIES, loss_weights
from t2s.errors import UserError
from t2s.report.documents import Document
from t2s.report.loss_weights import TARGETS, weights_on_targets
from t2s.report.sections import timesteps
from t2s.weight_curves import Weighting, draw, plot_weights, weights_table

KINDS = ["epsilon", "v", "sample"]
COLUMN = {"epsilon": 2, "v": 3, "sample": 4}  # of the table


@pytest.fixture
def write_params(tmp_path: Path, tiny_section: Callable[..., dict[str, Any]]) -> Callable[..., Path]:
    """write_params(train={…}, diffusion={…}, model={…}) → params.yaml with these changes."""

    def write(**changes: dict[str, Any]) -> Path:
        names = ("model", "diffusion", "train")
        params = {name: tiny_section(name, **changes.get(name, {})) for name in names}
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(params))
        return path

    return write


def sections(params: Path) -> tuple[SNRWeightingConfig, DiffusionConfig]:
    found = Weighting.read(params)
    return found.snr, found.diffusion


def body(table: str) -> list[list[str]]:
    """The cells of the lines below the two of the head."""
    return [line.split() for line in table.splitlines()[2:]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", [*STRATEGIES, None])
def test_the_loss_is_the_same_on_every_target(
    write_params: Callable[..., Path], strategy: str | None, kind: Any
) -> None:
    weighting = {"enabled": False} if strategy is None else {"strategy": strategy}
    snr_weighting, diffusion = sections(
        write_params(train={"snr_weighting": weighting}, diffusion={"prediction_type": kind})
    )
    snr = make_schedule(diffusion).snr
    found = weights_on_targets(snr_weighting, diffusion)
    x0_mse = torch.rand(len(snr), dtype=torch.float64)
    loss = found["sample"] * x0_mse
    assert torch.allclose(found["epsilon"] * snr * x0_mse, loss, rtol=1e-9)
    assert torch.allclose(found["v"] * (1 + snr) * x0_mse, loss, rtol=1e-9)
    assert torch.allclose(found[kind], loss_weights(snr_weighting, make_schedule(diffusion), kind), rtol=1e-9)


def test_the_table_has_a_line_per_timestep_with_the_weights_training_uses(write_params: Callable[..., Path]) -> None:
    params = write_params(diffusion={"num_timesteps": 30})
    table = weights_table(params)
    assert table.splitlines()[0] == "weighting: min_snr (gamma 5); training multiplies the MSE of x0"
    assert table.splitlines()[1].split() == ["t", "SNR", "on", "eps", "on", "v", "on", "x0"]
    rows = np.array(body(table), dtype=float)
    assert rows[:, 0].tolist() == list(range(30))
    snr_weighting, diffusion = sections(params)
    assert rows[:, 1] == pytest.approx(make_schedule(diffusion).snr.numpy(), rel=6e-3)
    for kind in TARGETS:
        expected = loss_weights(snr_weighting, make_schedule(diffusion), kind).numpy()
        assert rows[:, COLUMN[kind]] == pytest.approx(expected, rel=6e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_weighting_that_is_off_is_one_on_what_the_network_predicts(
    write_params: Callable[..., Path], kind: str
) -> None:
    changes: dict[str, Any] = {
        "train": {"snr_weighting": {"enabled": False}},
        "diffusion": {"prediction_type": kind},
    }
    table = weights_table(write_params(**changes))
    assert table.startswith("weighting: off (train.snr_weighting.enabled: false)")
    rows = body(table)
    assert {row[COLUMN[kind]] for row in rows} == {"1"}
    for other in set(KINDS) - {kind}:
        assert {row[COLUMN[other]] for row in rows} != {"1"}


def test_the_legacy_preset_turns_it_off(write_params: Callable[..., Path]) -> None:
    table = weights_table(write_params(model={"preset": "legacy"}))
    assert table.startswith("weighting: off (model.preset: legacy)")
    assert {row[COLUMN["sample"]] for row in body(table)} == {"1"}


@pytest.mark.parametrize("enabled", [True, False])
def test_pure_noise_has_weights_that_can_be_read(write_params: Callable[..., Path], enabled: bool) -> None:
    params = write_params(diffusion={"zero_terminal_snr": True}, train={"snr_weighting": {"enabled": enabled}})
    last = body(weights_table(params))[-1]
    assert last[1] == "0"
    assert "nan" not in last
    assert (last[COLUMN["epsilon"]] == "inf") != enabled


def test_the_picture_shows_all_strategies_on_every_target_and_the_one_in_use(
    write_params: Callable[..., Path],
) -> None:
    weighting = Weighting.read(write_params())
    figure = draw(weighting)
    expected = weights_on_targets(weighting.snr, weighting.diffusion)
    assert len(figure.axes) == len(TARGETS)
    for axes, target in zip(figure.axes, TARGETS, strict=True):
        assert axes.get_yscale() == "log"
        lines = {str(line.get_label()): line for line in axes.get_lines()}
        assert len(lines) == len(STRATEGIES) + 1
        assert {name.split()[0] for name in lines} == {*STRATEGIES, "in"}
        in_use = lines["in use: min_snr (gamma 5)"].get_ydata()
        assert np.array_equal(in_use, lines["min_snr (gamma 5)"].get_ydata())
        assert np.array_equal(in_use, expected[target].numpy())


def test_the_picture_uses_the_current_numbers(write_params: Callable[..., Path]) -> None:
    def curves(**numbers: float) -> dict[str, Any]:
        params = write_params(train={"snr_weighting": numbers})
        lines = draw(Weighting.read(params)).axes[0].get_lines()
        return {str(line.get_label()): np.asarray(line.get_ydata()) for line in lines}

    before, after = curves(), curves(min_snr=0.5, max_snr=2.0, p2_gamma=0.5)
    assert before["inverse_snr (min_snr 0.1, max_snr 10)"].max() == pytest.approx(10)
    assert after["inverse_snr (min_snr 0.5, max_snr 2)"].max() == pytest.approx(2)
    assert after["p2 (p2_gamma 0.5)"].min() > before["p2 (p2_gamma 1)"].min()


def test_the_picture_of_weighting_that_is_off_has_a_flat_line_in_use(write_params: Callable[..., Path]) -> None:
    figure = draw(Weighting.read(write_params(train={"snr_weighting": {"enabled": False}})))
    on_x0 = figure.axes[TARGETS.index("sample")].get_lines()
    assert len(on_x0) == len(STRATEGIES) + 1
    assert on_x0[-1].get_label() == "in use: off (train.snr_weighting.enabled: false)"
    assert set(np.asarray(on_x0[-1].get_ydata()).tolist()) == {1.0}


def test_the_same_params_give_the_same_png(tmp_path: Path, write_params: Callable[..., Path]) -> None:
    params = write_params()
    first, second = (plot_weights(params, tmp_path / "new" / f"{name}.png").read_bytes() for name in "ab")
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert first == second


def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, write_params: Callable[..., Path]) -> None:
    params = write_params(train={"snr_weighting": {"gamma": 0.0}})
    with pytest.raises(UserError, match=r"train\.snr_weighting\.gamma = 0\.0"):
        weights_table(params)
    with pytest.raises(UserError, match=r"weights\.jpg: .*\.png"):
        plot_weights(write_params(), tmp_path / "weights.jpg")
    with pytest.raises(UserError, match="no such file"):
        weights_table(tmp_path / "none.yaml")
    assert not (tmp_path / "weights.jpg").exists()


def test_the_report_draws_weighting_that_is_off_as_training_used_it(
    tiny_section: Callable[..., dict[str, Any]],
) -> None:
    train = tiny_section("train", snr_weighting={"enabled": False})
    figure = timesteps._weights(Document({"params": {"diffusion": tiny_section("diffusion"), "train": train}}))
    assert figure is not None
    assert "on the clip (x0) from 1 to 1" in str(figure.svg)
    assert "on the noise (eps) from 1 to 1" not in str(figure.svg)
