"""Normal noise, clip by clip: what a seed means."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor


def seeded(seeds: Sequence[int], device: torch.device | str = "cpu") -> list[torch.Generator]:
    """One stream of noise a clip. Whoever goes on with it never draws the same numbers again."""
    return [torch.Generator(device).manual_seed(seed) for seed in seeds]


def draw_noise(shape: Sequence[int], generators: Sequence[torch.Generator]) -> Tensor:
    """(B, *shape) ~ N(0, I) on the generators' device, row i from generators[i] alone.

    On a CPU one core draws one row while others draw theirs: torch fills a tensor with normal numbers on one core.
    """
    noise = torch.empty((len(generators), *shape), device=generators[0].device)
    rows = list(zip(noise, generators, strict=True))
    threads = min(torch.get_num_threads(), len(rows))
    if noise.device.type != "cpu" or threads == 1:
        for row in rows:
            _fill(row)
        return noise
    inferring = torch.is_inference_mode_enabled()  # of this thread: the others do not know

    def fill_there(row: tuple[Tensor, torch.Generator]) -> None:
        with torch.inference_mode(inferring):
            _fill(row)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill_there, rows))
    return noise


def _fill(row: tuple[Tensor, torch.Generator]) -> None:
    noise, generator = row
    noise.normal_(generator=generator)
