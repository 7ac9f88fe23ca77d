"""Batches in an order that is a function of (seed, step), whatever the number of reader processes."""

import signal
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from t2s.training.randomness import step_indices


@dataclass(frozen=True)
class Batch:
    """What one step learns from. clips: (B, C, F, H, W) float32 in [-1, 1]; prompt_ids: (B, L) int64."""

    step: int
    clips: Tensor
    prompt_ids: Tensor
    clip_ids: list[str]

    def to(self, device: torch.device) -> "Batch":
        """The same batch with its tensors on `device`."""
        return Batch(
            self.step,
            self.clips.to(device, non_blocking=True),
            self.prompt_ids.to(device, non_blocking=True),
            self.clip_ids,
        )

    def pin_memory(self) -> "Batch":
        """The same batch in page-locked memory, from which a GPU fetches while it computes; the loader asks for it."""
        return Batch(self.step, self.clips.pin_memory(), self.prompt_ids.pin_memory(), self.clip_ids)


ReadClips = Callable[[list[int]], tuple[Tensor, Tensor, list[str]]]


class StepBatches(Dataset[Batch]):
    """Item i is the whole batch of step `first_step + i`: the data position of a resumed run is its step number."""

    def __init__(
        self,
        read: ReadClips,
        *,
        num_clips: int,
        seed: int,
        batch_size: int,
        first_step: int,
        num_steps: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """`read` maps clip numbers 0 … num_clips - 1 to (clips, prompt_ids, clip_ids). Of each global batch of
        `batch_size` clips, process `rank` of `world_size` reads its equal share."""
        self.read, self.num_clips, self.seed, self.batch_size = read, num_clips, seed, batch_size
        self.first_step, self.num_steps = first_step, num_steps
        self.rank, self.world_size = rank, world_size

    def __len__(self) -> int:
        return max(0, self.num_steps - self.first_step)

    def __getitem__(self, i: int) -> Batch:
        if i >= len(self):
            raise IndexError(i)
        step = self.first_step + i
        share = self.batch_size // self.world_size
        indices = step_indices(self.seed, step, self.batch_size, self.num_clips)
        clips, prompt_ids, clip_ids = self.read(indices[self.rank * share : (self.rank + 1) * share])
        return Batch(step, clips, prompt_ids, clip_ids)


def make_loader(batches: StepBatches, num_workers: int, pin_memory: bool) -> DataLoader[Batch]:
    """A loader that keeps the order of `batches`; with workers it reads ahead while the step computes."""
    return DataLoader(
        batches,
        batch_size=None,
        num_workers=num_workers,
        pin_memory=pin_memory,
        persistent_workers=False,
        multiprocessing_context="forkserver" if num_workers else None,
        worker_init_fn=leave_signals_to_the_trainer if num_workers else None,
    )


def leave_signals_to_the_trainer(worker: int) -> None:
    """Ctrl-C and SIGTERM often reach a whole group: readers go on until the trainer has saved and lets them go."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
