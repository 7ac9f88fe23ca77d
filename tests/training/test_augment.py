"""Augmentation: whole clips are mirrored or shifted in colour, nothing else."""

import pytest
import torch

from t2s.training.augment import augment
from t2s.training.config import AugmentConfig


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_off_means_untouched(moving_clips) -> None:
    clips, _ = moving_clips(4, 0)
    assert augment(clips, AugmentConfig(flip=0.0, colour=0.0), generator()) is clips


@pytest.mark.parametrize(("flip", "expected"), [(0.5, 100), (1.0, 200)])
def test_clips_are_mirrored_whole_in_their_share(moving_clips, flip: float, expected: int) -> None:
    clips, _ = moving_clips(200, 0)
    mirrored = augment(clips, AugmentConfig(flip=flip, colour=0.0), generator())
    turned = [i for i in range(200) if torch.equal(mirrored[i], clips[i].flip(-1))]
    kept = [i for i in range(200) if torch.equal(mirrored[i], clips[i])]
    assert sorted(turned + kept) == list(range(200))
    assert len(turned) == pytest.approx(expected, abs=25)


def test_colours_move_per_clip_and_channel_and_stay_in_range(moving_clips) -> None:
    clips, _ = moving_clips(8, 0)
    changed = augment(clips, AugmentConfig(flip=0.0, colour=0.2), generator())
    assert changed.abs().max() <= 1
    background = changed[:, :, 0, 7, 7]
    assert len(background.unique()) > 20
    assert torch.equal(changed[:, :, 0, 7, 7], changed[:, :, 1, 7, 7])  # the same all through a clip
