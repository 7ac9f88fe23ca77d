"""One step's loss: chance comes from the generator alone, and processes share it out."""

import pytest
import torch

from t2s.diffusion.schedule import add_noise, make_schedule
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


def test_two_processes_draw_what_one_would(make_objective, moving_clips) -> None:
    objective = make_objective(prompt_dropout=0.5, augment={"flip": 0.5, "colour": 0.1})
    clips, ids = moving_clips(6, 0)
    whole = objective.noised(clips, ids, generator())
    halves = [
        objective.noised(clips[s], ids[s], generator(), rank, 2) for rank, s in enumerate((slice(3), slice(3, 6)))
    ]
    for name in ("x0", "eps", "x_t", "t", "prompt_ids"):
        assert torch.equal(torch.cat([getattr(half, name) for half in halves]), getattr(whole, name)), name


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
    return lambda x_t, t, ids, shown: convert("sample", x0, x_t, t, objective.schedule)


@pytest.mark.parametrize("kind", ["sample", "v", "epsilon"])
def test_the_loss_is_zero_for_the_truth_and_one_whatever_is_predicted(make_objective, moving_clips, kind) -> None:
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
    noised = plain.noised(clips, ids, generator())
    still = clips.mean(2, keepdim=True).expand_as(clips)  # right on the background, wrong on what moves
    blind = lambda x_t, t, ids, shown: still  # noqa: E731
    base, _ = plain(blind, noised)
    for changes in ({"motion_weight": 2.0}, {"frame_difference_weight": 2.0}):
        assert (make_objective(**changes)(blind, noised)[0] > base).all()
    constant = perfect(plain, noised, 0.1)  # wrong alike everywhere: neither adds anything
    base, _ = plain(constant, noised)
    for changes in ({"motion_weight": 2.0}, {"frame_difference_weight": 2.0}):
        torch.testing.assert_close(make_objective(**changes)(constant, noised)[0], base, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("kind", ["sample", "v", "epsilon"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_thinned_step_looks_at_the_frames_shown_alone(make_objective, moving_clips, kind, first) -> None:
    clips, ids = moving_clips(6, 0)
    objective = make_objective(kind)
    noised = objective.noised(clips, ids, generator())
    seen = slice(first, None, 2)
    wrong_elsewhere = noised.x0 + 5.0
    wrong_elsewhere[:, :, seen] = noised.x0[:, :, seen] + 0.1

    def denoiser(x_t, t, ids, asked):
        from t2s.diffusion.prediction import to_eps, to_v

        assert asked == seen
        convert = {"sample": lambda kind, x0, *_: x0, "epsilon": to_eps, "v": to_v}[kind]
        return convert("sample", wrong_elsewhere, x_t, t, objective.schedule)[:, :, seen]

    _, x0_mse = objective(denoiser, noised, seen)
    torch.testing.assert_close(x0_mse, torch.full((6,), 0.01), rtol=1e-2, atol=1e-5)
