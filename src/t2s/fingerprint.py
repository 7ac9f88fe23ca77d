"""A fingerprint of what decides a training's outcome: params, data and the code that acts on them."""

import ast
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from t2s.sealed import canonical_json

FORMAT = 2
PACKAGE = Path(__file__).parent


def fingerprint(config: Mapping[str, Any], data_digest: str, rooms: Iterable[str]) -> str:
    """16 hex digits over config, data digest and the source of `rooms` ("models", "training/loop.py")."""
    parts = {"format": FORMAT, "config": config, "data": data_digest, "source": source_digest(rooms)}
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:16]


def source_digest(rooms: Iterable[str], package: Path = PACKAGE) -> str:
    """sha256 over the meaning of the rooms' Python files: comments, docstrings and layout do not count.

    Raises:
        FileNotFoundError: a room does not exist in `package`.
        SyntaxError: a file is no valid Python.
    """
    sha = hashlib.sha256()
    for path in sorted({path for room in rooms for path in _python_files(package / room)}):
        sha.update(f"{path.relative_to(package).as_posix()}\0{normalised(path.read_text('utf-8'))}\0".encode())
    return sha.hexdigest()


def normalised(source: str) -> str:
    """Python source as its syntax tree, without docstrings: the same text under every version of Python.

    `ast.unparse` quotes f-strings in another way from 3.12 on, and 3.12 has empty constants in some of their formats.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return canonical_json(_plain(tree))


def _plain(node: Any) -> Any:
    """A syntax tree as lists: the name of each node and its fields; those that are empty do not count."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, ast.AST):
        return node if isinstance(node, str) else repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.JoinedStr):
        fields["values"] = _joined(node.values)
    told = [[name, _plain(value)] for name, value in sorted(fields.items()) if value is not None and value != []]
    return [type(node).__name__, *told]


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string, its neighbouring texts as one and its empty ones left out."""
    parts: list[ast.expr] = []
    for value in values:
        text = value.value if isinstance(value, ast.Constant) else None
        last = parts[-1] if parts else None
        if text == "":
            continue
        if isinstance(text, str) and isinstance(last, ast.Constant) and isinstance(last.value, str):
            parts[-1] = ast.Constant(last.value + text)
        else:
            parts.append(value)
    return parts


def _python_files(room: Path) -> list[Path]:
    if room.is_dir():
        return list(room.rglob("*.py"))
    if room.is_file():
        return [room]
    raise FileNotFoundError(room)
