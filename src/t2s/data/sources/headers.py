"""Headers of a data set's files, each read once; what readers may know of a file before it is decoded."""

from pathlib import Path

from t2s.data.faults import MediaError
from t2s.data.header import Header
from t2s.data.header_process import HeaderProcess
from t2s.data.sources.clip import Box


class Headers(HeaderProcess):
    """Looks up what the files under one root say of themselves."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._known: dict[str, Header | None] = {}

    def of(self, path: str) -> Header | None:
        """The file's header; None when it is missing, unsafe or unreadable."""
        if path not in self._known:
            try:
                self._known[path] = self.probe(path)
            except MediaError:
                self._known[path] = None
        return self._known[path]


def scale_box(fractions: Box, width: float, height: float) -> Box | None:
    """x0 y0 x1 y1 in fractions of the picture → whole pixels; None when nothing is left of the box."""
    x0, y0, x1, y1 = (min(max(fraction, 0.0), 1.0) for fraction in fractions)
    left, top, right, bottom = round(x0 * width), round(y0 * height), round(x1 * width), round(y1 * height)
    return (float(left), float(top), float(right), float(bottom)) if right > left and bottom > top else None
