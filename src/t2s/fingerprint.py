"""A fingerprint of what decides a training's outcome: params, data and the code that acts on them."""

import ast
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from t2s.sealed import canonical_json

FORMAT = 1
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
    """Python source as `ast.unparse` writes it, without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _python_files(room: Path) -> list[Path]:
    if room.is_dir():
        return list(room.rglob("*.py"))
    if room.is_file():
        return [room]
    raise FileNotFoundError(room)
