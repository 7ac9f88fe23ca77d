"""params.yaml → frozen, checked sections. What YAML would let pass in silence is refused here."""

import os
import re
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, TypeVar, overload

import yaml
from pydantic import BaseModel, ValidationError

from t2s.errors import UserError

BOOL = "tag:yaml.org,2002:bool"

A = TypeVar("A", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)
C = TypeVar("C", bound=BaseModel)
D = TypeVar("D", bound=BaseModel)


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses duplicate keys (PyYAML keeps the last one without a word).

    Words stay words: `yes` and `no` are signs. DVC writes YAML 1.2, where only true and false are truth values, so
    `dvc exp run -S` takes the quotes away that PyYAML's YAML 1.1 would need.
    """

    # A copy, so that other loaders stay as they are.
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != BOOL]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise UserError(f"{node.start_mark.name}: line {line}: duplicate key '{key}'; keep one of them")
            seen.add(key)
        return super().construct_mapping(node, deep)


_StrictLoader.add_implicit_resolver(BOOL, re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def load_yaml(path: Path | str) -> dict[str, Any]:
    """Read one YAML mapping. Raises UserError for a missing file, bad syntax, or a key given twice."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run from the root of a t2s project") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as UTF-8 text ({error})") from None
    loader = _StrictLoader(text)
    loader.name = str(path)
    try:
        value = loader.get_single_data()
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a mapping of sections (data:, model:, train: …)")
    return value


RUNTIME_PREFIX = "T2S_RUNTIME_"  # runtime.device ← T2S_RUNTIME_DEVICE; no other section listens to the environment


def section_name(config: type[BaseModel]) -> str:
    """The section that a config class describes, by its name: TrainConfig is `train:`."""
    return config.__name__.removesuffix("Config").lower()


def read_section(path: Path | str, config: type[A]) -> A:
    """Read and check one section: `read_section("params.yaml", TrainConfig)`. Raises as `read_sections` does."""
    (section,) = read_sections(path, config)
    return section


@overload
def read_sections(path: Path | str, a: type[A], /) -> tuple[A]: ...
@overload
def read_sections(path: Path | str, a: type[A], b: type[B], /) -> tuple[A, B]: ...
@overload
def read_sections(path: Path | str, a: type[A], b: type[B], c: type[C], /) -> tuple[A, B, C]: ...
@overload
def read_sections(path: Path | str, a: type[A], b: type[B], c: type[C], d: type[D], /) -> tuple[A, B, C, D]: ...
def read_sections(path: Path | str, *configs: type[BaseModel]) -> tuple[BaseModel, ...]:
    """Read and check some sections: `model, train = read_sections("params.yaml", ModelConfig, TrainConfig)`.

    Overloaded, for Python's types cannot say yet that each class asked for is the class of what comes.

    Raises:
        UserError: naming every wrong key, its value and what is allowed.
    """
    content = load_yaml(path)
    checked: list[BaseModel] = []
    problems: list[str] = []
    for config in configs:
        name = section_name(config)
        if name not in content:
            problems.append(f"section '{name}' is missing")
            continue
        values = content[name]
        overrides = runtime_environment(values) if name == "runtime" and isinstance(values, dict) else {}
        try:
            checked.append(config.model_validate(values | overrides if overrides else values))
        except ValidationError as error:
            problems += [_named_by_variable(clause, overrides) for clause in explain(error, name)]
    if problems:
        raise UserError(f"{path}: " + "; ".join(problems))
    return tuple(checked)


def runtime_environment(known: Iterable[str]) -> dict[str, str]:
    """The keys of `runtime:` that the environment overrides; they say where and how to run, so DVC need not know."""
    return {
        key: os.environ[RUNTIME_PREFIX + key.upper()] for key in known if RUNTIME_PREFIX + key.upper() in os.environ
    }


def _named_by_variable(clause: str, overrides: Iterable[str]) -> str:
    """A clause about `runtime.device` names T2S_RUNTIME_DEVICE where that is what said so."""
    key, _, rest = clause.removeprefix("runtime.").partition(" ")
    return f"{RUNTIME_PREFIX}{key.upper()} {rest}" if key in overrides else clause


def explain(error: ValidationError, section: str) -> list[str]:
    """One plain clause per mistake: the dotted key, the value given, what is allowed."""
    clauses = []
    for item in error.errors():
        key = ".".join(filter(None, [section, *(str(part) for part in item["loc"])]))
        value = item["input"]
        if item["type"] == "extra_forbidden":
            clauses.append(f"unknown key '{key}'; check its spelling")
        elif item["type"] == "missing":
            clauses.append(f"key '{key}' is missing")
        elif item["type"] == "model_type":
            clauses.append(f"section '{key}' must be a mapping of keys, not {value!r}")
        elif isinstance(value, dict):  # a rule over several keys of a section; it names them itself
            rule = item["msg"].removeprefix("Value error, ")
            clauses.append(f"{key}: {rule[0].lower()}{rule[1:]}")
        else:
            clauses.append(f"{key} = {value!r}: {item['msg'][0].lower()}{item['msg'][1:]}")
    return clauses
