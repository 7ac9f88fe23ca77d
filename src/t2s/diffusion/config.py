"""The `diffusion:` and `train.snr_weighting:` keys of params.yaml."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

PredictionType = Literal["epsilon", "v", "sample"]
Strategy = Literal[
    "uniform",
    "inverse_snr",
    "snr",
    "min_snr",
    "soft_min_snr",
    "truncated_snr",
    "p2",
    "debiased",
    "uniform_x0",
    "uniform_v",
]


class DiffusionConfig(BaseModel):
    """The forward process and what the network predicts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_timesteps: int = Field(ge=3, le=4000, description="T, steps of the forward process")
    schedule: Literal["cosine", "linear", "even_logsnr"] = Field(description="shape of alphas_cumprod")
    logsnr_shift: float = Field(ge=-8, le=8, description="added to log-SNR; negative: more noise at every t")
    zero_terminal_snr: bool = Field(description="rescale so that t = T-1 is pure noise")
    prediction_type: PredictionType = Field(description="what the network predicts")

    @model_validator(mode="after")
    def _terminal_noise_can_be_inverted(self) -> "DiffusionConfig":
        if self.zero_terminal_snr and self.prediction_type == "epsilon":
            raise ValueError("zero_terminal_snr with epsilon leaves x0 undefined at t = T-1; predict v or sample")
        return self


class SNRWeightingConfig(BaseModel):
    """How the loss weighs timesteps; `enabled`, `min_snr` and `max_snr` are the seed's three options."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(description="USE_TIMESTEP_WEIGHTING: false means every timestep counts the same")
    strategy: Strategy
    min_snr: float = Field(gt=0, description="TIMESTEP_WEIGHT_MIN_SNR: lower clamp of inverse_snr and snr")
    max_snr: float = Field(gt=0, description="TIMESTEP_WEIGHT_MAX_SNR: upper clamp of inverse_snr and snr")
    gamma: float = Field(gt=0, description="γ of min_snr and soft_min_snr")
    p2_gamma: float = Field(gt=0, description="γ of p2, an exponent; 1 in Choi et al.")

    @model_validator(mode="after")
    def _clamp_is_ordered(self) -> "SNRWeightingConfig":
        if self.min_snr > self.max_snr:
            raise ValueError(f"min_snr {self.min_snr} is above max_snr {self.max_snr}; swap them")
        return self
