"""The model card: what the model is for, what it was measured at, and what it cannot do."""

import re
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from t2s.data.clips import ClipRecord, ClipStore
from t2s.prompts import is_lexical
from t2s.report.flags import past_flags
from t2s.report.held_out import held_out_clips, new_signers, signers
from t2s.report.inputs import Inputs
from t2s.report.origins import origins
from t2s.report.sampled import how_sampled
from t2s.report.sections.overview import ceiling_top1, chance_top1
from t2s.report.uncertainty import decimal_spread
from t2s.report.wording import DASH, count, decimal, joined, listed, percent, percent_interval

environment = Environment(
    loader=PackageLoader("t2s.report"),
    autoescape=False,  # Markdown, not HTML; `plain` takes out what Markdown would read as markup
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

# (label, key in faithfulness.json)
SHARES = (
    ("Generated clips recognised as asked", "generated.top1"),
    ("The same clips, labels shuffled (chance)", "shuffled.top1"),
    ("Generated, no prompt", "null.top1"),
    ("Prompt of a real clip found by denoising loss", "ranking.top1"),
    ("Nearer to a training clip than real clips are", "memorisation.share"),
    ("… expected share", "memorisation.expected_share"),
)
FIGURES = (
    ("Recognised as asked, generated over real, of the signs that both have", "generated.over_ceiling"),
    ("Motion energy, generated over real", "motion_energy_ratio"),
    ("Sharpness, generated over real", "sharpness_ratio"),
    ("Fréchet distance in recogniser features, generated", "frechet.generated"),
    ("Fréchet distance in recogniser features, real against real", "frechet.real_floor"),
)


def render_model_card(inputs: Inputs) -> str:
    """Markdown, from the figures of the run; a figure nobody measured says so."""
    checkpoint, measured, store = inputs.checkpoint, inputs.faithfulness, inputs.store
    train = [store.records[i] for i in store.indices("train")] if store else []
    source = store.meta.source if store else {}
    return environment.get_template("model_card.md.j2").render(
        fingerprint=plain(checkpoint.text("fingerprint") or DASH),
        revision=plain(checkpoint.text("git_revision") or DASH),
        run_id=plain(checkpoint.text("mlflow_run_id") or inputs.run.text("run_id") or DASH),
        licence=plain(checkpoint.text("licence") or DASH),
        language=plain(checkpoint.text("language") or DASH),
        synthetic=source.get("synthetic") is True,
        notes=plain(joined(source.get("notes"))),
        num_prompts=count(len(checkpoint.texts("prompts")) or None),
        prompts=listed([plain(prompt) for prompt in checkpoint.texts("prompts")]),
        lexical=is_lexical(checkpoint.find("lexical"), checkpoint.find("config.model.text.tokenizer")),
        weights=count(inputs.num_parameters),
        clip=f"{store.meta.num_frames} frames of {store.meta.image_size} × {store.meta.image_size} pixels"
        if store
        else DASH,
        train_clips=count(len(train) or None),
        train_signers=count(len(signers(train)) or None),
        held_out=_held_out(store),
        sampled=plain(how_sampled(inputs.params, "evaluate") or DASH),
        refused=plain(measured.text("refused") or ""),
        figures=_figures(inputs),
        flags=[plain(flag.text("message") or "") for flag in inputs.training.rows("flags")],
        origins=[plain(note.text) for note in origins(inputs)],
        past_flags=[plain(text) for text in past_flags(inputs.training)],
    )


def _held_out(store: ClipStore | None) -> str:
    """The clips that the figures are of, and those that the training was watched with."""
    if store is None:
        return DASH
    test, val = ([store.records[i] for i in store.indices(split)] for split in ("test", "val"))
    unseen = new_signers(store)
    if test and val:
        return f"evaluated: {_of(test, unseen)}; watched while training: {_of(val, unseen)}"
    held_out = test or val
    return f"evaluated, and watched while training: {_of(held_out, unseen)}" if held_out else "none"


def _of(records: Sequence[ClipRecord], unseen: frozenset[str]) -> str:
    """How many clips, and of how many signers who may be called new; clips that name nobody are not theirs."""
    clips = f"{len(records):,} clip{'' if len(records) == 1 else 's'}"
    people = len(signers(records) & unseen)
    if not people:
        return clips
    joint = "of" if all(record.signer for record in records) else "with at least"
    return f"{clips} {joint} {people:,} signer{'' if people == 1 else 's'} the model never saw"


def plain(text: str) -> str:
    """Text that Markdown and HTML show as it is, on one line."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", line)


def _figures(inputs: Inputs) -> list[tuple[str, str, str]]:
    """(measure, value, 95% interval; a range over random halves says so)."""
    measured = inputs.faithfulness
    chance = chance_top1(inputs)
    spread = inputs.recogniser.interval("ceiling_top1_ci")
    rows = [
        (
            f"Ceiling: {held_out_clips(inputs.store)} recognised",
            percent(ceiling_top1(inputs)),
            percent_interval(spread),
        ),
        ("Chance", percent(chance), DASH),
    ]
    rows += [
        (name, percent(measured.number(key)), percent_interval(measured.interval(f"{key}_ci"))) for name, key in SHARES
    ]
    rows += [(name, decimal(measured.number(key)), decimal_spread(measured, key)) for name, key in FIGURES]
    return [(name, "not measured" if value == DASH else value, spread) for name, value, spread in rows]
