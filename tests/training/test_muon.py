"""Muon for many matrices at once, held against torch's, which goes from one to the next."""

import pytest
import torch
from torch import nn

from t2s.training.muon import Muon, newton_schulz, orthogonalised

SHAPES = [(48, 16), (16, 16), (16, 48), (48, 16), (12, 16), (16, 12), (1, 7)]


def matrices(*shapes: tuple[int, int], seed: int = 0) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def give_gradients(parameters: list[nn.Parameter], seed: int) -> None:
    """One of few directions among them, as gradients of small batches are, and one of zeros."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    parameters[0].grad = torch.randn(48, 2, generator=generator) @ torch.randn(2, 16, generator=generator)
    parameters[1].grad = torch.zeros(16, 16)


@pytest.mark.parametrize("momentum", [0.95, 0.0])
def test_it_learns_what_torchs_muon_learns_to_the_bit(momentum: float) -> None:
    ours, theirs = matrices(*SHAPES), matrices(*SHAPES)
    muon = Muon(
        [{"params": ours[:4]}, {"params": ours[4:], "lr": 0.3}],
        0.02, weight_decay=0.1, momentum=momentum, precision="bf16",
    )  # fmt: skip
    torchs = torch.optim.Muon(
        [{"params": theirs[:4]}, {"params": theirs[4:], "lr": 0.3}],
        lr=0.02, weight_decay=0.1, momentum=momentum, adjust_lr_fn="match_rms_adamw",
    )  # fmt: skip
    for step in range(6):
        for parameters, optimizer in ((ours, muon), (theirs, torchs)):
            give_gradients(parameters, seed=step)
            if step == 3:
                parameters[2].grad = None  # has no part in this step
            optimizer.step()
    assert all(torch.equal(our, their) for our, their in zip(ours, theirs, strict=True))
    assert not torch.equal(ours[2], matrices(*SHAPES)[2])


def test_without_bf16_in_hardware_it_takes_the_same_steps_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulated, bf16 takes a step seconds there: 2.5 for the default's matrices, where fp32 takes a tenth of one."""
    learned = {}
    for has_bf16 in (True, False):
        monkeypatch.setattr("t2s.precision.cpu_has_bf16", lambda has_bf16=has_bf16: has_bf16)
        learned[has_bf16] = matrices(*SHAPES)
        muon = Muon([{"params": learned[has_bf16]}], 0.02, weight_decay=0.1)
        types: set[torch.dtype] = set()
        with monkeypatch.context() as watched:
            watched.setattr(
                "t2s.training.muon.newton_schulz", lambda x, types=types: types.add(x.dtype) or newton_schulz(x)
            )
            for step in range(3):
                for parameter, gradient in zip(learned[has_bf16], matrices(*SHAPES, seed=step + 1), strict=True):
                    parameter.grad = gradient.detach()
                muon.step()
        assert types == {torch.bfloat16 if has_bf16 else torch.float32}
    for in_bf16, in_fp32, start in zip(learned[True], learned[False], matrices(*SHAPES), strict=True):
        assert not torch.equal(in_bf16, start)
        assert (in_bf16 - in_fp32).norm() < 0.05 * (in_bf16 - start).norm()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_directions_become_alike_and_keep_their_place(dtype: torch.dtype) -> None:
    """A matrix of singular values 1 to 100 becomes one of .68 to 1.2 with the same singular vectors."""
    (square,) = matrices((32, 32))
    u, _, vt = torch.linalg.svd(square.detach())
    (made,) = orthogonalised([(u @ torch.diag(torch.logspace(0, 2, 32)) @ vt).to(dtype)])
    assert made.dtype == dtype
    turned = u.mT @ made.float() @ vt.mT
    assert turned.diagonal().min() > 0.6
    assert turned.diagonal().max() < 1.3
    assert (turned - torch.diag(turned.diagonal())).abs().max() < 0.05


def test_a_transpose_gives_the_transpose_and_companions_change_nothing() -> None:
    first, second, third = (matrix.detach().bfloat16() for matrix in matrices((8, 24), (24, 8), (8, 8)))
    together = orthogonalised([first, second, third, first.mT])
    assert torch.equal(together[0], together[3].mT)
    for alone, made in zip([first, second, third], together, strict=False):
        assert made.shape == alone.shape
        assert torch.equal(orthogonalised([alone])[0], made)


def test_zeros_stay_zeros() -> None:
    assert orthogonalised([torch.zeros(5, 3)])[0].abs().max() == 0


def test_a_closure_is_called_with_gradients_and_its_loss_returned() -> None:
    (matrix,) = matrices((3, 5))
    muon = Muon([{"params": [matrix]}], 0.1, weight_decay=0.0)

    def closure() -> float:
        loss = matrix.square().sum()
        loss.backward()
        return loss.item()

    before = matrix.detach().clone()
    assert muon.step(closure) == pytest.approx(before.square().sum().item())
    assert not torch.equal(matrix, before)


def test_what_is_no_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match=r"matrices, not for parameters of shape \(3,\)"):
        Muon([{"params": [nn.Parameter(torch.zeros(3))]}], 0.1, weight_decay=0.0)
