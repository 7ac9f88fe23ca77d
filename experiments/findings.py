"""The results that are there, and what they say over seeds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from cells import Plan

# 97.5 % quantiles of Student's t by degrees of freedom: a 95 % interval over 2, 3, … seeds.
T_QUANTILES = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}

Result = dict[str, Any]


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval, over `seeds` seeds; with one seed over its clips. No interval: low is None."""

    value: float
    low: float | None
    high: float | None
    seeds: int

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return shown(self.value)
        mark = "" if self.seeds > 1 else "*"
        return f"{shown(self.value)} [{shown(self.low)}, {shown(self.high)}]{mark}"


@dataclass(frozen=True)
class Results:
    """What was measured of a plan, by (cell, seed). `stale`: made with other params or other code than the present."""

    plan: Plan
    found: Mapping[tuple[str, int], Result]
    stale: frozenset[tuple[str, int]]

    @classmethod
    def read(cls, plan: Plan, folder: Path, marks: Mapping[tuple[str, int], str]) -> "Results":
        """Every result of the plan's runs that is there and whole. `marks`: each run's present fingerprint."""
        found: dict[tuple[str, int], Result] = {}
        for cell, seed in plan.runs:
            try:
                found[cell, seed] = json.loads((folder / f"{cell}-{seed}" / "result.json").read_text("utf-8"))
            except (OSError, ValueError):
                continue
        stale = frozenset(run for run, result in found.items() if result["fingerprint"] != marks[run])
        return cls(plan, found, stale)

    @property
    def missing(self) -> list[tuple[str, int]]:
        """Runs of the plan without a result, in the plan's order."""
        return [run for run in self.plan.runs if run not in self.found]

    def of(self, cell: str) -> list[Result]:
        """The results of a cell, by seed."""
        return [result for (name, _), result in sorted(self.found.items()) if name == cell]

    def skill(self, cell: str, noise: str) -> Interval | None:
        """Skill in one range of noise; None when the cell is missing."""
        measured = [result["skill"][noise] for result in self.of(cell) if noise in result["skill"]]
        return over_seeds([each["value"] for each in measured], [each["ci"] for each in measured])

    def top1(self, cell: str) -> Interval | None:
        """Top-1 on generated clips; None when the cell is missing or the recogniser was refused."""
        measured = [result["generated"] for result in self.of(cell) if result["generated"]["top1"] is not None]
        return over_seeds([each["top1"] for each in measured], [each["top1_ci"] for each in measured])

    def difference(self, cell: str, reference: str, noise: str | None) -> Interval | None:
        """Skill in a range of noise (None: generated top-1) of `cell` minus `reference`, paired by seed."""

        def value(result: Result) -> float | None:
            number: float | None = result["generated"]["top1"] if noise is None else result["skill"][noise]["value"]
            return number

        seeds = [seed for name, seed in self.found if name == cell and (reference, seed) in self.found]
        pairs = [(value(self.found[cell, seed]), value(self.found[reference, seed])) for seed in seeds]
        gaps = [new - old for new, old in pairs if new is not None and old is not None]
        return over_seeds(gaps, [None] * len(gaps))


def over_seeds(values: Sequence[float], own: Sequence[Sequence[float] | None]) -> Interval | None:
    """Mean and t-interval of one value a seed; of a single seed its own interval; of none None."""
    if not values:
        return None
    mean, n = fmean(values), len(values)
    if n == 1:
        low, high = own[0] or (None, None)
        return Interval(mean, low, high, 1)
    half = T_QUANTILES.get(n - 1, 1.96) * stdev(values) / n**0.5
    return Interval(mean, mean - half, mean + half, n)


def shown(value: float) -> str:
    """Two decimals, and fewer where a skill is far below 0."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
