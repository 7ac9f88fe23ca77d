"""Several processes, one of which touches the disk: what it prepares or finds, and the state it hands to all others.

JSON and tensors travel, nothing is pickled.
"""

import json
from collections.abc import Callable
from typing import TypeVar, cast

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.distributed import broadcast

from t2s.checkpoint import Checkpoint
from t2s.errors import UserError

Prepared = TypeVar("Prepared")
Told = TypeVar("Told")


def require_equal_shares(clips: int, parts: int, accelerator: Accelerator) -> None:
    """Raises UserError where a step's clips cannot be dealt equally to all processes and their micro-batches."""
    processes = accelerator.num_processes
    if clips % (processes * parts):
        raise UserError(
            f"train.batch_size {clips} must be a multiple of {processes} processes x train.accumulation {parts}"
        )


def prepared_by_main(prepare: Callable[[], Prepared], accelerator: Accelerator) -> Prepared | None:
    """What `prepare` returns, on the main process; None on the others, which wait for it.

    Raises:
        BaseException: on the main process, what `prepare` raises.
        SystemExit: on the others, when it has: nobody waits for a process that left, and one alone says why.
    """
    if accelerator.num_processes == 1:
        return prepare()
    prepared, failed = None, torch.zeros(1, dtype=torch.int64, device=accelerator.device)
    if accelerator.is_main_process:
        try:
            prepared = prepare()
        except BaseException:
            failed += 1
            broadcast(failed, src=0)
            failed.item()  # NCCL only queues a broadcast: wait until it has been sent
            raise
    broadcast(failed, src=0)
    if failed.item():
        raise SystemExit(1)
    return prepared


def told_by_main(find: Callable[[], Told], accelerator: Accelerator) -> Told:
    """What `find` returns on the main process, a JSON value, on every process; the others wait for it.

    Raises what `prepared_by_main` raises.
    """
    found = prepared_by_main(find, accelerator)
    if accelerator.num_processes == 1:
        return cast(Told, found)
    told: Told = json.loads(_share_bytes(json.dumps(found).encode("ascii"), accelerator))
    return told


def is_anyone(here: bool, accelerator: Accelerator) -> bool:
    """Whether it is so on any process."""
    if accelerator.num_processes == 1:
        return here
    count: Tensor = accelerator.reduce(torch.tensor(float(here), device=accelerator.device))
    return count.item() > 0


def from_main_process(found: Checkpoint | None, accelerator: Accelerator) -> Checkpoint | None:
    """What the main process passes, on every process; what the others pass does not count.

    So one process alone locks and reads the run's state, and its folder need not be shared between machines.
    """
    if accelerator.num_processes == 1:
        return found
    found = found if accelerator.is_main_process else None
    described = json.loads(_share_bytes(json.dumps(_describe(found)).encode("ascii"), accelerator))
    if described is None:
        return None
    tensors = {}
    for name, (dtype, shape) in described["tensors"].items():
        held = found.tensors[name] if found else torch.empty(shape, dtype=getattr(torch, dtype))
        moved = held.to(accelerator.device).contiguous()
        broadcast(moved, src=0)
        tensors[name] = moved.cpu()
    return Checkpoint(tensors, described["metadata"])


def _describe(found: Checkpoint | None) -> dict[str, object] | None:
    if found is None:
        return None
    tensors = {name: (str(x.dtype).removeprefix("torch."), list(x.shape)) for name, x in found.tensors.items()}
    return {"metadata": found.metadata, "tensors": tensors}


def _share_bytes(content: bytes, accelerator: Accelerator) -> bytes:
    length = torch.tensor([len(content)], device=accelerator.device)
    broadcast(length, src=0)
    shared = torch.zeros(int(length), dtype=torch.uint8, device=accelerator.device)
    if accelerator.is_main_process:
        shared.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    broadcast(shared, src=0)
    return bytes(shared.tolist())
