"""Beginning a training with the weights of a finished one: more epochs, other clips, further words."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from t2s.checkpoint import differing_keys, load_checkpoint
from t2s.errors import UserError
from t2s.models.config import BEFORE_THE_KEY
from t2s.models.text import PromptTokenizer
from t2s.models.vivit import ViViT

TOKENS, POSITIONS = "text.tokens.weight", "text.positions"
# Of model:, what may differ from the first training's: it changes no weight's meaning.
FREE = {"preset", "dropout", "output_scale_range", "gradient_checkpointing"}
FREE_OF_TEXT = {"tokenizer", "vocab_size", "max_length"}
CARRIED = ("fingerprint", "licence", "learned_digest", "init")


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
        try:
            checkpoint = load_checkpoint(path)
        except UserError as error:
            raise UserError(f"train.init: {error}") from None
        return cls(path, str(checkpoint.metadata["digest"])[:16], checkpoint.tensors, checkpoint.metadata)

    @property
    def origin(self) -> dict[str, Any]:
        """What the new checkpoint says of it; `init`: what it began with itself."""
        return {"digest": self.digest} | {key: self.metadata.get(key) for key in CARRIED}

    def licence_with(self, licence: str) -> str:
        """The licence of clips learned from now, and that of what was learned before where it is another one."""
        before = str(self.metadata.get("licence") or "of unknown terms")
        return licence if before == licence else f"{licence}; began with weights from data under {before}"

    def require_same_network(self, config: Mapping[str, Any]) -> None:
        """Refuse weights that would mean something else in the network asked for.

        Args:
            config: what a checkpoint of that network would say of it (`model_metadata`).

        Raises:
            UserError: with the differing keys, those of the checkpoint → those asked for.
        """
        with self._told():
            found = self.metadata["config"]
            if lines := differing_keys(_binding(config), _binding(found)):
                raise UserError(
                    f"train.init: {self.path} is of another network: {'; '.join(lines)}; set these keys as they were, "
                    "or train.init: null"
                )

    @torch.no_grad()
    def copy_into(self, denoiser: ViViT, tokenizer: PromptTokenizer) -> None:
        """Copy its weights in place. Words that both vocabularies hold keep their embedding, new ones their fresh one.

        What is not trained, such as a frozen text encoder, stays as it is.

        Raises:
            UserError: a weight too many or too few, or of another shape, as for clips of another length or size.
        """
        own = {name: weight for name, weight in denoiser.named_parameters() if weight.requires_grad}
        with self._told():
            if more := self.tensors.keys() - denoiser.state_dict().keys():
                raise UserError(f"train.init: {self.path} does not fit: it has a {min(more)}, which this model lacks")
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

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What a file that t2s did not write lacks is said in one line."""
        try:
            yield
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"train.init: {self.path} does not describe its own network ({type(error).__name__}: {reason}); name a "
                "checkpoint that the train stage wrote"
            ) from None


def _binding(config: Mapping[str, Any]) -> dict[str, Any]:
    """What two networks must share for one's weights to mean the same in the other, by the keys of params.yaml."""
    model = BEFORE_THE_KEY | config["model"]
    text = {key: value for key, value in model["text"].items() if key not in FREE_OF_TEXT}
    scale = None if model["output_scale"] is None else "a number"
    return {
        "model": {key: value for key, value in model.items() if key not in FREE}
        | {"text": text, "output_scale": scale},
        "diffusion": {key: config["diffusion"][key] for key in ("prediction_type", "num_timesteps")},
        "train": {"temporal_weight": config["temporal_weight"]},
        "the text encoder": config.get("text_encoder", "our own"),
    }


def _places(tokenizer: str) -> dict[str, int]:
    """Token → row of the embedding. `tokenizer`: serialized, as checkpoints keep it."""
    vocabulary: dict[str, int] = json.loads(tokenizer)["model"]["vocab"]
    return vocabulary
