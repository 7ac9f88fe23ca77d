"""The same findings as pictures (PNG, drawn without a display)."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from t2s import atomic
from t2s.evaluation.arrays import PerClip
from t2s.evaluation.tables import per_sign_rows
from t2s.fonts import font_families

if TYPE_CHECKING:  # else the recogniser's plots would depend on all of the evaluation
    from t2s.evaluation.examination import Findings

DPI = 110
MAX_SIGNS = 150  # more cannot be read, and of thousands the picture takes gigabytes to draw
BASELINE_STYLES = {"zero": ":", "copy": "--", "grey": "-.", "mean": (0, (5, 1)), "wiener": (0, (1, 1))}


def write_plots(folder: Path, findings: "Findings") -> None:
    """timesteps.png, ranking.png, nearest.png, per_sign.png, confusion_generated.png."""
    write_png(folder / "timesteps.png", plot_timesteps(findings.evaluation["per_timestep"]))
    write_png(folder / "ranking.png", plot_ranking(findings.faithfulness))
    write_png(folder / "nearest.png", plot_nearest(findings))
    write_png(folder / "per_sign.png", plot_per_sign(findings.faithfulness))
    write_png(folder / "confusion_generated.png", plot_generated_confusion(findings.faithfulness))


def write_png(path: Path, figure: Figure) -> None:
    """Durably; the same figure gives the same bytes."""
    with atomic.replacing(path) as partial, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # `font_families` has told of it, once
        figure.savefig(partial, format="png", dpi=DPI, metadata={"Software": None})


def plot_timesteps(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """x0-MSE of the network and of every trivial guess, and the skill, over t.

    The network's curve and the best guess at each t are within the axes, whichever is lower.
    """
    figure, (errors, skill) = _figure(9, 3.6, 2)
    t = [row["t"] for row in rows]
    errors.plot(t, [row["x0_mse"] for row in rows], color="black", label="network")
    for name, style in BASELINE_STYLES.items():
        values = [np.nan if row[f"x0_mse_{name}"] is None else row[f"x0_mse_{name}"] for row in rows]
        errors.plot(t, values, linestyle=style, linewidth=1, label=name)
    shown = [row[name] for row in rows for name in ("x0_mse", f"x0_mse_{row['best_baseline']}") if row[name]]
    limits = min(shown, default=1.0) / 2, max(2.0, *(1.5 * value for value in shown))
    errors.set(xlabel="t (0 = almost clean)", ylabel="x0-MSE", yscale="log", ylim=limits)
    errors.legend(fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))  # above: curves may lie anywhere
    low, high = _ends(rows, "skill")
    skill.fill_between(t, low, high, alpha=0.3, linewidth=0)
    skill.plot(t, [row["skill"] for row in rows])
    skill.axhline(0, color="black", linewidth=0.8)
    lowest = float(np.nanmin(low, initial=0))
    skill.set(xlabel="t", ylabel="skill = 1 - MSE / best trivial guess", ylim=(min(-0.1, 1.1 * lowest), 1))
    return figure


def plot_ranking(faithfulness: Mapping[str, Any]) -> Figure:
    """Top-1 of the intended prompt per timestep bin beside chance, and what a wrong or missing prompt costs.

    A note where there is one prompt.
    """
    if faithfulness["ranking"]["ways"] == 1:
        return plot_note(f"one prompt alone ({faithfulness['signs'][0]}): there is no other to rank it against")
    figure, (accuracy, gap) = _figure(9, 3.4, 2)
    bins = faithfulness["ranking"]["per_bin"]
    _with_interval(accuracy, [row["t"] for row in bins], bins, "top1", "intended prompt ranks first")
    accuracy.axhline(faithfulness["ranking"]["chance"], color="black", linewidth=0.8, linestyle="--", label="chance")
    accuracy.set(xlabel="t", ylabel=f"top-1 of {faithfulness['ranking']['ways']}", ylim=(0, 1.02))
    accuracy.legend(fontsize=8)
    gaps = faithfulness["loss_gap"]["per_bin"]
    for name in ("shuffled_minus_intended", "null_minus_intended"):
        _with_interval(gap, [row["t"] for row in gaps], gaps, name, name.replace("_", " "))
    gap.axhline(0, color="black", linewidth=0.8)
    gap.set(xlabel="t", ylabel="x0-MSE")
    gap.legend(fontsize=8)
    return figure


def plot_nearest(findings: "Findings") -> Figure:
    """Distances to the nearest training clip: generated clips left of the held-out ones are copies."""
    figure, (axes,) = _figure(5, 3.2, 1)
    memorisation = findings.memorisation
    edges = np.linspace(0, max(memorisation.generated.max(), memorisation.held_out.max()) * 1.02, 41)
    for values, label in ((memorisation.held_out, "real held-out"), (memorisation.generated, "generated")):
        axes.hist(values, bins=edges.tolist(), density=True, alpha=0.55, label=label)
    axes.set(xlabel="distance to the nearest training clip", ylabel="density")
    axes.legend(fontsize=8)
    return figure


def plot_per_sign(faithfulness: Mapping[str, Any]) -> Figure:
    """Accuracy of every sign: generated clips, real held-out clips, ranking."""
    rows = per_sign_rows(faithfulness)
    if len(rows) > MAX_SIGNS:
        return plot_note(f"{len(rows)} signs are too many to draw; per_sign.csv beside this has them all")
    figure, (axes,) = _figure(max(5.0, 0.36 * len(rows)), 3.6, 1)
    places = np.arange(len(rows))
    for offset, name in enumerate(("generated_top1", "ceiling_top1", "ranking_top1")):
        heights = [np.nan if row[name] is None else row[name] for row in rows]
        axes.bar(places + 0.27 * (offset - 1), heights, 0.27, label=name.replace("_top1", ""))
    signs = [row["sign"] for row in rows]
    axes.set_xticks(places, signs, rotation=90, fontsize=8, fontfamily=font_families(signs))
    axes.set(ylabel="top-1", ylim=(0, 1.02))
    axes.legend(fontsize=8, loc="lower right")
    return figure


def plot_generated_confusion(faithfulness: Mapping[str, Any]) -> Figure:
    """Asked against recognised signs, or the reason why there is nothing to show."""
    if faithfulness["refused"]:
        return plot_note(faithfulness["refused"])
    signs = faithfulness["recogniser"]["signs"]
    return plot_confusion(faithfulness["confusion"], signs, "generated clips", "asked", "recognised")


def plot_note(text: str) -> Figure:
    """A picture that says why there is none."""
    figure, (axes,) = _figure(6, 1.5, 1)
    axes.axis("off")
    axes.text(0.5, 0.5, text, ha="center", va="center", wrap=True, fontsize=9)
    return figure


def plot_confusion(
    confusion: Sequence[tuple[str, str, int]], signs: Sequence[str], title: str, rows: str, columns: str
) -> Figure:
    """Shares of each row's clips, from `confusion_counts`; of more than `MAX_SIGNS` signs a note."""
    if len(signs) > MAX_SIGNS:
        return plot_note(f"{title}: {len(signs)} signs are too many to draw; the CSV file beside this has them all")
    size = max(4.0, 0.27 * len(signs) + 1.5)
    figure, (axes,) = _figure(size, size, 1)
    place = {sign: number for number, sign in enumerate(signs)}
    matrix = np.zeros((len(signs), len(signs)))
    for true, seen, count in confusion:
        matrix[place[true], place[seen]] = count
    axes.imshow(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1), vmin=0, vmax=1, cmap="viridis")
    families = font_families(signs)
    axes.set_xticks(range(len(signs)), list(signs), rotation=90, fontsize=7, fontfamily=families)
    axes.set_yticks(range(len(signs)), list(signs), fontsize=7, fontfamily=families)
    axes.set(title=title, ylabel=rows, xlabel=columns)
    return figure


def _figure(width: float, height: float, columns: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def _with_interval(axes: Axes, x: Sequence[int], rows: Sequence[Mapping[str, Any]], name: str, label: str) -> None:
    value = np.array([row[name] for row in rows])
    low, high = _ends(rows, name)
    axes.errorbar(x, value, yerr=[value - low, high - value], marker="o", capsize=3, label=label)


def _ends(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[PerClip, PerClip]:
    """The low and the high ends of the rows' intervals; NaN, which is not drawn, where clips were too few for one."""
    ends: PerClip = np.array([row[f"{name}_ci"] or (np.nan, np.nan) for row in rows], dtype=np.float64)
    return ends[:, 0], ends[:, 1]
