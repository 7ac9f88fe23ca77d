"""One step's loss: chance comes from the generator alone, and processes share it out."""

import pytest
import torch

from t2s.diffusion.schedule import add_noise, at, make_schedule
from t2s.thinned import averaged
from t2s.training.objective import Objective


@pytest.fixture
def make_objective(make_train_config, make_diffusion_config):
    def make(kind: str = "sample", **changes) -> Objective:
        schedule = make_schedule(make_diffusion_config(prediction_type=kind))
        return Objective(schedule, kind, make_train_config(**changes))

    return make


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_noising_is_the_forward_process_of_its_own_draws(make_objective, moving_clips) -> None:
    objective = make_objective()
    clips, ids = moving_clips(6, 0)
    noised = objective.noised(clips, ids, generator())
    assert torch.equal(noised.x0, clips)
    torch.testing.assert_close(noised.x_t, add_noise(objective.schedule, noised.x0, noised.eps, noised.t))
    again = objective.noised(clips, ids, generator())
    assert torch.equal(again.x_t, noised.x_t)


@pytest.mark.parametrize("frames", [None, slice(1, None, 2)])
def test_two_processes_draw_what_one_would(make_objective, moving_clips, frames) -> None:
    objective = make_objective(prompt_dropout=0.5, augment={"flip": 0.5, "colour": 0.1})
    clips, ids = moving_clips(6, 0)
    whole = objective.noised(clips, ids, generator(), pool=2, frames=frames)
    halves = [
        objective.noised(clips[s], ids[s], generator(), rank, 2, pool=2, frames=frames)
        for rank, s in enumerate((slice(3), slice(3, 6)))
    ]
    for name in ("x0", "eps", "x_t", "t", "prompt_ids"):
        assert torch.equal(torch.cat([getattr(half, name) for half in halves]), getattr(whole, name)), name
    if frames:
        assert torch.equal(torch.cat([half.thinned.around for half in halves]), whole.thinned.around)


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.1, 30, 70), (0.9, 430, 470)])
def test_prompts_are_dropped_in_their_share_and_whole(make_objective, moving_clips, share, low, high) -> None:
    clips, ids = moving_clips(500, 0)
    noised = make_objective(prompt_dropout=share).noised(clips, ids, generator())
    dropped = ~noised.prompt_ids.any(1)
    assert low <= int(dropped.sum()) <= high
    assert torch.equal(noised.prompt_ids[~dropped], ids[~dropped])


def test_a_coarse_clip_is_the_average_of_a_noised_one(make_objective, moving_clips) -> None:
    """Averaging 2×2 pixels keeps the signal of flat places and halves the noise."""
    objective = make_objective()
    clips, ids = moving_clips(60, 0)
    coarse = objective.noised(clips, ids, generator(), pool=2)
    assert coarse.x_t.shape == (60, 3, 4, 4, 4)
    torch.testing.assert_close(coarse.x0, torch.nn.functional.avg_pool3d(clips, (1, 2, 2)))
    torch.testing.assert_close(coarse.x_t, add_noise(objective.schedule, coarse.x0, coarse.eps, coarse.t))
    assert coarse.eps.std().item() == pytest.approx(0.5, rel=0.05)
    whole = objective.noised(clips, ids, generator())
    assert torch.equal(coarse.t, whole.t)


def perfect(objective: Objective, noised, error: float = 0.0):
    """A denoiser whose x0 is off by `error` everywhere."""
    from t2s.diffusion.prediction import to_eps, to_v

    x0 = noised.x0 + error
    convert = {"sample": lambda *_: x0, "epsilon": to_eps, "v": to_v}[objective.kind]
    return lambda x_t, t, ids, thinned: convert("sample", x0, x_t, t, objective.schedule)


@pytest.mark.parametrize("kind", ["sample", "v", "epsilon"])
def test_the_loss_is_zero_for_the_truth_and_the_same_whatever_is_predicted(make_objective, moving_clips, kind) -> None:
    clips, ids = moving_clips(6, 0)
    objective, reference = make_objective(kind), make_objective("sample")
    noised = objective.noised(clips, ids, generator())
    loss, x0_mse = objective(perfect(objective, noised), noised)
    assert loss.shape == x0_mse.shape == (6,)
    torch.testing.assert_close(loss, torch.zeros(6), atol=1e-6, rtol=0)
    loss, x0_mse = objective(perfect(objective, noised, 0.1), noised)
    expected, _ = reference(perfect(reference, noised, 0.1), noised)
    torch.testing.assert_close(loss, expected, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(x0_mse, torch.full((6,), 0.01), rtol=1e-2, atol=1e-5)


def test_moving_pixels_and_frame_differences_are_weighed_as_asked(make_objective, moving_clips) -> None:
    clips, ids = moving_clips(6, 0)
    plain = make_objective()
    still = clips.mean(2, keepdim=True).expand_as(clips)  # right on the background, wrong on what moves

    def blind(*_: object) -> torch.Tensor:
        return still

    noised = plain.noised(clips, ids, generator())
    constant = perfect(plain, noised, 0.1)  # wrong alike everywhere: neither adds anything
    base, even = plain(blind, noised)[0], plain(constant, noised)[0]
    for changes in ({"motion_weight": 2.0}, {"frame_difference_weight": 2.0}):
        other = make_objective(**changes)
        weighed = other.noised(clips, ids, generator())
        assert (other(blind, weighed)[0] > base).all()
        torch.testing.assert_close(other(constant, weighed)[0], even, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("pool", [1, 2])
@pytest.mark.parametrize("first", [0, 1])
def test_a_thinned_step_sees_some_frames_at_full_size_and_all_of_them_averaged(
    make_objective, moving_clips, first, pool
) -> None:
    objective = make_objective()
    clips, ids = moving_clips(200, 0)
    frames = slice(first, None, 2)
    noised = objective.noised(clips, ids, generator(), pool=pool, frames=frames)
    assert torch.equal(noised.x0, clips[:, :, frames])
    torch.testing.assert_close(noised.x_t, add_noise(objective.schedule, noised.x0, noised.eps, noised.t))
    assert noised.eps.std().item() == pytest.approx(1, rel=0.05)
    around = noised.thinned.around
    assert around.shape == (200, 3, 4, 8 // pool, 8 // pool)
    torch.testing.assert_close(around[:, :, frames], averaged(noised.x_t, pool))
    others = slice(1 - first, None, 2)
    noise = (around - at(objective.schedule.signal, noised.t, around) * averaged(clips, pool))[:, :, others]
    noise /= at(objective.schedule.noise, noised.t, around)
    assert noise.std().item() == pytest.approx(1 / pool, rel=0.05)
    shared = noise[:, :, : noised.eps.shape[2]] * averaged(noised.eps, pool)  # of other frames: drawn for themselves
    assert abs(shared.mean().item()) < 0.02 / pool**2


def test_a_part_of_a_batch_is_those_clips_in_everything(make_objective, moving_clips) -> None:
    objective = make_objective(motion_weight=1.0)
    clips, ids = moving_clips(6, 0)
    noised = objective.noised(clips, ids, generator(), pool=2, frames=slice(1, None, 2))

    def answer(x_t, t, ids, thinned):
        return x_t + thinned.around.mean((1, 2, 3, 4)).view(-1, 1, 1, 1, 1) + ids.sum(1).view(-1, 1, 1, 1, 1)

    whole, _ = objective(answer, noised)
    parts = [objective(answer, noised.part(some))[0] for some in (slice(2), slice(2, 6))]
    torch.testing.assert_close(torch.cat(parts), whole)
    assert len(whole.unique()) == 6


@pytest.mark.parametrize("kind", ["sample", "v", "epsilon"])
@pytest.mark.parametrize("first", [0, 1])
def test_the_loss_of_a_thinned_step_is_of_those_frames(make_objective, moving_clips, kind, first) -> None:
    clips, ids = moving_clips(6, 0)
    objective = make_objective(kind, frame_difference_weight=2.0)
    noised = objective.noised(clips, ids, generator(), frames=slice(first, None, 2))
    loss, x0_mse = objective(perfect(objective, noised, 0.1), noised)
    torch.testing.assert_close(x0_mse, torch.full((6,), 0.01), rtol=1e-2, atol=1e-5)
    reference = make_objective("sample")
    torch.testing.assert_close(loss, reference(perfect(reference, noised, 0.1), noised)[0], rtol=1e-3, atol=1e-6)
