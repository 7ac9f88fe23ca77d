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


@dataclass(frozen=True)
class Acquired:
    """What acquire reported of the whole data set, whatever `data.signs` selects.

    issues: clips and lines with a fault, those that stayed in the manifest among them.
    faulty: those of them that no manifest could hold, and that count.
    kept, filtered: clips in the manifest, and left aside by filters.
    """

    path: Path
    issues: tuple[LeftOut, ...] = ()
    faulty: tuple[LeftOut, ...] = ()
    kept: int = 0
    filtered: int = 0

    @classmethod
    def read(cls, path: Path) -> "Acquired":
        """Nothing where acquire wrote no report. Raises UserError when the report cannot be read."""
        if not path.is_file():
            return cls(path)
        try:
            report = json.loads(path.read_bytes())
            issues = [
                (LeftOut(issue["clip_id"], issue["path"], issue["kind"], issue["message"]), issue.get("faulty", False))
                for issue in report["issues"]
            ]
            kept, filtered = int(report.get("kept", 0)), int(report.get("filtered", 0))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: cannot be read ({error}); run the acquire stage again") from None
        faulty = tuple(issue for issue, is_faulty in issues if is_faulty)
        return cls(path, tuple(issue for issue, _ in issues), faulty, kept, filtered)

    def besides(self, quarantined: Sequence[LeftOut]) -> list[LeftOut]:
        """The issues but for clips that stayed in the manifest and are quarantined: those are not told twice."""
        told = {(clip.clip_id, clip.path) for clip in quarantined}
        return [issue for issue in self.issues if (issue.clip_id, issue.path) not in told]

    @property
    def faulty_here(self) -> int:
        """Faulty lines to count beside the clips of the manifest; none where those are but a selection."""
        return 0 if self.filtered else len(self.faulty)

    def check(self, max_fraction: float) -> None:
        """Raise UserError, before anything is decoded, when more of what is listed than allowed is faulty."""
        faulty = len(self.faulty)
        total = self.kept + self.filtered + faulty
        if faulty > max_fraction * total:
            raise UserError(
                f"{faulty} of {total} listed clips ({faulty / total:.1%}) cannot be used, more than "
                f"data.max_quarantine_fraction = {max_fraction:g} (first: {self.faulty[0].message}): mend them and run "
                f"`dvc repro --force acquire`, or raise it; {self.path} lists them"
            )


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


def check_fraction(quarantined: int, total: int, faulty: int, max_fraction: float, table: Path) -> None:
    """Raise UserError when more of the clips than allowed cannot be used, or none can.

    Args:
        total: clips in the manifest, of which so many are `quarantined`.
        faulty: listed, but in no manifest, though they should be.
    """
    if quarantined == total:
        raise UserError(f"none of the {total} clips can be used; {table} says why")
    lost, listed = quarantined + faulty, total + faulty
    if lost > max_fraction * listed:
        what = f"cannot be used ({quarantined} quarantined, {faulty} not read)" if faulty else "are quarantined"
        raise UserError(
            f"{lost} of {listed} clips ({lost / listed:.1%}) {what}, more than "
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
