"""Random variations of the recogniser's training clips: none of them turns one sign into another.

Clips are uint8 (B, F, H, W, 3), as OpenCV likes them; what comes out is float32 in about [-1, 1], same layout.
"""

import cv2
import numpy as np
import numpy.typing as npt

from t2s.evaluation.arrays import Floats, Labels
from t2s.evaluation.config import AugmentConfig

Levels = npt.NDArray[np.uint8]


def augment(clips: Levels, config: AugmentConfig, rng: np.random.Generator) -> Floats:
    """Vary clips in tempo, place, size, hand, colour and quality. The same generator state gives the same bits."""
    B, F, H, W, _ = clips.shape
    frames = warped_frames(B, F, config, rng)
    matrices = placements(B, (H, W), config, rng)
    soften = rng.random((B,))
    varied = np.empty_like(clips)
    for b in range(B):
        for f in range(F):
            frame = clips[b, frames[b, f]]
            if soften[b] < config.soften_probability:
                frame = cv2.blur(frame, (3, 3))
            cv2.warpAffine(frame, matrices[b], (W, H), dst=varied[b, f], borderMode=cv2.BORDER_REPLICATE)
    return add_noise(shift_colours(varied, config, rng), config, rng)


def warped_frames(B: int, F: int, config: AugmentConfig, rng: np.random.Generator) -> Labels:
    """Which frames to show, (B, F): faster or slower, earlier or later; before and after it, the clip stands still."""
    centre = (F - 1) / 2
    tempo = 1 + rng.uniform(-config.tempo, config.tempo, (B, 1))
    offset = F * rng.uniform(-config.time_shift, config.time_shift, (B, 1))
    frames = np.rint((np.arange(F) - centre) * tempo + centre + offset).astype(np.int64)
    return frames.clip(0, F - 1)


def placements(B: int, size: tuple[int, int], config: AugmentConfig, rng: np.random.Generator) -> Floats:
    """Affine maps (B, 2, 3) in pixels that scale about the centre, mirror left and right, and shift."""
    height, width = size
    scale = 1 + rng.uniform(-config.scale, config.scale, B)
    side = np.where(rng.random(B) < config.mirror_probability, -1, 1)
    shift = rng.uniform(-config.shift, config.shift, (B, 2)) * (width, height)
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    linear = np.zeros((B, 2, 2))
    linear[:, 0, 0], linear[:, 1, 1] = scale * side, scale
    translation = centre - linear @ centre + shift
    return np.concatenate([linear, translation[..., None]], axis=2).astype(np.float32)


def shift_colours(clips: Levels, config: AugmentConfig, rng: np.random.Generator) -> Floats:
    """To [-1, 1], with a gain and an offset per clip and colour channel."""
    shape = (len(clips), 1, 1, 1, clips.shape[-1])
    gain = 1 + rng.uniform(-config.contrast, config.contrast, shape)
    offset = rng.uniform(-config.brightness, config.brightness, shape)
    varied = clips.astype(np.float32)
    varied *= (gain / 127.5).astype(np.float32)
    varied += (offset - gain).astype(np.float32)
    return varied


def add_noise(clips: Floats, config: AugmentConfig, rng: np.random.Generator) -> Floats:
    """Gaussian noise of a random strength on some clips, so that a slightly grainy clip is still read."""
    for index in np.flatnonzero(rng.random(len(clips)) < config.noise_probability):
        strength = np.float32(rng.uniform(0, config.noise))
        clips[index] += strength * rng.standard_normal(clips.shape[1:], dtype=np.float32)
    return clips
