"""The evaluation takes another judge than the project's, and holds it to the same gate."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from t2s.data.clips import ClipStore
from t2s.errors import UserError
from t2s.evaluation.bootstrap import Bootstrap
from t2s.evaluation.config import EvaluateConfig
from t2s.evaluation.examination import Subject, examine
from t2s.evaluation.generation import GeneratedClips
from t2s.evaluation.judge import ClipSequence, Judge, Reading, labels_of
from t2s.evaluation.real import RealClips
from t2s.evaluation.recogniser import Recogniser
from t2s.evaluation.semantics import recogniser_report, semantics_report


@dataclass(frozen=True)
class NearestMean:
    """Reads a clip by the sign whose mean real clip lies nearest; features are a few of its pixels."""

    means: np.ndarray
    signs: tuple[str, ...]
    gate_margin: float = 0.1

    @classmethod
    def of(cls, store: ClipStore) -> "NearestMean":
        clips = RealClips.of_split(store, "train")
        signs, pixels = tuple(sorted(set(clips.signs))), np.asarray(clips[:])
        rows = np.array(clips.signs)
        return cls(np.stack([pixels[rows == sign].mean(0).ravel() for sign in signs]), signs)

    def read(self, clips: ClipSequence) -> Reading:
        pixels = np.asarray(clips[:]).reshape(len(clips), self.means.shape[1])
        logits = -((pixels[:, None] - self.means) ** 2).sum(-1)
        return Reading(logits.astype(np.float32), pixels[:, :: pixels.shape[1] // 8].astype(np.float32))


class Guesser(NearestMean):
    """Sees the same sign in every clip."""

    def read(self, clips: ClipSequence) -> Reading:
        reading = super().read(clips)
        return Reading(np.zeros_like(reading.logits), reading.features)


@pytest.fixture(scope="module")
def judge(store: ClipStore) -> NearestMean:
    return NearestMean.of(store)


def test_another_judge_is_asked_in_place_of_ours(
    subject: Subject, judge: NearestMean, store: ClipStore, evaluate_config: EvaluateConfig
) -> None:
    report = examine(subject, judge, store, [], evaluate_config).faithfulness
    held_out = RealClips.held_out(store).of_signs(judge.signs)
    right = judge.read(held_out).predictions == labels_of(judge, held_out.signs)
    assert report["recogniser"]["ceiling_top1"] == pytest.approx(right.mean())
    assert report["refused"] is None
    assert report["generated"]["top1"] > 0.5
    assert report["frechet"]["generated"] >= 0


def test_one_that_cannot_read_real_clips_judges_nothing(
    subject: Subject, judge: NearestMean, store: ClipStore, evaluate_config: EvaluateConfig
) -> None:
    report = examine(subject, Guesser(judge.means, judge.signs), store, [], evaluate_config).faithfulness
    assert "semantics refused: the recogniser reads real held-out clips at 0.250" in report["refused"]
    assert report["generated"]["top1"] is None


class Guess(NearestMean):
    """Sees the commonest sign in every clip."""

    def read(self, clips: ClipSequence) -> Reading:
        reading = super().read(clips)
        return Reading(np.eye(len(self.signs), dtype=np.float32)[np.zeros(len(clips), int)], reading.features)


def test_the_commonest_sign_in_every_clip_opens_no_gate(judge: NearestMean, held_out: RealClips) -> None:
    """Of nearly all clips it is right; of the four signs it reads one."""
    common = [row for row, sign in enumerate(held_out.signs) if sign == judge.signs[0]]
    others = [held_out.signs.index(sign) for sign in judge.signs[1:]]
    report = recogniser_report(Guess(judge.means, judge.signs), held_out.at([*common * 20, *others]))
    assert report["ceiling_top1"] == 0.25
    assert report["refused"]


def test_generated_is_held_against_the_same_signs_each_counting_alike(judge: NearestMean, held_out: RealClips) -> None:
    """Real clips: one sign, of many clips, read half the time, another always; generated: a tenth, and always."""
    first, second, third = judge.signs[:3]
    rows = {sign: held_out.signs.index(sign) for sign in judge.signs}
    real = [*[rows[first]] * 10, *[rows[second]] * 2]
    seen_right = iter([1] * 5 + [0] * 5 + [1] * 2)
    made = [*[first] * 10, *[second] * 10, *[third] * 10]  # no real clip shows the third
    made_right = iter([1] + [0] * 9 + [1] * 10 + [1] * 10)

    class Told(NearestMean):
        def read(self, clips: ClipSequence) -> Reading:
            asked, right = {12: (real_signs, seen_right), 30: (made, made_right)}.get(len(clips), ([first], iter([1])))
            places = [labels_of(self, [sign])[0] + (0 if next(right) else 1) for sign in asked]
            return Reading(np.eye(4, dtype=np.float32)[np.array(places) % 4], super().read(clips).features)

    shown = held_out.at(real)
    real_signs = shown.signs
    clips = held_out.at([rows[sign] for sign in made])[:]
    report = semantics_report(
        Told(judge.means, judge.signs), GeneratedClips(clips, tuple(made), tuple(made), tuple(range(30))),
        GeneratedClips(clips[:1], ("",), (first,), (0,)), shown, [], Bootstrap(50, 0), frechet_splits=2,
    )  # fmt: skip
    assert report["generated"]["over_ceiling"] == pytest.approx((0.1 + 1) / (0.5 + 1))


def test_answers_that_are_no_numbers_end_in_one_line(judge: NearestMean, held_out: RealClips) -> None:
    broken = NearestMean(np.full_like(judge.means, np.nan), judge.signs)
    with pytest.raises(UserError, match="answers with NaN or infinity"):
        recogniser_report(broken, held_out)


def test_clips_that_are_all_one_have_no_ratio_of_distances(judge: NearestMean, held_out: RealClips) -> None:
    one = np.repeat(held_out[:1], 8, axis=0)
    made = GeneratedClips(one, ("a",) * 8, tuple([*judge.signs] * 2), tuple(range(8)))
    report = semantics_report(judge, made, made, held_out, [], Bootstrap(50, 0), frechet_splits=2)
    assert report["distance_ratios"]["generated_between_over_within"]["ratio"] is None
    assert report["distance_ratios"]["real_between_over_within"]["ratio"] is not None


def test_a_sign_that_it_does_not_know_is_named(judge: NearestMean) -> None:
    with pytest.raises(UserError, match="knows no sign 'fly'"):
        labels_of(judge, [judge.signs[0], "fly"])


def test_ours_is_one(recogniser: Recogniser) -> None:
    ours: Judge = recogniser
    assert ours.gate_margin == recogniser.config.gate_margin
    nothing: Any = np.empty((0, 3, 4, 8, 8), np.float32)
    assert ours.read(nothing).logits.shape == (0, len(ours.signs))
