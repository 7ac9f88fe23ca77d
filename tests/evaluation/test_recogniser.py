"""The judge: it learns, it is the same each time, it survives its file, and it looks at any clip."""

from pathlib import Path

import numpy as np
import pytest
import torch

from t2s.checkpoint import load_checkpoint, save_checkpoint
from t2s.errors import UserError
from t2s.evaluation.config import RecogniserConfig
from t2s.evaluation.judge import labels_of
from t2s.evaluation.network import SignNetwork
from t2s.evaluation.real import RealClips
from t2s.evaluation.recogniser import Recogniser
from t2s.evaluation.recogniser_training import shuffled_batches, train_recogniser


def test_it_reads_people_it_has_not_seen(recogniser: Recogniser, held_out: RealClips) -> None:
    reading = recogniser.read(held_out)
    labels = labels_of(recogniser, held_out.signs)
    assert recogniser.signs == ("blink", "down", "grow", "right")
    assert (reading.predictions == labels).mean() >= 0.9
    assert reading.features.shape == (len(held_out), 4 * recogniser.config.width)


def test_an_untrained_one_is_at_chance(recogniser: Recogniser, held_out: RealClips) -> None:
    accuracies = []
    for seed in range(12):
        torch.manual_seed(seed)
        blank = Recogniser(SignNetwork(4, 8, 0.0), recogniser.signs, recogniser.config)
        accuracies.append((blank.read(held_out).predictions == labels_of(blank, held_out.signs)).mean())
    assert np.mean(accuracies) == pytest.approx(0.25, abs=0.1)


def test_same_clips_and_seed_give_the_same_bytes_and_leave_the_callers_randomness(
    train: RealClips, recogniser_config: RecogniserConfig
) -> None:
    short = recogniser_config.model_copy(update={"epochs": 1.0, "dropout": 0.1})
    torch.manual_seed(123)
    state = torch.get_rng_state()
    losses: list[tuple[int, float]] = []
    one = train_recogniser(train, train.signs, short, log=lambda step, loss: losses.append((step, loss)))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(5)
    two = train_recogniser(torch.from_numpy(train[:]), train.signs, short)  # read whole or lazily: the same
    other = train_recogniser(train, train.signs, short.model_copy(update={"seed": 8}))
    weights = [r.network.head.weight for r in (one, two, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert [step for step, _ in losses] == list(range(6))


def test_file_round_trip(recogniser: Recogniser, held_out: RealClips, tmp_path: Path) -> None:
    path = tmp_path / "recogniser.safetensors"
    save_checkpoint(path, recogniser.network.state_dict(), recogniser.metadata(), kind="recogniser")
    saved = load_checkpoint(path, kind="recogniser")
    again = Recogniser.restore(saved.tensors, saved.metadata)
    assert again is not None
    assert again.signs == recogniser.signs
    assert np.array_equal(again.read(held_out).logits, recogniser.read(held_out).logits)


def test_file_of_another_version_is_refused_in_one_line(recogniser: Recogniser) -> None:
    weights = dict(recogniser.network.state_dict())
    weights.pop("head.bias")
    with pytest.raises(UserError, match="run the recogniser stage again"):
        Recogniser.restore(weights, recogniser.metadata())
    with pytest.raises(UserError, match="run the recogniser stage again"):
        Recogniser.restore(recogniser.network.state_dict(), {"signs": ["a", "b"]})


def test_no_signs_no_recogniser(train: RealClips, recogniser_config: RecogniserConfig) -> None:
    assert Recogniser.restore({}, {"signs": []}) is None
    with pytest.raises(UserError, match="at least two signs"):
        train_recogniser(train, ["one"] * len(train), recogniser_config)
    with pytest.raises(UserError, match="batch_size = 8: there are only 4"):
        train_recogniser(train[:4], train.signs[:4], recogniser_config)


def test_other_sizes_and_lengths_are_resampled(recogniser: Recogniser, held_out: RealClips) -> None:
    clips = torch.from_numpy(held_out[:])
    labels = labels_of(recogniser, held_out.signs)
    larger = torch.nn.functional.interpolate(clips, size=(16, 64, 64), mode="nearest")
    assert (recogniser.read(larger).predictions == labels).mean() >= 0.85
    smaller = torch.nn.functional.interpolate(clips, size=(8, 24, 24), mode="area")
    assert (recogniser.read(smaller).predictions == labels).mean() >= 0.6


def test_slightly_soft_or_noisy_clips_are_still_read(recogniser: Recogniser, held_out: RealClips) -> None:
    clips, labels = torch.from_numpy(held_out[:]), labels_of(recogniser, held_out.signs)
    soft = torch.nn.functional.avg_pool3d(clips, (1, 3, 3), 1, (0, 1, 1), count_include_pad=False)
    noisy = clips + 0.05 * torch.randn(clips.shape, generator=torch.Generator().manual_seed(0))
    for worse in (soft, noisy):
        assert (recogniser.read(worse).predictions == labels).mean() >= 0.8


def test_unknown_sign_and_no_clips(recogniser: Recogniser, held_out: RealClips) -> None:
    with pytest.raises(UserError, match="knows no sign 'fly'"):
        labels_of(recogniser, ["right", "fly"])
    nothing = recogniser.read(held_out[:0])
    assert nothing.logits.shape == (0, 4)
    assert nothing.features.shape == (0, 32)


@pytest.mark.parametrize("epochs", [0.4, 0.8])  # 2 and 5 steps of 8 clips, were there no least number
def test_a_very_short_training_ends_well(train: RealClips, recogniser_config: RecogniserConfig, epochs: float) -> None:
    steps: list[int] = []
    config = recogniser_config.model_copy(update={"epochs": epochs})
    train_recogniser(train, train.signs, config, log=lambda step, _: steps.append(step))
    assert steps == list(range(6))


def test_every_clip_once_per_pass() -> None:
    batches = shuffled_batches(10, 4, np.random.default_rng(0))
    rows = np.concatenate([next(batches) for _ in range(5)])
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10))
