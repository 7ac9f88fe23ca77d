"""Beginning a training with the weights of a finished one: more epochs, other clips, further words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2s.checkpoint import differing_keys, load_checkpoint
from t2s.errors import UserError
from t2s.models.text import PromptTokenizer

TOKENS, POSITIONS = "text.tokens.weight", "text.positions"
# Of model:, what may differ from the first training's: it changes no weight's meaning.
FREE = {"preset", "dropout", "output_scale", "output_scale_range", "gradient_checkpointing"}
FREE_OF_TEXT = {"tokenizer", "vocab_size", "max_length"}


@dataclass(frozen=True)
class WarmStart:
    """A checkpoint to begin with; `digest` is of the whole file, 16 hex digits."""

    path: Path
    digest: str
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "WarmStart":
        """Raises UserError: the file is missing, damaged, or no checkpoint of t2s."""
        checkpoint = load_checkpoint(path)
        return cls(path, str(checkpoint.metadata["digest"])[:16], checkpoint.tensors, checkpoint.metadata)

    @property
    def origin(self) -> dict[str, Any]:
        """What the new checkpoint says of it."""
        return {"digest": self.digest} | {key: self.metadata.get(key) for key in ("fingerprint", "licence")}

    def licence_with(self, licence: str) -> str:
        """The licence of clips learned from now, and that of what was learned before where it is another one."""
        before = str(self.metadata.get("licence") or "of unknown terms")
        return licence if before == licence else f"{licence}; began with weights from data under {before}"

    def require_same_network(self, model: Mapping[str, Any], diffusion: Mapping[str, Any]) -> None:
        """Refuse weights that would mean something else in the network that params.yaml asks for.

        Raises:
            UserError: with the differing keys, those of the checkpoint → those asked for.
        """
        config = self.metadata["config"]
        asked, found = (
            {"model": _binding(each), "diffusion": {"prediction_type": noise["prediction_type"]}}
            for each, noise in ((model, diffusion), (config["model"], config["diffusion"]))
        )
        if lines := differing_keys(asked, found):
            raise UserError(
                f"train.init: {self.path} is of another network: {'; '.join(lines)}; set these keys as they were, or "
                "train.init: null"
            )

    @torch.no_grad()
    def copy_into(self, denoiser: nn.Module, tokenizer: PromptTokenizer) -> None:
        """Copy its weights in place. Words that both vocabularies hold keep their embedding, new ones their fresh one.

        Raises:
            UserError: a weight that it lacks, or of another shape, as for clips of another length or size.
        """
        own = denoiser.state_dict()
        for name, weight in own.items():
            given = self.tensors.get(name)
            if name == TOKENS and given is not None:
                before = _places(self.metadata["tokenizer"])
                for word, place in _places(tokenizer.serialized).items():
                    if word in before:
                        weight[place] = given[before[word]]
            elif name == POSITIONS and given is not None:
                shared = min(len(weight), len(given))
                weight[:shared] = given[:shared]
            elif given is None or given.shape != weight.shape:
                found = "not there" if given is None else f"{tuple(given.shape)}, not {tuple(weight.shape)}"
                raise UserError(
                    f"train.init: {self.path} does not fit: its {name} is {found}; it must be of a model of the "
                    "same parts, for clips of the same length and size"
                )
            else:
                weight.copy_(given)


def _binding(model: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of model: that two networks must share for one's weights to mean the same in the other."""
    text = {key: value for key, value in model["text"].items() if key not in FREE_OF_TEXT}
    return {key: value for key, value in model.items() if key not in FREE} | {"text": text}


def _places(tokenizer: str) -> dict[str, int]:
    """Token → row of the embedding. `tokenizer`: serialized, as checkpoints keep it."""
    vocabulary: dict[str, int] = json.loads(tokenizer)["model"]["vocab"]
    return vocabulary
