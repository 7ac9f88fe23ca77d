"""From signs to motion: rest → preparation → stroke (→ transition → stroke …) → retraction → rest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from t2s.signer.handshapes import ANGLES, RELAXED, Handshape
from t2s.signer.performance import Performance
from t2s.signer.phonology import (
    BASE_PALM_DOWN,
    BASE_PALM_UP,
    BASE_PLACE,
    REST_ORIENTATION,
    REST_PLACE,
    Axis,
    Hands,
    Movement,
    Orientation,
    Rhythm,
    Sign,
)
from t2s.signer.rotation import Floats, blend_frames, hand_frame, turns

_DIRECTIONS: dict[str, tuple[float, float, float]] = {
    "in": (1.0, 0.0, 0.0), "out": (-1.0, 0.0, 0.0), "down": (0.0, 1.0, 0.0),
    "up": (0.0, -1.0, 0.0), "forward": (0.0, 0.0, 1.0), "back": (0.0, 0.0, -1.0),
}  # fmt: skip
_DETOUR = np.array([-0.03, 0.0, 0.03])  # hands travel around the body, not through it


@dataclass(frozen=True)
class HandMotion:
    """One hand over F frames, as a right hand in figure space."""

    palm: Floats  # (F, 3) its centre
    frame: Floats  # (F, 3, 3)
    angles: Floats  # (F, 16)


@dataclass(frozen=True)
class Motion:
    """Both hands over F frames; `mirrored` when the left one leads."""

    leading: HandMotion
    other: HandMotion
    mirrored: bool


def perform(signs: Sequence[Sign], performance: Performance, num_frames: int, left_handed: bool) -> Motion:
    """The motion of signs in a row over `num_frames` ≥ 2; the first and the last frame are at rest."""
    times = np.linspace(0.0, 1.0, num_frames)
    timetable = performance.timetable(len(signs))
    spans = timetable[1:-1]
    leading = [_leading_hand(sign, performance, span, times) for sign, span in zip(signs, spans, strict=True)]
    other = [_other_hand(sign, performance, span, times) for sign, span in zip(signs, spans, strict=True)]
    rest = _still(np.array(REST_PLACE), REST_ORIENTATION, RELAXED, performance, num_frames)
    return Motion(
        _join([rest, *leading, rest], timetable, times),
        _join([rest, *other, rest], timetable, times),
        mirrored=left_handed,
    )


def _leading_hand(sign: Sign, performance: Performance, span: tuple[float, float], times: Floats) -> HandMotion:
    progress = np.clip((times - span[0]) / (span[1] - span[0]), 0.0, 1.0)
    progress = progress + performance.skew * progress * (1 - progress)
    movement = sign.movement
    weight, arc_weight = _weights(movement, progress, sign.repetitions, performance.phase)
    path = weight[:, None] * np.array(movement.travel) + arc_weight[:, None] * np.array(movement.arc)
    palm = np.array(sign.location.value) + np.array(performance.place) + performance.amplitude * path
    turned = turns(np.array(movement.turn_axis.value), np.radians(movement.turn_degrees) * weight)
    angles = ANGLES[sign.handshape] + np.zeros((len(times), 1))
    if movement.becomes is not None:
        angles = angles + weight[:, None] * (ANGLES[movement.becomes] - angles)
    return HandMotion(palm, _frame(sign.orientation, performance) @ turned, angles)


def _other_hand(sign: Sign, performance: Performance, span: tuple[float, float], times: Floats) -> HandMotion:
    match sign.hands:
        case Hands.SYMMETRIC:
            return _leading_hand(sign, performance, span, times)
        case Hands.ALTERNATING:
            x, y, z = sign.movement.travel
            opposite = replace(sign.movement, travel=(-x, -y, -z))
            return _leading_hand(replace(sign, movement=opposite), performance, span, times)
        case Hands.BASE:
            shape, place, orientation = ANGLES[Handshape.FLAT], BASE_PLACE, BASE_PALM_UP
        case Hands.SAME_BASE:
            shape, place, orientation = ANGLES[sign.handshape], BASE_PLACE, BASE_PALM_DOWN
        case Hands.ONE:
            shape, place, orientation = RELAXED, REST_PLACE, REST_ORIENTATION
    return _still(np.array(place), orientation, shape, performance, len(times))


def _still(
    place: Floats, orientation: Orientation, shape: Floats, performance: Performance, num_frames: int
) -> HandMotion:
    palm = place + np.array(performance.place)
    frame = _frame(orientation, performance)
    return HandMotion(
        np.tile(palm, (num_frames, 1)), np.tile(frame, (num_frames, 1, 1)), np.tile(shape, (num_frames, 1))
    )


def _weights(movement: Movement, progress: Floats, repetitions: int, phase: float) -> tuple[Floats, Floats]:
    """Weights of travel (and turn) and of arc at each progress in [0, 1]."""
    cycle = 2 * np.pi * repetitions * progress
    match movement.rhythm:
        case Rhythm.CIRCLE:
            return np.cos(cycle + phase), np.sin(cycle + phase)
        case Rhythm.SWING:
            return 0.5 - 0.5 * np.cos(cycle), np.zeros_like(cycle)
        case Rhythm.SWAY:
            return np.sin(cycle), np.zeros_like(cycle)
        case Rhythm.STROKE:
            steps = repetitions * progress
            done = np.minimum(np.floor(steps), repetitions - 1)
            eased = _ease(steps - done)
            return (done + eased) / repetitions, np.sin(np.pi * eased)


def _join(phases: list[HandMotion], spans: list[tuple[float, float]], times: Floats) -> HandMotion:
    """Link phases, each of which stands still outside its span, by smooth ways through the gaps between."""
    joined = phases[0]
    for phase, (_, left), (reached, _) in zip(phases[1:], spans[:-1], spans[1:], strict=True):
        share = _ease(np.clip((times - left) / (reached - left), 0.0, 1.0))
        frame = np.where((share < 1.0)[:, None, None], joined.frame, phase.frame)
        gap = np.flatnonzero((share > 0.0) & (share < 1.0))
        if gap.size:
            frame[gap] = blend_frames(joined.frame[gap[0]], phase.frame[gap[0]], share[gap])
        way = share[:, None]
        detour = np.sin(np.pi * way) * np.linalg.norm(phase.palm - joined.palm, axis=1, keepdims=True) / 0.4
        shaped = np.minimum(1.0, 1.3 * way)  # the handshape is ready before the place is reached
        joined = HandMotion(
            palm=joined.palm + way * (phase.palm - joined.palm) + detour * _DETOUR,
            frame=frame,
            angles=joined.angles + shaped * (phase.angles - joined.angles),
        )
    return joined


def _frame(orientation: Orientation, performance: Performance) -> Floats:
    frame = hand_frame(_direction(orientation.palm), _direction(orientation.fingers))
    for axis, degrees in zip(Axis, performance.tilt_degrees, strict=True):
        frame = frame @ turns(np.array(axis.value), np.radians([degrees]))[0]
    return frame


def _direction(words: str) -> Floats:
    direction: Floats = np.array([_DIRECTIONS[word] for word in words.split()]).sum(axis=0)
    return direction


def _ease(share: Floats) -> Floats:
    """Minimum-jerk profile of human reaching (Flash & Hogan 1985, eq. 3): 0 → 1 with still ends."""
    return share**3 * (10 - 15 * share + 6 * share**2)
