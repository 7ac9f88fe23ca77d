"""The `sample:` section of params.yaml."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from t2s.choices import Precision, SamplerName


class SampleConfig(BaseModel):
    """What the sample stage draws, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompts: list[str] = Field(min_length=1)
    num_samples: int = Field(ge=1, le=64, description="clips per prompt")
    seed: int = Field(ge=0, lt=2**32)
    num_steps: int = Field(ge=1, description="solver steps, at most diffusion.num_timesteps")
    guidance_scale: float = Field(ge=0, le=50)
    guidance_rescale: float = Field(ge=0, le=1)
    polish: int = Field(ge=0, le=16, description="rounds that take noise out of a finished clip")
    sampler: SamplerName
    precision: Precision
    scale: int = Field(ge=1, le=16, description="each pixel becomes scale x scale in the files")
    mark: bool = Field(description="a visible AI-generated strip")

    @property
    def how(self) -> dict[str, Any]:
        """How clips are generated: the options of `Text2Sign`, by name."""
        return self.model_dump(
            include={
                "num_samples", "seed", "num_steps", "guidance_scale", "guidance_rescale", "polish", "sampler",
                "precision",
            }
        )  # fmt: skip
