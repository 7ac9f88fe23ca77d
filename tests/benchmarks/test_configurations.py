"""The GPU preset, as a person applies it, and the configurations that are measured."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from workload import QUICK, make_denoiser, overlaid, random_inputs, read_settings

from t2s.errors import UserError
from t2s.models.config import trains_coarse
from t2s.paramsfile import load_yaml
from t2s.settings import Settings

ROOT = Path(__file__).parents[2]
PRESET = ROOT / "presets" / "gpu.yaml"


def documented_options() -> list[str]:
    """What the shell makes of the command that the preset's own comment shows."""
    command = re.search(r"dvc exp run \$\((sed .*)\)$", PRESET.read_text("utf-8"), re.MULTILINE)
    assert command is not None
    made = subprocess.run(["sh", "-c", command[1]], cwd=ROOT, check=True, capture_output=True, text=True)
    return made.stdout.split()


def test_dvc_makes_valid_params_of_the_documented_command(tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides  # what `dvc exp run -S` calls

    options = documented_options()
    values = options[1::2]
    assert set(options[::2]) == {"-S"}
    assert len(values) == len(load_yaml(PRESET))
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    apply_overrides(tmp_path / "params.yaml", values)
    made = Settings.load(tmp_path / "params.yaml")
    assert made == read_settings({}, PRESET)
    assert (made.data.num_frames, made.data.image_size) == (32, 64)
    assert (made.train.precision, made.train.compile) == ("auto", True)
    assert made.signer.num_frames == made.data.num_frames
    assert made.train.coarse_fraction == 0 or trains_coarse(made.model)
    assert made.warnings == []


def test_a_misspelt_key_of_a_preset_is_refused() -> None:
    with pytest.raises(UserError, match=r"no key 'model\.widht'"):
        overlaid({"model": {"width": 1}}, {"model.widht": 2})
    with pytest.raises(UserError, match=r"no key 'modle\.width'"):
        overlaid({"model": {"width": 1}}, {"modle.width": 2})


def test_what_is_overlaid_stays_as_it_was() -> None:
    params = {"model": {"width": 1, "depth": 2}}
    assert overlaid(params, {"model.width": 3}) == {"model": {"width": 3, "depth": 2}}
    assert params == {"model": {"width": 1, "depth": 2}}


def test_the_small_configuration_makes_a_model_that_answers_its_inputs() -> None:
    import torch

    settings = read_settings(QUICK)
    inputs = random_inputs(settings, 2, torch.device("cpu"))
    assert make_denoiser(settings)(*inputs).shape == inputs[0].shape == (2, 3, 8, 32, 32)
