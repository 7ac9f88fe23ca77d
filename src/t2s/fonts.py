"""Fonts for text of any script: DejaVu Sans, which comes with matplotlib, or an installed one where it lacks letters.

matplotlib is imported when a font is asked for: a cold `t2s sample` draws no captions.
"""

import logging
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.font_manager import FontEntry

logger = logging.getLogger(__name__)

NO_FONTS = ("lastresort", "last resort", "emoji", "notdef")  # have a box for every character, or coloured pictures
PLAIN = ("normal", 400, "normal")  # style, weight, stretch


def font_file(text: str) -> Path:
    """The file of the font that draws most of `text`: DejaVu Sans where that is all of it, else one that is installed.

    What no font draws is told once, in one warning; it is drawn as boxes.
    """
    return _file_for("".join(sorted(_drawn(text))))


def font_families(texts: Iterable[str]) -> list[str]:
    """Names for matplotlib's `fontfamily`, which takes each character from the first of them that has it."""
    from matplotlib.font_manager import get_font

    files = dict.fromkeys([_dejavu(), *(font_file(text) for text in texts)])
    return [get_font(file).family_name for file in files]


@cache
def _file_for(letters: str) -> Path:
    wanted = set(letters)
    best, best_missing = _dejavu(), wanted - _letters(_dejavu())
    if not best_missing:
        return best
    from matplotlib.font_manager import fontManager

    for entry in sorted(fontManager.ttflist, key=_by_plainness):
        if any(word in entry.name.lower() for word in NO_FONTS):
            continue
        missing = wanted - _letters(Path(entry.fname))
        if len(missing) < len(best_missing):
            best, best_missing = Path(entry.fname), missing
        if not missing:
            break
    if best_missing:
        _tell_missing("".join(sorted(best_missing)[:8]))
    return best


@cache
def _letters(file: Path) -> frozenset[str]:
    """What a font has a drawing for; nothing where it cannot be read or has pixels of one size alone."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(file)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()


def _dejavu() -> Path:
    from matplotlib import get_data_path

    return Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf"


def _drawn(text: str) -> set[str]:
    """The characters of a text that leave a mark."""
    return {letter for letter in text if letter.isprintable() and not letter.isspace()}


def _by_plainness(entry: "FontEntry") -> tuple[bool, str, str]:
    """Upright and of ordinary weight before the rest, then by name: one machine always takes the same."""
    return (entry.style, entry.weight, entry.stretch) != PLAIN, entry.name, entry.fname


@cache
def _tell_missing(letters: str) -> None:
    logger.warning("no installed font draws %s: pictures show boxes; install one that does, such as Noto's", letters)
