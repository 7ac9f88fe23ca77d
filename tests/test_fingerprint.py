"""The fingerprint follows what decides a training, and nothing else."""

from pathlib import Path

import pytest

from t2s.fingerprint import fingerprint, normalised, source_digest

SOURCE = '''"""A module."""

import math


class Model:
    """A model."""

    def area(self, r: float) -> float:
        """pi r²"""
        return math.pi * r**2  # the formula


def nothing():
    """Only words."""
'''


@pytest.mark.parametrize(
    "edited",
    [
        SOURCE.replace("A model.", "The best model."),
        SOURCE.replace("  # the formula", ""),
        SOURCE.replace("math.pi * r**2", "(\n            math.pi * r ** 2\n        )"),
        SOURCE.replace('"""A module."""\n', ""),
    ],
)
def test_words_and_layout_do_not_count(edited: str) -> None:
    assert edited != SOURCE
    assert normalised(edited) == normalised(SOURCE)


@pytest.mark.parametrize(("old", "new"), [("r**2", "r**3"), ("area", "circle"), ("math.pi", '"text"')])
def test_meaning_counts(old: str, new: str) -> None:
    assert normalised(SOURCE.replace(old, new)) != normalised(SOURCE)


def test_a_string_that_is_no_docstring_counts() -> None:
    assert normalised('x = "a"') != normalised('x = "b"')


def test_source_digest_covers_rooms_and_single_files(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "vivit.py").write_text("x = 1\n")
    (tmp_path / "loop.py").write_text("y = 1\n")
    (tmp_path / "other.py").write_text("z = 1\n")
    rooms = ["models", "loop.py"]
    before = source_digest(rooms, tmp_path)
    assert source_digest(reversed(rooms), tmp_path) == before

    (tmp_path / "other.py").write_text("z = 2\n")
    (tmp_path / "models" / "notes.txt").write_text("no code")
    assert source_digest(rooms, tmp_path) == before
    (tmp_path / "loop.py").write_text("y = 2\n")
    assert source_digest(rooms, tmp_path) != before
    (tmp_path / "loop.py").write_text("y = 1\n")
    assert source_digest(rooms, tmp_path) == before
    (tmp_path / "models" / "vivit.py").rename(tmp_path / "models" / "vit.py")
    assert source_digest(rooms, tmp_path) != before


def test_a_room_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        source_digest(["models"], tmp_path)


def test_fingerprint_is_16_hex_digits_of_config_data_and_source() -> None:
    rooms = ["fingerprint.py"]
    first = fingerprint({"model": {"depth": 4, "width": 8}}, "data", rooms)
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert fingerprint({"model": {"width": 8, "depth": 4}}, "data", rooms) == first
    assert fingerprint({"model": {"depth": 6, "width": 8}}, "data", rooms) != first
    assert fingerprint({"model": {"depth": 4, "width": 8}}, "other", rooms) != first
    assert fingerprint({"model": {"depth": 4, "width": 8}}, "data", ["errors.py"]) != first
