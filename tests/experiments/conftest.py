"""The experiments are scripts in a folder of their own; they import each other from it."""

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "experiments"))


@pytest.fixture(scope="session")
def root() -> dict[str, Any]:
    """The root's params.yaml as read."""
    from t2s.paramsfile import load_yaml

    return load_yaml(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def plan() -> Any:
    """experiments/params.yaml."""
    from cells import Plan

    return Plan.load(ROOT / "experiments" / "params.yaml")
