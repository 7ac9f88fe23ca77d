"""params.yaml: every key is explained where it stands, and read by the code of its section."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from t2s.settings import Settings

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
    "sample": ["pipelines/sample.py", "src/t2s/sample_config.py"],
    "runtime": ["src/t2s/training", "src/t2s/assembly.py", "src/t2s/processes.py", "pipelines"],
}


def unexplained(text: str) -> list[str]:
    """Leaf keys without a comment on their own line or, inside a section's inner mapping, on the line of that mapping.

    A section's comment says what its keys are for together: it explains none of them. `{a: 1}` on one line is a leaf.
    """
    commented = {number for number, line in enumerate(text.splitlines()) if re.search(r"\s#", line)}

    def walk(node: yaml.MappingNode, parents: list[str], parent_explained: bool) -> Iterator[str]:
        for key, value in node.value:
            name, explained = [*parents, key.value], key.start_mark.line in commented
            if isinstance(value, yaml.MappingNode) and not value.flow_style:
                yield from walk(value, name, explained and bool(parents))
            elif not explained and not parent_explained:
                yield ".".join(name)

    return list(walk(yaml.compose(text), [], False))


def test_every_parameter_is_explained() -> None:
    silent = unexplained((ROOT / "params.yaml").read_text("utf-8"))
    assert not silent, f"params.yaml: say on their lines what {silent} are, with unit or range"


@pytest.mark.parametrize(
    ("text", "silent"),
    [
        ("train:  # decides\n  seed: 0\n", ["train.seed"]),
        ("train:\n  seed: 0  # 0..2^32-1\n", []),
        ("train:\n  augment:  # shares, 0..1\n    flip: 0\n", []),
        ("train:  # decides\n  augment:\n    flip: 0\n", ["train.augment.flip"]),
        ("train:\n  a:  # only of its own keys\n    b:\n      c: 0\n", ["train.a.b.c"]),
        ("train:\n  clips: {train: 1, val: 0}\n", ["train.clips"]),
    ],
)
def test_a_section_explains_none_of_its_keys(text: str, silent: list[str]) -> None:
    assert unexplained(text) == silent


def choices(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each key that takes one of a few words, and the words."""
    for name, field in model.model_fields.items():
        key, kinds = prefix + name, (field.annotation, *get_args(field.annotation))  # `Literal[…] | None` has its own
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from choices(kind, f"{key}.")
            elif get_origin(kind) is Literal:
                yield key, get_args(kind)


def comments(text: str) -> dict[str, str]:
    """The comment on the line of each key, and on lines below that hold nothing else, by the key's whole name."""
    lines = text.splitlines()

    def told(first: int) -> str:
        below = takewhile(lambda line: line.lstrip().startswith("#"), lines[first + 1 :])
        return " ".join([lines[first].partition("#")[2], *below])

    def walk(node: yaml.MappingNode, prefix: str) -> Iterator[tuple[str, str]]:
        for key, value in node.value:
            yield prefix + key.value, told(key.start_mark.line)
            if isinstance(value, yaml.MappingNode):
                yield from walk(value, f"{prefix}{key.value}.")

    return dict(walk(yaml.compose(text), ""))


@pytest.mark.parametrize(("key", "words"), dict(choices(Settings)).items())
def test_a_key_that_takes_one_of_a_few_words_names_them_all(key: str, words: tuple[str, ...]) -> None:
    said = re.findall(r"\w+", comments((ROOT / "params.yaml").read_text("utf-8"))[key])
    assert not set(words) - set(said), f"params.yaml: name {set(words) - set(said)} in the comment of {key}"


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
