"""A folder of videos per sign: <sign>/<clip>.mp4 without captions; the folder's name is sign and caption."""

from collections.abc import Iterator
from pathlib import Path

from t2s.data.licences import OWN_TERMS
from t2s.data.sources.clip import SourceClip, SourceReport
from t2s.data.sources.reader import known_split, refuse_subset
from t2s.data.sources.stem_pairs import stems
from t2s.letters import composed

_ANNOTATIONS = (
    ".csv", ".tsv", ".json", ".jsonl", ".xlsx", ".xls", ".ods", ".xml", ".eaf", ".srt", ".vtt", ".textgrid",
)  # fmt: skip


class ClassFolders:
    """The user's own videos, sorted by sign; folders named train, val, test around those of the signs give the split.

    Folders of signers look the same, so the names taken as signs are told. It is recognised only where nothing else is,
    and where nothing speaks against it: a caption, an annotation file, a video in another depth, a single sign.
    """

    name = "folder"
    language = ""
    videos_vanish = False
    layout = "<sign>/<clip>.mp4 without captions (the folder's name is sign and caption)"
    terms = OWN_TERMS

    def detect(self, root: Path) -> bool:
        if any(path.suffix.lower() in _ANNOTATIONS for path in root.rglob("*")):
            return False
        signs, are_split = set(), set()
        for stem, suffix, caption in stems(root):
            place = _split_and_sign(stem)
            if caption or not suffix or place is None:
                return False
            signs.add(place[1])
            are_split.add(bool(place[0]))
        return len(signs) > 1 and len(are_split) == 1

    def read(self, root: Path, subset: str | None, report: SourceReport) -> Iterator[SourceClip]:
        refuse_subset(self.name, subset)
        report.add_note(
            "no captions: the names of the folders are taken as signs and captions; they must not be signers"
        )
        for stem, suffix, _ in stems(root):
            place = _split_and_sign(stem)
            if place is None:
                report.add_issue("malformed", "it does not lie in the folder of a sign", stem, stem + suffix)
                continue
            split, sign = place
            yield SourceClip(stem, stem + suffix, text=sign, video=stem, sign=composed(sign), split=split)


def _split_and_sign(stem: str) -> tuple[str, str] | None:
    """What the folders of `sign/clip` or `split/sign/clip` say; None for any other place."""
    *folders, _ = stem.split("/")
    split = known_split(folders[0]) if folders else None
    if split is None and len(folders) == 1:
        return "", folders[0]
    if split is not None and len(folders) == 2:
        return split, folders[1]
    return None
