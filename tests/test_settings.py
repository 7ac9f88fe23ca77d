"""The whole of params.yaml: the project's own loads, and every mistake is found before anything costs time."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from t2s import sampling
from t2s.errors import UserError
from t2s.paramsfile import section_name
from t2s.sample_config import SampleConfig
from t2s.settings import Settings

PARAMS = Path(__file__).parents[1] / "params.yaml"


@pytest.fixture
def params() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(PARAMS.read_text("utf-8"))
    return loaded


def load(tmp_path: Path, params: dict[str, Any]) -> Settings:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(params), "utf-8")
    return Settings.load(path)


def refusal(tmp_path: Path, params: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        load(tmp_path, params)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_projects_own_file_loads(params: dict[str, Any]) -> None:
    settings = Settings.load(PARAMS)
    assert set(params) == set(Settings.model_fields)
    assert settings.sample.prompts == params["sample"]["prompts"]
    assert settings.warnings == []


def test_no_section_has_a_hidden_default() -> None:
    for section in Settings.model_fields.values():
        assert section.annotation is not None
        optional = [name for name, key in section.annotation.model_fields.items() if not key.is_required()]
        assert not optional, f"{section.annotation.__name__}: {optional} have defaults; params.yaml must name them"


def test_every_section_has_the_name_of_its_class() -> None:
    """Stages find theirs by it."""
    for name, section in Settings.model_fields.items():
        assert section.annotation is not None
        assert section_name(section.annotation) == name


def test_settings_cannot_be_changed() -> None:
    settings = Settings.load(PARAMS)
    with pytest.raises(ValidationError):
        settings.train = settings.train
    with pytest.raises(ValidationError):
        settings.train.epochs = 3


def test_a_judge_with_the_seed_of_the_judged_is_warned_of(tmp_path: Path, params: dict[str, Any]) -> None:
    params["recogniser"]["seed"] = params["train"]["seed"]
    assert load(tmp_path, params).warnings == [
        "recogniser.seed and train.seed are both 0: the judge should have another one"
    ]


def test_what_a_checkpoint_is_sampled_with_by_default_is_what_params_yaml_says(params: dict[str, Any]) -> None:
    sample = params["sample"]
    assert sample["num_steps"] == sampling.DEFAULT_NUM_STEPS
    assert sample["guidance_scale"] == sampling.DEFAULT_GUIDANCE_SCALE
    assert sample["guidance_rescale"] == sampling.DEFAULT_GUIDANCE_RESCALE
    assert sample["polish"] == sampling.DEFAULT_POLISH
    assert sample["sampler"] == sampling.DEFAULT_SAMPLER
    assert sample["precision"] == sampling.DEFAULT_PRECISION


def test_params_yaml_and_the_sampler_agree_on_the_largest_guidance(params: dict[str, Any]) -> None:
    largest = params["sample"] | {"guidance_scale": sampling.MAX_GUIDANCE_SCALE}
    assert SampleConfig.model_validate(largest).guidance_scale == sampling.MAX_GUIDANCE_SCALE
    with pytest.raises(ValidationError):
        SampleConfig.model_validate(params["sample"] | {"guidance_scale": sampling.MAX_GUIDANCE_SCALE + 1})


def test_mistakes_in_several_sections_are_one_line(tmp_path: Path, params: dict[str, Any]) -> None:
    params["train"]["batch_sise"] = params["train"].pop("batch_size")
    params["sample"]["num_steps"] = 0
    params["data"]["image_size"] = "large"
    del params["runtime"]
    params["trian"] = {}
    said = refusal(tmp_path, params)
    for clause in (
        "'train.batch_size' is missing",
        "unknown key 'train.batch_sise'",
        "sample.num_steps = 0",
        "data.image_size = 'large'",
        "key 'runtime' is missing",
        "unknown key 'trian'",
    ):
        assert clause in said


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("output_scale", [10, 0.1], "[10.0, 0.1] holds nothing: give [low, high]"),
        ("output_scale_notice", [1, 1], "[1.0, 1.0] holds nothing: give [low, high]"),
    ],
)
def test_limits_that_hold_nothing_are_refused(
    tmp_path: Path, params: dict[str, Any], key: str, value: list[float], said: str
) -> None:
    params["train"]["monitor"][key] = value
    assert said in refusal(tmp_path, params)


@pytest.mark.parametrize(
    ("key", "value"), [("sample_epochs", [5, 0]), ("motion_weight", math.inf), ("frame_difference_weight", math.inf)]
)
def test_what_would_end_in_nothing_or_in_nan_is_refused(
    tmp_path: Path, params: dict[str, Any], key: str, value: object
) -> None:
    params["train"][key] = value
    assert f"train.{key}" in refusal(tmp_path, params)


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("sample", "num_steps", 10_000, "sample.num_steps 10000 must be at most diffusion.num_timesteps"),
        ("evaluate", "num_steps", 10_000, "evaluate.num_steps 10000 must be at most diffusion.num_timesteps"),
        ("data", "num_frames", 15, "must divide data.num_frames 15"),
        ("data", "image_size", 63, "must divide data.image_size 63"),
        ("train", "thin_frames", 3, "train.thin_frames 3 must be 1, or a multiple of model.tubelet_size"),
    ],
)
def test_what_no_single_section_can_see(
    tmp_path: Path, params: dict[str, Any], section: str, key: str, value: int, said: str
) -> None:
    params[section][key] = value
    assert said in refusal(tmp_path, params)


def test_the_environment_changes_nothing_but_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRAIN__EPOCHS", "TRAIN", "T2S_TRAIN_EPOCHS", "DATA"):
        monkeypatch.setenv(name, "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("TRAIN=1\n")
    before = yaml.safe_load(PARAMS.read_text("utf-8"))["train"]["epochs"]
    assert Settings.load(PARAMS).train.epochs == before


def test_a_rule_over_several_keys_is_said_without_quoting_the_section(tmp_path: Path, params: dict[str, Any]) -> None:
    params["train"] |= {"coarse_fraction": 0.0, "thin_frames": 4, "frame_difference_weight": 1.0}
    with pytest.raises(UserError, match=r"train: frame_difference_weight needs steps that see all frames") as refusal:
        load(tmp_path, params)
    assert "{" not in str(refusal.value)


def test_a_network_that_cannot_pass_its_noise_is_warned_of(tmp_path: Path, params: dict[str, Any]) -> None:
    params["diffusion"]["prediction_type"] = "epsilon"
    params["model"] |= {"width": 32, "num_heads": 2, "projection": "linear", "projection_sees_input": False}
    params["train"] |= {"coarse_fraction": 0.0, "thin_frames": 1}
    assert len(load(tmp_path, params).warnings) == 1
