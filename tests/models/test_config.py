"""The `model:` section: what does not fit together is refused, what is likely not meant is warned about."""

import pytest
from pydantic import ValidationError

from t2s.models.config import patch_values, rank_bottleneck, trains_coarse


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 33}, "even multiple of num_heads"),
        ({"width": 34}, "even multiple of num_heads"),
        ({"projection_stride": 3}, "no multiple of projection_stride"),
        ({"input_pool": 3}, "no multiple of input_pool"),
        ({"projection": "seed", "projection_width": 12, "projection_sees_input": True}, "leaves no features"),
        ({"output_scale_range": [2.0, 1.0]}, "low < high"),
        ({"attention": "axial"}, "joint"),
        ({"residual": "naive"}, "legacy"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(make_model_config, changes: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_model_config(**changes)


def test_epsilon_through_a_narrow_trunk_is_warned_about_with_the_numbers(make_model_config) -> None:
    """The trial's finding: eps-MSE stalls at 1 - width / patch values = 1 - 160/768 = 0.79."""
    trial = make_model_config(patch_size=8, tubelet_size=4, width=160, projection_stride=1)
    assert patch_values(trial) == 768
    warning = rank_bottleneck(trial, "epsilon")
    assert warning is not None
    for part in ("160", "768", "0.79"):
        assert part in warning


def test_there_is_no_warning_where_there_is_a_way_round(make_model_config) -> None:
    narrow = {"patch_size": 8, "tubelet_size": 4}
    assert rank_bottleneck(make_model_config(**narrow), "epsilon") is not None
    for kind in ("sample", "v"):
        assert rank_bottleneck(make_model_config(**narrow), kind) is None
    assert rank_bottleneck(make_model_config(patch_size=2, projection_stride=1), "epsilon") is None
    assert rank_bottleneck(make_model_config(**narrow, residual="legacy"), "epsilon") is None
    seeing = make_model_config(**narrow, projection="seed", projection_stride=1, projection_sees_input=True)
    assert "but not to 0" in str(rank_bottleneck(seeing, "epsilon"))
    assert rank_bottleneck(seeing, "sample") is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"input_pool": 2, "projection": "seed", "projection_shortcut": True}, True),
        ({"input_pool": 4, "projection": "seed", "projection_shortcut": True}, False),
        ({"input_pool": 2, "projection": "seed"}, False),
        ({"input_pool": 2, "projection_shortcut": True}, False),
    ],
)
def test_only_a_coarse_picture_of_the_trunks_size_can_be_trained_coarse(make_model_config, changes, expected) -> None:
    assert trains_coarse(make_model_config(projection_stride=2, **changes)) == expected
