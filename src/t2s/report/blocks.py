"""What a page is made of: sections of blocks. Sections say what there is to say; the template decides how it looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from markupsafe import Markup

Verdict = Literal["good", "notice", "red", "plain"]


@dataclass(frozen=True)
class Note:
    """One remark. `advice` says what to do about it."""

    kind: ClassVar[str] = "note"
    level: Literal["good", "notice", "red", "missing"]
    text: str
    advice: str = ""


@dataclass(frozen=True)
class Facts:
    """Labels with their values."""

    kind: ClassVar[str] = "facts"
    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Tile:
    """One key figure, with what it must be read against."""

    label: str
    value: str
    context: str
    level: Verdict = "plain"


@dataclass(frozen=True)
class Tiles:
    """The key figures in a row."""

    kind: ClassVar[str] = "tiles"
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Table:
    """`numeric`: columns set flush right. `folded`: hidden behind its caption until asked for."""

    kind: ClassVar[str] = "table"
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    folded: bool = False


@dataclass(frozen=True)
class LegendEntry:
    """The style class of a line and what it stands for."""

    style: str
    name: str


@dataclass(frozen=True)
class Figure:
    """A drawn chart."""

    title: str
    svg: Markup
    caption: str = ""
    legend: Sequence[LegendEntry] = ()


@dataclass(frozen=True)
class Figures:
    """Charts that stand side by side where there is room."""

    kind: ClassVar[str] = "figures"
    figures: Sequence[Figure]
    wide: bool = False


@dataclass(frozen=True)
class Player:
    """One looping H.264 clip as a data: URI; `panels` names its pictures from left to right."""

    title: str
    source: str
    width: int
    height: int
    panels: Sequence[str]
    remark: str = ""
    level: Verdict = "plain"

    @property
    def alternative(self) -> str:
        """What the clip shows, in words."""
        return f"{self.title}: {', '.join(self.panels)}"


@dataclass(frozen=True)
class Gallery:
    """Clips that play together."""

    kind: ClassVar[str] = "gallery"
    players: Sequence[Player]
    title: str = ""


@dataclass(frozen=True)
class Picture:
    """A still picture as a data: URI."""

    caption: str
    source: str
    width: int
    height: int


@dataclass(frozen=True)
class Pictures:
    """Pictures to compare."""

    kind: ClassVar[str] = "pictures"
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Text:
    """Preformatted text behind its caption."""

    kind: ClassVar[str] = "text"
    caption: str
    content: str


Block = Note | Facts | Tiles | Table | Figures | Gallery | Pictures | Text


@dataclass(frozen=True)
class Section:
    """One heading's worth. `anchor` is its id and its place in the navigation."""

    anchor: str
    title: str
    intro: str
    blocks: Sequence[Block]


def missing(text: str | None) -> Note:
    """What a section says in place of what it lacks."""
    return Note("missing", text or "Not measured.")
