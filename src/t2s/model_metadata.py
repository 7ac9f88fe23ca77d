"""What a checkpoint must say of its model, so that `Text2Sign` can load it without params.yaml."""

from collections.abc import Iterable
from typing import Any

from t2s.clips import CARRIED
from t2s.diffusion.config import DiffusionConfig
from t2s.models.config import ClipShape, ModelConfig
from t2s.models.text import PromptTokenizer, TextEncoder, encoder_name


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
    config: dict[str, Any] = {
        "model": model.model_dump(mode="json"),
        "diffusion": diffusion.model_dump(mode="json"),
        "clip": clip.model_dump(mode="json"),
        "temporal_weight": temporal_weight,
    }
    if (name := encoder_name(text_encoder)) is not None:
        config["text_encoder"] = name
    return {
        "config": config,
        "tokenizer": tokenizer.serialized,
        "prompts": sorted(set(prompts)),
        "lexical": lexical,
        **dict.fromkeys(CARRIED),
        **origin,
    }
