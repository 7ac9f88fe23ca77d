"""Drawing in figure units on a supersampled canvas, with sub-pixel places."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from t2s.signer.appearance import Colour
from t2s.signer.rotation import Floats

Canvas = NDArray[np.uint8]
Pixels = NDArray[np.int32]

NECK_BASE = (0.5, 0.435)  # where the figure's origin is in the picture
ZOOM = 1.22
_SHIFT = 4  # OpenCV's fixed point: sixteenths of a canvas pixel
_ARC = np.linspace(0.0, np.pi, 6)


@dataclass(frozen=True)
class Brush:
    """Maps figure units to canvas pixels."""

    canvas_size: int
    size: float
    place: tuple[float, float]

    def pixels(self, points: Floats) -> Pixels:
        """Figure points (..., ≥ 2) → fixed-point canvas pixels (..., 2)."""
        scale = self.canvas_size << _SHIFT
        origin = np.add(NECK_BASE, self.place)
        return np.round(origin * scale + points[..., :2] * (ZOOM * self.size * scale)).astype(np.int32)

    def polygon(self, canvas: Canvas, points: Floats, colour: Colour) -> None:
        """Fill any polygon (N, 2)."""
        cv2.fillPoly(canvas, [self.pixels(points)], colour, cv2.LINE_8, _SHIFT)

    def ellipse(
        self, canvas: Canvas, centre: tuple[float, float], radii: tuple[float, float], colour: Colour,
        arc: tuple[float, float] = (0, 360),
    ) -> None:  # fmt: skip
        """Fill an ellipse or, with `arc` in degrees, a segment of it."""
        turn = np.radians(np.linspace(*arc, 40))
        self.polygon(canvas, np.add(centre, np.stack([np.cos(turn), np.sin(turn)], axis=1) * radii), colour)


def fill(canvas: Canvas, outline: Pixels, colour: Colour) -> None:
    """Fill a convex polygon of fixed-point pixels (N, 2)."""
    cv2.fillConvexPoly(canvas, outline, colour, cv2.LINE_8, _SHIFT)


def capsules(start: Floats, end: Floats, start_radius: Floats | float, end_radius: Floats | float) -> Floats:
    """Outlines (..., 12, 2) of tapered capsules between points (..., ≥ 2)."""
    along = end[..., :2] - start[..., :2]
    angle = np.arctan2(along[..., 1], along[..., 0])[..., None] + np.pi / 2
    first = _half_circle(start, angle, start_radius)
    second = _half_circle(end, angle + np.pi, end_radius)
    return np.concatenate([first, second], axis=-2)


def hulls(points: Floats, radius: float, brush: Brush) -> list[Pixels]:
    """Per frame the convex outline, in pixels, of discs around points (F, N, ≥ 2)."""
    rim = brush.pixels(capsules(points, points, radius, radius))
    return [cv2.convexHull(frame.reshape(-1, 2)) for frame in rim]


def _half_circle(centre: Floats, angle: Floats, radius: Floats | float) -> Floats:
    turn = angle + _ARC
    around = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    arc: Floats = centre[..., None, :2] + around * np.asarray(radius)[..., None, None]
    return arc
