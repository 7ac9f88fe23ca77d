"""The recogniser: which sign does a clip show? Trained on real clips only, it judges generated ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

from t2s.errors import UserError
from t2s.evaluation.arrays import Floats
from t2s.evaluation.config import RecogniserConfig
from t2s.evaluation.judge import ClipSequence, Reading
from t2s.evaluation.network import SignNetwork

BATCH_SIZE = 32  # a matter of memory and speed, not of results

Levels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Recogniser:
    """A trained network and the signs it knows, in the order of its logits."""

    network: SignNetwork
    signs: tuple[str, ...]
    config: RecogniserConfig

    @property
    def gate_margin(self) -> float:
        """How far above chance its ceiling must lie before it judges."""
        return self.config.gate_margin

    def read(self, clips: ClipSequence) -> Reading:
        """Logits and features of clips of any length and size; they are resampled to what it looks at."""
        device = next(self.network.parameters()).device
        logits, features = [], []
        self.network.eval()
        with torch.inference_mode():
            for batch in prepared_batches(clips, self.config):
                seen = self.network.features(to_network(to_model_range(batch)).to(device))
                features.append(seen.cpu())
                logits.append(self.network.head(seen).cpu())
        if not logits:
            return Reading(np.empty((0, len(self.signs)), np.float32), np.empty((0, 4 * self.config.width), np.float32))
        return Reading(torch.cat(logits).numpy(), torch.cat(features).numpy())

    def metadata(self) -> dict[str, Any]:
        """What a file needs beside the weights to make this recogniser again."""
        return {"signs": list(self.signs), "config": self.config.model_dump(mode="json")}

    @classmethod
    def restore(cls, weights: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> Self | None:
        """The recogniser from `network.state_dict()` and `metadata()`, on the CPU; None if the data named no signs.

        Raises:
            UserError: they do not fit this version.
        """
        if metadata.get("signs") == []:
            return None
        try:
            config = RecogniserConfig.model_validate(metadata["config"])
            signs = tuple(metadata["signs"])
            network = SignNetwork(len(signs), config.width, config.dropout)
            network.load_state_dict(dict(weights))
        except (KeyError, TypeError, ValueError, RuntimeError):
            raise UserError("the recogniser file is of another version; run the recogniser stage again") from None
        return cls(network.eval(), signs, config)


def prepared_batches(clips: ClipSequence, config: RecogniserConfig) -> Iterator[Levels]:
    """Clips as the recogniser sees them, in batches: uint8 (b, F, H, W, 3) of its own length and size.

    Eight bits, because that is what a clip keeps in a video file; values outside [-1, 1] are clipped.
    """
    for start in range(0, len(clips), BATCH_SIZE):
        yield prepare(torch.as_tensor(clips[start : start + BATCH_SIZE]), config)


def prepare(clips: Tensor, config: RecogniserConfig) -> Levels:
    """(B, 3, F, H, W) in [-1, 1] → uint8 of the recogniser's length (nearest frames) and size (bilinear)."""
    frames = clips.shape[2]
    if frames != config.num_frames:
        picked = (torch.arange(config.num_frames) + 0.5) * frames / config.num_frames
        clips = clips[:, :, picked.long()]
    pictures = rearrange(clips.float(), "b c f h w -> b (c f) h w")
    size = (config.image_size, config.image_size)
    if pictures.shape[-2:] != size:
        pictures = functional.interpolate(pictures, size=size, mode="bilinear", antialias=True, align_corners=False)
    levels = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return rearrange(levels, "b (c f) h w -> b f h w c", c=clips.shape[1]).contiguous().cpu().numpy()


def to_model_range(levels: Levels) -> Floats:
    """uint8 0..255 → float32 -1..1, same shape."""
    values: Floats = levels.astype(np.float32) / np.float32(127.5) - 1
    return values


def to_network(clips: Floats) -> Tensor:
    """(B, F, H, W, 3) → (B, 3, F, H, W), a view: the channels stay last in memory, where convolutions want them."""
    return rearrange(torch.from_numpy(clips), "b f h w c -> b c f h w")
