"""The training watches itself: the seed's "What to monitor", "Red flags" and "Troubleshooting", measured.

Each check is a pure function of the history, one row an epoch; each flag names the parameter to turn and which way.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Literal

from t2s.training.config import MonitorConfig

Row = Mapping[str, float]
SMALLEST_HISTORY = 6  # epochs before a trend can be told from its spread
TEXT_GAP = 0.002  # relative loss that another prompt must cost at least


@dataclass(frozen=True)
class Flag:
    """One thing to look at. `name` is also the MLflow tag (monitor.<name>)."""

    name: str
    level: Literal["notice", "red"]
    epoch: int
    message: str
    advice: str

    def as_dict(self) -> dict[str, object]:
        """JSON form."""
        return asdict(self)


@dataclass(frozen=True)
class PastFlag:
    """A flag as it was when it went up, and the epoch at whose end it was down again."""

    flag: Flag
    down: int

    def as_dict(self) -> dict[str, object]:
        """JSON form: the flag's, and `down`."""
        return self.flag.as_dict() | {"down": self.down}


def check(history: Sequence[Row], config: MonitorConfig) -> list[Flag]:
    """All flags that the history raises, as of its last row.

    A row holds `epoch` and, where measured: `train_loss`, `gradient_norm`, `output_scale`, `skill_low`, `noisiness`,
    `shuffled_gap`, `null_gap`.
    """
    if not history:
        return []
    checks = (
        output_scale,
        oscillating_loss,
        exploding_gradients,
        low_timesteps_stuck,
        noisy_samples,
        text_ignored,
    )
    found = [one(history, config) for one in checks]
    return [flag for flag in found if flag is not None]


def output_scale(history: Sequence[Row], config: MonitorConfig) -> Flag | None:
    """Seed: > 10 exploding, < 0.1 suppressed; 0.5 … 2.0 is where it should settle."""
    row = history[-1]
    if "output_scale" not in row:
        return None
    value, epoch = abs(row["output_scale"]), int(row["epoch"])
    low, high = config.output_scale
    if value > high:
        return Flag(
            "output_scale",
            "red",
            epoch,
            f"output_scale {value:.3g} > {high:g}: outputs explode",
            "set model.output_scale_range: [0.1, 10], lower train.learning_rate, or start at model.output_scale: 0.3",
        )
    if value < low:
        return Flag(
            "output_scale",
            "red",
            epoch,
            f"output_scale {value:.3g} < {low:g}: outputs are suppressed",
            "raise model.output_scale to 1.0",
        )
    low, high = config.output_scale_notice
    if not low <= value <= high:
        return Flag(
            "output_scale",
            "notice",
            epoch,
            f"output_scale {value:.3g} is outside {low:g} … {high:g}",
            "watch it; model.output_scale_range holds it if it runs away",
        )
    return None


def oscillating_loss(history: Sequence[Row], config: MonitorConfig) -> Flag | None:
    """The last epoch losses go up and down by more than config.oscillation of their mean; a steep fall does not."""
    losses = [row["train_loss"] for row in history if "train_loss" in row][-SMALLEST_HISTORY:]
    if len(losses) < SMALLEST_HISTORY:
        return None
    triples = zip(losses, losses[1:], losses[2:], strict=False)
    swings = [abs(b - (a + c) / 2) if (b - a) * (c - b) < 0 else 0.0 for a, b, c in triples]
    spread = fmean(swings) / max(fmean(losses), 1e-12)
    if spread <= config.oscillation:
        return None
    return Flag(
        "oscillating_loss",
        "red",
        int(history[-1]["epoch"]),
        f"the loss swings by {spread:.0%} of its mean from epoch to epoch",
        "halve train.learning_rate, raise train.batch_size, or set train.snr_weighting.enabled: false for a while",
    )


def exploding_gradients(history: Sequence[Row], config: MonitorConfig) -> Flag | None:
    """The median gradient norm of the last epoch, before clipping, is above its limit."""
    row = history[-1]
    if row.get("gradient_norm", 0.0) <= config.gradient_norm:
        return None
    return Flag(
        "exploding_gradients",
        "red",
        int(row["epoch"]),
        f"gradient norm {row['gradient_norm']:.3g} > {config.gradient_norm:g}",
        "lower train.learning_rate, keep train.gradient_clip at 1.0, lower train.temporal_weight to 0.3",
    )


def low_timesteps_stuck(history: Sequence[Row], config: MonitorConfig) -> Flag | None:
    """At low t the network is no better than copying its input, late in the run: the seed's first complaint."""
    measured = [row for row in history if "skill_low" in row]
    if not measured or measured[-1]["epoch"] < config.noisy_after_epochs or measured[-1]["skill_low"] > 0:
        return None
    return Flag(
        "low_timesteps_stuck",
        "red",
        int(measured[-1]["epoch"]),
        f"skill {measured[-1]['skill_low']:.2f} at low timesteps: no better than a trivial baseline",
        "set model.residual: blend or model.projection_sees_input: true; strategy snr weighs low t up",
    )


def noisy_samples(history: Sequence[Row], config: MonitorConfig) -> Flag | None:
    """Samples hold more high-frequency energy than real clips, after the epochs that should have cured it."""
    measured = [row for row in history if "noisiness" in row]
    if not measured or measured[-1]["epoch"] < config.noisy_after_epochs:
        return None
    value = measured[-1]["noisiness"]
    if value <= config.noisiness:
        return None
    return Flag(
        "noisy_samples",
        "red",
        int(measured[-1]["epoch"]),
        f"samples hold {value:.1f} × the high-frequency energy of real clips",
        "raise train.epochs (or, under inverse_snr and snr, train.snr_weighting.max_snr to 20), predict sample or v, "
        "check the data's range",
    )


def text_ignored(history: Sequence[Row], config: MonitorConfig) -> Flag | None:
    """Another prompt denoises as well as the intended one: conditional collapse (2606.01643).

    What no prompt costs is told, not judged: the null prompt is trained on few clips and may be worse by that alone.
    """
    measured = [row for row in history if "shuffled_gap" in row]
    if not measured or measured[-1]["epoch"] < config.text_ignored_after_epochs:
        return None
    recent = measured[-3:]
    shuffled, null = (median(row[key] for row in recent) for key in ("shuffled_gap", "null_gap"))
    if shuffled > TEXT_GAP:
        return None
    return Flag(
        "text_ignored",
        "red",
        int(measured[-1]["epoch"]),
        f"a wrong prompt costs {shuffled:+.2%} and no prompt {null:+.2%}: the text is ignored",
        "lower train.motion_weight to 0, lower train.prompt_dropout and diffusion.logsnr_shift, raise train.epochs",
    )


def raised(flags: Sequence[Flag], before: Sequence[Flag]) -> list[Flag]:
    """The flags that were not up `before`, or at another level."""
    known = {(flag.name, flag.level) for flag in before}
    return [flag for flag in flags if (flag.name, flag.level) not in known]


def monitor_tags(flags: Sequence[Flag], before: Sequence[Flag], epoch: int) -> dict[str, str]:
    """MLflow's tags: what each flag says, and of those that came down since `before`, after which epoch."""
    down = {f"monitor.{flag.name}": f"down again after epoch {epoch}" for flag in before}
    return down | {f"monitor.{flag.name}": flag.message for flag in flags}


def came_down(history: Sequence[Row], config: MonitorConfig) -> list[PastFlag]:
    """Every flag that was up after some epoch and no longer after a later one, in the order in which they came down.

    A notice that turned red did not come down; red that turned into a notice did.
    """
    found: list[PastFlag] = []
    up: dict[tuple[str, str], Flag] = {}
    for length, row in enumerate(history, start=1):
        now = {(flag.name, flag.level): flag for flag in check(history[:length], config)}
        gone = [up[key] for key in up if key not in now and (key[0], "red") not in now]
        found += [PastFlag(flag, int(row["epoch"])) for flag in gone]
        up = {key: up.get(key, flag) for key, flag in now.items()}
    return found


def not_judged(history: Sequence[Row], config: MonitorConfig) -> dict[str, int | None]:
    """The checks that have said neither good nor bad, each with the epoch from which it will; None: not measured."""
    last = int(history[-1]["epoch"]) if history else 0
    losses = sum("train_loss" in row for row in history)
    trend = math.ceil(last * SMALLEST_HISTORY / losses) if losses else SMALLEST_HISTORY  # a step may close many epochs
    needs = {
        "output_scale": ("output_scale", 1),
        "oscillating_loss": ("train_loss", trend),
        "exploding_gradients": ("gradient_norm", 1),
        "low_timesteps_stuck": ("skill_low", config.noisy_after_epochs),
        "noisy_samples": ("noisiness", config.noisy_after_epochs),
        "text_ignored": ("shuffled_gap", config.text_ignored_after_epochs),
    }
    measured = {name: [row["epoch"] for row in history if key in row] for name, (key, _) in needs.items()}
    return {
        name: first if measured[name] else None
        for name, (_, first) in needs.items()
        if not measured[name] or measured[name][-1] < first
    }
