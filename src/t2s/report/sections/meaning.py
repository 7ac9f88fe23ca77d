"""Does it sign what it was asked: every measure beside its ceiling, its chance and its uncertainty."""

from collections.abc import Sequence

from t2s.report.blocks import Block, Figure, Figures, Note, Section, Table, missing
from t2s.report.chart import Level, Series, line_chart
from t2s.report.copies import copies
from t2s.report.documents import Document
from t2s.report.held_out import held_out_clips
from t2s.report.inputs import Inputs
from t2s.report.matrix import confusion_figure, worst_confusions
from t2s.report.origins import origins
from t2s.report.sections.overview import ceiling_top1
from t2s.report.uncertainty import decimal_spread
from t2s.report.wording import (
    DASH,
    count,
    decimal,
    percent,
    percent_interval,
    why,
)

# (label, key in faithfulness.json, how to read it)
SHARES = (
    ("Generated, intended prompt", "generated.top1", "near the ceiling, or above"),
    ("Generated, intended prompt, top 5", "generated.top5", "well above five times chance"),
    ("The same clips, labels shuffled", "shuffled.top1", "chance"),
    ("Generated, no prompt", "null.top1", "chance"),
    (
        "The training clip nearest to each, same question",
        "nearest_training.top1",
        "what copying from train would reach",
    ),
    ("One-parameter pairs told apart", "minimal_pairs.accuracy", "above chance, 50%"),
    ("Prompt of a real clip found by denoising loss", "ranking.top1", "100% is best"),
    ("Nearer to a training clip than real clips are", "memorisation.share", "not above the expected share"),
    ("… expected share", "memorisation.expected_share", ""),
    ("… of one held-out person's clips, at most", "memorisation.most_of_one_person", "what a look-alike gives"),
)
FIGURES = (
    ("Generated over real, of the signs that both have", "generated.over_ceiling", "near 1, or above"),
    ("Loss gap: another prompt − the intended one", "loss_gap.shuffled_minus_intended", "above 0"),
    ("Loss gap: no prompt − the intended one", "loss_gap.null_minus_intended", "above 0"),
    ("Fréchet distance in recogniser features", "frechet.generated", "near the floor"),
    ("… floor: real clips against real clips", "frechet.real_floor", ""),
    ("Distance to other signs' real clips / own sign's", "distance_ratios.to_real_other_over_own.ratio", "above 1"),
    ("… between / within signs, generated", "distance_ratios.generated_between_over_within.ratio", "near real clips'"),
    ("… between / within signs, real", "distance_ratios.real_between_over_within.ratio", ""),
    ("Diversity within a sign against real", "diversity", "near 1"),
    ("Motion energy against real", "motion_energy_ratio", "near 1"),
    ("Sharpness against real", "sharpness_ratio", "near 1"),
    ("Flicker against real", "flicker_ratio", "near 1"),
)
MAX_GROUPS = 80
MEASURES = ("top1", "ceiling_top1", "top1")  # of generated clips, real ones, the ranking


def meaning(inputs: Inputs) -> Section:
    """Table of measures, ranking over timesteps, confusion matrices, signs and signers."""
    measured = inputs.faithfulness
    intro = (
        "Measured with a recogniser trained only on real clips of the train split. Its accuracy on "
        f"{held_out_clips(inputs.store)} is the ceiling: the reference for generated clips, not a limit. They may "
        "pass it where they vary less than real clips."
    )
    asked, known = len(measured.texts("signs")), len(measured.texts("recogniser.signs"))
    if 0 < asked < known:
        intro += f" {asked} of its {known} signs were asked for: the figures, and their intervals, are of these."
    blocks: list[Block] = []
    if refused := measured.text("refused"):
        blocks.append(Note("red", f"Meaning is not judged: {why(refused)}"))
    blocks.append(_measures(inputs) if measured.problem is None else missing(measured.problem))
    blocks += [*copies(inputs), *origins(inputs)]
    confusion = [figure for figure in (_generated_confusion(inputs), _real_confusion(inputs)) if figure]
    if confusion:
        blocks.append(Figures(confusion, wide=True))
    charts = [chart for chart in (_ranking_chart(measured), _gap_chart(measured)) if chart]
    if charts:
        blocks.append(Figures(charts))
    tables = (_mistakes(inputs), _pairs(measured), _groups(inputs, "per_sign"), _groups(inputs, "per_signer"))
    blocks += [table for table in tables if table]
    return Section("meaning", "Does it sign what it was asked?", intro, blocks)


def _measures(inputs: Inputs) -> Table:
    measured, recogniser = inputs.faithfulness, inputs.recogniser
    rows = [
        (
            f"{held_out_clips(inputs.store).capitalize()} (ceiling)",
            percent(ceiling_top1(inputs)),
            percent_interval(recogniser.interval("ceiling_top1_ci")),
            count(recogniser.number("num_clips")),
            "the reference",
        )
    ]
    for label, key, meant in SHARES:
        interval = percent_interval(measured.interval(f"{key}_ci"))
        rows.append((label, percent(measured.number(key)), interval, _size(measured, key), meant))
    for label, key, meant in FIGURES:
        rows.append((label, decimal(measured.number(key)), decimal_spread(measured, key), _size(measured, key), meant))
    rows = [row for row in rows if row[1] != DASH]
    header = ("measure", "value", "95% interval", "n", "meant to be")
    return Table("Measures with their uncertainty", header, rows, frozenset({1, 2, 3}))


def _size(measured: Document, key: str) -> str:
    """The clips behind a figure: its group says how many, or it is of all generated ones."""
    group = key.rpartition(".")[0]
    names = (f"{group}.n", f"{group}.clips_per_side") if group else ("clips.generated",)
    return count(next((size for name in names if (size := measured.number(name)) is not None), None))


def _bins(measured: Document, group: str, key: str, name: str, style: str) -> Series:
    rows = [row for row in measured.rows(f"{group}.per_bin") if None not in (row.number("t"), row.number(key))]
    points = [(row.number("t") or 0.0, row.number(key) or 0.0) for row in rows]
    return Series(name, points, style, [row.interval(f"{key}_ci") for row in rows])


def _ranking_chart(measured: Document) -> Figure | None:
    chance = measured.number("ranking.chance")
    return line_chart(
        "Which prompt fits this real clip best?",
        [_bins(measured, "ranking", "top1", "top-1 by denoising loss", "s1")],
        x_label="timestep t",
        y_label="share right",
        caption="A real clip with the same noise is denoised under every prompt; the lowest loss wins.",
        levels=[] if chance is None else [Level(chance, "chance")],
    )


def _gap_chart(measured: Document) -> Figure | None:
    return line_chart(
        "What a wrong prompt costs",
        [
            _bins(measured, "loss_gap", "shuffled_minus_intended", "another prompt", "s1"),
            _bins(measured, "loss_gap", "null_minus_intended", "no prompt", "s2"),
        ],
        x_label="timestep t",
        y_label="extra x0-MSE",
        caption="Above 0 the network uses its text. Bars: 95% intervals.",
        levels=[Level(0, "the text is ignored")],
    )


def _judged_signs(inputs: Inputs) -> list[str]:
    """The recogniser's signs, sorted."""
    return inputs.recogniser.texts("signs") or inputs.faithfulness.texts("recogniser.signs")


def _generated_confusion(inputs: Inputs) -> Figure | None:
    caption = "Rows: what was asked; columns: what the recogniser saw."
    return confusion_figure("Generated clips", _judged_signs(inputs), inputs.faithfulness.counts("confusion"), caption)


def _real_confusion(inputs: Inputs) -> Figure | None:
    caption = f"The recogniser's own mistakes on {held_out_clips(inputs.store)}: the ceiling."
    return confusion_figure("Real clips", _judged_signs(inputs), inputs.recogniser.counts("confusion"), caption)


def _mistakes(inputs: Inputs) -> Table | None:
    found = worst_confusions(inputs.faithfulness.counts("confusion"))
    rows = [(asked, seen, f"{count(often)} of {count(total)}") for asked, seen, often, total in found]
    header = ("asked", "recognised", "clips")
    return Table("Most frequent mistakes", header, rows, frozenset({2})) if rows else None


def _pairs(measured: Document) -> Table | None:
    rows = [
        (
            " / ".join(pair.texts("signs")),
            pair.text("parameter") or DASH,
            percent(pair.number("accuracy")),
            percent_interval(pair.interval("accuracy_ci")),
            count(pair.number("n")),
        )
        for pair in measured.rows("minimal_pairs.pairs")
    ]
    header = ("pair", "differs in", "told apart", "95% interval", "n")
    return (
        Table("Signs that differ in one parameter", header, rows, frozenset({2, 3, 4}), folded=True) if rows else None
    )


def _groups(inputs: Inputs, key: str) -> Table | None:
    """By sign or signer: generated clips, the ceiling on real ones, the ranking; the hardest first."""
    columns = (
        dict(inputs.faithfulness.items(key)),
        dict(inputs.recogniser.items(key)),
        dict(inputs.faithfulness.items(f"ranking.{key}")),
    )
    names = sorted(set().union(*columns))
    rows = [
        [name, *(_share(column.get(name), measure) for column, measure in zip(columns, MEASURES, strict=True))]
        for name in sorted(names, key=lambda name: _hardness(columns, name))
    ]
    what = key.removeprefix("per_")
    header = (what, "generated", "real (ceiling)", "ranking")
    return Table(f"By {what}, hardest first", header, rows[:MAX_GROUPS], frozenset({1, 2, 3}), True) if rows else None


def _share(found: Document | None, measure: str) -> str:
    value = found.number(measure) if found else None
    if found is None or value is None:
        return DASH
    interval = found.interval(f"{measure}_ci")
    spread = f" ({percent_interval(interval, 0)})" if interval else ""
    return f"{percent(value, 0)} of {count(found.number('n'))}{spread}"


def _hardness(columns: Sequence[dict[str, Document]], name: str) -> tuple[float, ...]:
    return tuple(
        1.0 if name not in column else column[name].number(measure) or 0.0
        for column, measure in zip(columns, MEASURES, strict=True)
    )
