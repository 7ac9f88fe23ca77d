"""What the benchmarks compute from their measurements."""

import pytest
from cost_growth import crossover, exponent
from peers import STEP, WHOLE_STEP, times_faster
from sampling import fewest_steps
from time_to_quality import paces, steps_within, time_to
from training_step import Clock


def test_an_exponent_is_the_slope_in_the_logarithms() -> None:
    assert exponent([8, 16, 32, 64], [3 * size**1.5 for size in (8, 16, 32, 64)]) == pytest.approx(1.5)
    assert exponent([1, 2, 4], [5.0, 5.0, 5.0]) == pytest.approx(0)


def test_curves_cross_where_the_second_becomes_cheaper() -> None:
    sizes = [64, 256, 1024]
    quadratic, linear = [(size / 200) ** 2 for size in sizes], [size / 200 for size in sizes]
    assert crossover(sizes, quadratic, linear) == pytest.approx(200)
    assert crossover(sizes, linear, quadratic) is None
    assert crossover(sizes, [2.0, 2.0, 2.0], [1.0, 1.0, 1.0]) == 64


def test_the_fewest_steps_are_those_from_which_on_nothing_is_lost() -> None:
    curve = {4: 0.5, 6: 0.90, 8: 0.85, 12: 0.895, 20: 0.91, 50: 0.90}
    rows = [{"sampler": "dpmpp", "steps": steps, "top-1": top1} for steps, top1 in curve.items()]
    rows += [{"sampler": "ddim", "steps": 4, "top-1": 0.9}, {"sampler": "ddim", "steps": 50, "top-1": 0.9}]
    assert fewest_steps(rows, "dpmpp", 0.01) == 12  # 6 was luck: 8 is worse
    assert fewest_steps(rows, "ddim", 0.01) == 4


def test_a_budget_of_time_becomes_steps() -> None:
    assert steps_within(60, coarse_share=0.5, coarse_s=0.1, full_s=0.5) == 200
    assert steps_within(0.01, coarse_share=0.0, coarse_s=1.0, full_s=1.0) == 1


def test_a_pace_is_that_of_the_whole_training() -> None:
    curve = [{"steps": 10, "training, s": 1.0}, {"steps": 30, "training, s": 6.0}]
    assert paces({"ours": curve, "latte": curve[:1]}) == {"ours": 5.0, "latte": 10.0}


def test_the_time_to_a_goal_is_interpolated() -> None:
    assert time_to(0.8, [(10.0, 0.4), (20.0, 1.0)]) == pytest.approx(10 + 10 * 2 / 3)
    assert time_to(0.8, [(10.0, 0.8)]) == pytest.approx(10)
    assert time_to(0.8, [(10.0, 0.4), (20.0, 0.7)]) is None


def test_peers_are_compared_within_a_round() -> None:
    ours = [{STEP: 10.0, WHOLE_STEP: 20.0}, {STEP: 100.0, WHOLE_STEP: 90.0}, {STEP: 40.0, WHOLE_STEP: 60.0}]
    latte = [{STEP: 1.0, WHOLE_STEP: 1.0}, {STEP: 25.0, WHOLE_STEP: 3.0}, {STEP: 5.0, WHOLE_STEP: 2.0}]
    assert times_faster(ours, latte, STEP) == 8  # of 10, 4 and 8
    assert times_faster(ours, latte, WHOLE_STEP) == 30
    assert times_faster(ours, [{"forward, clips/s": 2.0}] * 3, STEP) == 20  # makes no steps: against its forward pass
    assert times_faster(ours, [{STEP: 2.0, "forward, clips/s": 4.0}] * 3, WHOLE_STEP) is None


def test_the_shares_of_a_step_add_up_to_one_and_leave_out_first_and_last_steps() -> None:
    clock = Clock(inside=True)
    clock.starts = [0.0, 9.0, 10.0, 12.0, 99.0]  # steps of 9, 1, 2 and 87 seconds; the last start finds no batch
    clock.parts["backward"] |= {0: 5.0, 1: 0.5, 2: 1.0, 3: 80.0}
    assert clock.step_s(warmup=1) == [1.0, 2.0]
    assert clock.shares(warmup=1) == {"backward": pytest.approx(0.5), "rest": pytest.approx(0.5)}
