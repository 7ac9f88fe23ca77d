"""Clips that were not used: reports/preprocess.json for programs, reports/preprocess.md for people."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from t2s import atomic
from t2s.data.faults import MediaError
from t2s.data.manifest import ManifestRow
from t2s.errors import UserError


@dataclass(frozen=True)
class LeftOut:
    """One clip that was not used, and why."""

    clip_id: str
    path: str
    reason: str
    message: str

    @classmethod
    def from_error(cls, row: ManifestRow, error: MediaError) -> "LeftOut":
        """What the manifest calls the clip, with what is wrong with it."""
        return cls(row.clip_id, row.path, error.reason, error.message)


def listed_only(path: Path, quarantined: Sequence[LeftOut]) -> list[LeftOut]:
    """What acquire reported of the whole data set, whatever `data.signs` selects; nothing where it wrote no report.

    Clips that stayed in the manifest in spite of their issue are among the quarantined, and not told twice.

    Raises:
        UserError: the report cannot be read.
    """
    if not path.is_file():
        return []
    told = {(clip.clip_id, clip.path) for clip in quarantined}
    try:
        issues = [
            LeftOut(issue["clip_id"], issue["path"], issue["kind"], issue["message"])
            for issue in json.loads(path.read_bytes())["issues"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); run the acquire stage again") from None
    return [issue for issue in issues if (issue.clip_id, issue.path) not in told]


def write_reports(
    folder: Path, num_clips: int, quarantined: Sequence[LeftOut], not_read: Sequence[LeftOut] = ()
) -> None:
    """Write preprocess.json and preprocess.md.

    Args:
        num_clips: how many can be used.
        quarantined: in the manifest, but cannot be used.
        not_read: listed by the data set, but not in the manifest.
    """
    reasons = Counter(clip.reason for clip in quarantined)
    report = {
        "clips": num_clips,
        "num_quarantined": len(quarantined),
        "num_not_read": len(not_read),
        "reasons": dict(sorted(reasons.items())),
        "quarantined": [asdict(clip) for clip in quarantined],
        "not_read": [asdict(clip) for clip in not_read],
    }
    atomic.write_json(folder / "preprocess.json", report)
    atomic.write_text(folder / "preprocess.md", _page(num_clips, quarantined, not_read))


def check_fraction(quarantined: int, total: int, max_fraction: float, table: Path) -> None:
    """Raise UserError when more of the clips than allowed cannot be used, or none can."""
    if quarantined == total:
        raise UserError(f"none of the {total} clips can be used; {table} says why")
    if quarantined > max_fraction * total:
        raise UserError(
            f"{quarantined} of {total} clips ({quarantined / total:.1%}) are quarantined, more than "
            f"data.max_quarantine_fraction = {max_fraction:g}; {table} says why"
        )


def _page(num_clips: int, quarantined: Sequence[LeftOut], not_read: Sequence[LeftOut]) -> str:
    total = num_clips + len(quarantined)
    lines = [
        "# Preprocessing",
        "",
        f"{num_clips} of {total} clips can be used, {len(quarantined)} are quarantined.",
        "",
        *_table(quarantined),
    ]
    if not_read:
        lines += ["", "## Listed but not read", "", *_table(not_read)]
    return "\n".join(lines) + "\n"


def _table(clips: Sequence[LeftOut]) -> list[str]:
    if not clips:
        return []
    rows = [f"| {_cell(clip.clip_id)} | {_cell(clip.path)} | {clip.reason} | {_cell(clip.message)} |" for clip in clips]
    return ["| clip | file | reason | message |", "|---|---|---|---|", *rows]


def _cell(text: str) -> str:
    visible = "".join(character if character.isprintable() else " " for character in text)
    return visible.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
