"""The first screen: what came out, in one sentence and a few figures."""

from t2s.report.blocks import Block, Section, Tile, Tiles, Verdict
from t2s.report.copies import copies
from t2s.report.flags import flags
from t2s.report.held_out import held_out_clips
from t2s.report.inputs import Inputs
from t2s.report.origins import origins
from t2s.report.wording import decimal, duration, percent, percent_interval, why


def overview(inputs: Inputs) -> Section:
    """Headline, key figures, red flags, signs of copying."""
    blocks: list[Block] = [Tiles(_tiles(inputs)), *flags(inputs), *copies(inputs), *origins(inputs)]
    return Section("overview", "At a glance", headline(inputs), blocks)


def headline(inputs: Inputs) -> str:
    """What the run shows, read against its ceiling and against chance."""
    measured = inputs.faithfulness
    refused = measured.text("refused")
    if refused:
        return f"Whether the clips mean what they should is not reported: {why(refused)}"
    generated, ceiling = measured.number("generated.top1"), ceiling_top1(inputs)
    if generated is None or ceiling is None:
        return "This run has not measured yet whether its clips sign what they were asked to."
    chance = chance_top1(inputs)
    by_chance = f" Guessing would get {percent(chance)}." if chance is not None else ""
    return (
        f"A recogniser trained on real clips alone names the sign that was asked for in {percent(generated)} of the "
        f"generated clips; of {held_out_clips(inputs.store)} it gets {percent(ceiling)}.{by_chance}"
    )


def ceiling_top1(inputs: Inputs) -> float | None:
    """What the recogniser reaches on real held-out clips, from whichever stage says so."""
    found = (
        inputs.faithfulness.number("recogniser.ceiling_top1"),
        inputs.evaluation.number("recogniser.ceiling_top1"),
        inputs.recogniser.number("ceiling_top1"),
    )
    return next((value for value in found if value is not None), None)


def chance_top1(inputs: Inputs) -> float | None:
    """What guessing reaches, from whichever stage says so."""
    return inputs.recogniser.number("chance") or inputs.evaluation.number("recogniser.chance")


def _tiles(inputs: Inputs) -> list[Tile]:
    measured = inputs.faithfulness
    worst = min(
        (value for row in inputs.evaluation.rows("per_timestep") if (value := row.number("skill")) is not None),
        default=None,
    )
    ways = measured.number("ranking.ways")
    chance = f"chance {percent(1 / ways)}" if ways else ""
    if ways == 1:
        chance = "there is one prompt only"
    return [
        Tile("Signs as asked", percent(measured.number("generated.top1")), _against_ceiling(inputs)),
        Tile("Prompt found by loss", percent(measured.number("ranking.top1")), chance),
        Tile("Lowest skill", decimal(worst, 2), "worst timestep; best trivial guess: 0", _skill_level(worst)),
        Tile("Motion against real", decimal(measured.number("motion_energy_ratio"), 3), "1: moves as much as real"),
        Tile("Sharpness against real", decimal(measured.number("sharpness_ratio"), 3), "1: as sharp as real"),
        Tile("Training took", duration(inputs.training.number("seconds")), _where(inputs)),
    ]


def _against_ceiling(inputs: Inputs) -> str:
    interval = inputs.faithfulness.interval("generated.top1_ci")
    spread = f"{percent_interval(interval)}; " if interval else ""
    return f"{spread}ceiling {percent(ceiling_top1(inputs))}"


def _skill_level(skill: float | None) -> Verdict:
    if skill is None:
        return "plain"
    return "good" if skill > 0 else "red"


def _where(inputs: Inputs) -> str:
    speed = inputs.training.number("clips_per_s")
    parts = [inputs.training.text("device"), inputs.training.text("precision")]
    return ", ".join([*filter(None, parts), *([f"{decimal(speed)} clips/s"] if speed else [])])
