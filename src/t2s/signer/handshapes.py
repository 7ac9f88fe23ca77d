"""Handshapes as joint angles, and the joints they give.

Hand space is that of a right hand: x to the thumb's side, y from wrist to knuckles, z out of the palm.
Lengths are in figure units, see figure.py; hands are a fifth larger than life, to be legible.
"""

from enum import Enum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KNUCKLES = np.array([(0.038, 0.098, 0.0), (0.013, 0.103, 0.0), (-0.012, 0.099, 0.0), (-0.037, 0.090, 0.0)])
PALM_RIM = np.array([(0.028, 0, 0), (-0.028, 0, 0), (0.042, 0.055, 0), (-0.042, 0.055, 0), *KNUCKLES])
PALM_CENTRE = np.array([0.0, 0.060, 0.0])
FINGER_LENGTHS = np.array([0.108, 0.117, 0.109, 0.088])
FINGER_SHARES = np.array([0.45, 0.30, 0.25])
THUMB_BASE = np.array([0.040, 0.028, 0.006])
THUMB_LENGTHS = np.array([0.053, 0.046])

_STRAIGHT, _CURLED = (4, 4), (82, 95)


def _angles(
    flex: tuple[tuple[float, float], ...], spread: tuple[float, ...], thumb: tuple[float, float, float, float]
) -> Floats:
    """Flexion (base, middle) and spread of four fingers, and the thumb: 16 angles, degrees → radians."""
    return np.radians([*(angle for pair in flex for angle in pair), *spread, *thumb])


_CLOSED, _FANNED = (2, 0.5, -1, -3), (24, 8, -9, -27)
_ACROSS = (42, 118, 62, 152)  # the thumb lies over the curled fingers


class Handshape(Enum):
    """Thirteen handshapes, named by their look; the ASL letter or number they resemble stands behind each."""

    FLAT = "flat"  # B
    FIST = "fist"  # S
    POINT = "point"  # 1
    CUP = "cup"  # C
    SPREAD = "spread"  # 5
    PINCH = "pinch"  # flattened O
    THREE = "three"  # W
    TWO = "two"  # U
    ILY = "ily"  # I-L-Y
    SHAKA = "y"  # Y
    THUMB = "thumb"  # 10
    BEAK = "beak"  # 3 with bent knuckles, as "no" begins
    SHUT_BEAK = "shut beak"  # the same, closed


ANGLES: dict[Handshape, Floats] = {
    Handshape.FLAT: _angles((_STRAIGHT,) * 4, _CLOSED, (28, 35, 6, 35)),
    Handshape.FIST: _angles((_CURLED,) * 4, _CLOSED, _ACROSS),
    Handshape.POINT: _angles((_STRAIGHT, _CURLED, _CURLED, _CURLED), _CLOSED, _ACROSS),
    Handshape.CUP: _angles(((24, 40), (22, 40), (22, 40), (24, 40)), _CLOSED, (78, 78, 48, 80)),
    Handshape.SPREAD: _angles((_STRAIGHT,) * 4, _FANNED, (62, 15, 52, 15)),
    Handshape.PINCH: _angles(((62, 18), (62, 18), (62, 18), (62, 18)), (-4, -1, 3, 8), (48, 86, 40, 96)),
    Handshape.THREE: _angles((_STRAIGHT, _STRAIGHT, _STRAIGHT, _CURLED), (17, 0, -17, -6), (42, 118, 80, 165)),
    Handshape.TWO: _angles((_STRAIGHT, _STRAIGHT, _CURLED, _CURLED), _CLOSED, _ACROSS),
    Handshape.ILY: _angles((_STRAIGHT, _CURLED, _CURLED, _STRAIGHT), (8, 0, 0, -14), (72, 12, 66, 12)),
    Handshape.SHAKA: _angles((_CURLED, _CURLED, _CURLED, _STRAIGHT), (2, 0, 0, -28), (72, 12, 66, 12)),
    Handshape.THUMB: _angles((_CURLED,) * 4, _CLOSED, (78, 20, 84, 10)),
    Handshape.BEAK: _angles(((20, 6), (14, 6), _CURLED, _CURLED), _CLOSED, (75, 80, 75, 80)),
    Handshape.SHUT_BEAK: _angles(((72, 6), (70, 6), _CURLED, _CURLED), _CLOSED, (66, 84, 50, 90)),
}
RELAXED: Floats = _angles(((22, 24), (26, 26), (30, 28), (32, 30)), (5, 1, -3, -8), (40, 45, 22, 50))


def finger_joints(angles: Floats) -> tuple[Floats, Floats]:
    """Joint angles (F, 16), radians → finger joints (F, 4, 4, 3) and thumb joints (F, 3, 3) in hand space."""
    num_frames = len(angles)
    flex = angles[:, :8].reshape(num_frames, 4, 2)
    spread, thumb = angles[:, 8:12], angles[:, 12:16]
    base, middle = flex[..., 0], flex[..., 1]
    bend = np.stack([base, base + middle, base + 1.7 * middle], axis=-1)  # (F, 4, 3)
    side = np.sin(spread)[..., None] * np.cos(bend)
    along = np.cos(spread)[..., None] * np.cos(bend)
    steps = np.stack([side, along, np.sin(bend)], axis=-1)  # (F, 4, 3 segments, xyz), unit length
    steps *= (FINGER_LENGTHS[:, None] * FINGER_SHARES)[..., None]
    roots = np.broadcast_to(KNUCKLES[:, None], (num_frames, 4, 1, 3))
    fingers = np.concatenate([roots, roots + np.cumsum(steps, axis=2)], axis=2)
    away, around = thumb[:, 0::2], thumb[:, 1::2]
    steps = np.stack([np.sin(away) * np.cos(around), np.cos(away), np.sin(away) * np.sin(around)], axis=-1)
    steps *= THUMB_LENGTHS[:, None]
    root = np.broadcast_to(THUMB_BASE, (num_frames, 1, 3))
    return fingers, np.concatenate([root, root + np.cumsum(steps, axis=1)], axis=1)
