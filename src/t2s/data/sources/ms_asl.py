"""MS-ASL (Vaezi Joze and Koller, BMVC 2019): MSASL_{train,val,test}.json, spans of YouTube videos."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from t2s.data.header import Header
from t2s.data.licences import Terms
from t2s.data.sources.clip import Box, SourceClip, SourceReport
from t2s.data.sources.headers import Headers, scale_box
from t2s.data.sources.media import first_indexed, index_media
from t2s.data.sources.reader import known_signer, refuse_subset
from t2s.data.sources.tables import number_of, read_json, read_json_list, text_of
from t2s.data.sources.urls import video_id_of

_SPLITS = ("train", "val", "test")


class MsAsl:
    """25,513 spans of 1,000 classes by 222 signers; each user fetches the videos, as <YouTube id>.mp4 in any folder.

    The class (label, named in MSASL_classes.json) is the sign; `text` is the caption.
    `box` is [y0, x0, y1, x1] in fractions of the picture.
    """

    name = "ms_asl"
    language = "American Sign Language"
    videos_vanish = True
    layout = "MSASL_{train,val,test}.json, MSASL_classes.json and <YouTube id>.mp4 in any folder below"
    terms = Terms(
        licence="C-UDA 1.0 (MS-ASL)",
        url="https://www.microsoft.com/en-us/research/project/ms-asl/",
        commercial=None,
        download="annotations only, 25,513 clips; the videos come from YouTube",
        summary="check the agreement that came with the annotations; the videos belong to their uploaders",
    )

    def detect(self, root: Path) -> bool:
        return any((root / f"MSASL_{split}.json").is_file() for split in _SPLITS)

    def read(self, root: Path, subset: str | None, report: SourceReport) -> Iterator[SourceClip]:
        refuse_subset(self.name, subset)
        media = index_media(root)
        classes = _read_classes(root, report)
        with Headers(root) as headers:
            for split in _SPLITS:
                path = root / f"MSASL_{split}.json"
                if not path.is_file():
                    report.add_note(f"{path.name} is missing: no {split} clips")
                    continue
                for position, entry in enumerate(read_json_list(path, report)):
                    clip_id = f"{split}-{position:05d}"
                    video = video_id_of(text_of(entry.get("url")))
                    start_s, end_s = number_of(entry.get("start_time")), number_of(entry.get("end_time"))
                    if not video or start_s is None or end_s is None:
                        report.add_issue("malformed", f"{path.name}: no url, start_time or end_time", clip_id)
                        continue
                    file = first_indexed(media, video) or f"videos/{video}.mp4"
                    text = text_of(entry.get("text"))
                    yield SourceClip(
                        clip_id=clip_id,
                        path=file,
                        text=text,
                        video=video,
                        sign=_sign(entry, classes) or text,
                        signer=known_signer(text_of(entry.get("signer_id"))),
                        split=split,
                        start_s=start_s,
                        end_s=end_s,
                        box=_box(entry, headers.of(file)) if entry.get("box") else None,
                        fps=number_of(entry.get("fps")),
                    )


def _read_classes(root: Path, report: SourceReport) -> list[str]:
    path = root / "MSASL_classes.json"
    content = read_json(path, report) if path.is_file() else None
    return [text_of(name) for name in content] if isinstance(content, list) else []


def _sign(entry: Mapping[str, Any], classes: list[str]) -> str:
    label = entry.get("label")
    if isinstance(label, int) and 0 <= label < len(classes):
        return classes[label]
    return text_of(entry.get("clean_text"))


def _box(entry: Mapping[str, Any], header: Header | None) -> Box | None:
    """Pixels of the file as it is; of the annotated width and height when its header cannot be read."""
    fractions = entry.get("box")
    if not isinstance(fractions, list) or len(fractions) != 4:
        return None
    width = header.width if header else number_of(entry.get("width")) or 0.0
    height = header.height if header else number_of(entry.get("height")) or 0.0
    y0, x0, y1, x1 = (number_of(value) or 0.0 for value in fractions)
    return scale_box((x0, y0, x1, y1), width, height)
