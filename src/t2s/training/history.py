"""What a training remembers of itself: one row an epoch, and the steps of the epoch under way."""

import logging
import math
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from t2s.errors import UserError

logger = logging.getLogger(__name__)

RANGES = ("low", "mid", "high")  # thirds of 0 … T-1

Row = dict[str, float]


@dataclass
class History:
    """Survives a kill: `as_json` goes into every checkpoint, floats round-trip exactly."""

    rows: list[Row] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    by_range: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in RANGES})
    skipped_steps: list[int] = field(default_factory=list)

    def note(self, loss: float, norm: float, x0_mse: list[float], thirds: list[int]) -> None:
        """Add one step: its loss, gradient norm, and each clip's x0-error with the third its timestep lies in."""
        self.losses.append(loss)
        self.norms.append(norm)
        for error, third in zip(x0_mse, thirds, strict=True):
            self.by_range[RANGES[third]].append(error)

    def skip(self, step: int, clip_ids: list[str], loss: float, norm: float, allowed: int) -> None:
        """Note a step that learnt nothing, because its loss or gradient norm is not finite.

        Raises:
            UserError: more of them than `allowed`.
        """
        self.skipped_steps.append(step)
        if len(self.skipped_steps) <= allowed:
            logger.warning("step %d skipped: loss %s, gradient norm %s", step, loss, norm)
            return
        raise UserError(
            f"step {step}: loss {loss}, gradient norm {norm} (clips {', '.join(clip_ids)}); the last good "
            "checkpoint is kept: lower train.learning_rate, check these clips, or allow train.max_skipped_steps"
        )

    def close_epoch(self, epoch: int, step: int, rate: float, facts: Row) -> Row:
        """Turn the steps so far into the row of `epoch`; `facts` are noted as they are."""
        row: Row = {"epoch": epoch, "step": step, "learning_rate": rate}
        if self.losses:
            row |= {"train_loss": fmean(self.losses), "gradient_norm": median(self.norms)}
        row |= {f"train_x0_mse_{name}": fmean(values) for name, values in self.by_range.items() if values}
        row |= facts
        self.rows.append(row)
        self.losses, self.norms, self.by_range = [], [], {name: [] for name in RANGES}
        return row

    def require_finite(self) -> None:
        """Raise UserError where the last row measured something that is not a finite number."""
        row = self.rows[-1]
        if wild := [f"{key} {value}" for key, value in row.items() if not math.isfinite(value)]:
            found = f"epoch {row['epoch']:.0f}: {', '.join(wild)}"
            raise UserError(f"{found}; the last good checkpoint is kept: lower train.learning_rate")

    @property
    def is_best(self) -> bool:
        """Whether the last row was validated, with a lower x0-error than every row before it."""
        errors = [row["x0_mse"] for row in self.rows if "x0_mse" in row]
        return "x0_mse" in self.rows[-1] and errors[-1] < min(errors[:-1], default=math.inf)

    def as_json(self) -> dict[str, Any]:
        """A JSON value from which `from_json` makes the same history."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "History":
        """The inverse of `as_json`."""
        return cls(**value)
