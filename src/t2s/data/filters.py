"""Which of the listed clips are used: chosen signs, signs with enough clips, at most so many clips."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from itertools import zip_longest

from t2s.data.sources.clip import SourceClip
from t2s.data.splits import hash_order
from t2s.errors import UserError
from t2s.letters import composed

FEW = 10  # clips of a sign


def keep_signs(clips: Sequence[SourceClip], signs: Collection[str]) -> list[SourceClip]:
    """Clips of these signs (of these captions where no sign is named), whatever their case and way to write a letter.

    Raises UserError naming the signs that no clip has.
    """
    wanted = {_plain(sign): sign for sign in signs}
    kept = [clip for clip in clips if _label(clip) in wanted]
    absent = wanted.keys() - {_label(clip) for clip in kept}
    if absent:
        names = ", ".join(sorted(wanted[label] for label in absent))
        raise UserError(f"data.signs: no clip shows {names}; check the spelling with `t2s data inspect`")
    return kept


def drop_rare_signs(clips: Sequence[SourceClip], min_clips: int) -> list[SourceClip]:
    """Leave out signs with fewer than `min_clips` clips; sentences (no sign) stay."""
    counts = Counter(clip.sign for clip in clips)
    return [clip for clip in clips if not clip.sign or counts[clip.sign] >= min_clips]


def limit_clips(clips: Sequence[SourceClip], max_clips: int, min_clips_per_sign: int) -> list[SourceClip]:
    """At most `max_clips` clips in their old order, chosen by hash of clip_id: the same ones on every machine.

    Signs are drawn first, as many as can have `min_clips_per_sign` clips each, or FEW where that is more (but two
    signs if possible): signs of a clip or two are nothing to learn and hold out from. Then every sign in turn gives
    a clip until there are enough. Sentences are one pool.
    """
    if len(clips) <= max_clips:
        return list(clips)
    pools: dict[str, list[SourceClip]] = defaultdict(list)
    for clip in clips:
        pools[clip.sign].append(clip)
    num_signs = max(1, max_clips // max(FEW, min_clips_per_sign), min(2, max_clips // min_clips_per_sign))
    drawn = [pools[sign] for sign in sorted(pools, key=hash_order)[:num_signs]]
    rounds = zip_longest(*(sorted(pool, key=lambda clip: hash_order(clip.clip_id)) for pool in drawn))
    in_turn = [clip.clip_id for turn in rounds for clip in turn if clip is not None]
    chosen = set(in_turn[:max_clips])
    return [clip for clip in clips if clip.clip_id in chosen]


def _label(clip: SourceClip) -> str:
    return _plain(clip.sign or clip.text)


def _plain(text: str) -> str:
    return composed(text).strip().casefold()
