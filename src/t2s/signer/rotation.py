"""Hand frames: 3 × 3 matrices whose columns are the hand's side, finger and palm directions in figure space.

Figure space (x right, y down, z to the viewer) and hand space differ in handedness, so frames have
determinant −1; turns, which act on the right, have +1.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def hand_frame(palm: Floats, fingers: Floats) -> Floats:
    """The frame (3, 3) of a hand whose fingers point along `fingers` and whose palm looks toward `palm`.

    Raises:
        ValueError: the palm looks along the fingers.
    """
    along = fingers / np.linalg.norm(fingers)
    normal = palm - (palm @ along) * along
    if np.linalg.norm(normal) < 1e-6:
        raise ValueError("a palm cannot look along its own fingers")
    normal /= np.linalg.norm(normal)
    return np.stack([np.cross(normal, along), along, normal], axis=1)


def turns(axis: Floats, angles: Floats) -> Floats:
    """Rotations (F, 3, 3) about a unit axis (3,) by angles (F,) in radians (Rodrigues' formula)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    sine, versine = np.sin(angles)[:, None, None], (1 - np.cos(angles))[:, None, None]
    rotations: Floats = np.eye(3) + sine * cross + versine * (cross @ cross)
    return rotations


def blend_frames(start: Floats, end: Floats, weights: Floats) -> Floats:
    """The shortest turn from one hand frame (3, 3) to another at weights (F,): (F, 3, 3)."""
    vector = cv2.Rodrigues(np.ascontiguousarray(start.T @ end))[0].ravel()
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle > 1e-9 else np.array([1.0, 0.0, 0.0])
    return start @ turns(axis, angle * weights)
