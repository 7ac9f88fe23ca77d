"""The clips under judgement: a few of every sign, each from its own noise."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from t2s.evaluation.arrays import Floats
from t2s.progress import track

NULL_PROMPT = ""
SEED_STRIDE = 1_000_000  # keeps the noise of different evaluation seeds apart
BATCH_SIZE = 32  # of what is measured on them; a matter of memory, not of results

# (prompts, seeds) → (B, 3, F, H, W) in [-1, 1]; "" is the null prompt
Generate = Callable[[list[str], list[int]], Tensor]


@dataclass(frozen=True)
class GeneratedClips:
    """N clips (N, 3, F, H, W) with the prompt, the sign asked for, and the seed of each."""

    clips: Floats
    prompts: tuple[str, ...]
    signs: tuple[str, ...]
    seeds: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.clips)

    def batches(self) -> Iterator[Floats]:
        for start in range(0, len(self), BATCH_SIZE):
            yield self.clips[start : start + BATCH_SIZE]


def generate_signs(
    generate: Generate, prompt_of: dict[str, str], clips_per_sign: int, seed: int, batch_size: int
) -> GeneratedClips:
    """`clips_per_sign` clips of every sign; no two clips share their noise."""
    signs = [sign for sign in prompt_of for _ in range(clips_per_sign)]
    return _generate(generate, [prompt_of[sign] for sign in signs], signs, seed * SEED_STRIDE, batch_size)


def generate_null(generate: Generate, signs: Sequence[str], count: int, seed: int, batch_size: int) -> GeneratedClips:
    """`count` clips without a prompt, each to be held against a sign in turn."""
    asked = [signs[i % len(signs)] for i in range(count)]
    return _generate(generate, [NULL_PROMPT] * count, asked, seed * SEED_STRIDE + SEED_STRIDE // 2, batch_size)


def _generate(
    generate: Generate, prompts: list[str], signs: list[str], first_seed: int, batch_size: int
) -> GeneratedClips:
    seeds = list(range(first_seed, first_seed + len(prompts)))
    parts = [
        generate(prompts[start : start + batch_size], seeds[start : start + batch_size]).float().cpu().numpy()
        for start in track(range(0, len(prompts), batch_size), "generating")
    ]
    return GeneratedClips(np.concatenate(parts), tuple(prompts), tuple(signs), tuple(seeds))
