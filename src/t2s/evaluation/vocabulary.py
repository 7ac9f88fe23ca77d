"""Which signs are asked for, and in which words."""

from collections import Counter

import numpy as np

from t2s.errors import UserError
from t2s.evaluation.real import RealClips


def require_held_out(held_out: RealClips) -> None:
    """Raise UserError where no clip was kept from training: then nothing can be evaluated."""
    if not held_out.rows:
        raise UserError(
            f"{held_out.store.folder}: no clip is in test or val, nothing to evaluate on; see data.split_key"
        )


def evaluated_prompts(train: RealClips, held_out: RealClips, max_signs: int, seed: int) -> dict[str, str]:
    """{sign: prompt}, sorted: the training vocabulary, or at most `max_signs` of it drawn at random.

    Clips without a sign do not count where others name one. Drawn are signs that held-out clips show, then the rest.
    Where no held-out clip shows a sign that was trained on (sentences), the held-out captions take their place, beside
    the trained ones where the held-out clips have but one. A sign's prompt is its most frequent caption. Data with one
    sign alone give one prompt.

    Raises:
        UserError: there are no held-out clips.
    """
    require_held_out(held_out)
    named, shown = train.with_signs(), set(held_out.signs)
    sources = [held_out] if len(shown) > 1 else [held_out, train]
    if shown & set(named.signs):
        sources = [named]
    captions: dict[str, Counter[str]] = {}
    for source in sources:
        for sign, text in zip(source.signs, source.texts, strict=True):
            captions.setdefault(sign, Counter())[text] += 1
    signs = sorted(captions)
    if len(signs) > max_signs:
        drawn = np.random.default_rng(seed).permutation(signs).tolist()
        signs = sorted(sorted(drawn, key=lambda sign: sign not in shown)[:max_signs])
    return {sign: min(captions[sign].items(), key=lambda item: (-item[1], item[0]))[0] for sign in signs}
