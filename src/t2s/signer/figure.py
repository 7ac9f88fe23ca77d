"""The figure's bones: two-bone inverse kinematics.

Figure space: x right, y down, z to the viewer, 1.0 the width of the picture, origin at the neck's base.
"""

from dataclasses import dataclass

import numpy as np

from t2s.signer.handshapes import PALM_CENTRE, PALM_RIM, finger_joints
from t2s.signer.motion import HandMotion, Motion
from t2s.signer.rotation import Floats

SHOULDER = np.array([-0.150, 0.055, 0.0])  # the right one; the left is its mirror image
UPPER_ARM, FOREARM = 0.235, 0.225
ELBOW_POLE = np.array([-0.42, 1.0, -0.55])  # elbows hang outward, down and back
MIRROR = np.array([-1.0, 1.0, 1.0])
MIN_REACH, MAX_REACH = 0.05, (UPPER_ARM + FOREARM) * 0.995


@dataclass(frozen=True)
class Arm:
    """Joints of one arm and hand over F frames."""

    shoulder: Floats  # (F, 3)
    elbow: Floats  # (F, 3)
    wrist: Floats  # (F, 3)
    palm: Floats  # (F, 8, 3) the palm's rim
    fingers: Floats  # (F, 4, 4, 3)
    thumb: Floats  # (F, 3, 3)
    facing: Floats  # (F,) how much the palm looks at the viewer, −1 … 1


def solve_arm(shoulder: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Two-bone inverse kinematics by the law of cosines.

    Args:
        shoulder: (F, 3). target: (F, 3), where the wrist wants to be; pulled into reach where it is not.
    Returns:
        elbow (F, 3) and wrist (F, 3), at exactly UPPER_ARM and FOREARM from their neighbours.
    """
    line = target - shoulder
    wanted = np.linalg.norm(line, axis=-1, keepdims=True)
    unit = np.where(wanted > 1e-9, line / np.maximum(wanted, 1e-9), np.array([0.0, 0.0, 1.0]))
    reach = np.clip(wanted, MIN_REACH, MAX_REACH)
    foot = (UPPER_ARM**2 - FOREARM**2 + reach**2) / (2 * reach)
    height = np.sqrt(np.maximum(UPPER_ARM**2 - foot**2, 0.0))
    aside = ELBOW_POLE - (unit @ ELBOW_POLE)[..., None] * unit
    aside /= np.maximum(np.linalg.norm(aside, axis=-1, keepdims=True), 1e-9)
    return shoulder + foot * unit + height * aside, shoulder + reach * unit


def pose_arms(motion: Motion) -> tuple[Arm, Arm]:
    """The other arm and the leading arm, each on its side of the body."""
    sides = (np.ones(3), MIRROR) if motion.mirrored else (MIRROR, np.ones(3))
    return _pose_arm(motion.other, sides[0]), _pose_arm(motion.leading, sides[1])


def _pose_arm(hand: HandMotion, side: Floats) -> Arm:
    wanted = hand.palm - hand.frame @ PALM_CENTRE
    shoulder = np.broadcast_to(SHOULDER, wanted.shape)
    elbow, wrist = solve_arm(shoulder, wanted)
    fingers, thumb = finger_joints(hand.angles)

    def place(points: Floats) -> Floats:
        flat = points.reshape(len(wrist), -1, 3) @ hand.frame.transpose(0, 2, 1) + wrist[:, None]
        return (flat * side).reshape(points.shape)

    palm = place(np.broadcast_to(PALM_RIM, (len(wrist), *PALM_RIM.shape)))
    facing = hand.frame[:, 2, 2]
    return Arm(shoulder * side, elbow * side, wrist * side, palm, place(fingers), place(thumb), facing)
