"""CSV tables for DVC plots and the report."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2s import atomic

if TYPE_CHECKING:  # else the recogniser's tables would depend on all of the evaluation
    from t2s.evaluation.examination import Findings


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One CSV with the keys of the first row as its header, None an empty field; an empty file for no rows."""
    listed = list(rows)
    text = io.StringIO()
    if listed:
        writer = csv.DictWriter(text, fieldnames=list(listed[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)
    atomic.write_text(path, text.getvalue())


def confusion_rows(confusion: Sequence[tuple[str, str, int]]) -> list[dict[str, str]]:
    """One row per clip, `actual` and `predicted`: the form of DVC's confusion template."""
    return [{"actual": true, "predicted": seen} for true, seen, count in confusion for _ in range(count)]


def write_tables(folder: Path, findings: "Findings") -> None:
    """per_timestep.csv, ranking.csv, nearest.csv, per_sign.csv, confusion_generated.csv (empty if refused)."""
    faithfulness = findings.faithfulness
    timesteps = findings.evaluation["per_timestep"]
    write_table(folder / "per_timestep.csv", [_flat(row) for row in timesteps])
    gaps = faithfulness["loss_gap"]["per_bin"]
    write_table(
        folder / "ranking.csv",
        [_flat(row) | _flat(gap) for row, gap in zip(faithfulness["ranking"]["per_bin"], gaps, strict=True)],
    )
    memorisation = findings.memorisation
    write_table(
        folder / "nearest.csv",
        [
            {"clips": name, "distance": round(float(value), 6)}
            for name, values in (("generated", memorisation.generated), ("held-out", memorisation.held_out))
            for value in values
        ],
    )
    write_table(folder / "per_sign.csv", [_flat(row) for row in per_sign_rows(faithfulness)])
    write_table(folder / "confusion_generated.csv", confusion_rows(faithfulness["confusion"] or []))


def per_sign_rows(faithfulness: Mapping[str, Any]) -> list[dict[str, Any]]:
    """generated_top1, ceiling_top1 and ranking_top1 of every sign, with intervals; None where not measured."""
    sources = {
        "generated_top1": (faithfulness["per_sign"], "top1"),
        "ceiling_top1": (faithfulness["recogniser"].get("per_sign", {}), "ceiling_top1"),
        "ranking_top1": (faithfulness["ranking"]["per_sign"], "top1"),
    }
    rows = []
    for sign in faithfulness["signs"]:
        row: dict[str, Any] = {"sign": sign}
        for name, (values, key) in sources.items():
            found = values.get(sign, {})
            row |= {name: found.get(key), f"{name}_ci": found.get(f"{key}_ci", [None, None])}
        rows.append(row)
    return rows


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Intervals as two columns, name_low and name_high."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if key.endswith("_ci"):
            flat[f"{key[:-3]}_low"], flat[f"{key[:-3]}_high"] = value or (None, None)
        else:
            flat[key] = value
    return flat
