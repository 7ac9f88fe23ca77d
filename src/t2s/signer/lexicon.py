"""The lexicon: what each sign does. A synthetic test bed inspired by ASL, not teaching material."""

from dataclasses import dataclass

from t2s.signer import phonology as ph
from t2s.signer.handshapes import Handshape
from t2s.signer.phonology import Hands, Location, Sign

SIGNS: tuple[Sign, ...] = (
    Sign("hello", Handshape.FLAT, Location.TEMPLE, ph.SALUTE_OUT, ph.SALUTE),
    Sign("thank you", Handshape.FLAT, Location.CHIN, ph.FORWARD_DOWN, ph.PALM_BACK),
    Sign("good", Handshape.FLAT, Location.CHIN, ph.FORWARD_DOWN, ph.PALM_BACK, Hands.BASE),
    Sign("yes", Handshape.FIST, Location.SIDE, ph.NOD, ph.PALM_OUT, repetitions=2),
    Sign("no", Handshape.BEAK, Location.SIDE, ph.SNAP_SHUT, ph.PROFILE, repetitions=2),
    Sign("please", Handshape.FLAT, Location.CHEST, ph.CIRCLE, ph.PALM_TO_BODY, repetitions=2),
    Sign("sorry", Handshape.FIST, Location.CHEST, ph.CIRCLE, ph.PALM_TO_BODY, repetitions=2),
    Sign("help", Handshape.THUMB, Location.ON_BASE, ph.LIFT, ph.PALM_TO_BODY, Hands.BASE),
    Sign("more", Handshape.PINCH, Location.FRONT, ph.MEET, ph.PALMS_FACING, Hands.SYMMETRIC, 2),
    Sign("book", Handshape.FLAT, Location.MIDLINE, ph.UNFOLD, ph.PALMS_FACING, Hands.SYMMETRIC),
    Sign("where", Handshape.POINT, Location.SIDE, ph.SWAY, ph.PALM_OUT, repetitions=2),
    Sign("i love you", Handshape.ILY, Location.SIDE, ph.SWAY, ph.PALM_OUT, repetitions=2),
    Sign("drink", Handshape.CUP, Location.MOUTH, ph.TIP, ph.CUP_HELD),
    Sign("eat", Handshape.PINCH, Location.MOUTH, ph.TAP, ph.PALM_IN, repetitions=2),
    Sign("love", Handshape.FIST, Location.HEART, ph.HUG, ph.PALM_BACK_SLANTED, Hands.SYMMETRIC),
    Sign("mother", Handshape.SPREAD, Location.CHIN, ph.TAP, ph.PALM_ASKEW, repetitions=2),
    Sign("father", Handshape.SPREAD, Location.FOREHEAD, ph.TAP, ph.PALM_ASKEW, repetitions=2),
    Sign("water", Handshape.THREE, Location.CHIN, ph.TAP, ph.PALM_ASKEW, repetitions=2),
    Sign("children", Handshape.FLAT, Location.FRONT, ph.HOP_OUT, ph.PALM_DOWN, repetitions=2),
    Sign("thing", Handshape.FLAT, Location.FRONT, ph.HOP_OUT, ph.PALM_UP, repetitions=2),
    Sign("sit", Handshape.TWO, Location.OVER_BASE, ph.TAP_DOWN, ph.PALM_DOWN, Hands.SAME_BASE),
    Sign("chair", Handshape.TWO, Location.OVER_BASE, ph.TAP_DOWN, ph.PALM_DOWN, Hands.SAME_BASE, 2),
    Sign("big", Handshape.FLAT, Location.FRONT, ph.APART, ph.PALMS_FACING, Hands.SYMMETRIC),
    Sign("small", Handshape.FLAT, Location.FRONT, ph.TOGETHER, ph.PALMS_FACING, Hands.SYMMETRIC),
    Sign("maybe", Handshape.FLAT, Location.FRONT, ph.WEIGH, ph.PALM_UP, Hands.ALTERNATING, 2),
    Sign("play", Handshape.SHAKA, Location.FRONT, ph.SHAKE, ph.PALM_BACK, Hands.SYMMETRIC, 2),
    Sign("happy", Handshape.FLAT, Location.RIBS, ph.BRUSH_UP, ph.PALM_TO_HEART, Hands.SYMMETRIC, 2),
    Sign("sad", Handshape.SPREAD, Location.CHEEKS, ph.SINK, ph.PALM_BACK, Hands.SYMMETRIC),
)

PARAMETERS = ("handshape", "location", "movement", "orientation", "hands", "repetitions")


@dataclass(frozen=True)
class MinimalPair:
    """Two signs that differ in one parameter and nothing else."""

    first: str
    second: str
    parameter: str


MINIMAL_PAIRS: tuple[MinimalPair, ...] = (
    MinimalPair("please", "sorry", "handshape"),
    MinimalPair("mother", "water", "handshape"),
    MinimalPair("where", "i love you", "handshape"),
    MinimalPair("mother", "father", "location"),
    MinimalPair("big", "small", "movement"),
    MinimalPair("children", "thing", "orientation"),
    MinimalPair("thank you", "good", "hands"),
    MinimalPair("sit", "chair", "repetitions"),
)


def find_sign(text: str) -> Sign:
    """The sign of that name. Raises KeyError when the lexicon has none."""
    return _BY_TEXT[text]


def differing_parameters(first: Sign, second: Sign) -> set[str]:
    """Names of the parameters in which two signs differ."""
    return {name for name in PARAMETERS if getattr(first, name) != getattr(second, name)}


_BY_TEXT = {sign.text: sign for sign in SIGNS}
