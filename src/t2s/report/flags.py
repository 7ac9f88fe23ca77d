"""What the training said of itself: flags that are up, flags that came down, checks that have not judged."""

from t2s.report.blocks import Note
from t2s.report.documents import Document
from t2s.report.inputs import Inputs
from t2s.report.wording import decimal

NEAR = 0.01  # of a bound: closer is at it

# the training's checks, and what each looks at
LOOKED_AT = {
    "output_scale": "output scale",
    "oscillating_loss": "loss",
    "exploding_gradients": "gradients",
    "low_timesteps_stuck": "low timesteps",
    "noisy_samples": "samples",
    "text_ignored": "use of the text",
}


def flags(inputs: Inputs) -> list[Note]:
    """The flags that are up, each with what to do, or what looks sound; those that came down; what was not judged."""
    training = inputs.training
    if training.problem:
        return [Note("missing", f"Red flags are not known: {training.problem}")]
    up = [_up(flag) for flag in training.rows("flags")]
    return [*(up or _sound(inputs)), *_came_down(training), *_not_judged(training)]


def past_flags(training: Document) -> list[str]:
    """One sentence for each kind of flag that was raised and came down: what was wrong, last and first when."""
    kinds: dict[tuple[str | None, str | None], list[Document]] = {}
    for flag in training.rows("came_down"):
        kinds.setdefault((flag.text("name"), flag.text("level")), []).append(flag)
    return [_when(found) for found in kinds.values()]


def _when(raised: list[Document]) -> str:
    last, before = raised[-1], len(raised) - 1
    when = f"raised in epoch {decimal(last.number('epoch'))}, came down in {decimal(last.number('down'))}"
    if before:
        often = "once" if before == 1 else f"{before} times"
        when += f"; {often} before, first in epoch {decimal(raised[0].number('epoch'))}"
    return f"{_said(last)} ({when})"


def _up(flag: Document) -> Note:
    text = f"{_said(flag)} (epoch {decimal(flag.number('epoch'))})"
    return Note("red" if flag.text("level") == "red" else "notice", text, flag.text("advice") or "")


def _said(flag: Document) -> str:
    return flag.text("message") or flag.text("name") or "unnamed flag"


def _sound(inputs: Inputs) -> list[Note]:
    """What looks sound where no flag is up: what was judged, and nothing else."""
    training = inputs.training
    if training.find("not_judged") is None:
        told = "reports/training.json does not say what was judged; train anew to know"
        return [Note("missing", f"No red flags in training ({told}).")]
    silent = {name for name, _ in training.items("not_judged")}
    held = {"output_scale": _held(inputs)}
    judged = [what + held.get(name, "") for name, what in LOOKED_AT.items() if name not in silent]
    if not judged:
        return []
    verb = "look" if len(judged) > 1 or judged[0] == "gradients" else "looks"
    return [Note("good", f"No red flags in training: {_listed(judged)} {verb} sound.")]


def _held(inputs: Inputs) -> str:
    """Whether the output scale rests on an end of the range it is clamped to: then it did not settle by itself."""
    value = inputs.training.number("last.output_scale")
    bounds = inputs.checkpoint.interval("config.model.output_scale_range")
    for bound in bounds or ():
        if value is not None and abs(value - bound) <= NEAR * abs(bound):
            return f" (held at {decimal(bound)} by model.output_scale_range)"
    return ""


def _came_down(training: Document) -> list[Note]:
    return [Note("notice", text, "nothing, unless it comes back") for text in past_flags(training)]


def _not_judged(training: Document) -> list[Note]:
    early, unmeasured = [], []
    silent = dict(training.items("not_judged"))
    for name, what in LOOKED_AT.items():
        if name not in silent:
            continue
        if isinstance(epoch := silent[name].content, int):
            early.append(f"{what} (from epoch {epoch})")
        else:
            unmeasured.append(what)
    notes = []
    if early:
        notes.append(Note("notice", f"Not judged yet: {', '.join(early)}.", "raise train.epochs to have them judged"))
    if unmeasured:
        notes.append(Note("missing", f"Not measured in this training: {', '.join(unmeasured)}."))
    return notes


def _listed(names: list[str]) -> str:
    """a, b and c."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
