"""Text of any script is drawn where a font for it is installed, and told of where none is."""

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager

from t2s import fonts
from t2s.clips import caption_column
from t2s.evaluation.plots import plot_confusion, write_png

HAN, HANGUL = "你好", "안녕"


def make_font(path: Path, letters: str, family: str) -> Path:
    """A font with a full block for each of these letters."""
    pen = TTGlyphPen(None)
    for x, y in ((0, 0), (0, 800), (900, 800), (900, 0)):
        (pen.lineTo if pen.points else pen.moveTo)((x, y))
    pen.closePath()
    block, empty = pen.glyph(), TTGlyphPen(None).glyph()
    names = {ord(letter): f"u{ord(letter):X}" for letter in letters}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap(names)
    builder.setupGlyf({".notdef": empty, **dict.fromkeys(names.values(), block)})
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *names.values()], (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(path)
    return path


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Path]]:
    """A machine with DejaVu Sans and one font of Han letters."""

    def forget() -> None:
        for cached in (fonts._file_for, fonts._letters, fonts._tell_missing):
            cached.cache_clear()

    dejavu = [entry for entry in fontManager.ttflist if entry.fname == str(fonts._dejavu())]
    monkeypatch.setattr(fontManager, "ttflist", dejavu)
    made = [make_font(tmp_path / "han.ttf", HAN, "Made Han")]
    for file in made:
        fontManager.addfont(file)
    forget()
    yield made
    forget()


@pytest.mark.parametrize("text", ["", "hello", "Łódź", "привет", "ngữ", "a\nb\t\x00\ud800"])
def test_what_comes_with_matplotlib_is_taken_first(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert fonts.font_file(text) == fonts._dejavu()
    assert not caplog.records


def test_letters_it_lacks_are_taken_from_an_installed_font(
    installed: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    assert fonts.font_file(HAN) == installed[0]
    assert fonts.font_families(["hello", HAN, "привет"]) == ["DejaVu Sans", "Made Han"]
    assert not caplog.records


def test_what_no_font_has_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert fonts.font_file(HANGUL) == fonts.font_file(f"hello {HANGUL}") == fonts._dejavu()
    (told,) = caplog.messages
    assert told.startswith("no installed font draws 녕안: pictures show boxes; install one")


def test_a_font_that_cannot_be_read_is_passed_over(installed: list[Path]) -> None:
    installed[0].write_bytes(b"no font")
    assert fonts.font_file(HAN) == fonts._dejavu()


def test_a_caption_shows_the_letters_themselves() -> None:
    drawn, boxes = caption_column([HAN], 32), caption_column([HANGUL], 32)
    assert (drawn > 200).all(-1).mean() > 0.15 > (boxes > 200).all(-1).mean()
    both = caption_column(["hello", HAN], 32)
    assert np.array_equal(both[:32, : both.shape[1]], caption_column(["hello", " "], 32)[:32, : both.shape[1]])


def test_plots_show_them_too_and_matplotlib_warns_of_nothing(tmp_path: Path) -> None:
    inks = []
    for name, sign in (("drawn", HAN), ("boxes", HANGUL)):
        figure = plot_confusion([(sign, sign, 3), ("hello", sign, 1)], [sign, "hello"], "t", "asked", "seen")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            write_png(tmp_path / f"{name}.png", figure)
        inks.append((tmp_path / f"{name}.png").read_bytes())
        labels = [label.get_fontfamily() for label in figure.axes[0].get_xticklabels()]
        assert labels == [["DejaVu Sans", "Made Han"] if sign == HAN else ["DejaVu Sans"]] * 2
    assert inks[0] != inks[1]
