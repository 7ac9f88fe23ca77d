"""How well each timestep is denoised, against what costs nothing, and how much it weighs in the loss."""

import math
from collections.abc import Iterable
from itertools import chain

from t2s.diffusion.config import DiffusionConfig, PredictionType, SNRWeightingConfig
from t2s.report.blocks import Block, Figure, Figures, Note, Section, Table, missing
from t2s.report.chart import Level, Point, Series, line_chart
from t2s.report.documents import Document
from t2s.report.inputs import Inputs
from t2s.report.loss_weights import weights_on_targets
from t2s.report.wording import DASH, decimal, spans

METRICS = {"eps_mse": "noise error (eps-MSE)", "x0_mse": "clip error (x0-MSE)", "v_mse": "velocity error (v-MSE)"}
BASELINES = {
    "wiener": "Wiener filter",
    "mean": "mean clip",
    "grey": "grey clip",
    "copy": "noise = input",
    "zero": "noise = 0",
}
HEADROOM = 5.0  # a trivial guess this much worse than the best one leaves the picture
SMALLEST_WEIGHT = 1e-4  # of the largest: below it a curve leaves the picture
ADVICE = (  # for each third of the timesteps, from almost clean to almost noise
    "for low t model.residual: blend, or train.snr_weighting.strategy: snr, which weighs low t up",
    "for middle t diffusion.prediction_type: sample, or more train.epochs",
    "for high t diffusion.prediction_type: sample, or train.snr_weighting.strategy: uniform_x0, which weighs high t up",
)


def timesteps(inputs: Inputs) -> Section:
    """Errors beside the trivial baselines, skill, and the loss weight of every timestep."""
    intro = (
        "Timestep 0 is an almost clean clip, the last one almost pure noise. Skill = 1 − error / error of the best of "
        "five trivial guesses at that timestep: above 0 the network knows something, 1 would be perfect."
    )
    rows = inputs.evaluation.rows("per_timestep")
    blocks: list[Block] = []
    if not rows:
        blocks.append(missing(inputs.evaluation.problem or "reports/evaluation.json has no per_timestep figures."))
    figures = [_skill(rows), *(_errors(rows, metric) for metric in METRICS), _weights(inputs.checkpoint)]
    drawn = [figure for figure in figures if figure]
    if drawn:
        blocks.append(Figures(drawn))
    below = [int(t) for t, skill in _points(rows, "skill") if skill <= 0]
    if below:
        last = max(int(t) for t, _ in _points(rows, "skill"))
        blocks.append(Note("red", f"No better than a trivial guess at timestep {spans(below)}.", _advice(below, last)))
    if rows:
        blocks.append(_table(rows))
    return Section("timesteps", "Timestep by timestep", intro, blocks)


def _advice(below: list[int], last: int) -> str:
    """What to turn, for each third of 0 … last that a failing timestep lies in."""
    thirds = {min(2, max(0, 3 * t // max(1, last + 1))) for t in below}
    return "; ".join(ADVICE[third] for third in sorted(thirds))


def _points(rows: list[Document], column: str) -> list[Point]:
    pairs = ((row.number("t"), row.number(column)) for row in rows)
    return [(t, value) for t, value in pairs if t is not None and value is not None]


def _skill(rows: list[Document]) -> Figure | None:
    spreads = [row.interval("skill_ci") for row in rows if row.number("skill") is not None]
    return line_chart(
        "Skill over the best trivial guess",
        [Series("skill", _points(rows, "skill"), "s1", spreads)],
        x_label="timestep t",
        y_label="skill",
        levels=[Level(0, "the best trivial guess")],
    )


def _errors(rows: list[Document], metric: str) -> Figure | None:
    model = _points(rows, metric)
    if not model:
        return None
    trivial = {key: _points(rows, f"{metric}_{key}") for key in BASELINES}
    top = HEADROOM * max(max(value for _, value in model), _best_everywhere(trivial.values()))
    lines = [Series("this model", model, "s1")]
    lines += [
        Series(name, [point for point in trivial[key] if point[1] <= top], f"b{number}")
        for number, (key, name) in enumerate(BASELINES.items(), start=1)
    ]
    title = METRICS[metric]
    return line_chart(title[0].upper() + title[1:], lines, x_label="timestep t", y_label="MSE, log", log=True)


def _best_everywhere(curves: Iterable[list[Point]]) -> float:
    """The largest error over timesteps of whichever trivial guess is best there."""
    best: dict[float, float] = {}
    for t, value in chain.from_iterable(curves):
        best[t] = min(value, best.get(t, value))
    return max(best.values(), default=0.0)


def _weights(checkpoint: Document) -> Figure | None:
    """The weight of each timestep on the three forms of the loss, as the checkpoint was trained."""
    try:
        diffusion = DiffusionConfig.model_validate(checkpoint.find("params.diffusion"))
        weighting = SNRWeightingConfig.model_validate(checkpoint.find("params.train.snr_weighting"))
    except ValueError:
        return None
    weights = weights_on_targets(weighting, diffusion)
    targets: list[tuple[PredictionType, str, str]] = [
        ("sample", "on the clip (x0)", "s1"),
        ("epsilon", "on the noise (eps)", "s2"),
        ("v", "on the velocity (v)", "s3"),
    ]
    lines = [Series(name, _curve(weights[target].tolist()), style) for target, name, style in targets]
    strategy = weighting.strategy if weighting.enabled else "off"
    caption = f"train.snr_weighting: {strategy}. One loss, written on each of the three targets."
    return line_chart("Loss weight", lines, x_label="timestep t", y_label="weight, log", log=True, caption=caption)


def _curve(weights: list[float]) -> list[Point]:
    finite = [(float(t), weight) for t, weight in enumerate(weights) if math.isfinite(weight)]
    least = SMALLEST_WEIGHT * max(weight for _, weight in finite)
    return [(t, weight) for t, weight in finite if weight > least]


def _table(rows: list[Document]) -> Table:
    columns = ["skill", *METRICS]
    header = ["t", "skill", "eps-MSE", "x0-MSE", "v-MSE", "x0-PSNR dB", "best trivial guess", "its x0-MSE"]
    body = [
        [
            decimal(row.number("t")),
            *(decimal(row.number(column)) for column in columns),
            decimal(row.number("x0_psnr")),
            BASELINES.get(best, best),
            decimal(row.number(f"x0_mse_{best}")),
        ]
        for row in rows
        for best in [row.text("best_baseline") or DASH]
    ]
    return Table("The figures of every timestep", header, body, frozenset({0, 1, 2, 3, 4, 5, 7}), folded=True)
