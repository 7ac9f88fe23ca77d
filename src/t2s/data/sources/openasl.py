"""OpenASL (Shi et al., EMNLP 2022): openasl-v1.0.tsv, bbox-v1.0.json, full videos or the cropped clips."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from t2s.data.header import Header
from t2s.data.licences import Terms
from t2s.data.sources.clip import Box, SourceClip, SourceReport
from t2s.data.sources.headers import Headers, scale_box
from t2s.data.sources.media import first_indexed, index_media
from t2s.data.sources.reader import known_split, refuse_subset
from t2s.data.sources.tables import number_of, read_json, read_plain
from t2s.data.sources.times import seconds_of

_TABLE = "openasl-v1.0.tsv"
_BOXES = "bbox-v1.0.json"
_COLUMNS = ("vid", "yid", "start", "end", "raw-text", "split")
_COLON_STANDS = ("%", "_", "-")  # the project's own script writes % for the `:` of a vid; people use the others too


class OpenAsl:
    """98,000 sentences; signers are not named, so only the video can be kept apart.

    A cropped clip (<vid>.mp4, its `:` written as %) is used whole; else the span of <yid>.mp4 with its box.
    """

    name = "openasl"
    language = "American Sign Language"
    videos_vanish = True
    layout = f"{_TABLE}, {_BOXES} (here or in data/) and <yid>.mp4 or <vid>.mp4 in any folder below"
    terms = Terms(
        licence="CC BY-NC-ND 4.0 (OpenASL)",
        url="https://github.com/chevalierNoir/OpenASL",
        commercial=False,
        download="annotations only, about 98,000 clips; the videos come from YouTube",
        summary="no commercial use, no changed copies may be passed on; the videos belong to their uploaders",
    )

    def detect(self, root: Path) -> bool:
        return _find(root, _TABLE) is not None

    def read(self, root: Path, subset: str | None, report: SourceReport) -> Iterator[SourceClip]:
        refuse_subset(self.name, subset)
        table = _find(root, _TABLE) or root / _TABLE
        media = index_media(root)
        boxes = _read_boxes(root, report)
        with Headers(root) as headers:
            for line, row in read_plain(table, _COLUMNS, report, "\t"):
                vid, yid = row["vid"].strip(), row["yid"].strip()
                split = known_split(row["split"])
                cropped = first_indexed(media, vid, *(vid.replace(":", stand) for stand in _COLON_STANDS))
                path = cropped or first_indexed(media, yid) or f"raw-video/{yid}.mp4"
                try:
                    start_s, end_s = seconds_of(row["start"]), seconds_of(row["end"])
                    if split is None:
                        raise ValueError(f"split '{row['split']}' is none of train, valid, test")
                except ValueError as error:
                    report.add_issue("malformed", f"{table.name}: line {line}: {error}", vid)
                    continue
                yield SourceClip(
                    clip_id=vid,
                    path=path,
                    text=row["raw-text"],
                    video=yid,
                    split=split,
                    start_s=None if cropped else start_s,
                    end_s=None if cropped else end_s,
                    box=_box(boxes[vid], headers.of(path)) if vid in boxes and not cropped else None,
                )


def _find(root: Path, name: str) -> Path | None:
    return next((path for path in (root / name, root / "data" / name) if path.is_file()), None)


def _read_boxes(root: Path, report: SourceReport) -> Mapping[str, Any]:
    path = _find(root, _BOXES)
    content = read_json(path, report) if path else None
    if not isinstance(content, dict):
        report.add_note(f"no {_BOXES}: clips are not cropped to the signer")
        return {}
    return content


def _box(fractions: object, header: Header | None) -> Box | None:
    """x0 y0 x1 y1 in fractions of the picture → pixels of the file."""
    if header is None or not isinstance(fractions, list) or len(fractions) != 4:
        return None
    x0, y0, x1, y1 = (number_of(value) or 0.0 for value in fractions)
    return scale_box((x0, y0, x1, y1), header.width, header.height)
