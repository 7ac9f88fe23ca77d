"""Arms and hands in ink: outlines of all frames at once, then fills, nearest last."""

from dataclasses import dataclass

import numpy as np

from t2s.signer.appearance import Colour, Signer, shade
from t2s.signer.brush import Brush, Canvas, Pixels, capsules, fill, hulls
from t2s.signer.figure import Arm
from t2s.signer.rotation import Floats

SHOULDER_RADIUS, ELBOW_RADIUS, WRIST_RADIUS = 0.050, 0.039, 0.027
FINGER_RADIUS, THUMB_RADIUS, FINGERTIP_SHARE = 0.0195, 0.021, 0.84
RIM = 0.0075  # width of the dark line around everything that moves
_SLEEVE_END = 0.55  # of a short sleeve, as a share of the upper arm
_LEADING_IN_FRONT = 0.01  # breaks ties in depth
_PALM = 5  # comes after the four fingers and the thumb


@dataclass(frozen=True)
class Ink:
    """Outlines of one arm for all frames, in two layers: the dark rim and the fill."""

    segments: dict[str, Pixels]  # (F, 2 layers, 12, 2)
    fingers: tuple[Pixels, ...]  # five of (F, 2 layers, segments, 12, 2), the thumb last
    palm: tuple[list[Pixels], list[Pixels]]
    order: list[list[int]]  # per frame: fingers, thumb and palm by number, farthest first
    depth: Floats  # (F,)
    facing: Floats  # (F,)


def ink_arms(arms: tuple[Arm, Arm], brush: Brush) -> tuple[Ink, Ink]:
    """Outlines of the other and the leading arm."""
    other, leading = arms
    return _ink(other, brush, 0.0), _ink(leading, brush, _LEADING_IN_FRONT)


def _ink(arm: Arm, brush: Brush, bias: float) -> Ink:
    hem = arm.shoulder + _SLEEVE_END * (arm.elbow - arm.shoulder)
    above_elbow = arm.elbow + 0.3 * (arm.shoulder - arm.elbow)
    segments = {
        "upper": _layers(arm.shoulder, arm.elbow, SHOULDER_RADIUS, ELBOW_RADIUS),
        "sleeve": _layers(arm.shoulder, hem, SHOULDER_RADIUS + 0.004, _along(_SLEEVE_END) + 0.006),
        "fore": _layers(arm.elbow, arm.wrist, ELBOW_RADIUS, WRIST_RADIUS),
        "joint": _layers(above_elbow, arm.elbow, _along(0.7), ELBOW_RADIUS),
    }
    fingers = [_chain(arm.fingers[:, i], FINGER_RADIUS) for i in range(4)] + [_chain(arm.thumb, THUMB_RADIUS)]
    depths = np.stack(
        [*(arm.fingers[:, i, 1:, 2].mean(axis=1) for i in range(4)), arm.thumb[:, 1:, 2].mean(axis=1),
         arm.palm[..., 2].mean(axis=1)], axis=1,
    )  # fmt: skip
    return Ink(
        segments={name: brush.pixels(outline) for name, outline in segments.items()},
        fingers=tuple(brush.pixels(outline) for outline in fingers),
        palm=(hulls(arm.palm, FINGER_RADIUS + RIM, brush), hulls(arm.palm, FINGER_RADIUS, brush)),
        order=np.argsort(depths, axis=1, kind="stable").tolist(),
        depth=depths[:, _PALM] + bias,
        facing=arm.facing,
    )


def _along(share: float) -> float:
    """Radius of the upper arm at a share of its length."""
    return SHOULDER_RADIUS + share * (ELBOW_RADIUS - SHOULDER_RADIUS)


def _layers(start: Floats, end: Floats, thick: Floats | float, thin: Floats | float) -> Floats:
    return np.stack([capsules(start, end, thick + extra, thin + extra) for extra in (RIM, 0.0)], axis=1)


def _chain(joints: Floats, radius: float) -> Floats:
    radii = radius * np.linspace(1.0, FINGERTIP_SHARE, joints.shape[1])
    return _layers(joints[:, :-1], joints[:, 1:], radii[:-1], radii[1:])


def draw_arms(canvas: Canvas, inks: tuple[Ink, Ink], signer: Signer, frame: int) -> None:
    """Draw both arms and hands of one frame, the farther hand first."""
    for ink in sorted(inks, key=lambda ink: float(ink.depth[frame])):
        _draw_arm(canvas, ink, signer, frame)
        _draw_hand(canvas, ink, signer.skin, frame)


def _draw_arm(canvas: Canvas, ink: Ink, signer: Signer, frame: int) -> None:
    sleeve = shade(signer.shirt, 0.92)
    skin = shade(signer.skin, 0.94)
    bare = sleeve if signer.long_sleeves else skin
    for name, colour in (("upper", bare), ("sleeve", sleeve), ("fore", bare)):
        rim, inside = ink.segments[name][frame]
        fill(canvas, rim, shade(colour, 0.5))
        fill(canvas, inside, colour)
    fill(canvas, ink.segments["joint"][frame, 1], bare)


def _draw_hand(canvas: Canvas, ink: Ink, skin: Colour, frame: int) -> None:
    lit = shade(skin, 1.0 + 0.3 * max(float(ink.facing[frame]), 0.0))  # palms are lighter than backs
    dark = shade(skin, 0.36)
    for part in ink.order[frame]:
        if part == _PALM:
            fill(canvas, ink.palm[0][frame], dark)
            fill(canvas, ink.palm[1][frame], lit)
            continue
        for layer, colour in zip(ink.fingers[part][frame], (dark, lit), strict=True):
            for outline in layer:
                fill(canvas, outline, colour)
