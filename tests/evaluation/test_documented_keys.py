"""docs/evaluation.md names every key that the two reports hold."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from t2s.data.clips import ClipStore
from t2s.diffusion.schedule import Schedule
from t2s.evaluation.config import EvaluateConfig, RecogniserConfig
from t2s.evaluation.examination import Subject, examine
from t2s.evaluation.network import SignNetwork
from t2s.evaluation.recogniser import Recogniser

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"
SIGNS = {"blink", "down", "grow", "right"}
COMMON = re.compile(r".*_ci|n")  # said once for all


def keys(value: Any) -> Iterator[str]:
    """Every key at any depth; signs and signers are data."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("per_sign", "per_signer"):
                yield from keys(inner)
            yield key
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


@pytest.fixture
def reports(
    store: ClipStore, schedule: Schedule, evaluate_config: EvaluateConfig, recogniser_config: RecogniserConfig
) -> dict[str, dict[str, Any]]:
    """Of a generator of noise, judged by an untrained recogniser behind an open gate: only the keys matter."""
    config = recogniser_config.model_copy(update={"gate_margin": -1.0})
    network = SignNetwork(len(SIGNS), config.width, config.dropout).eval()
    shape = store.batch([0]).shape[1:]

    def noise(prompts: list[str], seeds: list[int]) -> Tensor:
        return torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])

    subject = Subject(
        denoise_x0=lambda x_t, t, prompt_ids: torch.zeros_like(x_t),
        generate=noise,
        encode=lambda prompts: torch.zeros(len(prompts), 2, dtype=torch.long),
        schedule=schedule,
        device=torch.device("cpu"),
    )
    recogniser = Recogniser(network, tuple(sorted(SIGNS)), config)
    found = examine(subject, recogniser, store, [("down", "right", "direction")], evaluate_config)
    return {"evaluation": found.evaluation, "faithfulness": found.faithfulness}


def test_the_page_explains_every_key_of_the_reports_and_no_other(reports: dict[str, dict[str, Any]]) -> None:
    for name in reports:
        assert unexplained(name, reports[name]) == set()
    rows = [line.split(" | ")[0] for line in section("faithfulness").splitlines() if line.startswith("| `")]
    first = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert first == {key for key in reports["faithfulness"] if not COMMON.fullmatch(key) and key != "predicted"}


def section(name: str) -> str:
    """What the page says of reports/<name>.json."""
    return PAGE.read_text("utf-8").split(f"## `reports/{name}.json`")[1].split("\n## ")[0]


def unexplained(name: str, report: dict[str, Any]) -> set[str]:
    """Keys at any depth that the page does not name."""
    named = set(re.findall(r"`(\w+)`", section(name)))
    named |= {f"{space}_mse_{guess}" for space in ("x0", "eps", "v") for guess in baselines()}
    named |= {f"{gap}_relative" for gap in ("shuffled_minus_intended", "null_minus_intended")}
    return {key for key in keys(report) if not COMMON.fullmatch(key)} - SIGNS - named - {"predicted"}


def baselines() -> list[str]:
    """The trivial guesses as the page lists them."""
    table = PAGE.read_text("utf-8").split("| baseline |")[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)`", table, re.MULTILINE)
