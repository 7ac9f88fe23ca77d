"""The loop: learns, repeats itself exactly, goes on after every kind of stop, and never keeps a NaN."""

import logging
import os
import shutil
import signal
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from t2s.errors import UserError
from t2s.training.loop import Training, TrainResult, train


def same_result(one: TrainResult, other: TrainResult) -> None:
    assert one.weights.keys() == other.weights.keys()
    assert [name for name in one.weights if not torch.equal(one.weights[name], other.weights[name])] == []
    assert one.history == other.history


def losses_of(lab, count: int, **changes) -> list[float]:
    """The loss of each of the first steps."""
    training = lab.training(**changes)
    seen: list[float] = []
    objective = training.objective

    def noting(denoiser, batch):
        loss, x0_mse = objective(denoiser, batch)
        seen.append(loss.mean().item())
        return loss, x0_mse

    noting.noised, noting.schedule = objective.noised, objective.schedule
    train(replace(training, objective=noting))
    assert len(seen) >= count
    return seen[:count]


def test_a_seed_decides_every_loss(lab) -> None:
    first, again = (losses_of(lab, 20, epochs=7) for _ in range(2))
    assert first == again
    assert losses_of(lab, 20, epochs=7, seed=1) != first


def test_it_learns(lab) -> None:
    losses = losses_of(lab, 60, epochs=20)
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])


def test_epochs_are_counted_whatever_the_batch_size(lab) -> None:
    for batch_size, num_steps in ((4, 9), (5, 8), (12, 3), (24, 2)):
        result = lab.run(batch_size=batch_size, epochs=3)
        assert result.num_steps == num_steps
        assert result.history.rows[-1]["epoch"] == 3
        assert result.history.rows[-1]["step"] == num_steps
        assert {"train_loss", "x0_mse", "skill_low", "noisiness", "output_scale"} <= result.history.rows[-1].keys()


@pytest.mark.parametrize(("optimizer", "atol"), [("adamw", 2e-5), ("muon", 3e-3)])  # Muon magnifies rounding
def test_accumulation_changes_memory_and_not_the_result(lab, optimizer: str, atol: float) -> None:
    whole, parts = (lab.run(accumulation=parts, optimizer=optimizer) for parts in (1, 4))
    for name, weight in whole.weights.items():
        torch.testing.assert_close(parts.weights[name], weight, atol=atol, rtol=2e-4)
    assert parts.history.rows[0]["train_loss"] == pytest.approx(whole.history.rows[0]["train_loss"], rel=1e-5)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("step", [5, 6, 10])  # in the middle of an epoch of 3 steps, at its end, near the end
def test_stop_and_resume_is_as_if_nothing_had_happened(lab, optimizer: str, step: int) -> None:
    changes = {"epochs": 4, "optimizer": optimizer, "model": {"dropout": 0.1, "residual": "blend"}}
    changes |= {"augment": {"flip": 0.5, "colour": 0.1}, "decay_fraction": 0.5, "warmup_steps": 2}
    with lab.open_state("whole") as state:
        whole = lab.run(state, **changes)
    with lab.open_state("parted") as state, pytest.raises(SystemExit):
        train(lab.stopped_after(lab.training(state, **changes), step, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    with lab.open_state("parted") as state:
        found = state.latest()
        assert found is not None
        assert found.metadata["step"] == step + 1
        same_result(lab.run(state, **changes), whole)


COARSE = {"input_pool": 2, "projection": "seed", "projection_shortcut": True, "residual": "blend"}


def test_a_coarse_start_changes_over_at_its_step_and_resumes_across_it(lab) -> None:
    changes = {"epochs": 4, "coarse_fraction": 0.5, "model": COARSE}
    with lab.open_state("whole") as state:
        whole = lab.run(state, **changes)
    training = lab.training(**changes)
    sizes: list[int] = []
    training.denoiser.register_forward_pre_hook(
        lambda module, args: sizes.append(args[0].shape[-1]) if module.training else None
    )
    train(training)
    assert sizes == [4] * 6 + [8] * 6
    with lab.open_state("parted") as state, pytest.raises(SystemExit):
        train(lab.stopped_after(lab.training(state, **changes), 4, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    with lab.open_state("parted") as state:
        same_result(lab.run(state, **changes), whole)


def test_thinned_steps_follow_the_coarse_ones_and_take_the_frames_in_turn(lab) -> None:
    training = lab.training(epochs=4, coarse_fraction=0.5, thin_frames=4, model=COARSE)
    asked: list[slice | None] = []
    training.denoiser.register_forward_pre_hook(
        lambda module, args: asked.append(args[3] and args[3].frames) if module.training else None
    )
    train(training)
    assert asked == [None] * 6 + [slice(step % 4, None, 4) for step in range(6, 12)]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
@pytest.mark.filterwarnings("ignore")  # of the compiler and what it imports
@pytest.mark.parametrize("thin_frames", [1, 2])
def test_a_compiled_run_passes_from_the_coarse_share_to_the_full_one_and_learns_the_same(lab, thin_frames) -> None:
    changes = {"epochs": 2, "coarse_fraction": 0.5, "thin_frames": thin_frames, "model": {**COARSE, "depth": 1}}
    compiled, plain = (losses_of(lab, 6, compile=wanted, **changes) for wanted in (True, False))
    assert compiled == pytest.approx(plain, rel=1e-3)


def test_a_flag_is_told_once_as_long_as_it_stands(lab, caplog: pytest.LogCaptureFixture) -> None:
    train(lab.training(epochs=4, monitor={"output_scale_notice": [3.0, 4.0]}))
    assert caplog.text.count("notice flag") == 1


def test_a_kill_between_checkpoints_costs_the_steps_since_and_nothing_else(lab) -> None:
    def kill() -> None:
        raise KeyboardInterrupt  # not noted by anyone: as good as kill -9 for the state on disk

    changes = {"epochs": 4, "runtime": {"checkpoint_every_s": 1e-9}}
    with lab.open_state("whole") as state:
        whole = lab.run(state, **changes)
    with lab.open_state(keep=3) as state, pytest.raises(KeyboardInterrupt):
        train(lab.stopped_after(lab.training(state, **changes), 7, kill))
    with lab.open_state() as state:
        assert sorted(path.name for path in state.folder.glob("state-*")) == [
            f"state-0000000{step}.safetensors" for step in (5, 6, 7)
        ]
        (state.folder / "state-00000007.safetensors").unlink()
        same_result(lab.run(state, **changes), whole)


def test_a_finished_run_run_again_gives_its_result_again(lab) -> None:
    with lab.open_state() as state:
        first = lab.run(state)
        same_result(lab.run(state), first)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_a_state_its_exit_code_and_a_line(lab, number: int, code: int, caplog) -> None:
    caplog.set_level(logging.INFO)
    with lab.open_state() as state, pytest.raises(SystemExit) as left:
        train(lab.stopped_after(lab.training(state), 2, lambda: os.kill(os.getpid(), number)))
    assert left.value.code == code
    assert caplog.messages[-1] == "stopped at step 3 of 6, saved: the same command goes on"
    with lab.open_state() as state:
        found = state.latest()
        assert found is not None
        assert (found.metadata["step"], found.metadata["num_steps"]) == (3, 6)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_signal_before_the_first_step_is_made_leaves_at_once(lab) -> None:
    """Reader processes that start, and torch.compile, may take minutes, and the state on disk is the newest anyway."""
    waited: list[int] = []

    def stop() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        waited.append(1)

    with lab.open_state("whole") as state:
        whole = lab.run(state)
    for asked_at, saved in ((0, 0), (3, 4), (4, 4)):
        with lab.open_state("parted") as state, pytest.raises(SystemExit) as left:
            train(lab.stopped_after(lab.training(state), asked_at, stop))
        assert left.value.code == 143
        with lab.open_state("parted") as state:
            found = state.latest()
            assert found is not None
            assert found.metadata["step"] == saved
    assert len(waited) == 1, "only in the second run was there a step to finish"
    with lab.open_state("parted") as state:
        same_result(lab.run(state), whole)


# Each validation is 5 passes through the network, the samples of epochs 2 and 4 are two more.
@pytest.mark.parametrize(("asked_at", "step"), [(3, 3), (11, 6), (23, 12)])
def test_a_signal_while_the_model_is_looked_at_is_obeyed_at_once_and_costs_nothing(lab, asked_at, step) -> None:
    def looking(state, asked_at: int | None = None) -> tuple[Training, list[int]]:
        training = lab.training(state, epochs=4, sample_epochs=[2])
        held_out, passes = training.validation.set, []

        def note(module, args) -> None:
            if not module.training:
                passes.append(len(passes) + 1)
                if passes[-1] == asked_at:
                    os.kill(os.getpid(), signal.SIGTERM)

        def on_samples(denoiser, epoch: int) -> dict[str, float]:
            t = torch.zeros(len(held_out.clips), dtype=torch.int64)
            made = denoiser(held_out.clips, t, held_out.prompt_ids)
            return {"noisiness": denoiser(made, t, held_out.prompt_ids).std().item()}

        training.denoiser.register_forward_pre_hook(note)
        return replace(training, on_samples=on_samples), passes

    with lab.open_state("whole") as state:
        whole = train(looking(state)[0])
    with lab.open_state("parted") as state, pytest.raises(SystemExit) as left:
        parted, passes = looking(state, asked_at)
        train(parted)
    assert left.value.code == 143
    assert passes[-1] == asked_at, "it went on looking"
    with lab.open_state("parted") as state:
        found = state.latest()
        assert found is not None
        assert found.metadata["step"] == step
        resumed, passes = looking(state)
        same_result(train(resumed), whole)
        assert len(passes) > 1


def test_readers_that_die_of_the_same_signal_cost_nothing(lab) -> None:
    def die_with_the_group() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Terminated.")

    with lab.open_state("whole") as state:
        whole = lab.run(state)
    with lab.open_state("parted") as state, pytest.raises(SystemExit) as left:
        train(lab.stopped_after(lab.training(state), 2, die_with_the_group))
    assert left.value.code == 143
    with lab.open_state("parted") as state:
        found = state.latest()
        assert found is not None
        assert found.metadata["step"] == 2
        same_result(lab.run(state), whole)


def test_readers_that_die_of_something_else_are_an_error(lab) -> None:
    def die() -> None:
        raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Killed.")

    with pytest.raises(RuntimeError, match="Killed"):
        train(lab.stopped_after(lab.training(), 2, die))


def spoiled(lab, clip: int) -> None:
    lab.clips[clip, 0, 0, 0, 0] = float("nan")


def test_a_nan_stops_the_run_by_name_and_keeps_the_last_good_state(lab) -> None:
    spoiled(lab, 7)
    with lab.open_state() as state:
        training = lab.training(state, epochs=3)
        with pytest.raises(UserError) as stopped:
            train(training)
        message = str(stopped.value)
        step = next(batch.step for batch in training.batches_from(0) if "clip-7" in batch.clip_ids)
        assert message.startswith(f"step {step}: loss nan")
        for part in ("clip-7", "train.learning_rate", "train.max_skipped_steps", "checkpoint is kept"):
            assert part in message
        assert "\n" not in message
        found = state.latest()
        assert found is not None
        assert all(tensor.isfinite().all() for tensor in found.tensors.values() if tensor.is_floating_point())


def test_forgiven_steps_are_skipped_counted_and_leave_no_trace(lab, caplog: pytest.LogCaptureFixture) -> None:
    spoiled(lab, 7)
    with caplog.at_level(logging.WARNING):
        result = lab.run(epochs=3, max_skipped_steps=3)
    assert len(result.history.skipped_steps) == 3
    assert caplog.text.count("skipped: loss nan") == 3
    assert all(tensor.isfinite().all() for tensor in result.weights.values())
    with pytest.raises(UserError, match="max_skipped_steps"):
        lab.run(epochs=3, max_skipped_steps=2)


def test_an_epoch_of_nothing_but_skipped_steps_is_survived(lab) -> None:
    lab.clips[:] = float("nan")
    result = lab.run(epochs=2, max_skipped_steps=100)
    assert result.history.skipped_steps == list(range(6))
    assert "train_loss" not in result.history.rows[0]


def test_the_clamp_is_applied_after_every_step(lab) -> None:
    training = lab.training(model={"output_scale": 0.5, "output_scale_range": [0.49, 0.51]}, learning_rate=0.05)
    result = train(training)
    assert 0.49 <= training.denoiser.output_scale.item() <= 0.51
    assert 0.49 <= result.weights["output_scale"].item() <= 0.51


def test_the_best_weights_are_those_of_the_best_validation_not_of_the_last(lab) -> None:
    scripted, kept = iter([3.0, 1.0, 2.0]), []
    training = lab.training(epochs=3, validation={"every_epochs": 1})
    training = replace(
        training,
        validation=lambda denoiser: {"x0_mse": next(scripted)},
        on_best=lambda weights, step, epoch: kept.append((deepcopy(weights), step, epoch)),
    )
    result = train(training)
    assert [(step, epoch) for _, step, epoch in kept] == [(3, 1), (6, 2)]
    best, _, _ = kept[-1]
    assert best.keys() == result.weights.keys()
    assert any(not torch.equal(best[name], result.weights[name]) for name in best)


def test_a_resumed_run_tells_the_time_of_the_whole(lab) -> None:
    with lab.open_state() as state, pytest.raises(SystemExit):
        train(lab.stopped_after(lab.training(state), 2, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    with lab.open_state() as state:
        found = state.latest()
        assert found is not None
        spent = found.metadata["seconds"]
        assert spent > 0
        finished = lab.run(state)
        assert finished.seconds > spent
        assert finished.clips_per_s == pytest.approx(
            finished.num_steps * lab.training().config.batch_size / finished.seconds, rel=0.05
        )
    with lab.open_state() as state:
        found = state.latest()
        assert found is not None and found.metadata["seconds"] > spent
        again = lab.run(state)
        assert again.seconds >= found.metadata["seconds"]
        assert again.clips_per_s > 0


@pytest.mark.parametrize("measured", [float("inf"), float("nan")])
def test_a_validation_that_is_not_finite_stops_in_one_line(lab, measured: float) -> None:
    with lab.open_state() as state:
        training = lab.training(state, epochs=3)
        with pytest.raises(UserError, match=f"epoch 1: x0_mse {measured}; the last good checkpoint") as stopped:
            train(replace(training, validation=lambda denoiser: {"x0_mse": measured}))
        assert "\n" not in str(stopped.value)
        assert state.latest() is not None


def test_validation_and_samples_come_when_they_are_due(lab) -> None:
    epochs: list[int] = []
    training = lab.training(epochs=7, sample_epochs=[2, 3], validation={"every_epochs": 3})

    def on_samples(denoiser, epoch: int) -> dict[str, float]:
        assert not denoiser.training
        epochs.append(epoch)
        return {"noisiness": 1.0}

    rows = train(replace(training, on_samples=on_samples)).history.rows
    assert epochs == [2, 3, 7]
    assert [row["epoch"] for row in rows if "x0_mse" in row] == [3, 6, 7]
    assert [row["epoch"] for row in rows if "noisiness" in row] == [2, 3, 7]


def test_looking_at_the_model_changes_nothing(lab) -> None:
    often, seldom = (lab.run(epochs=4, validation={"every_epochs": every}) for every in (1, 4))
    for name, weight in often.weights.items():
        assert torch.equal(seldom.weights[name], weight), name


def test_the_tracker_gets_steps_epochs_and_flags(lab) -> None:
    training = lab.training(epochs=3, monitor={"gradient_norm": 1e-9})
    train(training)
    names = {name for _, metrics in training.tracker.metrics for name in metrics}
    assert {"train/loss", "train/gradient_norm", "train/learning_rate", "epoch/x0_mse", "epoch/skill_low"} <= names
    assert [step for step, metrics in training.tracker.metrics if "epoch/train_loss" in metrics] == [3, 6, 9]
    assert "monitor.exploding_gradients" in training.tracker.tags


def test_a_batch_that_does_not_part_evenly_is_refused(lab, make_train_config) -> None:
    with pytest.raises(ValueError, match="no multiple of accumulation"):
        make_train_config(batch_size=4, accumulation=3)
    training = lab.training()
    training = replace(training, config=training.config.model_copy(update={"accumulation": 3}))
    with pytest.raises(UserError, match=r"train\.batch_size 4 must be a multiple of 1 processes"):
        train(training)
