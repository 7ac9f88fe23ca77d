"""A real data set → manifest rows: licence first, then listing, filters and splits; what is left out is reported."""

import logging
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from t2s.data import filters, splits
from t2s.data.config import DataConfig
from t2s.data.licences import require_acknowledgement
from t2s.data.manifest import SPLITS, ManifestRow
from t2s.data.sources.clip import Issue, SourceClip, SourceReport
from t2s.data.sources.media import path_problem
from t2s.data.sources.reader import Reader
from t2s.data.sources.registry import locate, open_root
from t2s.errors import UserError
from t2s.letters import folded

_logger = logging.getLogger(__name__)


def read_source(config: DataConfig) -> tuple[list[ManifestRow], dict[str, Any], SourceReport]:
    """List the clips of the data set at data.root as manifest rows, with source.json's content and the report.

    Raises:
        UserError: root absent, empty or unrecognised; licence not acknowledged; no clip left.
    """
    reader, root = locate(config.source, open_root(config.root))
    terms = reader.terms
    shown = "; ".join(part for part in (terms.licence, terms.summary, terms.download) if part)
    _logger.info("%s: %s", reader.name, shown)
    require_acknowledgement(reader.name, terms, config.licence_acknowledged)
    listed, report = list_clips(reader, root, config.subset)
    if report.without_file() >= {clip.clip_id for clip in listed}:
        first = f"; first: {report.issues[0].message}" if report.issues else f", expected {reader.layout}"
        raise UserError(f"data.root = {root}: of {report.listed} listed clips not one can be used{first}")
    clips, split_key = select_clips(listed, config, report)
    info = {
        "source": reader.name,
        "media_root": str(root),
        "licence": "; ".join(sorted({clip.licence or terms.licence for clip in clips})),
        "language": reader.language or "not stated",
        "split_key": split_key,
        "notes": report.notes,
        "synthetic": False,
    }
    _logger.info("%s", report.summary())
    for note in report.notes:
        _logger.warning("%s", note)
    return [_to_row(clip, terms.licence) for clip in clips], info, report


def list_clips(reader: Reader, root: Path, subset: str | None) -> tuple[list[SourceClip], SourceReport]:
    """Every usable listed clip, and the report of the others.

    Ids stay unique: the first clip of an id wins. A clip whose file is missing or unsafe stays in the list for
    preprocess to quarantine (it counts against data.max_quarantine_fraction), except that a missing file of a
    data set whose videos vanish from the web is only reported. What the reader could not make a clip of is listed,
    and faulty.
    """
    report = SourceReport(reader.name)
    clips: dict[str, SourceClip] = {}
    own_issues = 0
    for clip in reader.read(root, subset, report):
        report.listed += 1
        refusal = _refusal(clip, clips)
        if refusal is not None:
            report.issues.append(refusal)
            own_issues += 1
            continue
        problem = path_problem(root, clip.clip_id, clip.path)
        if problem is not None:
            report.issues.append(problem)
            own_issues += 1
        if problem is None or problem.kind != "missing" or not reader.videos_vanish:
            clips[clip.clip_id] = clip
    report.listed += len(report.issues) - own_issues  # what the reader itself reported
    if report.not_utf8:
        report.add_note(
            f"{len(report.not_utf8)} annotation files are not UTF-8 and were read as Latin-1 "
            f"(first: {report.not_utf8[0]}); check their accented letters, and save Chinese or Japanese ones as UTF-8"
        )
    _tell_of_prompts(list(clips.values()), report)
    return list(clips.values()), report


def _tell_of_prompts(clips: Sequence[SourceClip], report: SourceReport) -> None:
    """What of the signs no prompt could tell apart, and clips without one among those that have one."""
    unnamed = [clip.clip_id for clip in clips if not clip.sign]
    if unnamed and len(unnamed) < len(clips):
        report.add_note(
            f"{len(unnamed)} of {len(clips)} clips name no sign (first: {unnamed[0]}): prompts are taken as sentences"
        )
    signs_of: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        if clip.sign:
            signs_of[folded(clip.text)].add(clip.sign)
    alike = sorted("/".join(sorted(signs)) for signs in signs_of.values() if len(signs) > 1)
    if alike:
        shown = ", ".join(alike[:3]) + (" …" if len(alike) > 3 else "")
        report.add_note(
            f"{len(alike)} captions stand for more than one sign each ({shown}): no prompt asks for one of them alone"
        )


def _refusal(clip: SourceClip, earlier: Container[str]) -> Issue | None:
    """Why a clip cannot even stand in a manifest."""
    if not clip.clip_id or not clip.path:
        return Issue("malformed", clip.clip_id, clip.path, "the clip has no id or no path", faulty=True)
    if not _is_unicode(clip.clip_id + clip.path + clip.text + clip.sign + clip.signer):
        message = "its name or caption is not Unicode text"
        return Issue("malformed", ascii(clip.clip_id), ascii(clip.path), message, faulty=True)
    if clip.split and clip.split not in SPLITS:
        message = f"split {clip.split!a} is none of {', '.join(SPLITS)}"
        return Issue("malformed", clip.clip_id, clip.path, message, faulty=True)
    if clip.clip_id in earlier:
        return Issue("duplicate_id", clip.clip_id, clip.path, "an earlier clip has this id; that one is used")
    return None


def _is_unicode(text: str) -> bool:
    """False for half a surrogate pair (JSON can hold one) and for file names in another encoding."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def select_clips(clips: Sequence[SourceClip], config: DataConfig, report: SourceReport) -> tuple[list[SourceClip], str]:
    """Apply data.signs, min_clips_per_sign, max_clips and split_key; returns the clips and the key really used.

    Raises UserError when nothing is left, or when only some clips name their split.
    """
    kept = filters.keep_signs(clips, config.signs) if config.signs is not None else list(clips)
    kept = filters.drop_rare_signs(kept, config.min_clips_per_sign)
    if config.max_clips is not None:
        kept = filters.limit_clips(kept, config.max_clips, config.min_clips_per_sign)
    if not kept:
        raise UserError(
            f"data.signs and data.min_clips_per_sign = {config.min_clips_per_sign} leave none of {len(clips)} clips"
        )
    report.kept, report.filtered = len(kept), len(clips) - len(kept)
    return _split(kept, config, report)


def _split(clips: list[SourceClip], config: DataConfig, report: SourceReport) -> tuple[list[SourceClip], str]:
    key = _usable_key(clips, config.split_key, report)
    if key != "given":
        if any(clip.split for clip in clips):
            report.add_note(f"the data set's own splits are not used: data.split_key is {config.split_key}")
        keys = [clip.signer if key == "signer" else clip.video for clip in clips]
        signs = [clip.sign for clip in clips]
        made = splits.make_splits(keys, signs, config.val_fraction, config.test_fraction)
        clips = [replace(clip, split=split) for clip, split in zip(clips, made, strict=True)]
    used = splits.disjoint_key(
        [clip.signer for clip in clips], [clip.video for clip in clips], [clip.split for clip in clips]
    )
    if used != "signer":
        report.add_note("the same signer may be in two splits: held-out figures say nothing about new signers")
    if used == "none":
        report.add_note("the given splits share recordings: held-out figures are too good")
    if {clip.split for clip in clips} == {"train"}:
        report.add_note("all clips are in train: there are too few to hold any out")
    return clips, used


def _usable_key(clips: Sequence[SourceClip], asked: str, report: SourceReport) -> str:
    """The key to split by: the one asked for, or the nearest one the data allow (with a note)."""
    if asked == "given":
        unnamed = [clip.clip_id for clip in clips if not clip.split]
        if not unnamed:
            return "given"
        if len(unnamed) < len(clips):
            raise UserError(
                f"{len(unnamed)} of {len(clips)} clips name no split (first: {unnamed[0]}); "
                "fill it in, or set data.split_key to signer or video"
            )
        report.add_note("the data set gives no splits: they are made")
    if asked != "video" and splits.enough_keys(clip.signer for clip in clips):
        return "signer"
    if asked != "video":
        report.add_note("fewer than three signers are known, or some are not: splits are made by video")
    return "video"


def _to_row(clip: SourceClip, licence: str) -> ManifestRow:
    return ManifestRow(
        clip_id=clip.clip_id,
        path=clip.path,
        text=clip.text,
        sign=clip.sign,
        signer=clip.signer,
        split=clip.split,
        start_s=clip.start_s,
        end_s=clip.end_s,
        box=clip.box,
        fps=clip.fps,
        licence=clip.licence or licence,
    )
