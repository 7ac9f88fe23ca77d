"""The evaluation takes another judge than the project's, and holds it to the same gate."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from t2s.data.clips import ClipStore
from t2s.errors import UserError
from t2s.evaluation.config import EvaluateConfig
from t2s.evaluation.examination import Subject, examine
from t2s.evaluation.judge import ClipSequence, Judge, Reading, labels_of
from t2s.evaluation.real import RealClips
from t2s.evaluation.recogniser import Recogniser


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


def test_a_sign_that_it_does_not_know_is_named(judge: NearestMean) -> None:
    with pytest.raises(UserError, match="knows no sign 'fly'"):
        labels_of(judge, [judge.signs[0], "fly"])


def test_ours_is_one(recogniser: Recogniser) -> None:
    ours: Judge = recogniser
    assert ours.gate_margin == recogniser.config.gate_margin
    nothing: Any = np.empty((0, 3, 4, 8, 8), np.float32)
    assert ours.read(nothing).logits.shape == (0, len(ours.signs))
