"""One loss weighting, written on each of the three targets a network may predict."""

from torch import Tensor

from t2s.diffusion.config import DiffusionConfig, PredictionType, SNRWeightingConfig
from t2s.diffusion.schedule import make_schedule
from t2s.diffusion.weighting import loss_weights, x0_mse_factor

TARGETS: tuple[PredictionType, ...] = ("epsilon", "v", "sample")


def weights_on_targets(weighting: SNRWeightingConfig, diffusion: DiffusionConfig) -> dict[PredictionType, Tensor]:
    """The weight of every timestep on the MSE of each target, (T,) float64: the same loss, written three times.

    Weighting that is off is 1 on what the network predicts, hence not on the other two. Infinite only there, where
    SNR = 0 and no weight on epsilon can say as much.
    """
    schedule = make_schedule(diffusion)
    if weighting.enabled:
        return {target: loss_weights(weighting, schedule, target) for target in TARGETS}
    own = diffusion.prediction_type
    on_x0 = loss_weights(weighting, schedule, own) / x0_mse_factor(schedule, own)  # w_x0 · MSE_x0 = w_own · MSE_own
    return {target: on_x0 * x0_mse_factor(schedule, target) for target in TARGETS}
