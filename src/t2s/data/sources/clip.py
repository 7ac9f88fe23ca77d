"""What a reader yields (one clip as its data set lists it) and what it reports beside."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SourceClip:
    """One clip as its data set lists it, before filters and splits.

    path: relative to the media root, with `/`; `…/images%04d.png` stands for numbered still frames.
    sign: gloss or class, "" for sentence data. signer: "" when the data set does not tell.
    split: train, val or test as given, "" when none is given.
    video: the recording the clip was cut from; two clips of one recording never land in two made splits.
    start_s, end_s: seconds in the file, None = its start / its end. box: x0 y0 x1 y1, pixels.
    licence: a licence of this clip alone; "" = that of its data set.
    """

    clip_id: str
    path: str
    text: str
    video: str
    sign: str = ""
    signer: str = ""
    split: str = ""
    start_s: float | None = None
    end_s: float | None = None
    box: Box | None = None
    fps: float | None = None
    licence: str = ""


@dataclass(frozen=True)
class Issue:
    """Why a listed clip, or a line of an annotation file, cannot be used.

    kind: missing | path (as in faults.Reason) | duplicate_id | malformed.
    faulty: no manifest can hold it though it should, so that preprocess counts it against
    data.max_quarantine_fraction: neither ids listed twice nor videos that vanished from the web.
    """

    kind: str
    clip_id: str
    path: str
    message: str
    faulty: bool = False


@dataclass
class SourceReport:
    """Everything that was listed and is not used, row by row, and what a person should know.

    listed counts clips, lines that cannot be read among them; kept those that remain after issues, filters and limits.
    filtered: good clips that data.signs, min_clips_per_sign and max_clips leave aside. not_utf8: annotation files that
    had to be read as Latin-1.
    """

    source: str
    listed: int = 0
    kept: int = 0
    filtered: int = 0
    issues: list[Issue] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_utf8: list[str] = field(default_factory=list)

    def add_issue(self, kind: str, message: str, clip_id: str = "", path: str = "") -> None:
        """Report one clip, or one line of an annotation file, that a reader cannot make a clip of."""
        is_faulty = kind != "duplicate_id"
        self.issues.append(Issue(kind, printable(clip_id), printable(path), printable(message), is_faulty))

    def add_note(self, note: str) -> None:
        """Remember a remark once, however often it is made."""
        if printable(note) not in self.notes:
            self.notes.append(printable(note))

    def without_file(self) -> set[str]:
        """Ids of clips whose file is missing or may not be opened."""
        return {issue.clip_id for issue in self.issues if issue.kind in ("missing", "path")}

    def summary(self) -> str:
        """One line for the log."""
        problems = "".join(f", {count} {kind}" for kind, count in self.counts().items())
        return f"{self.source}: {self.listed} clips listed, {self.kept} kept{problems}"

    @property
    def faulty(self) -> int:
        """How many clips and lines are faulty, see `Issue`."""
        return sum(issue.faulty for issue in self.issues)

    def counts(self) -> dict[str, int]:
        """Issues per kind, sorted by kind."""
        return dict(sorted(Counter(issue.kind for issue in self.issues).items()))

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, for source_report.json."""
        return {**asdict(self), "counts": self.counts()}


def printable(name: str) -> str:
    """A file name whose bytes are no text, made text: each such byte becomes \\udcXX, as Python shows it."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
