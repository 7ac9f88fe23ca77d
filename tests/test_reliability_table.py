"""docs/reliability.md promises a proof for each of its 23 figures: every test and script it names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")
ROWS = {int(line.split("|")[1]): line for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line)}


def functions(path: Path) -> set[str]:
    """The tests a file defines at its top level."""
    return {node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_all_figures_are_there() -> None:
    assert list(ROWS) == list(range(1, 24))


@pytest.mark.parametrize("number", ROWS)
def test_each_proof_exists(number: int) -> None:
    tests = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", ROWS[number])
    scripts = re.findall(r"`(benchmarks/\w+\.py)`", ROWS[number])
    assert tests or scripts
    missing = [f"{file}::{name}" for file, name in tests if name not in functions(ROOT / file)]
    missing += [script for script in scripts if not (ROOT / script).is_file()]
    assert missing == []
