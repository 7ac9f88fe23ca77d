"""The `model:` section of params.yaml: the architecture and nothing else."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Norm = Literal["layer", "rms"]
Residual = Literal["none", "legacy", "blend"]
Projection = Literal["seed", "two_layer", "linear"]

# What the network was before there was a key for it, so that older checkpoints still load.
BEFORE_THE_KEY: dict[str, Any] = {"projection_taper": True, "qk_norm": "rms"}
UNDECIDED = frozenset({"gradient_checkpointing"})  # keys that change the memory or the time of a step alone


class TextConfig(BaseModel):
    """The text encoder that is trained with the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokenizer: Literal["word", "bpe"] = Field(description="word: one token a word; bpe: sub-words, for sentences")
    vocab_size: int = Field(ge=8, le=200_000, description="upper bound on tokens")
    max_length: int = Field(ge=1, le=512, description="prompt tokens kept")
    depth: int = Field(ge=0, le=24, description="transformer layers over the tokens; 0 = embeddings alone")


class ModelConfig(BaseModel):
    """ViViT (Arnab et al. 2021, 2103.15691) as a denoiser. Units: pixels for patch_size, frames for tubelet_size."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Literal["fixed", "legacy"] = Field(description="legacy: the ancestor before the seed's five fixes")
    patch_size: int = Field(ge=1, le=64)
    input_pool: int = Field(ge=1, le=16, description="pixels averaged before patching; the projection sees them all")
    tubelet_size: int = Field(ge=1, le=32)
    width: int = Field(ge=8, le=8192)
    depth: int = Field(ge=1, le=128)
    num_heads: int = Field(ge=1, le=128)
    mlp_ratio: float = Field(gt=0, le=16)
    attention: Literal["joint", "factorised"]
    qk_norm: Norm = Field(description="of queries and keys, and of what enters a temporal path")
    residual: Residual
    output_scale: float | None = Field(description="initial value of the learnable scale; null: no scale")
    output_scale_range: tuple[float, float] | None = Field(description="clamp after each optimizer step; null: free")
    projection: Projection
    projection_width: int = Field(ge=4, le=4096, description="feature_dim of the convolutional projections")
    projection_taper: bool = Field(description="G, G/2, G/4 channels as in the seed; false: G throughout")
    projection_stride: int = Field(ge=1, le=64, description="pixels per feature cell; 1 = full resolution")
    projection_shortcut: bool = Field(description="the convolutions add to a coarse picture, one colour a cell")
    projection_sees_input: bool = Field(description="feed x_t to the projection beside the features")
    dropout: float = Field(ge=0, lt=1)
    gradient_checkpointing: bool
    text: TextConfig

    def decided(self) -> dict[str, Any]:
        """What of it decides the weights, as JSON."""
        return self.model_dump(mode="json", exclude=set(UNDECIDED))

    @model_validator(mode="after")
    def _sizes_fit(self) -> "ModelConfig":
        if self.width % self.num_heads or (self.width // self.num_heads) % 2:
            raise ValueError(f"width {self.width} must be an even multiple of num_heads {self.num_heads}")
        if self.patch_size % self.projection_stride:
            raise ValueError(
                f"patch_size {self.patch_size} is no multiple of projection_stride {self.projection_stride}"
            )
        if self.patch_size % self.input_pool:
            raise ValueError(f"patch_size {self.patch_size} is no multiple of input_pool {self.input_pool}")
        if self.projection != "linear" and self._spread_dim < (3 if self.projection_shortcut else 1):
            raise ValueError(
                f"projection_width {self.projection_width} leaves no features beside x_t's "
                f"{3 * self.projection_stride**2} values a cell; widen it, or lower projection_stride"
            )
        if self.output_scale_range is not None and self.output_scale_range[0] >= self.output_scale_range[1]:
            raise ValueError("output_scale_range must be [low, high] with low < high")
        return self

    @property
    def _spread_dim(self) -> int:
        return self.projection_width - (3 * self.projection_stride**2 if self.projection_sees_input else 0)


class ClipShape(BaseModel):
    """The clips a model makes: frames, square pixels, frames per second."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_frames: int = Field(ge=1)
    image_size: int = Field(ge=1)
    fps: float = Field(gt=0)
    channels: Literal[3] = 3

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(C, F, H, W)."""
        return self.channels, self.num_frames, self.image_size, self.image_size


def trains_coarse(model: ModelConfig) -> bool:
    """Whether the model can learn from averaged clips first: its coarse picture has the size its trunk looks at."""
    has_picture = model.projection != "linear" and model.projection_shortcut
    return has_picture and model.input_pool == model.projection_stride


def misfits(
    model: ModelConfig, coarse_fraction: float, thin_frames: int, image_size: int, num_frames: int
) -> list[str]:
    """What keeps a model, its preset applied, from these clips and this curriculum: one clause each, with its keys."""
    found = []
    if image_size % model.patch_size:
        found.append(f"model.patch_size {model.patch_size} must divide data.image_size {image_size}")
    if num_frames % model.tubelet_size:
        found.append(f"model.tubelet_size {model.tubelet_size} must divide data.num_frames {num_frames}")
    if thin_frames > 1 and (thin_frames % model.tubelet_size or num_frames % thin_frames):
        found.append(
            f"train.thin_frames {thin_frames} must be 1, or a multiple of model.tubelet_size {model.tubelet_size} that "
            f"divides data.num_frames {num_frames}"
        )
    if coarse_fraction > 0 and not trains_coarse(model):
        found.append(
            "train.coarse_fraction > 0 needs model.projection_shortcut: true, a convolutional model.projection, "
            "and model.projection_stride equal to model.input_pool"
        )
    return found


def patch_values(model: ModelConfig) -> int:
    """Numbers in one tubelet patch: tubelet · patch² · 3."""
    return model.tubelet_size * model.patch_size**2 * 3


def rank_bottleneck(model: ModelConfig, prediction_type: str) -> str | None:
    """A warning when epsilon must pass a trunk narrower than its patches (Li & He 2025, 2511.13720), else None.

    Noise has full rank, so the best such network keeps an epsilon-MSE of 1 - width / patch values at every t. A
    projection that sees x_t at full resolution is a way around the trunk, but a narrow one (docs/experiments.md).
    """
    values = patch_values(model)
    if prediction_type != "epsilon" or model.width >= values or model.residual == "legacy":
        return None
    floor = 1 - model.width / values
    trunk = f"epsilon-prediction cannot pass a trunk of width {model.width} < {values} values a patch"
    if model.projection != "linear" and model.projection_sees_input:
        around = f"what the projection sees of x_t lowers the eps-MSE of {floor:.2f} that follows, but not to 0"
        return f"{trunk}; {around} (docs/experiments.md): predict sample or v, or use smaller patches"
    return (
        f"{trunk}: expect an eps-MSE of ≥ {floor:.2f} at every timestep; predict sample or v, use smaller patches, or "
        "set model.projection_sees_input"
    )
