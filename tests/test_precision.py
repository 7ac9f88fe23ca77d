"""bf16 only where the hardware multiplies it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from t2s import precision
from t2s.errors import UserError


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    """The processor is asked once a process."""
    precision.cpu_has_bf16.cache_clear()
    yield
    precision.cpu_has_bf16.cache_clear()


def test_a_stated_precision_is_obeyed() -> None:
    for wanted in ("fp32", "bf16"):
        assert precision.resolve_precision(wanted, torch.device("cpu")) == wanted


def test_another_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="precision 'fp16' is unknown; choose one of auto, fp32, bf16"):
        precision.resolve_precision("fp16", torch.device("cpu"))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags : fpu sse avx512f avx512_bf16 amx_tile", "bf16"),
        ("flags : fpu amx_bf16", "bf16"),
        ("Features : fp asimd bf16", "fp32"),
        ("flags : fpu sse avx2 avx512f", "fp32"),
    ],
)
def test_auto_asks_the_processor(monkeypatch: pytest.MonkeyPatch, flags: str, expected: str) -> None:
    monkeypatch.setattr(precision.platform, "system", lambda: "Linux")
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"model name : x\n{flags}\n")
    assert precision.resolve_precision("auto", torch.device("cpu")) == expected


def test_auto_elsewhere_is_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision.platform, "system", lambda: "Darwin")
    assert precision.resolve_precision("auto", torch.device("cpu")) == "fp32"
