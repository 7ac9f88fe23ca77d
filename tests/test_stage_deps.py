"""dvc.yaml says what each stage uses: no more, no less. Measured on the import closure of its script."""

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from t2s.assembly import ROOMS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src/t2s/__init__.py"
STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

# How a stage reads params, writes files, keeps others out, shows progress, reports to MLflow: no result depends on it.
PLUMBING = (
    "src/t2s/__init__.py",
    "src/t2s/errors.py",
    "src/t2s/allocator.py",
    "src/t2s/progress.py",
    "src/t2s/atomic.py",
    "src/t2s/lock.py",
    "src/t2s/paramsfile.py",
    "src/t2s/stage.py",
    "src/t2s/provenance.py",
    "src/t2s/runtime_config.py",
    "src/t2s/sealed.py",
    "src/t2s/checkpoint.py",
    "src/t2s/fingerprint.py",
    "src/t2s/tracking/",
    "src/t2s/serving.py",
)
# The config stage reads every section's config, the report shows everything: both look at all rooms.
EVERYTHING = {"config", "report"}


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


@pytest.mark.parametrize("stage", sorted(set(STAGES) - EVERYTHING))
def test_stage_depends_on_all_it_imports(stage: str) -> None:
    deps = [dep for dep in STAGES[stage]["deps"] if isinstance(dep, str)]
    used = closure(ROOT / "pipelines" / f"{Path(STAGES[stage]['cmd'].split()[-1]).name}")
    missing = [f for f in sorted(used) if not f.startswith(PLUMBING) and not any(covers(d, f) for d in deps)]
    assert not missing, f"dvc.yaml: stage {stage} imports {missing} without depending on them"


@pytest.mark.parametrize("stage", sorted(set(STAGES) - EVERYTHING))
def test_stage_depends_on_nothing_else(stage: str) -> None:
    used = closure(ROOT / "pipelines" / f"{Path(STAGES[stage]['cmd'].split()[-1]).name}")
    rooms = [dep for dep in STAGES[stage]["deps"] if dep.startswith("src/")]
    unused = [dep for dep in rooms if not any(covers(dep, file) for file in used)]
    assert not unused, f"dvc.yaml: stage {stage} depends on {unused} without importing them"


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_stage_depends_on_its_script(stage: str) -> None:
    assert STAGES[stage]["cmd"].split()[-1] in STAGES[stage]["deps"]


def test_evaluation_never_retrains() -> None:
    assert not any(dep.startswith("src/t2s/evaluation") for dep in STAGES["train"]["deps"])
    assert not any(file.startswith("src/t2s/evaluation") for file in closure(ROOT / "pipelines/train.py"))


def test_sampling_and_runtime_settings_never_retrain() -> None:
    for stage in ("acquire", "preprocess", "validate", "train"):
        sections = {param.split(".")[0] for param in STAGES[stage].get("params", [])}
        assert not sections & {"sample", "runtime", "evaluate"}


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_is_kept_out_of_the_run_cache(stage: str) -> None:
    """DVC leaves out what always runs, what persists, and what has an uncached out that is no metric and no plot."""
    assert not STAGES[stage].get("always_changed")
    for kind in ("outs", "metrics", "plots"):
        for out in STAGES[stage].get(kind, []):
            for settings in out.values() if isinstance(out, dict) else []:
                assert not settings.get("persist")
                assert kind != "outs" or settings.get("cache", True), f"{stage}: {out}"


def test_a_training_knows_its_state_by_all_code_that_may_change_its_weights() -> None:
    """What train depends on and its fingerprint leaves out is named here, with why it decides no weight."""
    harmless = {
        "src/t2s/clips.py",  # contact sheets
        "src/t2s/data/encode.py",  # contact sheets
        "src/t2s/data/statistics.py",  # how noisy their clips are
        "src/t2s/device.py",  # runtime.device, which is no part of the fingerprint either
        "src/t2s/prompts.py",  # a remark about long captions
    }
    deps = {dep.removeprefix("src/t2s/") for dep in STAGES["train"]["deps"] if dep.startswith("src/")}
    assert set(ROOMS) == deps - {dep.removeprefix("src/t2s/") for dep in harmless}
