"""params.yaml: every key is explained where it stands, and read by the code of its section."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent

# Which code acts on a section of params.yaml. That a config.py declares a key does not count.
ACTS_ON = {
    "data": ["src/t2s/data", "pipelines"],
    "signer": ["src/t2s/signer", "pipelines"],
    "preprocess": ["src/t2s/data", "pipelines"],
    "model": ["src/t2s/models", "src/t2s/assembly.py", "src/t2s/presets.py"],
    "diffusion": ["src/t2s/diffusion", "src/t2s/assembly.py"],
    "train": ["src/t2s/training", "src/t2s/diffusion", "src/t2s/assembly.py"],
    "recogniser": ["src/t2s/evaluation", "pipelines"],
    "evaluate": ["src/t2s/evaluation", "pipelines"],
    "sample": ["pipelines/sample.py"],
    "runtime": ["src/t2s/training", "src/t2s/assembly.py", "pipelines"],
}


def param_lines() -> Iterator[tuple[str, str, bool]]:
    """(dotted key, section, explained) of every key: it, or a mapping it stands in, carries a comment."""
    text = (ROOT / "params.yaml").read_text("utf-8")
    commented = {number for number, line in enumerate(text.splitlines()) if re.search(r"\s#", line)}

    def walk(node: yaml.Node, prefix: str, explained: bool) -> Iterator[tuple[str, str, bool]]:
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            name = f"{prefix}.{key.value}" if prefix else key.value
            said = explained or key.start_mark.line in commented
            yield name, name.split(".")[0], said
            yield from walk(value, name, said)

    yield from walk(yaml.compose(text), "", False)


def test_every_parameter_is_explained() -> None:
    silent = [name for name, _, explained in param_lines() if not explained]
    assert not silent, f"params.yaml: {silent} have no comment, and nothing above them has one"


def leaves(value: Any, prefix: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{prefix}.{key}")
    else:
        yield prefix


@cache
def names_read(place_: str) -> frozenset[str]:
    """Attributes read, and strings (as in `model_dump(include={...})`), in the code of one place."""
    names: set[str] = set()
    place = ROOT / place_
    for path in place.rglob("*.py") if place.is_dir() else [place]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    return frozenset(names)


def test_every_parameter_is_read_by_the_code_of_its_section() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    assert set(params) == set(ACTS_ON)
    unread = [
        leaf
        for section in params
        for leaf in leaves(params[section], section)
        if not any(leaf.split(".")[-1] in names_read(place_) for place_ in ACTS_ON[section])
    ]
    assert not unread, f"params.yaml: nobody reads {unread}"
