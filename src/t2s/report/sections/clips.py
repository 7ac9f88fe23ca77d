"""The clips themselves: generated beside real, sign by sign."""

import json
from collections.abc import Sequence

import numpy as np

from t2s.clips import CARRIED, MARK
from t2s.errors import UserError
from t2s.provenance import software_version
from t2s.report.blocks import Block, Gallery, Player, Section, Verdict, missing
from t2s.report.choice import evenly
from t2s.report.documents import Document
from t2s.report.held_out import HELD_OUT, TRAINED_ON, UNSEEN_SIGNER, real_example
from t2s.report.inputs import Generated, Inputs
from t2s.report.media import embedded, player
from t2s.report.sampled import how_sampled
from t2s.report.wording import count, percent

MAX_PLAYERS = 48  # what a page plays without effort
MAX_SAMPLES = 12
GENERATED_PER_SIGN = 2
DEFAULT_FPS = 8.0


def clips(inputs: Inputs) -> Section:
    """One strip per sign, and the prompts that params.yaml asks for."""
    blocks: list[Block] = []
    intro = "What the model makes of its prompts (AI-generated)."
    if inputs.generated is None:
        blocks.append(missing("No evaluated clips: data/generated is not there; the evaluate stage writes it."))
    else:
        prompts = _prompts(inputs.generated)
        shown = evenly(prompts, MAX_PLAYERS)
        players = [_beside_real(inputs, inputs.generated, prompt) for prompt in shown]
        intro = _intro(players)
        if len(shown) < len(prompts):
            intro += f" {len(shown)} of {len(prompts)} prompts are shown."
        if how := how_sampled(inputs.params, "evaluate"):
            intro += f" Sampled with {how}."
        blocks.append(Gallery(players))
    samples = [made for path in inputs.samples[:MAX_SAMPLES] if (made := embedded(path))]
    if samples:
        how = how_sampled(inputs.params, "sample")
        title = "Asked for in params.yaml (sample.prompts), AI-generated"
        blocks.append(Gallery(samples, f"{title}: {how}" if how else title))
    return Section("clips", "Clips", intro, blocks)


def _intro(players: Sequence[Player]) -> str:
    """What stands left and right, as it is in these players."""
    origins = [player.panels[0] for player in players if player.panels[0] in (UNSEEN_SIGNER, HELD_OUT, TRAINED_ON)]
    trained = origins.count(TRAINED_ON)
    if not origins:
        return "What the model made of each prompt (AI-generated); there is no real clip to hold beside it."
    left = f"a real clip; for {trained} of {len(origins)} prompts only one that was trained on, as it says below it"
    if not trained:
        left = "a real clip that the model has never seen"
    return f"Left: {left}. Right: what the model made of the same prompt (AI-generated)."


def _prompts(generated: Generated) -> list[str]:
    named = (record.text("prompt") for record in generated.records if _intended(record))
    return sorted({prompt for prompt in named if prompt})


def _intended(record: Document) -> bool:
    return (record.text("condition") or "intended") == "intended"


def _beside_real(inputs: Inputs, generated: Generated, prompt: str) -> Player:
    made = [i for i, record in enumerate(generated.records) if _intended(record) and record.text("prompt") == prompt]
    made = made[:GENERATED_PER_SIGN]
    panels = [(_made_name(generated.records[i]), np.asarray(generated.frames[i])) for i in made]
    fps = generated.records[made[0]].number("fps") or DEFAULT_FPS
    try:
        real = real_example(inputs.store, prompt) if inputs.store else None
    except UserError:  # a shard is damaged or gone; the data section says so
        real = None
    if real:
        name, frames, fps = real
        panels.insert(0, (name, frames))
    remark, level = _recognised(inputs.faithfulness, generated.records[made[0]].text("sign") or prompt)
    about = _about(inputs, prompt, [generated.records[i] for i in made], beside_real=bool(real))
    labels = [*(["real"] if real else []), *[MARK] * len(made)]
    return player(prompt, panels, fps, remark, level, about, labels)


def _about(inputs: Inputs, prompt: str, made: Sequence[Document], *, beside_real: bool) -> dict[str, str]:
    """What a strip carries as `t2s info` reads it: the same names as in any generated clip."""
    seeds = [seed for record in made if (seed := _seed(record)) is not None]
    facts = {key: inputs.checkpoint.text(key) for key in CARRIED}
    facts |= {"prompt": prompt, "seed": json.dumps(seeds), "sampling": how_sampled(inputs.params, "evaluate")}
    facts["software"] = f"t2s {software_version()}"
    facts["note"] = f"{MARK}, right of a real clip" if beside_real else MARK
    return {key: value for key, value in facts.items() if value}


def _made_name(record: Document) -> str:
    seed = _seed(record)
    return "generated" if seed is None else f"generated, seed {seed}"


def _seed(record: Document) -> int | None:
    seed = record.find("seed")
    return seed if isinstance(seed, int) else None


def _recognised(faithfulness: Document, asked: str) -> tuple[str, Verdict]:
    for sign, measured in faithfulness.items("per_sign"):
        top1 = measured.number("top1")
        if sign == asked and top1 is not None:
            number = measured.number("n")
            of = f" of {count(number)}" if number else ""
            return f"recognised {percent(top1, 0)}{of}", "good" if top1 >= 0.8 else "notice" if top1 >= 0.5 else "red"
    return "", "plain"
