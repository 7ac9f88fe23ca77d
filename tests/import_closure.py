"""Which of the project's files a script may import, read from the source."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src/t2s/__init__.py"

# How a stage reads params, writes files, keeps others out, counts cores, shows progress, draws letters, reports to
# MLflow: no figure depends on it.
PLUMBING = (
    "src/t2s/__init__.py",
    "src/t2s/errors.py",
    "src/t2s/choices.py",
    "src/t2s/allocator.py",
    "src/t2s/progress.py",
    "src/t2s/fonts.py",
    "src/t2s/cores.py",
    "src/t2s/atomic.py",
    "src/t2s/lock.py",
    "src/t2s/paramsfile.py",
    "src/t2s/script.py",
    "src/t2s/stage.py",
    "src/t2s/provenance.py",
    "src/t2s/runtime_config.py",
    "src/t2s/sealed.py",
    "src/t2s/checkpoint.py",
    "src/t2s/fingerprint.py",
    "src/t2s/tracking/",
    "src/t2s/serving.py",
)


def module_file(name: str) -> Path | None:
    """The file of `t2s.a.b`, when it is a module of the project."""
    path = ROOT / "src" / Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def imported(path: Path) -> set[Path]:
    """The project's files that one file imports, inside functions too; imports for type checkers alone do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    files = {module_file(name) for name in names if name.split(".")[0] == "t2s"}
    return {file for file in files if file is not None}


def closure(script: Path) -> set[str]:
    """Every project file a script may import, as paths from the root."""
    seen: set[Path] = set()
    todo = [script]
    while todo:
        file = todo.pop()
        if file == PACKAGE:
            continue  # its one import is lazy, and nobody in the pipeline asks for it
        for found in imported(file):
            if found not in seen:
                seen.add(found)
                todo.append(found)
    return {path.relative_to(ROOT).as_posix() for path in seen if path.read_text(encoding="utf-8").strip()}


def covers(dep: str, file: str) -> bool:
    return file == dep or file.startswith(dep.rstrip("/") + "/")
