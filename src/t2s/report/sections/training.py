"""How the training went: losses, output scale, what the text is worth, samples on the way, speed."""

from functools import partial
from typing import Any

from t2s.report.blocks import Block, Facts, Figure, Figures, Pictures, Section, missing
from t2s.report.chart import Level, Point, Series, line_chart
from t2s.report.choice import evenly
from t2s.report.documents import Row
from t2s.report.flags import flags
from t2s.report.inputs import Inputs
from t2s.report.media import picture
from t2s.report.wording import DASH, count, decimal, duration

THIRDS = {"low": "low t (almost clean)", "mid": "middle t", "high": "high t (almost noise)"}
MAX_SHEETS = 4


def training(inputs: Inputs) -> Section:
    """Curves over epochs, red flags, contact sheets, time and throughput."""
    intro = "One point per epoch. Each red flag names the parameter to change, and in which direction."
    blocks: list[Block] = [*flags(inputs)]
    figures = [figure for figure in _figures(inputs) if figure]
    if figures:
        blocks.append(Figures(figures))
    else:
        blocks.append(missing("reports/plots/training.csv is not there yet, or holds no epoch."))
    found = [picture(path, f"Samples after {_epoch(path.stem)}") for path in evenly(inputs.sheets, MAX_SHEETS)]
    sheets = [sheet for sheet in found if sheet]
    if sheets:
        blocks.append(Pictures(sheets))
    if inputs.training.problem is None:
        blocks.append(_speed(inputs))
    return Section("training", "Training", intro, blocks)


def _figures(inputs: Inputs) -> list[Figure | None]:
    history = inputs.history
    loss = [Series("train", _points(history, "train_loss"), "s1")]
    held_out = [Series(name, _points(history, f"x0_mse_{key}"), f"s{i}") for i, (key, name) in _numbered()]
    skill = [Series(name, _points(history, f"skill_{key}"), f"s{i}") for i, (key, name) in _numbered()]
    scale = [Series("output scale", _points(history, "output_scale"), "s1")]
    gaps = [
        Series("another prompt", _points(history, "shuffled_gap"), "s1"),
        Series("no prompt", _points(history, "null_gap"), "s2"),
    ]
    norm = [Series("gradient norm", _points(history, "gradient_norm"), "s1")]
    noisy = [Series("samples / real", _points(history, "noisiness"), "s1")]
    over_epochs = partial(line_chart, x_label="epoch")
    return [
        over_epochs("Training loss", loss, y_label="weighted loss, log", log=True),
        over_epochs("Held-out error by third of the timesteps", held_out, y_label="x0-MSE, log", log=True),
        over_epochs(
            "Held-out skill by third of the timesteps",
            skill,
            y_label="skill",
            levels=[Level(0, "a trivial guess")],
            caption="1 − error / error of the best of five trivial guesses, as under Timestep by timestep.",
        ),
        over_epochs("Output scale", scale, y_label="value", **_limits_of_scale(inputs)),
        over_epochs(
            "What the text is worth",
            gaps,
            y_label="extra error",
            levels=[Level(0, "the text is ignored")],
            caption="How much worse noisy clips are denoised under another prompt, or none, than under their own.",
        ),
        over_epochs("Gradient norm before clipping", norm, y_label="norm"),
        over_epochs(
            "Noisiness of samples",
            noisy,
            y_label="ratio",
            levels=[Level(1, "as real clips")],
            caption="High-frequency energy of samples over that of real clips.",
        ),
    ]


def _limits_of_scale(inputs: Inputs) -> dict[str, Any]:
    """The band in which it should settle, and what lies far outside: as the training's monitor had them."""
    settled = inputs.checkpoint.interval("params.train.monitor.output_scale_notice")
    sound = inputs.checkpoint.interval("params.train.monitor.output_scale")
    if not settled or not sound:
        return {}
    caption = f"Shaded: {settled[0]:g} to {settled[1]:g}, where it should settle."
    return {"band": settled, "caption": f"{caption} Above {sound[1]:g} outputs explode, below {sound[0]:g} vanish."}


def _numbered() -> list[tuple[int, tuple[str, str]]]:
    return list(enumerate(THIRDS.items(), start=1))


def _points(history: list[Row], column: str) -> list[Point]:
    return [(row["epoch"], row[column]) for row in history if "epoch" in row and column in row]


def _epoch(stem: str) -> str:
    """epoch-005 → epoch 5."""
    name, _, number = stem.partition("-")
    return f"{name} {int(number)}" if number.isdecimal() else stem


def _speed(inputs: Inputs) -> Facts:
    found = inputs.training
    skipped = found.find("skipped_steps")
    return Facts(
        [
            ("Steps", count(found.number("num_steps"))),
            ("Time", duration(found.number("seconds"))),
            ("Throughput", f"{decimal(found.number('clips_per_s'))} clips/s"),
            ("Device", found.text("device") or DASH),
            ("Precision", found.text("precision") or DASH),
            ("Processes", count(found.number("num_processes"))),
            ("Steps skipped (loss or gradient not finite)", count(len(skipped) if isinstance(skipped, list) else None)),
        ]
    )
