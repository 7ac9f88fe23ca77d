"""Noise, clip by clip: a row is a function of its own stream."""

import pytest
import torch

from t2s.diffusion.noise import draw_noise, seeded

SHAPE = (3, 4, 6, 6)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_a_row_is_what_its_stream_gives_whatever_is_beside_it() -> None:
    noise = draw_noise(SHAPE, seeded([5, 6, 7]))
    for row, seed in zip(noise, [5, 6, 7], strict=True):
        assert torch.equal(row, torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)))
    assert torch.equal(draw_noise(SHAPE, seeded([7]))[0], noise[2])


def test_the_number_of_threads_changes_nothing(threads) -> None:
    drawn = []
    for count in (1, 4):
        threads(count)
        drawn.append(draw_noise((3, 16, 32, 32), seeded(range(9))))
    assert torch.equal(*drawn)


def test_several_threads_draw_for_one_that_infers(threads) -> None:
    threads(4)
    with torch.inference_mode():
        drawn = draw_noise(SHAPE, seeded([1, 2, 3]))
    assert torch.equal(drawn, draw_noise(SHAPE, seeded([1, 2, 3])))


def test_a_stream_goes_on_where_it_was() -> None:
    streams = seeded([1, 2])
    first, second = draw_noise(SHAPE, streams), draw_noise(SHAPE, streams)
    assert not torch.equal(first, second)
    assert abs(torch.stack([first, second]).mean().item()) < 0.1
    assert torch.stack([first, second]).std().item() == pytest.approx(1, abs=0.1)
