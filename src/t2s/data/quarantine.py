"""Clips that could not be used: reports/preprocess.json for programs, reports/preprocess.md for people."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from t2s import atomic
from t2s.data.faults import MediaError
from t2s.data.manifest import ManifestRow
from t2s.errors import UserError


@dataclass(frozen=True)
class Quarantined:
    """One clip left out, and why."""

    clip_id: str
    path: str
    reason: str
    message: str

    @classmethod
    def from_error(cls, row: ManifestRow, error: MediaError) -> "Quarantined":
        """What the manifest calls the clip, with what is wrong with it."""
        return cls(row.clip_id, row.path, error.reason, error.message)


def write_reports(folder: Path, num_clips: int, quarantined: Sequence[Quarantined]) -> None:
    """Write preprocess.json and preprocess.md; `num_clips` counts the clips that can be used."""
    reasons = Counter(clip.reason for clip in quarantined)
    report = {
        "clips": num_clips,
        "num_quarantined": len(quarantined),
        "reasons": dict(sorted(reasons.items())),
        "quarantined": [asdict(clip) for clip in quarantined],
    }
    atomic.write_json(folder / "preprocess.json", report)
    atomic.write_text(folder / "preprocess.md", _table(num_clips, quarantined))


def check_fraction(quarantined: int, total: int, max_fraction: float, table: Path) -> None:
    """Raise UserError when more of the clips than allowed cannot be used, or none can."""
    if quarantined == total:
        raise UserError(f"none of the {total} clips can be used; {table} says why")
    if quarantined > max_fraction * total:
        raise UserError(
            f"{quarantined} of {total} clips ({quarantined / total:.1%}) are quarantined, more than "
            f"data.max_quarantine_fraction = {max_fraction:g}; {table} says why"
        )


def _table(num_clips: int, quarantined: Sequence[Quarantined]) -> str:
    total = num_clips + len(quarantined)
    lines = [
        "# Preprocessing",
        "",
        f"{num_clips} of {total} clips can be used, {len(quarantined)} are quarantined.",
        "",
    ]
    if quarantined:
        lines += ["| clip | file | reason | message |", "|---|---|---|---|"]
        lines += [
            f"| {_cell(clip.clip_id)} | {_cell(clip.path)} | {clip.reason} | {_cell(clip.message)} |"
            for clip in quarantined
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    visible = "".join(character if character.isprintable() else " " for character in text)
    return visible.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
