"""One decoded frame → an upright RGB square of the stored size."""

import math
import struct
from fractions import Fraction
from typing import Literal

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from t2s.data.faults import MediaError
from t2s.data.line_problems import box_problem

Pixels = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]
Rectangle = tuple[int, int, int, int]
Matrix = tuple[int, int, int, int]

BACKGROUND = 255  # what shows through transparent pixels: white, as a page would
_PLANAR_YUV = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"}
_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


class FramePainter:
    """Turns the frames of one video into (image_size, image_size, 3) uint8 RGB.

    Field-coded frames give their top field (one instant, not two woven together), transparent pixels show white, the
    display matrix (turns and mirrors) is applied, then crop, then area resize.
    """

    def __init__(
        self, image_size: int, crop: Literal["none", "centre", "box"], box: Box | None, pixel_aspect: Fraction | None
    ) -> None:
        if problem := box_problem(crop, box):
            raise MediaError("box", problem)
        self._image_size = image_size
        self._crop = crop
        self._box = box
        self._pixel_aspect = float(pixel_aspect or 1)
        self._reformatter = VideoReformatter()
        self._size_of_box: tuple[int, int] | None = None

    def paint(self, frame: av.VideoFrame) -> Pixels:
        """Raises MediaError `box` or `orientation`."""
        matrix = display_matrix(frame)
        planar = frame.format.name in _PLANAR_YUV
        planes = [self._prepare(plane, frame, matrix) for plane in (_planes(frame) if planar else [self._rgb(frame)])]
        if not planar:
            return planes[0]
        # Colour conversion is linear: after the resize it costs next to nothing.
        small = av.VideoFrame(self._image_size, self._image_size, "yuv444p")
        for plane, pixels in zip(_planes(small), planes, strict=True):
            plane[:] = pixels
        small.colorspace, small.color_range = frame.colorspace, frame.color_range
        if frame.format.name.startswith("yuvj"):
            small.color_range = ColorRange.JPEG
        return self._converted(small, "rgb24")

    def _prepare(self, plane: Pixels, frame: av.VideoFrame, matrix: Matrix | None) -> Pixels:
        """One plane, (h, w) or (h, w, 3), of whatever subsampling → upright, cropped, resized."""
        plane = turned(plane[::2] if frame.interlaced_frame else plane, matrix)
        crossed = is_crossed(matrix)
        width, height = (frame.height, frame.width) if crossed else (frame.width, frame.height)
        x0, y0, x1, y1 = self._crop_rectangle(width, height, 1 / self._pixel_aspect if crossed else self._pixel_aspect)
        rows, columns = plane.shape[0] / height, plane.shape[1] / width
        top, left = math.floor(y0 * rows), math.floor(x0 * columns)
        return square(plane[top : math.ceil(y1 * rows), left : math.ceil(x1 * columns)], self._image_size)

    def _rgb(self, frame: av.VideoFrame) -> Pixels:
        transparent = frame.format.has_palette or any(part.is_alpha for part in frame.format.components)
        image = self._converted(frame, "rgba" if transparent else "rgb24")
        return over_background(image) if transparent else image

    def _converted(self, frame: av.VideoFrame, format_name: str) -> Pixels:
        converted = self._reformatter.reformat(frame, format=format_name, interpolation=_EXACT, threads=1)
        return converted.to_ndarray().astype(np.uint8, copy=False)

    def _crop_rectangle(self, width: int, height: int, pixel_aspect: float) -> Rectangle:
        if self._crop == "none":
            return 0, 0, width, height
        if self._crop == "centre":
            side = min(width * pixel_aspect, height)
            return centred((width / 2, height / 2), side / pixel_aspect, side, width, height)
        if self._size_of_box not in (None, (width, height)):
            raise MediaError("box", "the frame changes its size, so the manifest's box loses its meaning")
        self._size_of_box = (width, height)
        assert self._box is not None
        return square_box(self._box, width, height, pixel_aspect)


def square(image: Pixels, size: int) -> Pixels:
    """(H, W[, C]) → (size, size[, C]): area averaging along an axis that shrinks, bilinear along one that grows."""
    image = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    while height % 2 == width % 2 == 0 and min(height, width) >= 4 * size:
        # Many times faster than OpenCV's area averaging by uneven factors; cell borders move by under a source pixel.
        height, width = height // 2, width // 2
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    # Whole factors are quicker than uneven ones, and an average over cells can be taken axis by axis.
    if width > size and width % size == 0 and height % size:
        width, image = size, cv2.resize(image, (size, height), interpolation=cv2.INTER_AREA)
    elif height > size and height % size == 0 and width % size:
        height, image = size, cv2.resize(image, (width, size), interpolation=cv2.INTER_AREA)
    image = cv2.resize(image, (min(width, size), min(height, size)), interpolation=cv2.INTER_AREA)
    if min(width, height) < size:
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)
    return image


def over_background(rgba: Pixels) -> Pixels:
    """(H, W, 4) straight alpha → (H, W, 3) over BACKGROUND, rounded exactly."""
    alpha = rgba[..., 3:].astype(np.uint16)
    blended = rgba[..., :3] * alpha + BACKGROUND * (255 - alpha)
    return ((blended + 127) // 255).astype(np.uint8)


def centred(centre: tuple[float, float], width: float, height: float, limit_x: int, limit_y: int) -> Rectangle:
    """x0, y0, x1, y1 of a width x height rectangle around `centre`, shifted and cut to stay inside the frame."""
    spans = []
    for middle, size, limit in ((centre[0], width, limit_x), (centre[1], height, limit_y)):
        size = max(1, min(round(size), limit))
        low = min(max(round(middle - size / 2), 0), limit - size)
        spans.append((low, low + size))
    (x0, x1), (y0, y1) = spans
    return x0, y0, x1, y1


def square_box(box: Box, width: int, height: int, pixel_aspect: float = 1.0) -> Rectangle:
    """The box cut to the frame, then widened to a square as displayed, as far as the frame allows.

    Raises MediaError `box` where nothing of it lies in the frame.
    """
    x0, y0 = max(box[0], 0.0), max(box[1], 0.0)
    x1, y1 = min(box[2], float(width)), min(box[3], float(height))
    if x1 - x0 < 1 or y1 - y0 < 1:
        shown = " ".join(f"{number:g}" for number in box)
        raise MediaError("box", f"the box {shown} does not lie in the {width}x{height} frame")
    side = max((x1 - x0) * pixel_aspect, y1 - y0)
    return centred(((x0 + x1) / 2, (y0 + y1) / 2), side / pixel_aspect, side, width, height)


def display_matrix(frame: av.VideoFrame) -> Matrix | None:
    """a, b, c, d of ISO 14496-12's matrix (16.16 fixed point): x' = a x + c y, y' = b x + d y; None = upright.

    Raises MediaError `orientation` for anything but quarter turns and mirrors.
    """
    data = frame.side_data.get(SideDataType.DISPLAYMATRIX)
    if data is None:
        return None
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data)[:36])
    straight = b == c == 0 and a != 0 and d != 0
    crossed = a == d == 0 and b != 0 and c != 0
    if not straight and not crossed:
        raise MediaError("orientation", "the display matrix is no multiple of a quarter turn")
    return a, b, c, d


def is_crossed(matrix: Matrix | None) -> bool:
    """Whether width and height change places."""
    return matrix is not None and matrix[0] == 0


def turned(image: Pixels, matrix: Matrix | None) -> Pixels:
    """A view of the image as it is to be shown."""
    if matrix is None:
        return image
    a, b, c, d = matrix
    if is_crossed(matrix):
        image, a, d = image.swapaxes(0, 1), c, b
    return image[:: 1 if d > 0 else -1, :: 1 if a > 0 else -1]


def _planes(frame: av.VideoFrame) -> list[Pixels]:
    """Views of the 8-bit planes, without the padding of their rows."""
    return [
        np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    ]
