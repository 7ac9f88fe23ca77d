"""Batches: a function of the step, shared out between processes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data._utils.pin_memory import pin_memory

from t2s.training.loader import StepBatches, make_loader


def read(numbers: list[int]) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1, 1, 1), torch.tensor(numbers)[:, None], [
        f"clip-{number}" for number in numbers
    ]  # fmt: skip


def batches(first_step: int = 0, rank: int = 0, world_size: int = 1, batch_size: int = 4) -> StepBatches:
    return StepBatches(
        read, num_clips=10, seed=0, batch_size=batch_size, first_step=first_step, num_steps=8, rank=rank,
        world_size=world_size,
    )  # fmt: skip


def test_a_resumed_loader_goes_on_where_the_first_would_have() -> None:
    whole, rest = list(make_loader(batches(), 0, False)), list(make_loader(batches(5), 0, False))
    assert [batch.step for batch in whole] == list(range(8))
    assert [(batch.step, batch.clip_ids) for batch in rest] == [(batch.step, batch.clip_ids) for batch in whole[5:]]
    assert list(make_loader(batches(8), 0, False)) == []


def test_a_batch_holds_together() -> None:
    for batch in make_loader(batches(), 0, False):
        assert batch.clips.flatten().tolist() == batch.prompt_ids.flatten().tolist()
        assert batch.clip_ids == [f"clip-{int(number)}" for number in batch.clips.flatten()]
        assert len(batch.clip_ids) == 4
        moved = batch.to(torch.device("cpu"))
        assert torch.equal(moved.clips, batch.clips)
        assert (moved.step, moved.clip_ids) == (batch.step, batch.clip_ids)


@given(st.sampled_from([1, 2, 4]), st.integers(0, 7))
def test_processes_share_each_global_batch_without_overlap(world_size: int, i: int) -> None:
    whole = batches()[i]
    shares = [batches(rank=rank, world_size=world_size)[i] for rank in range(world_size)]
    assert [clip_id for share in shares for clip_id in share.clip_ids] == whole.clip_ids
    assert torch.equal(torch.cat([share.clips for share in shares]), whole.clips)


def test_there_is_an_end() -> None:
    with pytest.raises(IndexError):
        batches()[8]


def test_the_loader_pins_what_a_gpu_will_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch's own pinning goes through a batch; page-locked memory itself needs a GPU."""
    pinned: list[torch.Size] = []

    def pin(tensor: torch.Tensor, device: object = None) -> torch.Tensor:
        pinned.append(tensor.shape)
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    batch = batches()[0]
    assert pin_memory(batch).step == batch.step
    assert pinned == [batch.clips.shape, batch.prompt_ids.shape]
