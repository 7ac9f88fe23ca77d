"""From motion to pixels: painter's algorithm at four times the size, then area averaging."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from t2s.signer.appearance import Signer
from t2s.signer.brush import Brush
from t2s.signer.figure import pose_arms
from t2s.signer.limbs import draw_arms, ink_arms
from t2s.signer.motion import Motion, perform
from t2s.signer.performance import Performance
from t2s.signer.phonology import Sign
from t2s.signer.portrait import draw_portrait

SUPERSAMPLING = 4

Frames = NDArray[np.uint8]


def render_clip(sign: Sign, signer: Signer, performance: int, num_frames: int, image_size: int) -> Frames:
    """Render performance number `performance` of a sign as RGB frames (F, H, W, 3)."""
    return render_utterance((sign,), signer, performance, num_frames, image_size)


def render_utterance(
    signs: Sequence[Sign], signer: Signer, performance: int, num_frames: int, image_size: int
) -> Frames:
    """Render several signs in a row without a rest between them as RGB frames (F, H, W, 3)."""
    text = " ".join(sign.text for sign in signs)
    manner = Performance.sample(signer, text, performance)
    return render_motion(perform(signs, manner, num_frames, signer.left_handed), signer, image_size)


def render_motion(motion: Motion, signer: Signer, image_size: int) -> Frames:
    """Draw a motion: RGB frames (F, H, W, 3)."""
    brush = Brush(image_size * SUPERSAMPLING, signer.size, signer.place)
    portrait = draw_portrait(brush, signer)
    inks = ink_arms(pose_arms(motion), brush)
    frames = np.empty((len(motion.leading.palm), image_size, image_size, 3), np.uint8)
    for index in range(len(frames)):
        canvas = portrait.copy()
        draw_arms(canvas, inks, signer, index)
        cv2.resize(canvas, (image_size, image_size), dst=frames[index], interpolation=cv2.INTER_AREA)
    return frames
