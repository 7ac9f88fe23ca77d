"""`model.preset: legacy`: the ancestor before the seed's five fixes, as one switch over two sections."""

from t2s.models.config import ModelConfig
from t2s.training.config import TrainConfig

LEGACY_TEMPORAL_WEIGHT = 0.1


def apply_preset(model: ModelConfig, train: TrainConfig) -> tuple[ModelConfig, TrainConfig]:
    """The sections with the preset's overrides; `fixed` leaves them as params.yaml says.

    Legacy: naive residual on, no output scale, 2-layer projection, temporal weight 0.1, every timestep weighed alike.
    """
    if model.preset == "fixed":
        return model, train
    legacy_model = {
        "residual": "legacy",
        "output_scale": None,
        "output_scale_range": None,
        "projection": "two_layer",
        "projection_taper": True,
        "projection_sees_input": False,
        "projection_shortcut": False,
        "input_pool": 1,
    }
    legacy_train = {
        "temporal_weight": LEGACY_TEMPORAL_WEIGHT,
        "snr_weighting": train.snr_weighting.model_copy(update={"enabled": False}),
        "coarse_fraction": 0.0,
        "thin_frames": 1,
        "motion_weight": 0.0,
        "frame_difference_weight": 0.0,
    }
    return model.model_copy(update=legacy_model), train.model_copy(update=legacy_train)
