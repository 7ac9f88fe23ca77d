"""The `train:` section of params.yaml."""

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from t2s.choices import Precision
from t2s.diffusion.config import SNRWeightingConfig


def _rising(limits: tuple[float, float]) -> tuple[float, float]:
    if not limits[0] < limits[1]:
        raise ValueError(f"[{limits[0]}, {limits[1]}] holds nothing: give [low, high]")
    return limits


Share = Annotated[float, Field(ge=0, lt=1)]
Range = Annotated[tuple[float, float], AfterValidator(_rising)]
Timesteps = Literal["uniform", "stratified", "logit_normal"]
OptimizerName = Literal["adamw", "muon"]


class AugmentConfig(BaseModel):
    """Changes to train clips that keep their meaning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flip: float = Field(ge=0, le=1, description="share of clips mirrored: the signer's handedness swaps")
    colour: float = Field(ge=0, le=1, description="standard deviation of per-channel gain and offset")


class ValidationConfig(BaseModel):
    """The seeded validation during training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_clips: int = Field(ge=2, le=100_000)
    num_timesteps: int = Field(ge=3, le=1000, description="evenly spread over 0 … T-1")
    every_epochs: int = Field(ge=1)


class MonitorConfig(BaseModel):
    """When a red flag goes up (the seed's "Red flags")."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    output_scale: Range = Field(description="outside: red flag")
    output_scale_notice: Range = Field(description="outside: notice")
    oscillation: float = Field(gt=0, description="how far epoch losses go up and down, relative to their mean")
    gradient_norm: float = Field(gt=0, description="median norm before clipping over an epoch")
    noisiness: float = Field(gt=0, description="high-frequency energy of samples over that of real clips")
    noisy_after_epochs: int = Field(ge=1)
    text_ignored_after_epochs: int = Field(ge=1)


class TrainConfig(BaseModel):
    """What decides the trained weights, what a step costs, and when red flags go up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(ge=0, lt=2**32)
    init: str | None = Field(min_length=1, description="a checkpoint whose weights to begin with; null: fresh ones")
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1, description="clips per optimizer step, over all devices")
    accumulation: int = Field(ge=1, description="micro-batches per step: same result, less memory")
    optimizer: OptimizerName
    learning_rate: float = Field(gt=0, lt=1)
    betas: tuple[Share, Share] = Field(description="Adam's averages of the gradient and of its square")
    weight_decay: float = Field(ge=0, lt=1)
    warmup_steps: int = Field(ge=0)
    decay_fraction: float = Field(ge=0, le=1, description="last share of the run in which the rate falls to 0")
    gradient_clip: float = Field(gt=0, allow_inf_nan=False)
    ema_decay: float = Field(ge=0, lt=1)
    precision: Precision
    compile: bool
    coarse_fraction: float = Field(ge=0, lt=1, description="first share of the run, on clips averaged by input_pool")
    thin_frames: int = Field(ge=1, le=1024, description="after that share, the loss looks at one of so many frames")
    temporal_weight: float = Field(ge=0, le=10, description="features + weight · temporal features")
    snr_weighting: SNRWeightingConfig
    motion_weight: float = Field(
        ge=0, allow_inf_nan=False, description="extra weight of pixels that move; biases what is predicted"
    )
    frame_difference_weight: float = Field(
        ge=0, allow_inf_nan=False, description="weight of the MSE between frame differences"
    )
    prompt_dropout: float = Field(ge=0, lt=1, description="share of prompts replaced by the null prompt")
    timesteps: Timesteps
    augment: AugmentConfig
    sample_epochs: list[Annotated[int, Field(ge=1)]]
    validation: ValidationConfig
    max_skipped_steps: int = Field(ge=0, description="steps with a non-finite loss or gradient to forgive")
    monitor: MonitorConfig

    @model_validator(mode="after")
    def _fits_together(self) -> "TrainConfig":
        if self.thin_frames > 1 and self.frame_difference_weight > 0 and self.coarse_fraction == 0:
            raise ValueError(
                "frame_difference_weight needs steps that see all frames: set thin_frames: 1, or a coarse_fraction"
            )
        if self.batch_size % self.accumulation:
            raise ValueError(f"batch_size {self.batch_size} is no multiple of accumulation {self.accumulation}")
        return self

    def decided(self) -> dict[str, Any]:
        """What of it decides the weights, as JSON, beyond rounding.

        Not what changes the memory or the time of a step or what is said of it, nor where `init` lies.
        """
        return self.model_dump(mode="json", exclude={"accumulation", "compile", "init", "max_skipped_steps", "monitor"})

    def num_steps(self, num_clips: int) -> int:
        """Optimizer steps of a whole run over so many train clips."""
        return math.ceil(self.epochs * num_clips / self.batch_size)
