"""What stays still: background, torso, neck, head, face and hair."""

from collections.abc import Sequence

import numpy as np

from t2s.signer.appearance import Colour, Signer, brightness, shade
from t2s.signer.brush import Brush, Canvas

_TORSO_RIGHT = [(-0.055, 0.0), (-0.135, 0.018), (-0.185, 0.05), (-0.19, 0.12), (-0.165, 0.25), (-0.165, 0.8)]
_NECK_RIGHT = [(-0.042, -0.08), (-0.045, 0.005), (0.0, 0.05)]
_HEAD_Y, _HEAD_WIDTH, _HEAD_HEIGHT = -0.165, 0.088, 0.115  # centre and half axes
_LIPS, _WHITE, _PUPIL = (164, 72, 72), (246, 246, 246), (40, 30, 28)


def draw_portrait(brush: Brush, signer: Signer) -> Canvas:
    """A fresh canvas (H, W, 3) with everything but the arms."""
    canvas = _background(brush, signer)
    _draw_body(brush, canvas, signer)
    _draw_hair_behind(brush, canvas, signer)
    _draw_head(brush, canvas, signer)
    _draw_fringe(brush, canvas, signer)
    _draw_face(brush, canvas, signer)
    return canvas


def _background(brush: Brush, signer: Signer) -> Canvas:
    """A soft vertical gradient."""
    top, bottom = np.array(signer.background, dtype=np.float64)
    share = np.linspace(0.0, 1.0, brush.canvas_size)[:, None]
    rows = np.round(top + share * (bottom - top)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(rows[:, None], (brush.canvas_size, brush.canvas_size, 3)))


def _draw_body(brush: Brush, canvas: Canvas, signer: Signer) -> None:
    if signer.hair_style == "long":
        brush.ellipse(canvas, (0.0, -0.09), (0.125, 0.17), shade(signer.hair, 0.85))
    edge = shade(signer.shirt, 0.6)
    torso, neck = _symmetric(_TORSO_RIGHT), _symmetric(_NECK_RIGHT)
    brush.polygon(canvas, torso * (1.035, 1.0) - (0.0, 0.006), edge)
    brush.polygon(canvas, torso, signer.shirt)
    brush.polygon(canvas, neck * (1.2, 1.1) + (0.0, 0.006), edge)
    brush.polygon(canvas, neck, shade(signer.skin, 0.84))


def _draw_hair_behind(brush: Brush, canvas: Canvas, signer: Signer) -> None:
    width = _HEAD_WIDTH * signer.head_width
    match signer.hair_style:
        case "bun":
            brush.ellipse(canvas, (0.0, _HEAD_Y - _HEAD_HEIGHT - 0.012), (0.042, 0.038), signer.hair)
        case "curly":
            for turn in np.radians(np.linspace(160, 380, 12)):
                curl = (1.02 * width * np.cos(turn), _HEAD_Y - 0.012 + _HEAD_HEIGHT * np.sin(turn))
                brush.ellipse(canvas, curl, (0.042, 0.042), signer.hair)
        case "bob" | "long":
            brush.ellipse(canvas, (0.0, _HEAD_Y - 0.008), (width + 0.03, _HEAD_HEIGHT + 0.018), signer.hair)
            _quadrangle(brush, canvas, 0.0, (_HEAD_Y, width + 0.03), (_HEAD_Y + 0.1, width + 0.022), signer.hair)


def _draw_head(brush: Brush, canvas: Canvas, signer: Signer) -> None:
    width = _HEAD_WIDTH * signer.head_width
    for side in (-width, width):
        brush.ellipse(canvas, (side, _HEAD_Y + 0.01), (0.017, 0.026), shade(signer.skin, 0.88))
    brush.ellipse(canvas, (0.0, _HEAD_Y), (width + 0.005, _HEAD_HEIGHT + 0.005), shade(signer.skin, 0.5))
    brush.ellipse(canvas, (0.0, _HEAD_Y), (width, _HEAD_HEIGHT), signer.skin)


def _draw_fringe(brush: Brush, canvas: Canvas, signer: Signer) -> None:
    width = _HEAD_WIDTH * signer.head_width
    cap = 0.006 if signer.hair_style == "buzz" else 0.016
    radii = (width + cap, _HEAD_HEIGHT + cap - 0.004)
    brush.ellipse(canvas, (0.0, _HEAD_Y - 0.012), radii, signer.hair, arc=(196, 344))
    if signer.hair_style != "buzz":
        brush.ellipse(canvas, (0.3 * width, _HEAD_Y - 0.075), (0.062, 0.030), signer.hair)


def _draw_face(brush: Brush, canvas: Canvas, signer: Signer) -> None:
    skin, hair = signer.skin, signer.hair
    brow = shade(hair, 0.8) if brightness(hair) < brightness(skin) else shade(skin, 0.6)
    for eye in (-0.036, 0.036):
        brush.ellipse(canvas, (eye, _HEAD_Y + 0.004), (0.017, 0.011), _WHITE)
        brush.ellipse(canvas, (eye, _HEAD_Y + 0.004), (0.0095, 0.0105), _PUPIL)
        _quadrangle(brush, canvas, eye, (_HEAD_Y - 0.030, 0.018), (_HEAD_Y - 0.019, 0.021), brow)
    _quadrangle(brush, canvas, 0.0, (_HEAD_Y + 0.008, 0.004), (_HEAD_Y + 0.042, 0.014), shade(skin, 0.86))
    brush.ellipse(canvas, (0.0, _HEAD_Y + 0.060), (0.033, 0.019), _LIPS, arc=(-8, 188))


def _quadrangle(
    brush: Brush,
    canvas: Canvas,
    x: float,
    top: tuple[float, float],
    bottom: tuple[float, float],
    colour: Colour,
) -> None:
    """An upright trapezium around x; `top` and `bottom` are (y, half width)."""
    (upper, narrow), (lower, wide) = top, bottom
    corners = [(x - narrow, upper), (x + narrow, upper), (x + wide, lower), (x - wide, lower)]
    brush.polygon(canvas, np.array(corners), colour)


def _symmetric(right: Sequence[tuple[float, float]]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The outline (N, 2) whose one half is given."""
    half = np.array(right)
    return np.concatenate([half, half[::-1] * (-1.0, 1.0)])
