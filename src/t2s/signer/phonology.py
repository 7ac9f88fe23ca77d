"""The parameters a sign is made of, after Stokoe (1960) and Battison (1978), and the values they take here.

Directions are told from the hand's own side, so both hands share one description: `in` is toward the
midline, `out` away from it, `forward` toward the viewer, `back` toward the signer. Lengths: 1.0 is the
width of the picture.
"""

from dataclasses import dataclass
from enum import Enum

from t2s.signer.handshapes import Handshape

Vector = tuple[float, float, float]  # in, down, forward


class Location(Enum):
    """Where the centre of the palm is when the movement starts: (in, down, forward) of the neck's base."""

    FOREHEAD = (0.0, -0.155, 0.17)
    TEMPLE = (-0.080, -0.175, 0.23)
    CHIN = (0.0, 0.025, 0.17)
    MOUTH = (-0.055, -0.03, 0.17)
    CHEEKS = (-0.095, -0.12, 0.16)
    CHEST = (0.02, 0.19, 0.15)
    HEART = (0.115, 0.145, 0.15)
    RIBS = (-0.15, 0.20, 0.14)
    SIDE = (-0.210, -0.005, 0.16)  # free space beside the shoulder
    FRONT = (-0.115, 0.225, 0.22)  # free space before the belly, one hand on each side
    MIDLINE = (-0.045, 0.21, 0.24)  # the hands (nearly) touch
    ON_BASE = (-0.02, 0.215, 0.27)  # standing on the other hand
    OVER_BASE = (-0.02, 0.100, 0.27)  # a little above the other hand


BASE_PLACE: Vector = (-0.03, 0.30, 0.20)  # where the other hand is held as a base
REST_PLACE: Vector = (-0.085, 0.372, 0.16)


@dataclass(frozen=True)
class Orientation:
    """Two directions, each a sum of words: where the palm looks and where the fingers would point."""

    palm: str
    fingers: str


class Rhythm(Enum):
    """How a movement's weight w runs over one repetition."""

    STROKE = "stroke"  # 0 → 1, and stays there
    SWING = "swing"  # 0 → 1 → 0
    SWAY = "sway"  # 0 → 1 → −1 → 0
    CIRCLE = "circle"  # a full turn through travel and arc


class Axis(Enum):
    """Axis of the hand a turn goes around."""

    SIDE = (1.0, 0.0, 0.0)  # the wrist nods
    FINGERS = (0.0, 1.0, 0.0)  # the forearm twists
    PALM = (0.0, 0.0, 1.0)  # the hand waves


@dataclass(frozen=True)
class Movement:
    """Path, turn and change of handshape, all with weight w: place = start + w · travel + sin(πw) · arc."""

    rhythm: Rhythm
    travel: Vector = (0.0, 0.0, 0.0)
    arc: Vector = (0.0, 0.0, 0.0)
    turn_axis: Axis = Axis.SIDE
    turn_degrees: float = 0.0
    becomes: Handshape | None = None


class Hands(Enum):
    """What the other hand does."""

    ONE = "one"
    SYMMETRIC = "symmetric"
    ALTERNATING = "alternating"
    BASE = "base"  # the other hand is held still below
    SAME_BASE = "same base"  # it is held still and copies the handshape


@dataclass(frozen=True)
class Sign:
    """One sign: its text and the parameters it is made of."""

    text: str
    handshape: Handshape
    location: Location
    movement: Movement
    orientation: Orientation
    hands: Hands = Hands.ONE
    repetitions: int = 1


PALM_OUT = Orientation(palm="forward", fingers="up")
PALM_BACK = Orientation(palm="back", fingers="up")
PALM_BACK_SLANTED = Orientation(palm="back", fingers="up in in")
PROFILE = Orientation(palm="in in forward", fingers="up")
CUP_HELD = Orientation(palm="in", fingers="forward")
PALM_IN = Orientation(palm="in", fingers="up")
PALM_ASKEW = Orientation(palm="back back in", fingers="up")
PALMS_FACING = Orientation(palm="in", fingers="forward up")
PALM_TO_HEART = Orientation(palm="back", fingers="in in up")
PALM_TO_BODY = Orientation(palm="back", fingers="in")
PALM_DOWN = Orientation(palm="down back", fingers="in in in down")
PALM_UP = Orientation(palm="up forward", fingers="in in in forward")
BASE_PALM_UP = Orientation(palm="up forward", fingers="in")
BASE_PALM_DOWN = Orientation(palm="down", fingers="in forward")
REST_ORIENTATION = Orientation(palm="back", fingers="in in down")
SALUTE = Orientation(palm="forward down", fingers="up in")

CIRCLE = Movement(Rhythm.CIRCLE, travel=(0.075, 0.0, 0.0), arc=(0.0, 0.075, 0.0))
SALUTE_OUT = Movement(Rhythm.STROKE, travel=(-0.14, 0.0, 0.05), turn_axis=Axis.PALM, turn_degrees=30)
FORWARD_DOWN = Movement(Rhythm.STROKE, travel=(-0.02, 0.22, 0.12), turn_axis=Axis.SIDE, turn_degrees=-60)
NOD = Movement(Rhythm.SWING, travel=(0.0, 0.07, 0.03), turn_axis=Axis.SIDE, turn_degrees=65)
SNAP_SHUT = Movement(Rhythm.SWING, travel=(0.0, 0.02, 0.02), becomes=Handshape.SHUT_BEAK)
LIFT = Movement(Rhythm.STROKE, travel=(0.0, -0.16, 0.0))
MEET = Movement(Rhythm.SWING, travel=(-0.085, 0.0, 0.0))
UNFOLD = Movement(Rhythm.STROKE, travel=(-0.075, 0.0, 0.0), turn_axis=Axis.FINGERS, turn_degrees=95)
SWAY = Movement(Rhythm.SWAY, travel=(0.075, 0.0, 0.0), turn_axis=Axis.PALM, turn_degrees=-16)
TIP = Movement(Rhythm.STROKE, travel=(0.03, -0.07, -0.02), turn_axis=Axis.PALM, turn_degrees=-65)
HUG = Movement(Rhythm.SWING, travel=(0.02, -0.03, -0.02))
TAP = Movement(Rhythm.SWING, travel=(-0.07, 0.01, 0.06))
TAP_DOWN = Movement(Rhythm.SWING, travel=(0.0, 0.14, 0.0))
HOP_OUT = Movement(Rhythm.STROKE, travel=(-0.17, 0.0, 0.0), arc=(0.0, -0.05, 0.0))
APART = Movement(Rhythm.STROKE, travel=(-0.16, 0.0, 0.0))
TOGETHER = Movement(Rhythm.STROKE, travel=(0.075, 0.0, 0.0))
WEIGH = Movement(Rhythm.SWAY, travel=(0.0, 0.085, 0.0))
SHAKE = Movement(Rhythm.SWAY, turn_axis=Axis.FINGERS, turn_degrees=50)
BRUSH_UP = Movement(Rhythm.CIRCLE, travel=(0.0, 0.08, 0.0), arc=(0.0, 0.0, 0.06))
SINK = Movement(Rhythm.STROKE, travel=(0.0, 0.20, 0.0), turn_axis=Axis.SIDE, turn_degrees=20)
