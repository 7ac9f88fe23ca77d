"""How generated clips look beside real ones of the same signs: movement, sharpness, noise, variety."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from t2s.data.statistics import flicker, high_frequency_energy, motion_energy, noise_level
from t2s.evaluation.arrays import Floats, PerClip
from t2s.evaluation.bootstrap import Bootstrap, named
from t2s.evaluation.distances import own_distances, thumbnails

STATISTICS: dict[str, Callable[[Floats], PerClip]] = {
    "motion_energy": motion_energy,
    "sharpness": high_frequency_energy,
    "flicker": flicker,
    "noise_level": noise_level,
}
RATIOS = ("motion_energy", "sharpness", "flicker")  # a clean drawing has no noise to divide by


class ClipSet(Protocol):
    """Clips that come in batches (B, 3, F, H, W), and their signs."""

    def batches(self) -> Iterator[Floats]: ...

    @property
    def signs(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Appearance:
    """Of n clips: pixel statistics by name, (n,) each; thumbnails (n, V); signs."""

    statistics: dict[str, PerClip]
    thumbnails: Floats
    signs: tuple[str, ...]

    @classmethod
    def of(cls, clips: ClipSet) -> "Appearance":
        """Measured in one pass. Raises ValueError when there are no clips."""
        values: dict[str, list[PerClip]] = {name: [] for name in STATISTICS}
        small = []
        for batch in clips.batches():
            small.append(thumbnails(batch))
            for name, statistic in STATISTICS.items():
                values[name].append(statistic(batch))
        joined = {name: np.concatenate(parts) for name, parts in values.items()}
        return cls(joined, np.concatenate(small), tuple(clips.signs))

    @property
    def spread(self) -> PerClip:
        """Mean distance of each clip to the others of its sign, in thumbnails."""
        _, labels = np.unique(self.signs, return_inverse=True)
        return own_distances(self.thumbnails, labels)


def appearance_report(generated: Appearance, real: Appearance, bootstrap: Bootstrap) -> dict[str, Any]:
    """`motion_energy_ratio`, `sharpness_ratio`, `flicker_ratio`, `diversity` with intervals; 1 is like real clips,
    null is undefined (real clips have none of it, or a sign has one clip only).

    `diversity` is the mean distance between clips of one sign over that of the real held-out ones, whose
    signers differ where each signs a sign once.
    """
    report: dict[str, Any] = {}
    for name in RATIOS:
        ratio = bootstrap.ratio(generated.statistics[name], real.statistics[name])
        report |= named(ratio, f"{name}_ratio")
    report["noise_level"] = {
        "generated": float(generated.statistics["noise_level"].mean()),
        "real": float(real.statistics["noise_level"].mean()),
    }
    inner, outer = generated.spread, real.spread
    diversity = bootstrap.ratio(inner, outer) if len(inner) and len(outer) else None  # one clip per sign has no spread
    report |= named(diversity, "diversity")
    report.pop("n", None)  # of both sides together; the report's `clips` has it
    return {**report, "appearance": {"per_sign": _ratios_by_sign(generated, real)}}


def _ratios_by_sign(generated: Appearance, real: Appearance) -> dict[str, dict[str, Any]]:
    """The ratios of means for each sign that both show; null where real clips have none of it."""
    asked, shown = np.asarray(generated.signs), np.asarray(real.signs)
    found: dict[str, dict[str, Any]] = {}
    for sign in sorted(set(generated.signs) & set(real.signs)):
        row: dict[str, Any] = {"n": int((asked == sign).sum())}
        for name in RATIOS:
            below = float(real.statistics[name][shown == sign].mean())
            above = float(generated.statistics[name][asked == sign].mean())
            row[f"{name}_ratio"] = above / below if below else None
        found[sign] = row
    return found
