"""The lean import hides nothing for longer than it lasts, and the solvers it imports are the same."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

SAMPLE = """
import sys, torch
from t2s.diffusion.config import DiffusionConfig
from t2s.diffusion.lean_import import UNUSED, import_solvers
from t2s.diffusion.schedule import make_schedule
from t2s.diffusion.solvers import sample

if sys.argv[1] == "lean":
    import_solvers()
    assert not [name for name in UNUSED if name in sys.modules], "imported after all, or left hidden"
schedule = make_schedule(DiffusionConfig(**{settings}))
noise = torch.randn((2, 3, 4, 8, 8), generator=torch.Generator().manual_seed(0))
made = sample(lambda x, t, prompts: 0.5 * x, noise, torch.zeros(2, 1, dtype=torch.int64), schedule=schedule,
              kind="sample", sampler="dpmpp", num_steps=5)
import scipy.stats
import torch._dynamo
assert torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)) == 2
print(made.double().sum().item().hex())
"""


def run(how: str, settings: dict[str, Any]) -> str:
    code = SAMPLE.replace("{settings}", repr(settings))
    return subprocess.run([sys.executable, "-c", code, how], check=True, capture_output=True, text=True).stdout


def test_lean_or_not_the_samples_are_the_same_and_later_imports_work(
    tiny_section: Callable[..., dict[str, Any]],
) -> None:
    settings = tiny_section("diffusion")
    assert run("lean", settings) == run("whole", settings) != ""
