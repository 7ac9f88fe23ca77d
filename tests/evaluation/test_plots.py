"""Pictures: what lies within their axes, and what is too large to draw."""

from typing import Any

import pytest

from t2s.evaluation.plots import BASELINE_STYLES, MAX_SIGNS, plot_confusion, plot_ranking, plot_timesteps


def timesteps(network_over_best: float) -> list[dict[str, Any]]:
    """Rows of a schedule whose best guess is the copy at low t and the mean at high t."""
    rows = []
    for t in range(50):
        snr = 10 ** (3 - t / 8)
        guesses = {
            "zero": 1 / snr,
            "copy": 0.001 + 0.9 / snr,
            "grey": 0.3,
            "mean": 0.26,
            "wiener": 0.3 / (1 + 0.3 * snr),
        }
        best = min(guesses, key=lambda name: guesses[name])
        x0_mse = network_over_best * guesses[best]
        skill = 1 - network_over_best
        rows.append(
            {"t": t, "x0_mse": x0_mse, "best_baseline": best, "skill": skill, "skill_ci": [skill - 0.05, skill + 0.05]}
            | {f"x0_mse_{name}": value for name, value in guesses.items()}
        )
    return rows


@pytest.mark.parametrize("network_over_best", [0.3, 1.0, 40.0, 1e4])
def test_network_and_best_guess_lie_within_the_axes_and_under_no_legend(network_over_best: float) -> None:
    rows = timesteps(network_over_best)
    figure = plot_timesteps(rows)
    figure.canvas.draw()
    errors = figure.axes[0]
    low, high = errors.get_ylim()
    for row in rows:
        assert low < row["x0_mse"] < high
        assert low < row[f"x0_mse_{row['best_baseline']}"] < high
        assert figure.axes[1].get_ylim()[0] < row["skill_ci"][0]
    assert len(errors.lines) == 1 + len(BASELINE_STYLES)
    legend = errors.get_legend()
    assert legend is not None
    assert not legend.get_window_extent().overlaps(errors.get_window_extent())


def test_an_error_of_zero_does_not_stop_the_picture() -> None:
    rows = [row | {"x0_mse": 0.0, "skill": 1.0, "skill_ci": [1.0, 1.0]} for row in timesteps(1.0)]
    assert plot_timesteps(rows).axes[0].get_ylim()[0] > 0


def test_without_an_interval_a_curve_is_drawn_alone() -> None:
    """Of one clip or two there is none."""
    figure = plot_timesteps([row | {"skill_ci": None} for row in timesteps(0.3)])
    figure.canvas.draw()
    assert figure.axes[1].get_ylim()[0] == -0.1
    bins = [{"t": t, "top1": 1.0, "top1_ci": [0.2, 1.0]} for t in (3, 9)]
    gaps = [{"t": t} | {f"{name}_minus_intended{end}": None if end else 0.1 for name in ("shuffled", "null")
             for end in ("", "_ci")} for t in (3, 9)]  # fmt: skip
    measured = {"ranking": {"ways": 4, "chance": 0.25, "per_bin": bins}, "loss_gap": {"per_bin": gaps}}
    figure = plot_ranking(measured)
    figure.canvas.draw()
    assert len(figure.axes[1].containers) == 2


def test_thousands_of_signs_are_a_note_and_not_gigabytes_of_pixels() -> None:
    few, many = ([f"sign {number}" for number in range(count)] for count in (4, MAX_SIGNS + 1))
    drawn, noted = (
        plot_confusion([(sign, sign, 1) for sign in signs], signs, "real", "shown", "read") for signs in (few, many)
    )
    assert len(drawn.axes[0].images) == 1
    assert not noted.axes[0].images
    assert f"{MAX_SIGNS + 1} signs are too many to draw" in noted.axes[0].texts[0].get_text()
    assert noted.get_size_inches().prod() < 20
