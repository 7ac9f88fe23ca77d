"""One of two processes: a whole ViViT beside one whose parameters FSDP2 shares out. For test_distributed.py.

Reads sections.json (model, diffusion, clip, steps, batch: clips of a process); rank 0 writes sharded.json: losses and
gradient norms of these AdamW steps each way, the largest difference of the weights after them, and how many parameters
one process holds.
"""

import json
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from t2s.diffusion.config import DiffusionConfig
from t2s.diffusion.schedule import make_schedule
from t2s.models.config import ClipShape, ModelConfig
from t2s.models.vivit import ViViT

SECTIONS = json.loads(Path("sections.json").read_text())


def fresh_model() -> ViViT:
    torch.manual_seed(0)
    diffusion = DiffusionConfig.model_validate(SECTIONS["diffusion"])
    return ViViT(
        ModelConfig.model_validate(SECTIONS["model"]),
        ClipShape.model_validate(SECTIONS["clip"]),
        vocab_size=8,
        temporal_weight=0.5,
        alphas_cumprod=make_schedule(diffusion).alphas_cumprod,
        prediction_type=diffusion.prediction_type,
    )


def learn(model: nn.Module, batch: list[Tensor]) -> list[tuple[float, float]]:
    """(loss over the whole batch, gradient norm) of each step; `batch` is this process's share, or all of it."""
    optimizer, seen = torch.optim.AdamW(model.parameters(), lr=1e-3), []
    for _ in range(SECTIONS["steps"]):
        loss = (model(*batch) - batch[0]).square().mean()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        optimizer.step()
        optimizer.zero_grad()
        mean = loss.detach() / dist.get_world_size()
        dist.all_reduce(mean)  # over equal losses it is the loss itself
        seen.append((mean.item(), norm.item()))
    return seen


def main() -> None:
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    whole, sharded = fresh_model(), fresh_model()
    mesh = init_device_mesh("cpu", (world,))
    for block in sharded.blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(sharded, mesh=mesh)
    count, frames, size = SECTIONS["batch"] * world, SECTIONS["clip"]["num_frames"], SECTIONS["clip"]["image_size"]
    clips = torch.randn(count, 3, frames, size, size, generator=torch.Generator().manual_seed(1))
    prompts = torch.zeros(count, SECTIONS["model"]["text"]["max_length"], dtype=torch.int64)
    prompts[:, 0] = torch.arange(count) % 6 + 2
    batch = [clips, torch.arange(count) * 12, prompts]
    report = {
        "whole": learn(whole, batch),
        "sharded": learn(sharded, [part.chunk(world)[rank] for part in batch]),
        "held": sum(parameter.to_local().numel() for parameter in sharded.parameters()),
        "num_parameters": sum(parameter.numel() for parameter in whole.parameters()),
    }
    wanted = dict(whole.named_parameters())
    gathered = {name: parameter.full_tensor() for name, parameter in sharded.named_parameters()}
    report["largest_difference"] = max((gathered[name] - wanted[name]).abs().max().item() for name in wanted)
    if rank == 0:
        Path("sharded.json").write_text(json.dumps(report))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
