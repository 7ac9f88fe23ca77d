"""docs/evaluation.md names every key that the reports hold, and report and model card ask for no other."""

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
from t2s.evaluation.examination import Findings, Subject, examine
from t2s.evaluation.network import SignNetwork
from t2s.evaluation.outputs import headline
from t2s.evaluation.recogniser import Recogniser
from t2s.report import model_card
from t2s.report.documents import Document
from t2s.report.sections import meaning

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"
SIGNS = {"blink", "down", "grow", "right"}
SHOWN = sorted({row[1] for module in (meaning, model_card) for row in (*module.SHARES, *module.FIGURES)})
NULL_HERE = {"generated.top5", "memorisation.most_of_one_person"}  # of four signs, of people with few clips
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


@pytest.fixture(scope="module")
def findings(
    store: ClipStore, schedule: Schedule, evaluate_config: EvaluateConfig, recogniser_config: RecogniserConfig
) -> Findings:
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
    return examine(subject, recogniser, store, [("down", "right", "direction")], evaluate_config)


def test_the_page_explains_every_key_of_the_reports_and_no_other(findings: Findings) -> None:
    reports = {"evaluation": findings.evaluation, "faithfulness": findings.faithfulness}
    for name in reports:
        assert unexplained(name, reports[name]) == set()
    rows = [line.split(" | ")[0] for line in section("faithfulness").splitlines() if line.startswith("| `")]
    first = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert first == {key for key in reports["faithfulness"] if not COMMON.fullmatch(key) and key != "predicted"}


@pytest.mark.parametrize("key", SHOWN)
def test_report_and_model_card_show_only_what_is_measured(findings: Findings, key: str) -> None:
    """A key that nobody writes would cost the report its row without a word, and the card would say "not measured"."""
    assert key in NULL_HERE or Document(findings.faithfulness).number(key) is not None


def test_the_page_lists_the_headline_figures(findings: Findings) -> None:
    rows = [line.split(" | ")[0] for line in section("metrics").splitlines() if line.startswith("| `")]
    listed = {f"evaluate/{key}" for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert listed == headline(findings).keys()


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
