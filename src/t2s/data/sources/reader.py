"""The one shape every data-set reader has, and the few words they share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from t2s.data.licences import Terms
from t2s.data.sources.clip import SourceClip, SourceReport
from t2s.errors import UserError

_SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


class Reader(Protocol):
    """Turns one layout on disk into clips; holds no state.

    name: its word in data.source. language: of the signing, "" = unknown.
    layout: the files it looks for, one line for people. terms: what its owner allows.
    videos_vanish: videos lie on the open web and disappear, so that missing ones are usual, not a mistake.
    """

    @property
    def name(self) -> str: ...

    @property
    def language(self) -> str: ...

    @property
    def layout(self) -> str: ...

    @property
    def terms(self) -> Terms: ...

    @property
    def videos_vanish(self) -> bool: ...

    def detect(self, root: Path) -> bool:
        """Whether `root` has this layout; looks at a few names, reads at most a header line."""
        ...

    def read(self, root: Path, subset: str | None, report: SourceReport) -> Iterator[SourceClip]:
        """Yield the listed clips in the data set's order, missing files included (the caller checks them).

        Raises UserError when an annotation file cannot be understood at all or `subset` is unknown.
        """
        ...


def known_split(word: str) -> str | None:
    """train, val or test for the words data sets use (dev, valid …); None for any other."""
    return _SPLIT_WORDS.get(word.strip().lower())


def known_signer(signer: str) -> str:
    """The signer as the data set names it; "" for -1, which stands for an unknown one."""
    return "" if signer.startswith("-") else signer


def refuse_subset(name: str, subset: str | None) -> None:
    """Raise UserError when a subset is asked of a data set that has none."""
    if subset is not None:
        raise UserError(f"data.subset = {subset}: {name} has no subsets; set it to null")
