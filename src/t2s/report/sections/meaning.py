"""Does it sign what it was asked: every measure beside its ceiling, its chance and its uncertainty."""

from collections.abc import Sequence

from t2s.report.blocks import Block, Figure, Figures, Note, Section, Table, missing
from t2s.report.chart import Level, Series, line_chart
from t2s.report.documents import Document
from t2s.report.inputs import Inputs
from t2s.report.matrix import confusion_figure, worst_confusions
from t2s.report.sections.overview import ceiling_top1
from t2s.report.wording import (
    DASH,
    count,
    decimal,
    decimal_interval,
    percent,
    percent_interval,
)

# (label, key in faithfulness.json, how to read it)
SHARES = (
    ("Generated, intended prompt", "generated.top1", "up to the ceiling"),
    ("Generated, intended prompt, top 5", "generated.top5", "up to the ceiling's top 5"),
    ("Generated, another prompt", "shuffled.top1", "near chance: the text decides"),
    ("Generated, no prompt", "null.top1", "near chance"),
    ("Nearest training clip", "nearest_training.top1", "what copying would get"),
    ("Prompt ranking by denoising loss", "ranking.top1", "1 is best"),
    ("Memorised", "memorisation.share", "not above the real clips'"),
    ("One-parameter pairs told apart", "pairs.accuracy", "half is chance"),
)
FIGURES = (
    ("Another prompt costs (loss gap)", "loss_gap.shuffled_minus_intended", "above 0"),
    ("No prompt costs (loss gap)", "loss_gap.null_minus_intended", "above 0"),
    ("Fréchet distance, recogniser features", "frechet.generated", "near the floor"),
    ("Fréchet distance, real against real", "frechet.real_floor", "the floor"),
    ("Distance to other prompts' over own prompt's clips", "distance_ratio.real", "above 1"),
    ("Diversity within a prompt", "diversity", "near real clips'"),
    ("Motion energy against real", "motion_energy_ratio", "near 1"),
    ("Flicker against real", "flicker_ratio", "near 1"),
    ("Sharpness against real", "sharpness_ratio", "near 1"),
)
MAX_GROUPS = 80


def meaning(inputs: Inputs) -> Section:
    """Table of measures, ranking over timesteps, confusion matrices, signs and signers."""
    measured = inputs.faithfulness
    intro = (
        "Measured with a recogniser trained only on real clips of the training signers. Its accuracy on real clips of "
        "unseen signers is the ceiling: no generated clip can be asked for more."
    )
    blocks: list[Block] = []
    if measured.text("refused"):
        blocks.append(Note("red", f"The recogniser cannot judge: {measured.text('refused')}"))
    blocks.append(_measures(inputs) if measured.problem is None else missing(measured.problem))
    confusion = [figure for figure in (_generated_confusion(measured), _real_confusion(inputs)) if figure]
    if confusion:
        blocks.append(Figures(confusion, wide=True))
    ranking = _ranking_chart(measured)
    if ranking:
        blocks.append(Figures([ranking]))
    mistakes = worst_confusions(measured.texts("signs"), measured.matrix("confusion"))
    if mistakes:
        rows = [(asked, seen, f"{count(often)} of {count(total)}") for asked, seen, often, total in mistakes]
        blocks.append(Table("Most frequent mistakes", ("asked", "recognised", "clips"), rows, frozenset({2})))
    blocks += [
        block for block in (_groups(measured, "per_sign", "sign"), _groups(measured, "per_signer", "signer")) if block
    ]
    return Section("meaning", "Does it sign what it was asked?", intro, blocks)


def _measures(inputs: Inputs) -> Table:
    measured, recogniser = inputs.faithfulness, inputs.recogniser
    spread = recogniser.interval("ceiling_top1_ci") or measured.interval("recogniser.ceiling_top1_ci")
    rows = [
        ("Real clips of unseen signers (ceiling)", percent(ceiling_top1(inputs)), percent_interval(spread),
         _size(recogniser, "") if recogniser.number("n") else count(recogniser.number("num_clips")), ""),
    ]  # fmt: skip
    for label, key, meant in SHARES:
        interval = percent_interval(measured.interval(f"{key}_ci"))
        rows.append((label, percent(measured.number(key)), interval, _size(measured, key), meant))
    for label, key, meant in FIGURES:
        interval = decimal_interval(measured.interval(f"{key}_ci"))
        rows.append((label, decimal(measured.number(key)), interval, _size(measured, key), meant))
    rows = [row for row in rows if row[1] != DASH]
    header = ("measure", "value", "95% interval", "n", "meant to be")
    return Table("Measures with their uncertainty (bootstrap over clips)", header, rows, frozenset({1, 2, 3}))


def _size(measured: Document, key: str) -> str:
    return count(measured.number(f"{key.partition('.')[0]}.n"))


def _ranking_chart(measured: Document) -> Figure | None:
    rows = [row for row in measured.rows("ranking.per_bin") if row.number("t") is not None]
    points = [(row.number("t") or 0.0, top1) for row in rows if (top1 := row.number("top1")) is not None]
    spreads = [row.interval("top1_ci") for row in rows if row.number("top1") is not None]
    ways = measured.number("ranking.ways")
    return line_chart(
        "Which prompt fits this real clip best?",
        [Series("top-1 by denoising loss", points, "s1", spreads)],
        x_label="timestep t",
        y_label="share right",
        caption="A real clip with the same noise is denoised under every prompt; the lowest loss wins.",
        levels=[Level(1 / ways, "chance")] if ways else [],
    )


def _generated_confusion(measured: Document) -> Figure | None:
    caption = "Rows: what was asked; columns: what the recogniser saw."
    return confusion_figure("Generated clips", measured.texts("signs"), measured.matrix("confusion"), caption)


def _real_confusion(inputs: Inputs) -> Figure | None:
    found = inputs.recogniser
    caption = "The recogniser's own mistakes on real clips of unseen signers: the ceiling."
    return confusion_figure("Real clips", found.texts("signs"), found.matrix("confusion"), caption)


def _groups(measured: Document, key: str, name: str) -> Table | None:
    groups = [(label, found) for label, found in measured.items(key) if found.number("top1") is not None]
    if not groups:
        return None
    groups.sort(key=lambda item: (item[1].number("top1") or 0.0, item[0]))
    rows: Sequence[Sequence[str]] = [
        (label, percent(found.number("top1"), 0), percent_interval(found.interval("top1_ci")), count(found.number("n")))
        for label, found in groups[:MAX_GROUPS]
    ]
    title = f"By {name}, hardest first" + (f" ({MAX_GROUPS} of {len(groups)})" if len(groups) > MAX_GROUPS else "")
    return Table(title, (name, "top-1", "95% interval", "n"), rows, frozenset({1, 2, 3}), folded=True)
