"""A folder of pairs: <stem>.mp4 or <stem>.gif beside <stem>.txt, which holds one caption."""

import os
from collections.abc import Iterator
from pathlib import Path

from t2s.data.faults import MediaError
from t2s.data.licences import OWN_TERMS
from t2s.data.safe_open import read_regular
from t2s.data.sources.captions import signs_from_captions
from t2s.data.sources.clip import SourceClip, SourceReport
from t2s.data.sources.media import VIDEO_SUFFIXES
from t2s.data.sources.reader import known_split, refuse_subset
from t2s.data.sources.tables import decode_text

_NO_CAPTIONS = ("readme", "license", "licence", "copying", "notice")  # texts that lie beside many a folder's videos
_LARGEST_CAPTION = 1 << 20  # bytes, far more than data.max_caption_length may be


class StemPairs:
    """The user's own pairs, in any depth of folders; folders named train, val, test give the split."""

    name = "folder"
    language = ""
    videos_vanish = False
    layout = "<stem>.mp4 or <stem>.gif beside <stem>.txt (one caption each)"
    terms = OWN_TERMS

    def detect(self, root: Path) -> bool:
        return any(suffix and caption for _, suffix, caption in stems(root))

    def read(self, root: Path, subset: str | None, report: SourceReport) -> Iterator[SourceClip]:
        refuse_subset(self.name, subset)
        clips = []
        for stem, suffix, caption_suffix in stems(root):
            if not caption_suffix:
                report.add_issue("missing", f"no caption {stem}.txt beside it", stem, stem + suffix)
            elif not suffix:
                report.add_issue("missing", f"no video beside {stem}{caption_suffix}", stem)
            else:
                try:
                    content = read_regular(root / (stem + caption_suffix), _LARGEST_CAPTION)
                except MediaError as error:
                    report.add_issue(error.reason, f"{stem}{caption_suffix}: {error}", stem, stem + suffix)
                    continue
                caption = decode_text(content, Path(stem).name + caption_suffix, report)
                clips.append(_clip(stem, suffix, _without_last_line_end(caption)))
        yield from signs_from_captions(clips, report)


def _clip(stem: str, suffix: str, caption: str) -> SourceClip:
    top, _, rest = stem.partition("/")
    split = known_split(top) if rest else None
    return SourceClip(clip_id=stem, path=stem + suffix, text=caption, video=stem, split=split or "")


def stems(root: Path) -> Iterator[tuple[str, str, str]]:
    """Each stem (relative path without suffix), its video's and its caption's suffix ("" = none).

    Hidden files and folders are passed over: what some systems leave there (`._hello.mp4`) is no video.
    """
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        suffixes: dict[str, set[str]] = {}
        for name in (name for name in names if not name.startswith(".")):
            stem, suffix = os.path.splitext(name)  # noqa: PTH122 (one Path per file is slow at 100,000 files)
            suffixes.setdefault(stem, set()).add(suffix)
        for stem, found in sorted(suffixes.items()):
            videos = sorted((VIDEO_SUFFIXES.index(s.lower()), s) for s in found if s.lower() in VIDEO_SUFFIXES)
            caption = min((s for s in found if s.lower() == ".txt"), default="", key=lambda s: (s != ".txt", s))
            if videos or (caption and stem.lower() not in _NO_CAPTIONS):
                relative = (Path(folder) / stem).relative_to(root).as_posix()
                yield relative, (videos[0][1] if videos else ""), caption


def _without_last_line_end(caption: str) -> str:
    """Editors end a file with a line end that is not part of the caption; everything else stays byte-exact."""
    return caption.removesuffix("\n").removesuffix("\r")
