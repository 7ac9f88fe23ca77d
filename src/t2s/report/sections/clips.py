"""The clips themselves: generated beside real, sign by sign."""

import numpy as np

from t2s.data.clips import ClipStore, to_uint8
from t2s.errors import UserError
from t2s.report.blocks import Block, Gallery, Player, Section, Verdict, missing
from t2s.report.choice import evenly
from t2s.report.documents import Document
from t2s.report.inputs import Generated, Inputs
from t2s.report.media import Frames, embedded, player
from t2s.report.wording import count, percent

MAX_PLAYERS = 48  # what a page plays without effort
MAX_SAMPLES = 12
GENERATED_PER_SIGN = 2
DEFAULT_FPS = 8.0


def clips(inputs: Inputs) -> Section:
    """One strip per sign, and the prompts that params.yaml asks for."""
    blocks: list[Block] = []
    intro = "Left: a real clip that the model has never seen. Right: what it made of the same prompt (AI-generated)."
    if inputs.generated is None:
        blocks.append(missing("No evaluated clips: data/generated is not there; the evaluate stage writes it."))
    else:
        prompts = _prompts(inputs.generated)
        shown = evenly(prompts, MAX_PLAYERS)
        if len(shown) < len(prompts):
            intro += f" {len(shown)} of {len(prompts)} prompts are shown."
        blocks.append(Gallery([_beside_real(inputs, inputs.generated, prompt) for prompt in shown]))
    samples = [made for path in inputs.samples[:MAX_SAMPLES] if (made := embedded(path))]
    if samples:
        blocks.append(Gallery(samples, "Asked for in params.yaml (sample.prompts), AI-generated"))
    return Section("clips", "Clips", intro, blocks)


def real_example(store: ClipStore, prompt: str) -> tuple[str, Frames, float] | None:
    """A clip of the prompt from a split that was not trained on, else from train: (where from, frames, fps)."""
    for split, name in (("test", "real, unseen signer"), ("val", "real, unseen signer"), ("train", "real, trained on")):
        for i in store.indices(split):
            if store.records[i].text == prompt:
                return name, to_uint8(store.pixels(i)), store.records[i].fps
    return None


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
    remark, level = _recognised(inputs.faithfulness, prompt)
    return player(prompt, panels, fps, remark, level)


def _made_name(record: Document) -> str:
    seed = record.number("seed")
    return "generated" if seed is None else f"generated, seed {count(seed)}"


def _recognised(faithfulness: Document, prompt: str) -> tuple[str, Verdict]:
    for sign, measured in faithfulness.items("per_sign"):
        top1 = measured.number("top1")
        if sign == prompt and top1 is not None:
            number = measured.number("n")
            of = f" of {count(number)}" if number else ""
            return f"recognised {percent(top1, 0)}{of}", "good" if top1 >= 0.8 else "notice" if top1 >= 0.5 else "red"
    return "", "plain"
