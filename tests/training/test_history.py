"""What a training remembers."""

import json

import pytest

from t2s.training.history import History


def test_an_epoch_becomes_one_row_and_the_next_starts_empty() -> None:
    history = History()
    history.note(1.0, 3.0, [0.1, 0.3], [0, 2])
    history.note(2.0, 5.0, [0.3], [0])
    history.note(3.0, 100.0, [0.5], [2])
    row = history.close_epoch(1, 3, 0.01, {"output_scale": 0.5})
    assert row == {
        "epoch": 1,
        "step": 3,
        "learning_rate": 0.01,
        "train_loss": 2.0,
        "gradient_norm": 5.0,
        "train_x0_mse_low": pytest.approx(0.2),
        "train_x0_mse_high": pytest.approx(0.4),
        "output_scale": 0.5,
    }
    assert history.rows == [row]
    assert history.losses == history.norms == []
    assert set(history.close_epoch(2, 3, 0.01, {})) == {"epoch", "step", "learning_rate"}


def test_the_best_row_is_the_one_with_the_lowest_error_so_far() -> None:
    history = History()
    seen = []
    for epoch, facts in enumerate([{}, {"x0_mse": 3.0}, {"x0_mse": 1.0}, {}, {"x0_mse": 1.0}, {"x0_mse": 0.5}]):
        history.close_epoch(epoch, epoch, 0.1, facts)
        seen.append(history.is_best)
    assert seen == [False, True, True, False, False, True]


def test_it_survives_json_exactly_in_the_middle_of_an_epoch() -> None:
    history = History()
    history.note(0.1, 1 / 3, [2 / 3], [1])
    history.close_epoch(1, 1, 1e-3, {})
    history.note(0.2, 1e-17, [0.7], [0])
    history.skipped_steps.append(4)
    again = History.from_json(json.loads(json.dumps(history.as_json())))
    assert again == history
