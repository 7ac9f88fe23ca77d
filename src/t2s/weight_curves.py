"""`t2s weights`: what each timestep counts in the loss: a picture of all strategies, a table of the chosen one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from t2s.diffusion.config import DiffusionConfig, PredictionType, SNRWeightingConfig, Strategy
from t2s.diffusion.schedule import make_schedule
from t2s.diffusion.weighting import STRATEGIES, USES
from t2s.errors import UserError
from t2s.evaluation.plots import write_png
from t2s.models.config import ModelConfig
from t2s.paramsfile import read_sections
from t2s.plain_table import plain_table
from t2s.presets import apply_preset
from t2s.report.loss_weights import TARGETS, weights_on_targets
from t2s.report.wording import decimal
from t2s.training.config import TrainConfig

NAMES: dict[PredictionType, str] = {"epsilon": "eps", "v": "v", "sample": "x0"}
SHOWN_WEIGHTS = (1e-4, 1e4)  # what lies beyond leaves the picture, not the table


@dataclass(frozen=True)
class Weighting:
    """What params.yaml says of loss weights, with the preset applied."""

    diffusion: DiffusionConfig
    snr: SNRWeightingConfig
    preset: str

    @classmethod
    def read(cls, params: Path) -> Self:
        """Raises UserError for a file that cannot be read, or a wrong key in the three sections."""
        model, diffusion, train = read_sections(params, ModelConfig, DiffusionConfig, TrainConfig)
        model, train = apply_preset(model, train)
        return cls(diffusion, train.snr_weighting, model.preset)

    @property
    def target(self) -> str:
        """The MSE that training multiplies: eps, v or x0."""
        return NAMES[self.diffusion.prediction_type]

    @property
    def chosen(self) -> str:
        """The strategy with the numbers it uses, or why there is none."""
        if self.snr.enabled:
            return described(self.snr.strategy, self.snr)
        cause = "model.preset: legacy" if self.preset == "legacy" else "train.snr_weighting.enabled: false"
        return f"off ({cause})"


def weights_table(params: Path) -> str:
    """One line a timestep: t, SNR, and the weight on the MSE of eps, v and x0; the loss is the same in all three.

    Raises:
        UserError: see `Weighting.read`.
    """
    weighting = Weighting.read(params)
    weights = weights_on_targets(weighting.snr, weighting.diffusion)
    snr = make_schedule(weighting.diffusion).snr
    rows = [
        [str(t), _number(float(snr[t])), *(_number(float(weights[target][t])) for target in TARGETS)]
        for t in range(len(snr))
    ]
    table = plain_table(["t", "SNR", *(f"on {NAMES[target]}" for target in TARGETS)], rows)
    return f"weighting: {weighting.chosen}; training multiplies the MSE of {weighting.target}\n{table}"


def plot_weights(params: Path, output: Path) -> Path:
    """Write a PNG with the curves of all strategies on each target, the chosen one in black; returns its path.

    Raises:
        UserError: see `Weighting.read`; `output` is no .png, or cannot be written.
    """
    if output.suffix.lower() != ".png":
        raise UserError(f"{output}: the picture is a PNG; give a name that ends in .png")
    write_png(output, draw(Weighting.read(params)))
    return output


def draw(weighting: Weighting) -> Figure:
    """Three panels (eps, v, x0) over t, logarithmic."""
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(TARGETS), sharey=True)
    chosen = weights_on_targets(weighting.snr, weighting.diffusion)
    for axes, target in zip(panels, TARGETS, strict=True):
        for number, strategy in enumerate(STRATEGIES):
            other = weighting.snr.model_copy(update={"enabled": True, "strategy": strategy})
            curve = weights_on_targets(other, weighting.diffusion)[target]
            style = ("-", "--")[number % 2]  # many curves run one upon the other
            axes.plot(curve.numpy(), style, linewidth=1.4, label=described(strategy, weighting.snr))
        axes.plot(chosen[target].numpy(), color="black", linewidth=4, zorder=0, label=f"in use: {weighting.chosen}")
        predicted = " (predicted)" if target == weighting.diffusion.prediction_type else ""
        axes.set(yscale="log", ylim=SHOWN_WEIGHTS, xlabel="t (0 = almost clean)")
        axes.set_title(f"weight on the MSE of {NAMES[target]}{predicted}", fontsize=10)
    panels[0].set_ylabel("weight")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8)
    return figure


def described(strategy: Strategy, snr: SNRWeightingConfig) -> str:
    """The strategy's name and those of the three numbers that it uses, as params.yaml calls them."""
    numbers = ", ".join(f"{name} {getattr(snr, name):g}" for name in USES[strategy])
    return f"{strategy} ({numbers})" if numbers else strategy


def _number(value: float) -> str:
    return "inf" if value == float("inf") else decimal(value)
