"""What a checkpoint must say of its model, so that `Text2Sign` can load it without params.yaml."""

from collections.abc import Iterable
from typing import Any

from t2s.clips import CARRIED
from t2s.diffusion.config import DiffusionConfig
from t2s.models.config import ClipShape, ModelConfig
from t2s.models.text import PromptTokenizer, TextEncoder, encoder_name


def network_config(
    model: ModelConfig, diffusion: DiffusionConfig, clip: ClipShape, temporal_weight: float,
    text_encoder: TextEncoder | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What a network is made of again, as JSON."""
    own = encoder_name(text_encoder)
    return {
        "model": model.model_dump(mode="json"),
        "diffusion": diffusion.model_dump(mode="json"),
        "clip": clip.model_dump(mode="json"),
        "temporal_weight": temporal_weight,
    } | ({} if own is None else {"text_encoder": own})


def model_metadata(
    model: ModelConfig,
    diffusion: DiffusionConfig,
    clip: ClipShape,
    temporal_weight: float,
    tokenizer: PromptTokenizer,
    prompts: Iterable[str],
    text_encoder: TextEncoder | None = None,
    *,
    lexical: bool,
    **origin: Any,
) -> dict[str, Any]:
    """The metadata that `save_checkpoint` takes beside the weights.

    Args:
        prompts: those trained on; a model of signs knows no others.
        lexical: whether they are signs, not sentences.
        text_encoder: of the ViViT, where it is not ours; loading asks for one of the same class.
        origin: fingerprint, git_revision, licence and mlflow_run_id travel on into every clip (None where not given);
            anything else is for whoever reads `t2s info`.
    """
    return {
        "config": network_config(model, diffusion, clip, temporal_weight, text_encoder),
        "tokenizer": tokenizer.serialized,
        "prompts": sorted(set(prompts)),
        "lexical": lexical,
        **dict.fromkeys(CARRIED),
        **origin,
    }
