"""All cells compared → report.md and report/*.png; a cell without a result is listed as missing."""

if __name__ == "__main__":  # before all that takes long to import
    from t2s.script import run_script

    run_script(__file__)

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from cells import RESULTS, ROOT_PARAMS, Cell, Plan, cell_fingerprint, cell_sections, data_sections
from findings import Interval, Results, over_seeds
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from t2s import atomic
from t2s.evaluation.plots import write_png
from t2s.paramsfile import load_yaml

PAGE = Path("report.md")
PICTURES = Path("report")
NOISE = {"low": "low t (SNR ≥ 10)", "mid": "middle", "high": "high t (SNR < 0.1)"}
EPOCHS = (5, 10, 20)  # where the seed says to look
MISSING = "missing"
REFUSED = "refused"  # the recogniser may not judge
LOWEST_SKILL = -1.0  # of the pictures' axis


def main() -> None:
    root, plan = load_yaml(ROOT_PARAMS), Plan.load()
    data = data_sections(root, plan)
    marks = {run: cell_fingerprint(cell_sections(root, plan, *run), data) for run in plan.runs}
    results = Results.read(plan, RESULTS, marks)
    write_report(results, Path())
    logging.info("%s: %d of %d runs, %d missing", PAGE, len(results.found), len(plan.runs), len(results.missing))


def write_report(results: Results, folder: Path) -> None:
    """report.md and its pictures in `folder`, beside which results/ holds the sample sheets."""
    pictures = {}
    for title, cells in results.plan.figures.items():
        present = [cell for cell in cells if results.of(cell)]
        if present:
            pictures[title] = PICTURES / f"{title.replace(' ', '-').replace(chr(39), '')}.png"
            write_png(folder / pictures[title], plot_skill(results, present))
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    parts = [
        "# The seed's five fixes, measured",
        introduction(results),
        "## Every cell",
        cells_table(results),
        "## What each fix does",
        fixes_table(results),
        "## Skill over noise",
        *(f"### {title}\n\n![Skill over log-SNR: {title}]({path})" for title, path in pictures.items()),
        "## At epochs 5, 10 and 20",
        epochs_table(results),
        "## Output scale and red flags",
        scale_table(results),
        "## Samples from the same noise",
        sheets_table(results, folder),
        "## Missing",
        missing_list(results),
    ]
    atomic.write_text(folder / PAGE, "\n\n".join(parts) + "\n")


def introduction(results: Results) -> str:
    """What was run, and how the figures are to be read."""
    everything = list(results.found.values())
    lines = [
        f"{len(everything)} of {len(results.plan.runs)} runs are measured, {len(results.missing)} are missing.",
    ]
    if everything:
        steps = sorted({result["steps"] for result in everything})
        precision = ", ".join(sorted({result["precision"] for result in everything}))
        judge = everything[0]["recogniser"]
        low, high = judge["ceiling_top1_ci"]
        lines.append(
            f"Every run makes {' or '.join(map(str, steps))} optimizer steps ({precision}) on the same clips in the "
            f"same order. The recogniser reads real held-out clips at {judge['ceiling_top1']:.2f} [{low:.2f}, "
            f"{high:.2f}] top-1; chance is {judge['chance']:.2f}."
        )
        if judge["refused"]:
            lines.append(f"**{judge['refused']}**")
    lines.append(
        "Skill = 1 − MSE / best trivial guess, on held-out signers with fixed noise; over a range of timesteps the "
        "geometric mean of that ratio. 0 is no better than a trivial guess, 1 is perfect. Intervals are 95 %: over "
        "seeds (Student's t), or, marked *, over the clips of a single seed."
    )
    if results.stale:
        names = "all of them"
        if len(results.stale) < len(results.found):
            names = ", ".join(f"{cell}-{seed}" for cell, seed in sorted(results.stale))
        lines.append(f"Stale, made before params or code changed: {names}.")
    return "\n\n".join(lines)


def cells_table(results: Results) -> str:
    """One row a cell, present or missing."""
    rows = []
    for cell in [*results.plan.decisive, *results.plan.further]:
        found = results.of(cell)
        seconds = f"{np.median([result['seconds'] for result in found]):.0f}" if found else MISSING
        skills = [cell_text(results.skill(cell, noise)) for noise in NOISE]
        top1 = results.top1(cell)
        judged = REFUSED if found and top1 is None else cell_text(top1)
        rows.append([cell, described(results.plan.cells[cell]), str(len(found)), *skills, judged, seconds])
    return table(["cell", "turns", "seeds", *NOISE.values(), "generated top-1", "training s"], rows)


def described(cell: Cell) -> str:
    """What a cell turns, in words of params.yaml."""
    start = {"legacy": "legacy", "params": "the default"}[cell.start]
    changes = [f"`{key}: {value}`" for key, value in cell.change.items()]
    return " + ".join([start, *cell.fixes, *changes])


def fixes_table(results: Results) -> str:
    """The gain of each fix alone over legacy, and in company: all five minus all but this one. Paired by seed."""
    rows = []
    for fix in results.plan.fixes:
        for how, cell, reference in (
            ("alone", f"only_{fix}", "legacy"),
            ("in company", "all_five", f"without_{fix}"),
        ):
            gains = [results.difference(cell, reference, noise) for noise in (*NOISE, None)]
            rows.append([fix, how, f"{cell} − {reference}", *map(cell_text, gains)])
    for cell, reference in (("all_five", "legacy"), ("default", "all_five")):
        gains = [results.difference(cell, reference, noise) for noise in (*NOISE, None)]
        rows.append([cell, "", f"{cell} − {reference}", *map(cell_text, gains)])
    return table(["fix", "", "difference", *(f"Δ skill, {name}" for name in NOISE.values()), "Δ generated top-1"], rows)


def epochs_table(results: Results) -> str:
    """Validation error and noisiness on the way, mean over seeds; train losses compare within a row only."""
    measures = {"x0_mse": "x0-MSE", "noisiness": "noisiness", "train_loss": "train loss"}

    def row(cell: str) -> list[str]:
        texts = []
        for key in measures:
            for epoch in EPOCHS:
                at = [result["at_epochs"].get(str(epoch), {}) for result in results.of(cell)]
                values = [found[key] for found in at if key in found]
                texts.append(f"{np.mean(values):.3g}" if values else MISSING)
        return [cell, *texts]

    head = [f"{name}, epoch {epoch}" for name in measures.values() for epoch in EPOCHS]
    note = (
        "x0-MSE: validation clips, at timesteps spread over the cell's own schedule, so compare cells of one schedule "
        "only. Noisiness: high-frequency energy of the sample sheet over that of real clips, 1 is right. The train "
        "loss is in each cell's own weighting: compare it within a row only."
    )
    return note + "\n\n" + table(["cell", *head], map(row, [*results.plan.decisive, *results.plan.further]))


def scale_table(results: Results) -> str:
    """Where the learnable output scale went, and what the monitor said at the end."""
    rows = []
    for cell in [*results.plan.decisive, *results.plan.further]:
        found = results.of(cell)
        scales = [result["output_scale"] for result in found if result["output_scale"]]
        ends = over_seeds([scale[-1] for scale in scales], [None] * len(scales))
        path = f"{min(map(min, scales)):.2f} … {max(map(max, scales)):.2f}" if scales else "none"
        flags = sorted({f"{flag['name']} ({flag['level']})" for result in found for flag in result["flags"]})
        if found:
            rows.append([cell, "none" if ends is None else str(ends), path, ", ".join(flags) or "none"])
        else:
            rows.append([cell, MISSING, MISSING, MISSING])
    return table(["cell", "output scale at the end", "on the way", "flags"], rows)


def sheets_table(results: Results, folder: Path) -> str:
    """The sheets of the first seed: one row a cell, one column an epoch, all from the same noise."""
    seed = results.plan.seeds[0]

    def sheet(cell: str, epoch: int) -> str:
        path = RESULTS / f"{cell}-{seed}" / f"epoch-{epoch:03d}.png"
        return f"![{cell}, epoch {epoch}]({path})" if (folder / path).is_file() else MISSING

    cells = [*results.plan.decisive, *results.plan.further]
    return table(
        ["cell", *(f"epoch {epoch}" for epoch in EPOCHS)],
        [[cell, *(sheet(cell, epoch) for epoch in EPOCHS)] for cell in cells],
    )


def missing_list(results: Results) -> str:
    """Every run without a result."""
    if not results.missing:
        return "Nothing: every run of the plan is measured."
    return "\n".join(f"- {cell}, seed {seed}" for cell, seed in results.missing)


def plot_skill(results: Results, cells: Sequence[str]) -> Figure:
    """Skill over log10 SNR, clean on the left: cells with different schedules can be compared."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for number, cell in enumerate(cells):
        found = [result["per_timestep"] for result in results.of(cell)]
        x = np.log10(found[0]["snr"])
        curve = [
            over_seeds([one["skill"][i] for one in found], [one["skill_ci"][i] for one in found]) for i in range(len(x))
        ]
        points = [point for point in curve if point is not None]
        colour = f"C{number % 10}"
        axes.plot(x, column(points, lambda point: point.value), color=colour, label=f"{cell} ({len(found)})")
        low, high = column(points, lambda point: point.low), column(points, lambda point: point.high)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.axhline(0, color="black", linewidth=0.8)
    for edge in (0.1, 10):
        axes.axvline(np.log10(edge), color="grey", linewidth=0.6, linestyle=":")
    axes.set(xlabel="log10 SNR (left: almost clean, right: almost noise)", ylabel="skill", ylim=(LOWEST_SKILL, 1))
    axes.invert_xaxis()
    axes.legend(fontsize=8, title="cell (seeds)", title_fontsize=8)
    return figure


def column(points: Sequence[Interval], of: Callable[[Interval], float | None]) -> list[float]:
    """One number a point, cut at the picture's edge."""
    return [max(LOWEST_SKILL - 1, float(of(point) or 0.0)) for point in points]


def cell_text(interval: Interval | None) -> str:
    return MISSING if interval is None else str(interval)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
