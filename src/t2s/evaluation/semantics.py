"""What the recogniser says: of real held-out clips (the ceiling, which opens or closes the gate), then of generated."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from t2s.evaluation.arrays import Floats, Labels, PerClip
from t2s.evaluation.bootstrap import Bootstrap, Estimate, named
from t2s.evaluation.distances import label_distances, label_distances_to
from t2s.evaluation.frechet import FeatureSet, frechet_report
from t2s.evaluation.generation import GeneratedClips
from t2s.evaluation.judge import Judge, Reading, labels_of, reading_of
from t2s.evaluation.real import RealClips
from t2s.evaluation.recognition import confusion_counts, hits, pair_accuracy, shares_by_group, shuffled_hits
from t2s.evaluation.wilson import share, share_by_sign, share_ratio

NOTHING_KNOWN = "semantics refused: no held-out clip shows a sign that the recogniser knows; see data.split_key"
SHUFFLES = 100
TOP = (1, 5)
MIN_FRECHET_CLIPS = 4
ROUNDING = 1e-5  # of float32 features, beside their size

Pair = tuple[str, str, str]  # two signs and the one parameter they differ in


def recogniser_report(judge: Judge, held_out: RealClips) -> dict[str, Any]:
    """reports/recogniser.json: the ceiling on real clips of people it has not seen, by sign and by signer.

    Every sign counts alike in it, as among generated clips. Top-5 is null where there are no more than five signs. All
    null, and refused, where none of the clips shows a sign that it knows.
    """
    known = held_out.of_signs(judge.signs)
    if not known.rows:
        return {
            **named(None, "ceiling_top1"),
            **named(None, "ceiling_top5"),
            "num_clips": 0,
            "chance": 1 / len(judge.signs),
            "refused": NOTHING_KNOWN,
            "signs": list(judge.signs),
            "confusion": None,
            "per_sign": {},
            "per_signer": {},
        }
    labels = labels_of(judge, known.signs)
    reading = reading_of(judge, known)
    right = hits(reading.logits, labels)
    ceiling = share_by_sign(right, known.signs)
    top5 = share_by_sign(hits(reading.logits, labels, k=5), known.signs) if len(judge.signs) > 5 else None
    return {
        **ceiling.named("ceiling_top1"),
        **named(top5, "ceiling_top5"),
        "num_clips": ceiling.n,
        "chance": 1 / len(judge.signs),
        "refused": refusal(ceiling, len(judge.signs), judge.gate_margin),
        "signs": list(judge.signs),
        "confusion": confusion_counts(labels, reading.predictions, judge.signs),
        "per_sign": shares_by_group(right, known.signs, "ceiling_top1"),
        "per_signer": shares_by_group(right, known.signers, "ceiling_top1"),
    }


def no_recogniser(signs: Sequence[str]) -> str:
    """Why there is none: the train clips name none of `signs`, or one alone."""
    if not signs:
        return "semantics refused: the clips name no signs, so no recogniser could be trained"
    return (
        f"semantics refused: {signs[0]!r} is the only sign that the train clips name, so there is none to tell it "
        "from and no recogniser; add clips of a second sign"
    )


def refusal(ceiling: Estimate, num_signs: int, margin: float) -> str | None:
    """The gate. Why the recogniser may not judge generated clips, or None when it may.

    A judge that cannot read real clips says nothing about generated ones, whatever number it gives.
    """
    chance = 1 / num_signs
    if ceiling.low >= chance + margin:
        return None
    return (
        f"semantics refused: the recogniser reads real held-out clips at {ceiling.value:.3f} top-1 "
        f"[{ceiling.low:.3f}, {ceiling.high:.3f}], too near to chance ({chance:.3f}); "
        "give it more clips or epochs (recogniser.epochs, data)"
    )


def passes_gate(faithfulness: Mapping[str, Any], min_share: float) -> bool:
    """Whether generated clips are read nearly as well as real ones, even at the low end of the 95 % interval.

    Never while the recogniser's own gate is closed: then nobody can say what the clips show. Nor where they seem to
    repeat training clips, which the recogniser has learned to read.
    """
    if faithfulness["refused"] or faithfulness["memorisation"]["above_expected"]:
        return False
    interval = faithfulness["generated"]["over_ceiling_ci"]  # of the signs that were generated; None: undefined
    return interval is not None and bool(interval[0] >= min_share)


def semantics_report(
    judge: Judge,
    generated: GeneratedClips,
    null: GeneratedClips,
    held_out: RealClips,
    pairs: Sequence[Pair],
    bootstrap: Bootstrap,
    frechet_splits: int,
) -> dict[str, Any]:
    """What the recogniser says of generated clips, with chance and intervals. Ask `refusal` first."""
    labels = labels_of(judge, generated.signs)
    reading = reading_of(judge, generated.clips)
    right = hits(reading.logits, labels)
    null_logits, null_labels = reading_of(judge, null.clips).logits, labels_of(judge, null.signs)
    real = held_out.of_signs(generated.signs)
    real_reading = reading_of(judge, real)
    real_right = hits(real_reading.logits, labels_of(judge, real.signs))
    over_ceiling = _over_ceiling(right, generated.signs, real_right, real.signs)
    generated_top = _hits(reading.logits, labels)
    shuffled_top = {k: shuffled_hits(reading.logits, labels, SHUFFLES, bootstrap.seed, k) for k in generated_top}
    null_top = _hits(null_logits, null_labels)
    return {
        "generated": _top(generated_top) | named(over_ceiling, "over_ceiling"),
        "shuffled": _top(shuffled_top, bootstrap.mean),  # means over many shuffles vary less than hits do
        "null": _top(null_top),
        "per_sign": shares_by_group(right, generated.signs, "top1"),
        "confusion": confusion_counts(labels, reading.predictions, judge.signs),
        "predicted": [judge.signs[k] for k in reading.predictions],
        "minimal_pairs": pairs_report(judge, reading, generated.signs, pairs),
        "frechet": _frechet(
            FeatureSet(reading.features, generated.signs),
            FeatureSet(real_reading.features, real.signs, real.signers),
            frechet_splits,
            bootstrap.seed,
        ),
        "distance_ratios": _ratios(judge, reading, labels, real_reading, real, bootstrap),
    }


def nearest_report(judge: Judge, nearest: RealClips, asked: Sequence[str]) -> dict[str, Any]:
    """Top-1 and top-5 of each generated clip's nearest training clip, read against the sign that was asked for."""
    logits, labels = reading_of(judge, nearest).logits, labels_of(judge, asked)
    return _top(_hits(logits, labels))


def refused_report() -> dict[str, Any]:
    """The same keys, null, for a closed gate."""
    nothing = {f"top{k}{what}": None for k in TOP for what in ("", "_ci")}
    return {
        "generated": nothing | named(None, "over_ceiling"),
        "shuffled": nothing,
        "null": nothing,
        "nearest_training": nothing,
        "per_sign": {},
        "confusion": None,
        "predicted": None,
        "minimal_pairs": None,
        "frechet": {"generated": None, "real_floor": None},
        "distance_ratios": None,
    }


def pairs_report(judge: Judge, reading: Reading, signs: Sequence[str], pairs: Sequence[Pair]) -> dict[str, Any] | None:
    """Signs that differ in one parameter: how often the right one of the two scores higher; None without pairs.

    Over all pairs a clip counts once, with the mean of the pairs that its sign is in.
    """
    labels = labels_of(judge, signs)
    shown = [pair for pair in pairs if pair[0] in signs and pair[1] in signs]
    if not shown:
        return None
    rows: list[dict[str, Any]] = []
    right_sum, num_pairs = np.zeros(len(labels)), np.zeros(len(labels))
    for first, second, parameter in shown:
        one, two = labels_of(judge, [first, second])
        right = pair_accuracy(reading.logits, labels, int(one), int(two))
        clips = np.isin(labels, (one, two))
        right_sum[clips] += right
        num_pairs[clips] += 1
        rows.append({"signs": [first, second], "parameter": parameter, **share(right).named("accuracy")})
    paired = num_pairs > 0
    of_all = share(right_sum[paired] / num_pairs[paired])
    return {**of_all.named("accuracy"), "chance": 0.5, "pairs": rows}


def _hits(logits: Floats, labels: Labels) -> dict[int, PerClip]:
    """Hits by k of `TOP`, where there are more than k signs: else all are right."""
    return {k: hits(logits, labels, k) for k in TOP if k < logits.shape[1]}


def _over_ceiling(
    right: PerClip, signs: Sequence[str], real_right: PerClip, real_signs: Sequence[str]
) -> Estimate | None:
    """Generated over real, of the signs that both have, each counting alike; None without one, or where real is 0."""
    both = np.isin(signs, real_signs)
    if not both.any():
        return None
    generated = share_by_sign(right[both], np.asarray(signs)[both].tolist())
    return share_ratio(generated, share_by_sign(real_right, real_signs))


def _top(hits_at: Mapping[int, PerClip], estimate: Callable[[PerClip], Estimate] = share) -> dict[str, Any]:
    """{top1, top1_ci, top5, top5_ci, n} of hits by k; null where there are no hits at k."""
    report: dict[str, Any] = {}
    for k in TOP:
        report |= named(estimate(hits_at[k]) if k in hits_at else None, f"top{k}")
    return report


def _frechet(generated: FeatureSet, real: FeatureSet, splits: int, seed: int) -> dict[str, Any]:
    if len(real.signs) < MIN_FRECHET_CLIPS:
        return {"generated": None, "real_floor": None}
    report = frechet_report(generated, real, splits, seed)
    return {
        "generated": report.generated,
        "real_floor": report.real_floor,
        "ratio": report.generated / report.real_floor if report.real_floor > 0 else None,
        "ratio_range": list(report.ratio_range) if report.ratio_range else None,
        "generated_range": list(report.generated_range),
        "real_floor_range": list(report.real_range),
        "clips_per_side": report.clips_per_side,
        "splits": report.splits,
        "halves": report.halves,
    }


def _ratios(
    judge: Judge, reading: Reading, labels: Labels, real: Reading, clips: RealClips, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Distances to other prompts over distances to the own prompt, in features; 1 = the prompt makes no difference.

    None where the clips of a sign are all one: what is left between them is rounding.
    """
    real_labels = labels_of(judge, clips.signs)
    found = {
        "generated_between_over_within": label_distances(reading.features, labels),
        "real_between_over_within": label_distances(real.features, real_labels),
        "to_real_other_over_own": label_distances_to(reading.features, labels, real.features, real_labels),
    }
    size = float(np.sqrt(np.mean(np.square(real.features)))) if real.features.size else 0.0
    report: dict[str, Any] = {}
    for name, each in found.items():
        they_differ = len(each.own) > 0 and each.own.mean() > ROUNDING * size
        report[name] = named(bootstrap.paired_ratio(each.other, each.own) if they_differ else None, "ratio")
    return report
