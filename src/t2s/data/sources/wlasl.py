"""WLASL (Li et al., WACV 2020): WLASL_v0.3.json or nslt_*.json, and videos/<video_id>.mp4."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from t2s.data.header import Header
from t2s.data.licences import Terms
from t2s.data.sources.clip import Box, SourceClip, SourceReport
from t2s.data.sources.headers import Headers
from t2s.data.sources.reader import known_signer, known_split
from t2s.data.sources.tables import number_of, read_json, read_json_list, read_text, text_of
from t2s.data.sources.times import frames_to_seconds
from t2s.data.sources.urls import video_id_of
from t2s.errors import UserError

_FULL = "WLASL_v*.json"
_CLASSES = "wlasl_class_list.txt"
_FPS = 25.0  # what the data set's README decodes with; its frame numbers count at this rate
_MOST_FRAMES = 1 << 53  # beyond, a number of frames is no time any more
_CUT_TOLERANCE_S = 0.2  # five frames: how far a cut file's duration may differ from the span it was cut for


class Wlasl:
    """2,000 glosses; about a third of the listed videos cannot be had any more.

    Without a subset the whole of WLASL_v0.3.json; nslt_100 … nslt_2000 keep the ids of that file, with its
    split, and take signer and box from WLASL_v0.3.json when that is there too.
    """

    name = "wlasl"
    language = "American Sign Language"
    videos_vanish = True
    layout = f"WLASL_v0.3.json (or nslt_<n>.json with {_CLASSES}) and videos/<video_id>.mp4"
    terms = Terms(
        licence="C-UDA 1.0 (WLASL), academic use only",
        url="https://github.com/dxli94/WLASL",
        commercial=False,
        download="about 5 GB, 13,700 of 21,083 listed clips are still to be had",
        summary="computational and academic use only; the videos belong to their makers",
    )

    def detect(self, root: Path) -> bool:
        return _full(root) is not None or bool(_subsets(root))

    def read(self, root: Path, subset: str | None, report: SourceReport) -> Iterator[SourceClip]:
        full = _full(root)
        instances = dict(_read_full(full, report)) if full else {}
        if subset is None and full:
            listed: Mapping[str, _Instance] = instances
        else:
            listed = dict(_read_subset(root, subset, instances, report))
        with Headers(root) as headers:
            for instance in listed.values():
                yield _clip(instance, headers, report)


@dataclass(frozen=True)
class _Instance:
    """first_frame, last_frame: 1-based, both included; last_frame -1 = to the end of the video."""

    video_id: str
    gloss: str
    split: str
    first_frame: int
    last_frame: int
    recording: str = ""  # which several ids may be cut from
    fps: float = _FPS
    signer: str = ""
    box: Box | None = None


def _full(root: Path) -> Path | None:
    return max(root.glob(_FULL), default=None)


def _subsets(root: Path) -> dict[str, Path]:
    found = {path.stem: path for path in root.glob("nslt_*.json") if re.fullmatch(r"nslt_\d+", path.stem)}
    return dict(sorted(found.items(), key=lambda item: int(item[0].removeprefix("nslt_"))))


def _read_full(path: Path, report: SourceReport) -> Iterator[tuple[str, _Instance]]:
    seen: set[str] = set()
    for entry in read_json_list(path, report):
        instances = entry.get("instances") or []
        if not isinstance(instances, list):
            report.add_issue("malformed", f"{path.name}: the instances of {entry.get('gloss')} are no list")
            continue
        for raw in instances:
            video_id = text_of(raw.get("video_id")) if isinstance(raw, dict) else ""
            try:
                instance = _instance(raw, video_id, text_of(entry["gloss"]))
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                report.add_issue("malformed", f"{path.name}: an instance of {entry.get('gloss')}: {error!r}", video_id)
                continue
            if video_id in seen:
                report.add_issue("duplicate_id", f"{path.name} lists this video again as {instance.gloss}", video_id)
                continue
            seen.add(video_id)
            yield video_id, instance


def _instance(raw: Mapping[str, Any], video_id: str, gloss: str) -> _Instance:
    split = known_split(text_of(raw["split"]))
    if not video_id or split is None:
        raise ValueError("it has no video_id, or a split that is none of train, val, test")
    fps, url = number_of(raw.get("fps")), text_of(raw.get("url"))
    return _Instance(
        video_id=video_id,
        gloss=gloss,
        split=split,
        first_frame=_frame(raw["frame_start"]),
        last_frame=_frame(raw["frame_end"]),
        fps=fps if fps and fps > 0 else _FPS,
        signer=known_signer(text_of(raw.get("signer_id"))),
        recording=video_id_of(url) if "youtu" in url else "",
        box=_box(raw.get("bbox")),
    )


def _frame(value: Any) -> int:
    number = int(value)
    if abs(number) > _MOST_FRAMES:
        raise ValueError(f"there is no frame {value}")
    return number


def _box(bbox: object) -> Box | None:
    if not isinstance(bbox, list) or len(bbox) != 4:
        return None
    x0, y0, x1, y1 = (number_of(value) or 0.0 for value in bbox)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _read_subset(
    root: Path, subset: str | None, instances: Mapping[str, _Instance], report: SourceReport
) -> Iterator[tuple[str, _Instance]]:
    subsets = _subsets(root)
    name = subset or max(subsets, key=lambda name: int(name.removeprefix("nslt_")))
    if name not in subsets:
        raise UserError(f"data.subset = {name}: {root} holds no {name}.json; found {', '.join(subsets) or 'none'}")
    path = subsets[name]
    content = read_json(path, report)
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object of video ids")
    glosses = _read_classes(root, report)
    for video_id, raw in content.items():
        try:
            number, first, last = (_frame(value) for value in raw["action"])
            split = known_split(text_of(raw["subset"]))
            known = instances.get(video_id)
            gloss = known.gloss if known else glosses[number]
            if split is None:
                raise ValueError(f"subset '{raw['subset']}' is none of train, val, test")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            report.add_issue("malformed", f"{path.name}: {error!r}", video_id)
            continue
        if number in glosses and glosses[number] != gloss:
            message = f"{path.name} calls it {glosses[number]} (class {number}), the full list {gloss}"
            report.add_issue("malformed", message, video_id)
            continue
        # Its spans that begin at frame 1 are files already cut, in frames of their own rate.
        whole = _Instance(video_id, gloss, split, 1, -1)
        listed = whole if first <= 1 else replace(whole, first_frame=first, last_frame=last)
        yield video_id, replace(known, split=split) if known else listed


def _read_classes(root: Path, report: SourceReport) -> dict[int, str]:
    path = root / _CLASSES
    if not path.is_file():
        return {}
    lines = read_text(path, report).splitlines()
    pairs = (line.split("\t", 1) for line in lines if "\t" in line)
    return {int(number): gloss.strip() for number, gloss in pairs if number.strip().isdecimal()}


def _clip(instance: _Instance, headers: Headers, report: SourceReport) -> SourceClip:
    path = f"videos/{instance.video_id}.mp4"
    start_s, end_s = frames_to_seconds(instance.first_frame, instance.last_frame, instance.fps)
    if start_s is not None and end_s is not None and _is_cut(headers.of(path), start_s, end_s):
        report.add_note(
            "videos that the data set's own start kit has cut to the sign already (their duration is that of the "
            "annotated span) are used whole"
        )
        start_s = end_s = None
    return SourceClip(
        clip_id=instance.video_id,
        path=path,
        text=instance.gloss,
        video=instance.recording or instance.video_id,
        sign=instance.gloss,
        signer=instance.signer,
        split=instance.split,
        start_s=start_s,
        end_s=end_s,
        box=instance.box,
        fps=instance.fps,
    )


def _is_cut(header: Header | None, start_s: float, end_s: float) -> bool:
    """Whether the file holds just the annotated span: too short for its end, and as long as the span."""
    if header is None or header.duration_s is None or header.duration_s >= end_s - _CUT_TOLERANCE_S:
        return False
    return abs(header.duration_s - (end_s - start_s)) <= _CUT_TOLERANCE_S
