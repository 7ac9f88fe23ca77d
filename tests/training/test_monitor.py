"""Red flags: each is raised by a history, and by a real run, made to raise it; a healthy run raises none."""

from dataclasses import replace

import pytest
import torch

from t2s.training.config import MonitorConfig
from t2s.training.loop import train
from t2s.training.monitor import came_down, check, monitor_tags, not_judged
from t2s.training.monitor import raised as newly_raised
from t2s.training.report import training_report

HEALTHY = {
    "train_loss": 0.1,
    "gradient_norm": 0.8,
    "output_scale": 1.1,
    "skill_low": 0.4,
    "skill_high": 0.3,
    "noisiness": 1.2,
    "shuffled_gap": 0.2,
    "null_gap": 0.1,
}


@pytest.fixture
def config(make_train_config) -> MonitorConfig:
    return make_train_config(monitor={"output_scale_notice": [0.5, 2.0]}).monitor


def history(length: int = 25, last: dict[str, float] | None = None, **always: float) -> list[dict[str, float]]:
    rows = [{"epoch": epoch, **HEALTHY, **always} for epoch in range(1, length + 1)]
    rows[-1] |= last or {}
    return rows


def raised(rows: list[dict[str, float]], config: MonitorConfig) -> dict[str, str]:
    return {flag.name: flag.level for flag in check(rows, config)}


def test_a_healthy_history_raises_nothing_at_any_time(config: MonitorConfig) -> None:
    assert check([], config) == []
    for length in (1, 2, 5, 6, 20, 40):
        falling = history(length)
        for row in falling:
            row["train_loss"] = 1 / row["epoch"]
        assert check(falling, config) == []


@pytest.mark.parametrize(
    ("rows", "name", "level", "words"),
    [
        (history(last={"output_scale": 11.0}), "output_scale", "red", ["11", "output_scale_range", "0.3"]),
        (history(last={"output_scale": 0.05}), "output_scale", "red", ["0.05", "raise model.output_scale to 1.0"]),
        (history(last={"output_scale": -20.0}), "output_scale", "red", ["explode"]),
        (history(last={"output_scale": 3.0}), "output_scale", "notice", ["3", "0.5", "2"]),
        (history(last={"gradient_norm": 50.0}), "exploding_gradients", "red", ["50", "lower train.learning_rate"]),
        (history(skill_low=-0.1), "low_timesteps_stuck", "red", ["-0.10", "model.residual: blend"]),
        (history(noisiness=5.0), "noisy_samples", "red", ["5.0", "max_snr to 20"]),
        (history(shuffled_gap=1e-4, null_gap=-1e-3), "text_ignored", "red", ["+0.01%", "lower train.prompt_dropout"]),
    ],
)
def test_each_flag_is_raised_and_names_the_parameter_to_turn(config, rows, name, level, words) -> None:
    (flag,) = check(rows, config)
    assert (flag.name, flag.level, flag.epoch) == (name, level, 25)
    for word in words:
        assert word in f"{flag.message} {flag.advice}"
    assert flag.as_dict() == {
        "name": name, "level": level, "epoch": 25, "message": flag.message, "advice": flag.advice
    }  # fmt: skip


def test_a_swinging_loss_is_told_from_a_falling_one(config: MonitorConfig) -> None:
    rows = history(8)
    for row, loss in zip(rows, (8, 4, 2, 1, 0.8, 0.7, 0.65, 0.62), strict=True):
        row["train_loss"] = loss
    assert check(rows, config) == []
    for row in rows:
        row["train_loss"] = 2.0 if row["epoch"] % 2 else 1.0
    assert raised(rows, config) == {"oscillating_loss": "red"}
    assert raised(rows[:5], config) == {}  # too early to tell
    for row in rows:
        row["train_loss"] = 0.5 ** row["epoch"]
    assert raised(rows, config) == {}  # falls steeply, as losses do at first


def test_what_needs_time_is_given_it(config: MonitorConfig) -> None:
    young = {"skill_low": -0.5, "noisiness": 9.0, "shuffled_gap": 0.0, "null_gap": 0.0}
    assert raised(history(9, **young), config) == {}
    assert raised(history(10, **young), config) == {"text_ignored": "red"}
    assert raised(history(20, **young), config).keys() == {"low_timesteps_stuck", "noisy_samples", "text_ignored"}


def test_a_flag_comes_down_when_its_cause_is_gone(config: MonitorConfig) -> None:
    assert check(history(skill_low=-0.5, noisiness=9.0, last={"skill_low": 0.1, "noisiness": 1.0}), config) == []


def test_tags_say_which_flags_are_up_and_which_came_down(config: MonitorConfig) -> None:
    before = check(history(skill_low=-0.5, noisiness=9.0), config)
    now = check(history(skill_low=-0.5, noisiness=9.0, last={"noisiness": 1.0}), config)
    assert {flag.name for flag in before} == {"low_timesteps_stuck", "noisy_samples"}
    tags = monitor_tags(now, before, epoch=30)
    assert tags["monitor.noisy_samples"] == "down again after epoch 30"
    assert tags["monitor.low_timesteps_stuck"] == now[0].message
    assert newly_raised(now, before) == []
    assert newly_raised(before, now) == [flag for flag in before if flag.name == "noisy_samples"]


def test_one_lucky_or_unlucky_measurement_of_the_text_does_not_decide(config: MonitorConfig) -> None:
    deaf = {"shuffled_gap": 0.0, "null_gap": 0.0}
    assert raised(history(**deaf, last={"shuffled_gap": 0.5}), config) == {"text_ignored": "red"}
    assert raised(history(last=deaf), config) == {}


def test_missing_the_prompt_is_no_proof_of_reading_it(config: MonitorConfig) -> None:
    """The null prompt is trained on a tenth of the clips: it may be worse although every word does the same."""
    assert raised(history(shuffled_gap=0.0, null_gap=0.1), config) == {"text_ignored": "red"}
    assert raised(history(shuffled_gap=0.1, null_gap=0.0), config) == {}


def test_rows_that_lack_measurements_are_fine(config: MonitorConfig) -> None:
    assert check([{"epoch": epoch, "step": epoch} for epoch in range(1, 30)], config) == []


SICK = {"output_scale": 50.0, "gradient_norm": 99.0, "skill_low": -1.0, "noisiness": 9.0, "shuffled_gap": 0.0,
        "null_gap": 0.0}  # fmt: skip
CHECKS = {"output_scale", "oscillating_loss", "exploding_gradients", "low_timesteps_stuck", "noisy_samples",
          "text_ignored"}  # fmt: skip


@pytest.mark.parametrize("length", [1, 2, 5, 6, 9, 10, 14, 15, 30])
def test_where_all_is_wrong_each_check_either_raises_its_flag_or_has_not_judged(config, length: int) -> None:
    rows = history(length, **SICK)
    for row in rows:
        row["train_loss"] = 1.0 + row["epoch"] % 2
    flagged, silent = set(raised(rows, config)), set(not_judged(rows, config))
    assert flagged | silent == CHECKS
    assert not flagged & silent


def test_a_check_says_from_which_epoch_it_judges_or_that_nothing_was_measured(config: MonitorConfig) -> None:
    assert not_judged(history(2), config) == {
        "oscillating_loss": 6, "low_timesteps_stuck": config.noisy_after_epochs,
        "noisy_samples": config.noisy_after_epochs, "text_ignored": config.text_ignored_after_epochs,
    }  # fmt: skip
    assert not_judged(history(30), config) == {}
    bare = [{"epoch": epoch} for epoch in range(1, 30)]
    assert not_judged(bare, config) == dict.fromkeys(CHECKS)


def test_where_a_step_closes_many_epochs_the_loss_waits_for_six_steps(config: MonitorConfig) -> None:
    rows = [{**row, "epoch": 4 * row["epoch"]} for row in history(3)]
    assert not_judged(rows, config)["oscillating_loss"] == 24


def test_flags_that_came_down_are_remembered_with_both_epochs(config: MonitorConfig) -> None:
    rows = history(30)
    for row in rows[4:6] + rows[19:21]:
        row["gradient_norm"] = 50.0
    found = came_down(rows, config)
    assert [(past.flag.name, past.flag.epoch, past.down) for past in found] == [
        ("exploding_gradients", 5, 7), ("exploding_gradients", 20, 22)
    ]  # fmt: skip
    assert found[0].as_dict() == found[0].flag.as_dict() | {"down": 7}
    assert came_down(rows[:21], config) == found[:1]  # the second is still up
    assert came_down(history(), config) == []


def test_red_that_turns_into_a_notice_came_down_and_a_notice_that_turns_red_did_not(config: MonitorConfig) -> None:
    rows = history(6)
    for row, scale in zip(rows, (1.0, 3.0, 11.0, 12.0, 3.0, 1.0), strict=True):
        row["output_scale"] = scale
    found = [(past.flag.level, past.flag.epoch, past.down) for past in came_down(rows, config)]
    assert found == [("red", 3, 5), ("notice", 5, 6)]


# Real runs, each made to go wrong in one way.
SOON = {"noisy_after_epochs": 1, "text_ignored_after_epochs": 1, "output_scale_notice": [0.2, 2.0]}


def flags_of(training) -> dict[str, str]:
    return {flag.name: flag.level for flag in train(training).flags}


def test_a_healthy_run_raises_nothing(lab, caplog: pytest.LogCaptureFixture) -> None:
    training = lab.training(
        epochs=40, batch_size=12, learning_rate=0.02, model={"residual": "blend"}, diffusion={"logsnr_shift": -2.6},
        snr_weighting={"strategy": "uniform_v"}, validation={"every_epochs": 5},
        monitor={"noisy_after_epochs": 36, "oscillation": 1.0},
    )  # fmt: skip
    result = train(training)  # an epoch of one step swings by chance, hence the wider oscillation
    assert result.flags == []
    assert "flag" not in caplog.text
    assert result.history.rows[-1]["skill_low"] > 0.2
    assert result.history.rows[-1]["shuffled_gap"] > 0.1


@pytest.mark.parametrize(("scale", "level"), [(30.0, "red"), (0.01, "red"), (4.0, "notice")])
def test_a_run_whose_output_scale_is_off(lab, scale: float, level: str) -> None:
    assert flags_of(lab.training(model={"output_scale": scale}))["output_scale"] == level


def test_a_run_with_far_too_high_a_learning_rate(lab, caplog: pytest.LogCaptureFixture) -> None:
    """Told as it goes: such a run may look calm again at its end."""
    flags_of(lab.training(epochs=8, learning_rate=0.3, model={"depth": 2}))
    raised = [record.message for record in caplog.records if record.message.startswith("red flag")]
    assert any("gradient norm" in message for message in raised)
    assert any("the loss swings" in message for message in raised)


def test_a_run_that_starts_as_a_copy_is_stuck_at_low_timesteps(lab) -> None:
    training = lab.training(
        model={"residual": "legacy", "output_scale": None}, diffusion={"prediction_type": "epsilon"},
        learning_rate=1e-6, monitor=SOON,
    )  # fmt: skip
    assert flags_of(training)["low_timesteps_stuck"] == "red"


def test_a_run_whose_samples_stay_noisy(lab) -> None:
    training = replace(lab.training(monitor=SOON), on_samples=lambda denoiser, epoch: {"noisiness": 4.0})
    assert flags_of(training)["noisy_samples"] == "red"


def test_a_run_on_shuffled_prompts_ignores_the_text(lab) -> None:
    """Each of the three motions under each of the three words alike: nothing to be learnt from a word."""
    lab.clips, lab.prompt_ids = lab.clips[:9], lab.prompt_ids[:9]
    lab.prompt_ids[:, 0] = 2 + torch.arange(9) // 3
    assert flags_of(lab.training(epochs=6, monitor=SOON, validation={"every_epochs": 3}))["text_ignored"] == "red"


def test_a_run_that_learns_nothing_ignores_the_text(lab) -> None:
    assert flags_of(lab.training(learning_rate=1e-6, monitor=SOON))["text_ignored"] == "red"


def test_the_report_of_a_short_run_says_what_went_up_and_what_nobody_judged(lab) -> None:
    """The scale is off after the first epoch alone; the other checks need more epochs than there are."""
    scales = iter([30.0, 1.0])
    monitor = {"noisy_after_epochs": 15, "text_ignored_after_epochs": 10, "gradient_norm": 1e6}
    training = replace(lab.training(epochs=2, monitor=monitor), facts=lambda: {"output_scale": next(scales)})
    report = training_report(train(training), training.config.monitor, training.accelerator)
    assert report["flags"] == []
    assert [(flag["name"], flag["epoch"], flag["down"]) for flag in report["came_down"]] == [("output_scale", 1, 2)]
    assert report["not_judged"] == {
        "oscillating_loss": 6, "low_timesteps_stuck": 15, "noisy_samples": 15, "text_ignored": 10
    }  # fmt: skip
