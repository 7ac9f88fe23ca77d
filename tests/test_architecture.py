"""The house rules that a reader may rely on: floors, sizes, forbidden calls, docstrings, names, README's tree.

The floors are read from the table in docs/architecture.md, so that the document and the code cannot part.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src/t2s"
TABLE = ROOT / "docs/architecture.md"
TOP_FLOOR, LOWEST_FLOOR = 3.0, 0.0

PICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
VAGUE = {"utils", "util", "common", "helpers", "helper", "manager", "managers", "misc"}
MADE_BY_PIPELINE = {"data", "models", "reports", "runs", "mlflow.db", "mlartifacts", "dvc.lock"}  # may not be here yet
HEAVY = {"torch", "numpy", "mlflow", "great_expectations", "av", "cv2", "pydantic", "matplotlib", "diffusers", "dvc"}


@cache
def project_files() -> list[Path]:
    """Every file that is, or could be, committed: tracked ones and new ones that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in sorted(set(listed.stdout.split("\0")) - {""}) if (ROOT / name).is_file()]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_files(*folders: str) -> list[Path]:
    """The project's Python files under `folders`."""
    return [path for path in project_files() if path.suffix == ".py" and relative(path).split("/")[0] in folders]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), relative(path))


# --- floors -----------------------------------------------------------------------------------------------------------


@cache
def floors() -> dict[str, float]:
    """Room or module pattern → floor, from the table: `training/` → 2.0, `*_config.py` → 0.0."""
    rows = re.findall(r"^\| (\d½?) \| ([^|]+) \|", TABLE.read_text("utf-8"), re.MULTILINE)
    assert rows, f"{relative(TABLE)} has no table of floors"
    return {
        place: float(number.replace("½", ".5")) for number, places in rows for place in re.findall(r"`([^`]+)`", places)
    }


@cache
def exceptions() -> set[tuple[str, str]]:
    """(importer, imported) rooms of one floor that may meet: `sampling → clips, checkpoint` in the table."""
    rows = re.findall(r"^\| \d½? \|[^|]+\|([^|]+)\|", TABLE.read_text("utf-8"), re.MULTILINE)
    pairs = [pair.split(" → ") for row in rows for pair in re.findall(r"`([^`]+ → [^`]+)`", row)]
    return {(room, other) for room, others in pairs for other in others.split(", ")}


def place(module: str) -> str:
    """`t2s.training.loop` → `training/`; `t2s.clips` → `clips.py`; `t2s` itself → `__init__.py`."""
    parts = module.split(".")
    if len(parts) == 1:
        return "__init__.py"
    return f"{parts[1]}/" if (PACKAGE / parts[1]).is_dir() else f"{parts[1]}.py"


def floor(room: str) -> float:
    """The floor of a room. Exactly one line of the table must name it."""
    found = [number for pattern, number in floors().items() if fnmatch(room, pattern)]
    assert len(found) == 1, (
        f"src/t2s/{room} stands on {len(found)} floors; place it: name it once in the table of {relative(TABLE)}"
    )
    return found[0]


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> Iterator[str]:
    """All modules imported, inside functions and for type checkers too: knowing a type is knowing a room."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import hides the room; write it out"
            names = [alias.name for alias in node.names] if node.module == "t2s" else []  # from t2s import atomic
            yield from [f"t2s.{name}" for name in names] or [str(node.module)]


def rooms_used(path: Path) -> set[str]:
    """The other rooms of t2s that a file imports. `import t2s` alone finds the package, it uses no room."""
    used = {place(name) for name in imports(parsed(path)) if name.split(".")[0] == "t2s" and name != "t2s"}
    return used - {place(module_name(path))}


def may_import(room: str, other: str) -> bool:
    """Down, within floor 0, freely on the top floor, or as an exception that the table names."""
    mine, theirs = floor(room), floor(other)
    if theirs != mine:
        return theirs < mine
    stems = room.removesuffix(".py").rstrip("/"), other.removesuffix(".py").rstrip("/")
    return mine in (LOWEST_FLOOR, TOP_FLOOR) or stems in exceptions()


def test_every_room_has_a_floor() -> None:
    for path in python_files("src"):
        floor(place(module_name(path)))


def test_the_table_names_only_what_exists() -> None:
    rooms = {place(module_name(path)) for path in python_files("src")} | {"pipelines/"}
    gone = [pattern for pattern in floors() if not any(fnmatch(room, pattern) for room in rooms)]
    assert not gone, f"{relative(TABLE)} places {gone}, which do not exist"


def test_imports_go_down() -> None:
    wrong = [
        f"{relative(path)} (floor {floor(room):g}) imports {other} (floor {floor(other):g})"
        for path in python_files("src")
        for room in [place(module_name(path))]
        for other in sorted(rooms_used(path))
        if not may_import(room, other)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_exception_is_used() -> None:
    met = {
        (place(module_name(path)).removesuffix(".py").rstrip("/"), other.removesuffix(".py").rstrip("/"))
        for path in python_files("src")
        for other in rooms_used(path)
    }
    assert not exceptions() - met, f"{relative(TABLE)} allows what nobody needs: {sorted(exceptions() - met)}"


@pytest.mark.parametrize(
    ("room", "others"), [("training", {"models/", "data/"}), ("evaluation", {"training/", "models/"})]
)
def test_rooms_that_must_not_know_each_other(room: str, others: set[str]) -> None:
    files = [path for path in python_files("src") if place(module_name(path)) == f"{room}/"]
    assert files
    for path in files:
        assert not rooms_used(path) & others, relative(path)


def test_the_package_never_imports_what_stands_on_it() -> None:
    above = {"pipelines", "benchmarks", "tests", "experiments", "examples"}
    for path in python_files("src"):
        assert not {name.split(".")[0] for name in imports(parsed(path))} & above, relative(path)


# --- sizes and names --------------------------------------------------------------------------------------------------


def too_long(folder: str, limit: int) -> list[str]:
    sizes = {relative(path): len(path.read_text("utf-8").splitlines()) for path in python_files(folder)}
    return [f"{name}: {lines} lines, at most {limit}" for name, lines in sizes.items() if lines > limit]


def test_what_is_imported_is_declared() -> None:
    """Not left to what another package happens to need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    optional = [name for extra in ("demo", "dask") for name in project["optional-dependencies"][extra]]
    declared = {re.split(r"[^\w-]", name, maxsplit=1)[0] for name in (*project["dependencies"], *optional)}
    modules = {
        name.split(".")[0]
        for path in python_files("src", "pipelines")
        for node in ast.walk(parsed(path))
        for name in imported_names(node)
    }
    others = modules - set(sys.stdlib_module_names) - {"t2s"}
    providers = packages_distributions()
    undeclared = {
        name
        for name in others
        if not {each.lower().replace("_", "-") for each in providers.get(name, [name])} & declared
    }
    assert not undeclared


def imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def test_stage_scripts_are_thin() -> None:
    assert not too_long("pipelines", 90)


@pytest.mark.parametrize("folder", ["src", "benchmarks", "experiments", "examples"])
def test_source_files_stay_short(folder: str) -> None:
    assert not too_long(folder, 300)


def test_no_module_has_a_name_that_says_nothing() -> None:
    for path in python_files("src", "pipelines", "benchmarks", "experiments", "examples", "tests"):
        words = {word for part in path.relative_to(ROOT).with_suffix("").parts for word in part.split("_")}
        assert not words & VAGUE, relative(path)


def test_no_file_name_holds_a_date() -> None:
    date = re.compile(r"(19|20)\d\d[-_.]?(0\d|1[0-2])([-_.]?[0-3]\d)?(?!\d)")
    dated = [relative(path) for path in project_files() if date.search(path.name)]
    assert not dated


def test_every_public_name_has_a_docstring() -> None:
    """A stage's `main` is what its module's docstring says; methods that fulfil a protocol are said there.

    An overload is said where the function is implemented.
    """
    bare = []
    for path in python_files("src", "pipelines"):
        tree = parsed(path)
        if tree.body and not ast.get_docstring(tree):
            bare.append(relative(path))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                overload = any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)
                exempt = node.name.startswith("_") or node.name == "main" or overload
                if not exempt and not ast.get_docstring(node):
                    bare.append(f"{relative(path)}: {node.name}")
    assert not bare, bare


# --- what no file may do ----------------------------------------------------------------------------------------------


def forbidden(tree: ast.AST) -> Iterator[str]:
    """Ways to run what a file holds: unpickling, evaluating, a shell."""
    for name in imports(tree):
        if name.split(".")[0] in PICKLERS:
            yield f"import {name}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in {"eval", "exec", "torch.load", "yaml.load", "yaml.unsafe_load", "os.system", "os.popen"}:
            yield f"line {node.lineno}: {called}("
        for keyword in node.keywords:
            safe = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            if keyword.arg in {"allow_pickle", "shell"} and not safe:
                yield f"line {node.lineno}: {keyword.arg}={ast.unparse(keyword.value)}"


def test_nothing_is_unpickled_evaluated_or_given_to_a_shell() -> None:
    """Tests are aside: they make the hostile files."""
    found = [
        f"{relative(path)}: {what}"
        for path in python_files("src", "pipelines", "benchmarks", "experiments", "examples")
        for what in forbidden(parsed(path))
    ]
    assert not found, found


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from joblib import load", "torch.load(path)", "eval(text)", "np.load(p, allow_pickle=True)",
        "np.load(p, allow_pickle=trusted)", "run(command, shell=True)", "yaml.load(text, Loader)",
    ],
)  # fmt: skip
def test_what_is_forbidden_is_found(line: str) -> None:
    assert list(forbidden(ast.parse(line)))


@pytest.mark.parametrize("line", ["network.eval()", "safetensors.torch.load(b)", "np.load(p, allow_pickle=False)"])
def test_what_only_looks_like_it_is_allowed(line: str) -> None:
    assert not list(forbidden(ast.parse(line)))


def test_no_file_knows_this_machine() -> None:
    """No home folder and no package index anywhere: a checkout installs from where its user's pip points."""
    home = re.compile(r"/(?:home|Users)/\w|/root/|[A-Z]:\\Users")
    index = re.compile(r"--(?:extra-)?index-url|--find-links|https?://\S+/(?:simple|whl)\b")
    found = []
    for path in project_files():
        if path.suffix in {".png", ".gif", ".mp4", ".jpg"} or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            if home.search(line) or index.search(line):
                found.append(f"{relative(path)}:{number}: {line.strip()[:80]}")
    assert not found, found


def test_the_command_line_answers_without_heavy_imports() -> None:
    code = "import sys, t2s.cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    environment = {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert not HEAVY & set(done.stdout.split())


# --- README's tree ----------------------------------------------------------------------------------------------------


def documented_tree() -> set[str]:
    """Every path of the tree in README.md: two spaces deeper is one folder deeper."""
    block = re.search(r"<!-- tree -->\n+```text\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert block, "README.md has no tree after <!-- tree -->"
    paths: set[str] = set()
    above: list[str] = []
    for line in filter(None, block[1].splitlines()):
        found = re.fullmatch(r"((?:  )*)(\S+) {2,}\S.*", line)
        assert found, f"README.md: every line of the tree is a name and what it is for: {line!r}"
        above = [*above[: len(found[1]) // 2], found[2]]
        path = "".join(above)
        assert path not in paths, f"README.md: {path} stands twice in the tree"
        paths.add(path)
    return paths


def actual_tree() -> set[str]:
    """Files and folders of the root, the package and its rooms."""
    paths = set()
    for file in project_files():
        parts = PurePosixPath(relative(file)).parts
        paths.add(f"{parts[0]}/" if len(parts) > 1 else parts[0])
        if parts[:2] == ("src", "t2s"):
            paths.add("src/t2s/")  # modules of the package itself are named in docs/architecture.md
            if len(parts) > 3:
                paths.add(f"src/t2s/{parts[2]}/")
    return paths


def test_readme_shows_the_tree_as_it_is() -> None:
    shown = documented_tree()
    made = {name if "." in name else f"{name}/" for name in MADE_BY_PIPELINE}
    assert made <= shown, f"README.md does not say what {sorted(made - shown)} are"
    there = actual_tree() | made
    missing, gone = sorted(there - shown), sorted(shown - there)
    assert not missing, f"README.md's tree lacks {missing}"
    assert not gone, f"README.md's tree shows {gone}, which do not exist"


def test_what_the_pipeline_makes_is_in_the_tree() -> None:
    outs: set[str] = set()
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"].values():
        for kind in ("outs", "metrics", "plots"):
            outs |= {next(iter(out)) if isinstance(out, dict) else out for out in stage.get(kind, [])}
    assert {out.split("/")[0] for out in outs} <= MADE_BY_PIPELINE
