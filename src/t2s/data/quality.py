"""data/clips → reports/validation.json and .html; a broken rule stops the pipeline before training."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from t2s import atomic
from t2s.data.clips import ClipStore
from t2s.data.config import DataConfig
from t2s.data.expectations import Check, clip_rules, count_rules, run_rules
from t2s.data.manifest import SPLITS
from t2s.data.measures import Row, count_signs, count_splits, measure_clips
from t2s.data.quality_page import render_page, tally
from t2s.errors import UserError

_SHOWN_IDS = 20
_log = logging.getLogger("validate")


def validate(clips: Path, reports: Path, config: DataConfig) -> None:
    """Check the clips and write both reports.

    Raises:
        UserError: the store cannot be opened, or a rule is broken; it names each expectation and the first clips.
    """
    store = ClipStore.open(clips)
    rows = measure_clips(store)
    checks = check_clips(store, rows, config)
    report = _report(store, rows, checks)
    atomic.write_json(reports / "validation.json", report)
    atomic.write_text(reports / "validation.html", render_page(store, rows, checks))
    warned = [check for check in checks if not check.success and check.severity == "warning"]
    for check in warned:
        _log.warning("warning: %s", describe(check))
    broken = [check for check in checks if not check.success and check.severity == "critical"]
    if broken:
        raise UserError(
            f"{len(broken)} of {len(checks)} data checks fail: {'; '.join(map(describe, broken))}; "
            f"{reports / 'validation.html'} shows them"
        )
    _log.info("%d clips: %s", len(store), tally(checks))


def check_clips(store: ClipStore, rows: Sequence[Row], config: DataConfig) -> list[Check]:
    """All rules on the rows that `measure_clips` made, and on the counts per split and sign."""
    checks = run_rules(
        rows, clip_rules(store.meta, config.max_caption_length, config.checks.outlier_deviations), "clip_id"
    )
    splits = count_splits(store.records, config.checks.min_clips_per_split)
    checks += run_rules(splits, count_rules("split", len(SPLITS), "data.checks.min_clips_per_split"), "group")
    signs = count_signs(store.records, config.checks.min_clips_per_sign)
    if signs:
        checks += run_rules(
            signs,
            count_rules("sign in each split", len(store.signs()) * len(SPLITS), "data.checks.min_clips_per_sign"),
            "group",
        )
    return checks


def describe(check: Check) -> str:
    """One clause: the rule in words, GX's name for it, the clips that break it. For failures and warnings alike."""
    name = f"{check.expectation}({check.column})" if check.column else check.expectation
    if not check.failing:
        return f"'{check.title}' does not hold [{name}: {check.observed}]"
    shown = ", ".join(check.failing[:5]) + (" …" if len(check.failing) > 5 else "")
    return f"'{check.title}' does not hold [{name}] for {len(check.failing)}: {shown}"


def _report(store: ClipStore, rows: Sequence[Row], checks: Sequence[Check]) -> dict[str, Any]:
    return {
        "success": all(check.success for check in checks if check.severity == "critical"),
        "num_clips": len(store),
        "data_digest": store.digest,
        "num_warnings": sum(not check.success for check in checks if check.severity == "warning"),
        "checks": [
            {**asdict(check), "failing": list(check.failing[:_SHOWN_IDS]), "num_failing": len(check.failing)}
            for check in checks
        ],
        "statistics": {column: _summary(rows, column) for column in ("brightness", "deviation", "motion", "fps")},
    }


def _summary(rows: Sequence[Row], column: str) -> dict[str, float]:
    values = np.array([row[column] for row in rows if row[column] is not None], dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return {}
    return {
        "least": round(float(values.min()), 4),
        "median": round(float(np.median(values)), 4),
        "greatest": round(float(values.max()), 4),
    }
