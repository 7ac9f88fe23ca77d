"""What a folder of videos holds, before it is decoded: counts, gaps, durations, disk, licence."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from t2s.data import splits
from t2s.data.clips import CHANNELS, DTYPE
from t2s.data.config import DataConfig
from t2s.data.faults import MediaError
from t2s.data.foreseen import left_out_fraction, past_end, refused_by_line, short_of_clips
from t2s.data.header import Header
from t2s.data.header_process import HeaderProcess
from t2s.data.sources.clip import Issue, SourceClip
from t2s.data.sources.read import list_clips, select_clips
from t2s.data.sources.registry import AUTO, locate, open_root
from t2s.data.stills import is_still_pattern, still_paths
from t2s.progress import track


@dataclass(frozen=True)
class Durations:
    """Seconds of the clips whose length is known; total_s is their mean times the number of clips."""

    known: int
    shortest_s: float
    median_s: float
    longest_s: float
    total_s: float


@dataclass(frozen=True)
class Inspection:
    """JSON-able by `as_dict`. Sizes in bytes; counts are clips unless they say files.

    issues: listed clips that cannot be used, by their file's name and kind alone.
    refused: clips that preprocess will quarantine for their caption, their times or what else their line says.
    unreadable, past_end: among the probed files and their clips.
    usable: listed clips but for all these; the files not probed may hold more that are not.
    left_out_fraction: what preprocess will hold against max_quarantine_fraction, as far as this tells; the latter is
        None without a configuration.
    splits, signs, signers, durations, stored_bytes: of the usable clips.
    short_of_clips: signs, by split, that have fewer clips there than data.checks.min_clips_per_sign asks for.
    split_key: what is never in two splits; None where no splits are given.
    stored_bytes: disk that data/clips will take; None without a configuration.
    """

    root: str
    source: str
    layout: str
    language: str
    licence: str
    licence_url: str
    licence_summary: str
    download: str
    must_acknowledge: bool
    configured: bool
    listed: int
    usable: int
    left_out_fraction: float
    max_quarantine_fraction: float | None
    splits: dict[str, int]
    signs: dict[str, int]
    signers: dict[str, int]
    short_of_clips: dict[str, list[str]]
    split_key: str | None
    issue_counts: dict[str, int]
    issues: list[Issue]
    refused: list[Issue]
    num_files: int
    file_bytes: int
    probed_files: int
    unreadable: list[Issue]
    past_end: list[Issue]
    picture_sizes: dict[str, int]
    durations: Durations | None
    stored_bytes: int | None
    stored_shape: tuple[int, int, int] | None
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def inspect_root(root: Path | str, config: DataConfig | None = None, max_probes: int | None = 200) -> Inspection:
    """Look at the data set in `root`. The licence need not be acknowledged yet.

    Args:
        config: gives the stored shape; when its `root` is this one, also source, subset, filters and splits.
        max_probes: files whose header is read, drawn by hash; None = all.

    Raises:
        UserError: the folder is absent, empty or unrecognised, or an annotation file is broken.
    """
    top = open_root(root)
    own = config if config is not None and config.root and Path(config.root).expanduser().resolve() == top else None
    reader, folder = locate(own.source if own else AUTO, top)
    listed, report = list_clips(reader, folder, own.subset if own else None)
    split_key, num_before_filters = None, len(listed)
    if own is not None and listed:
        listed, split_key = select_clips(listed, own, report)
    elif listed and all(clip.split for clip in listed):
        split_key = splits.disjoint_key(
            [clip.signer for clip in listed], [clip.video for clip in listed], [clip.split for clip in listed]
        )
    without_file = report.without_file()
    clips = [clip for clip in listed if clip.clip_id not in without_file]
    first_of = {clip.path: clip for clip in reversed(clips)}
    drawn = sorted(first_of, key=splits.hash_order)[:max_probes]
    headers, unreadable = _probe(folder, (first_of[path] for path in drawn))
    refused, too_late = refused_by_line(clips, config), past_end(clips, headers, config)
    lost_ids = {issue.clip_id for issue in (*refused, *too_late)}
    lost_paths = {issue.path for issue in unreadable}
    usable = [clip for clip in clips if clip.clip_id not in lost_ids and clip.path not in lost_paths]
    shape = (config.num_frames, config.image_size, config.image_size) if config is not None else None
    return Inspection(
        root=str(folder),
        source=reader.name,
        layout=reader.layout,
        language=reader.language or "not stated",
        licence=reader.terms.licence,
        licence_url=reader.terms.url,
        licence_summary=reader.terms.summary,
        download=reader.terms.download,
        must_acknowledge=reader.terms.need_acknowledgement and not (own and own.licence_acknowledged),
        configured=own is not None,
        listed=report.listed,
        usable=len(usable),
        left_out_fraction=left_out_fraction(len(listed) - len(usable), len(listed), num_before_filters, report),
        max_quarantine_fraction=config.max_quarantine_fraction if config is not None else None,
        splits=_counts((clip.split or "none" for clip in usable), by_name=True),
        signs=_counts(clip.sign for clip in usable if clip.sign),
        signers=_counts(clip.signer for clip in usable if clip.signer),
        short_of_clips=short_of_clips(usable, config),
        split_key=split_key,
        issue_counts=report.counts(),
        issues=report.issues,
        refused=refused,
        num_files=len(first_of),
        file_bytes=sum(_size(folder, path) for path in first_of),
        probed_files=len(drawn),
        unreadable=unreadable,
        past_end=too_late,
        picture_sizes=_counts(f"{header.width}x{header.height}" for header in headers.values()),
        durations=_durations(usable, headers),
        stored_bytes=len(usable) * shape[0] * shape[1] * shape[2] * CHANNELS * DTYPE.itemsize if shape else None,
        stored_shape=shape,
        notes=report.notes,
    )


def _probe(root: Path, clips: Iterable[SourceClip]) -> tuple[dict[str, Header], list[Issue]]:
    headers: dict[str, Header] = {}
    unreadable = []
    with HeaderProcess(root) as process:
        for clip in track(list(clips), "reading headers"):
            try:
                headers[clip.path] = _header(process, root, clip)
            except MediaError as fault:
                unreadable.append(Issue(fault.reason, clip.clip_id, clip.path, fault.message))
    return headers, unreadable


def _header(process: HeaderProcess, root: Path, clip: SourceClip) -> Header:
    if not is_still_pattern(clip.path):
        return process.probe(clip.path)
    stills = still_paths(root, clip.path)
    return replace(process.probe(stills[0]), fps=clip.fps, duration_s=len(stills) / clip.fps if clip.fps else None)


def _size(root: Path, path: str) -> int:
    paths = still_paths(root, path) if is_still_pattern(path) else [path]
    return sum((root / place).stat().st_size for place in paths)


def _durations(clips: Sequence[SourceClip], headers: dict[str, Header]) -> Durations | None:
    known = sorted(seconds for clip in clips if (seconds := _duration_s(clip, headers.get(clip.path))) is not None)
    if not known:
        return None
    total_s = statistics.fmean(known) * len(clips)
    return Durations(len(known), known[0], statistics.median(known), known[-1], total_s)


def _duration_s(clip: SourceClip, header: Header | None) -> float | None:
    end_s = clip.end_s if clip.end_s is not None else header.duration_s if header is not None else None
    return max(0.0, end_s - (clip.start_s or 0.0)) if end_s is not None else None


def _counts(values: Iterable[str], by_name: bool = False) -> dict[str, int]:
    """Most frequent first, then by name; or by name alone."""
    counts = Counter(values)
    return dict(sorted(counts.items(), key=lambda item: (0 if by_name else -item[1], item[0])))
