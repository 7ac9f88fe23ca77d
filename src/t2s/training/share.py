"""Hand a state from the process that reads the disk to all others: JSON and tensors, nothing is pickled."""

import json

import torch
from accelerate import Accelerator
from torch.distributed import broadcast

from t2s.checkpoint import Checkpoint


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
