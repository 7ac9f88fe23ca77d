"""Clips seen in part: averaging is average pooling."""

import pytest
import torch
from torch.nn.functional import avg_pool3d

from t2s.thinned import averaged


@pytest.mark.parametrize("pool", [1, 2, 4])
def test_it_is_average_pooling_of_each_frame(pool) -> None:
    x_t = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    before = x_t.clone()
    torch.testing.assert_close(averaged(x_t, pool), avg_pool3d(x_t, (1, pool, pool)))
    assert torch.equal(x_t, before)


def test_it_passes_gradients_on() -> None:
    x_t = torch.randn(1, 1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: averaged(x, 2), (x_t,))
