"""What a visitor may ask for, and how much of it."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from t2s.choices import SamplerName
from t2s.prompts import is_visible

MAX_CHARACTERS = 200
MAX_WORDS = 16  # each may be a sign of its own, with a full run of the sampler
MAX_SAMPLES = 6
MAX_STEPS = 250
MAX_GUIDANCE = 20.0
MAX_SEED = 2**32 - 1


class GenerateRequest(BaseModel):
    """One form, as the page sends it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = Field(min_length=1, max_length=MAX_CHARACTERS)
    seed: int = Field(ge=0, le=MAX_SEED - MAX_SAMPLES, strict=True)
    num_samples: int = Field(ge=1, le=MAX_SAMPLES, strict=True)
    num_steps: int = Field(ge=1, le=MAX_STEPS, strict=True)
    guidance_scale: float = Field(ge=0, le=MAX_GUIDANCE, allow_inf_nan=False)
    sampler: SamplerName

    @field_validator("text")
    @classmethod
    def _few_plain_words(cls, text: str) -> str:
        words = text.split()
        if not words:
            raise ValueError("type a word, or pick a sign")
        if len(words) > MAX_WORDS:
            raise ValueError(f"at most {MAX_WORDS} words")
        tidied = " ".join(words)
        if not is_visible(tidied):
            raise ValueError("only characters that can be seen")
        return tidied
