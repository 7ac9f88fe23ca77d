"""The `recogniser:` and `evaluate:` sections of params.yaml."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from t2s.choices import Precision, SamplerName


class AugmentConfig(BaseModel):
    """How far a training clip of the recogniser is varied. Strengths are half-widths of uniform ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mirror_probability: float = Field(
        ge=0, le=1, description="left-right mirroring: the same sign by a signer of the other hand"
    )
    shift: float = Field(ge=0, le=0.5, description="share of the picture's width")
    scale: float = Field(ge=0, le=0.5, description="relative change of size")
    tempo: float = Field(ge=0, le=0.5, description="relative change of speed")
    time_shift: float = Field(ge=0, le=0.5, description="share of the clip's length")
    contrast: float = Field(ge=0, lt=1, description="relative gain, drawn per colour channel")
    brightness: float = Field(ge=0, le=1, description="offset in [-1, 1] pixel units, per colour channel")
    soften_probability: float = Field(ge=0, le=1, description="share of clips blurred by a 3×3 mean")
    noise_probability: float = Field(ge=0, le=1, description="share of clips with Gaussian noise")
    noise: float = Field(ge=0, le=1, description="largest standard deviation of that noise, [-1, 1] pixel units")


class RecogniserConfig(BaseModel):
    """The video classifier that judges generated clips; it is trained on real clips only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(ge=0, lt=2**32, description="another one than the generator's")
    num_frames: int = Field(ge=4, multiple_of=4, description="frames it looks at; other clips are resampled")
    image_size: int = Field(ge=16, multiple_of=16, description="pixels it looks at; other clips are resized")
    width: int = Field(ge=4, description="channels of the stem; features have four times as many")
    epochs: float = Field(gt=0, description="passes over the training clips")
    batch_size: int = Field(ge=2, description="clips per step")
    learning_rate: float = Field(gt=0, description="peak of the one-cycle schedule")
    weight_decay: float = Field(ge=0, description="AdamW's")
    label_smoothing: float = Field(ge=0, lt=1, description="probability spread over the other signs")
    dropout: float = Field(ge=0, lt=1, description="on the features")
    augment: AugmentConfig
    gate_margin: float = Field(
        ge=0, lt=1, description="what top-1 on real held-out clips must exceed chance by, or semantics are refused"
    )


class EvaluateConfig(BaseModel):
    """How much is measured, and with which seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(ge=0, lt=2**32, description="noise, prompts, bootstrap and splits of the evaluation")
    batch_size: int = Field(ge=1, description="clips per forward pass")
    max_signs: int = Field(ge=2, description="signs of a larger vocabulary that are generated and ranked")
    clips_per_sign: int = Field(ge=2, description="generated clips per sign")
    null_clips: int = Field(ge=1, description="clips generated from the null prompt")
    num_steps: int = Field(ge=1, description="solver steps of a generated clip, at most T")
    guidance_scale: float = Field(ge=0, le=50, description="1: no guidance")
    guidance_rescale: float = Field(ge=0, le=1, description="Lin et al. 2023; 0: none")
    polish: int = Field(ge=0, le=16, description="rounds that take noise out of a finished clip")
    sampler: SamplerName
    precision: Precision = Field(description="of generation; the errors and the ranking are fp32")
    timestep_clips: int = Field(ge=1, description="held-out clips of the per-timestep errors")
    ranking_clips: int = Field(ge=2, description="held-out clips ranked under every prompt")
    ranking_bins: int = Field(ge=1, description="equal timestep bins; each is ranked at its middle timestep")
    bootstrap_resamples: int = Field(ge=100, description="resamples of each confidence interval")
    frechet_splits: int = Field(ge=2, description="random halves behind the real-vs-real floor")
    memorisation_quantile: float = Field(
        gt=0, lt=0.5, description="share of real held-out clips that counts as too near to a training clip"
    )
    max_reference_clips: int = Field(ge=2, description="training clips searched for the nearest one")
    champion_min_share: float = Field(
        ge=0,
        le=1,
        description="share of the ceiling that the low end of generated top-1's interval must reach to be champion",
    )

    @property
    def how(self) -> dict[str, Any]:
        """How clips are generated: the options of `Text2Sign.generate`, by name."""
        return self.model_dump(
            include={"num_steps", "guidance_scale", "guidance_rescale", "polish", "sampler", "precision"}
        )
