"""What the examination leaves behind: two JSON reports, tables, pictures, and the judged clips themselves."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from t2s import atomic
from t2s.data.clips import to_uint8
from t2s.evaluation.examination import Findings
from t2s.evaluation.plots import write_plots
from t2s.evaluation.tables import write_tables


def write_findings(findings: Findings, reports: Path, clips: Path, fps: float) -> None:
    """In `reports` evaluation.json, faithfulness.json, metrics.json and plots/*; clips.npy + index.jsonl in `clips`.

    metrics.json holds the figures of `headline` by their last name.
    clips.npy: uint8 (N, F, H, W, 3); index.jsonl, one object per clip in the same order: prompt, sign, seed, condition
    ("intended" or "null"), predicted (the recognised sign, null behind a closed gate), fps.
    """
    figures = headline(findings).items()
    atomic.write_json(reports / "evaluation.json", findings.evaluation)
    atomic.write_json(reports / "faithfulness.json", _without_predictions(findings.faithfulness))
    atomic.write_json(reports / "metrics.json", {name.removeprefix("evaluate/"): value for name, value in figures})
    write_tables(reports / "plots", findings)
    write_plots(reports / "plots", findings)
    _write_clips(findings, clips, fps)


def headline(findings: Findings) -> dict[str, float]:
    """The numbers a run is tracked by; those that were refused are left out."""
    faithfulness = findings.faithfulness
    skills = [row["skill"] for row in findings.evaluation["per_timestep"]]
    numbers = {
        "ceiling_top1": faithfulness["recogniser"]["ceiling_top1"],
        "generated_top1": faithfulness["generated"]["top1"],
        "ranking_top1": faithfulness["ranking"]["top1"],
        "shuffled_minus_intended": faithfulness["loss_gap"]["shuffled_minus_intended"],
        "frechet_generated": faithfulness["frechet"]["generated"],
        "frechet_real_floor": faithfulness["frechet"]["real_floor"],
        "memorisation_share": faithfulness["memorisation"]["share"],
        "diversity": faithfulness["diversity"],
        "motion_energy_ratio": faithfulness["motion_energy_ratio"],
        "sharpness_ratio": faithfulness["sharpness_ratio"],
        "skill_min": min(skills),
        "skill_mean": sum(skills) / len(skills),
    }
    return {f"evaluate/{name}": value for name, value in numbers.items() if value is not None}


def _without_predictions(faithfulness: dict[str, Any]) -> dict[str, Any]:
    """One prediction per clip belongs beside the clips, not into the report."""
    return {key: value for key, value in faithfulness.items() if key != "predicted"}


def _write_clips(findings: Findings, folder: Path, fps: float) -> None:
    predicted = findings.faithfulness["predicted"] or [None] * len(findings.generated)
    lines, frames = [], []
    for condition, clips, seen in (
        ("intended", findings.generated, predicted),
        ("null", findings.null, [None] * len(findings.null)),
    ):
        frames.append(np.moveaxis(to_uint8(clips.clips), 1, -1))
        for prompt, sign, seed, sign_seen in zip(clips.prompts, clips.signs, clips.seeds, seen, strict=True):
            record = {"prompt": prompt, "sign": sign, "seed": seed, "condition": condition, "predicted": sign_seen}
            lines.append(json.dumps({**record, "fps": fps}, ensure_ascii=False))
    buffer = io.BytesIO()
    np.save(buffer, np.concatenate(frames), allow_pickle=False)
    atomic.write_bytes(folder / "clips.npy", buffer.getvalue())
    atomic.write_text(folder / "index.jsonl", "\n".join(lines) + "\n")
