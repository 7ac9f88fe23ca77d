"""The documentation: every command it shows can be given, every link leads somewhere, every key and formula is real."""

import ast
import re
import subprocess
from copy import deepcopy
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.core
import yaml
from doc_commands import PAGE_IDS, PAGES, ROOT, commands, split
from pydantic import ValidationError

from t2s.cli import app
from t2s.data.encode import read_media_metadata
from t2s.settings import Settings

SECTIONS = "data|signer|preprocess|model|diffusion|train|recogniser|evaluate|sample|runtime"
OURS = re.compile(r"(?:src|docs|tests|benchmarks|presets|experiments|pipelines)/[\w./-]*\w")

# What DVC takes, of what the pages use; held against DVC's own parser by tests/test_howto.py.
DVC = {
    "add": "", "checkout": "", "dag": "", "pull": "", "push": "", "status": "",
    "exp apply": "", "exp branch": "", "exp diff": "", "exp list": "", "exp pull": "", "exp remove": "",
    "exp push": "--no-cache",
    "exp run": "-S -n --queue --temp --run-all -f",
    "exp save": "-n",
    "exp show": "--only-changed --sort-by --sort-order --csv --md",
    "gc": "--all-commits --all-experiments",
    "metrics diff": "--targets", "metrics show": "", "params diff": "",
    "plots diff": "--targets", "plots show": "",
    "queue logs": "--follow", "queue start": "--jobs -j", "queue status": "", "queue stop": "",
    "remote add": "--default --local -d", "remote modify": "--local",
    "repro": "-f --force -s --single-item",
    "commit": "-f --force",
}  # fmt: skip
TAKES_VALUE = {"-S", "-n", "--sort-by", "--sort-order", "--targets", "--jobs", "-j"}
USAGE_ERROR = typer.BadParameter.__bases__[0]  # Typer brings a click of its own
MLFLOW = {
    "ui": "--backend-store-uri --host --port",
    "server": "--backend-store-uri --host --port --artifacts-destination",
    "models serve": "-m --env-manager --port --host",
}


def wrong(words: list[str], is_inline: bool = False) -> str | None:
    """Why a command cannot be given, or None."""
    check = {
        "t2s": partial(wrong_t2s, may_be_bare=is_inline),
        "dvc": wrong_dvc,
        "make": wrong_make,
        "python": wrong_python,
        "torchrun": wrong_launcher,
        "accelerate": partial(wrong_launcher, may_be_bare=is_inline),
        "mlflow": wrong_mlflow,
        "pytest": wrong_pytest,
        "dask": wrong_dask,
    }[words[0]]
    missing = [word for word in words if OURS.fullmatch(word) and not (ROOT / word).exists()]
    return f"no such file: {missing[0]}" if missing else check(words[1:])


def wrong_t2s(words: list[str], may_be_bare: bool) -> str | None:
    """As Typer's own parser sees it; nothing is run."""
    command: Any = typer.main.get_command(app)
    if words == ["--help"] or words[:1] in [option.opts for option in command.params]:
        return None
    while isinstance(command, typer.core.TyperGroup):
        if not words or words[0] not in command.commands:
            return f"no such command: {' '.join(words)}"
        command, words = command.commands[words[0]], words[1:]
    if may_be_bare and not words:
        return None
    try:
        command.make_context(command.name, list(words))
    except USAGE_ERROR as error:
        return str(error)
    return None


def options_of(words: list[str]) -> set[str]:
    return {word.split("=")[0] for word in words if re.match(r"-", word)}


def subcommand(words: list[str], known: dict[str, str]) -> tuple[str, list[str]]:
    """The longest known name at the start, and what follows it."""
    size = 2 if " ".join(words[:2]) in known else 1
    return " ".join(words[:size]), words[size:]


def wrong_dvc(words: list[str]) -> str | None:
    name, rest = subcommand(words, DVC)
    if name not in DVC:
        return f"unknown to this test: dvc {name}"
    if unknown := options_of(rest) - set(DVC[name].split()):
        return f"dvc {name} has no {unknown}"
    overrides = [after for before, after in pairwise(rest) if before == "-S"]
    if problem := wrong_overrides(overrides):
        return problem
    if name in ("repro", "status"):
        stages = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
        unknown = {word for word in positional(rest) if word not in stages and not (ROOT / word).is_file()}
        return f"no such stage: {unknown}" if unknown else None
    return None


def positional(words: list[str]) -> list[str]:
    return [
        word
        for before, word in zip(["", *words], words, strict=False)
        if not word.startswith("-") and before not in TAKES_VALUE
    ]


@cache
def params() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    return content


def wrong_overrides(overrides: list[str]) -> str | None:
    """Whether params.yaml would still be valid with `key=value`s set, alone or, of a list, with each of its values."""
    content = deepcopy(params())
    for override in overrides:
        if ":" in override.split("=")[0]:
            continue  # of another parameter file
        key, _, text = override.partition("=")
        for value in [text] if re.match(r"[\[\"'{]|range\(", text) else text.split(","):
            if problem := set_key(content, key, value):
                return problem
            try:
                problems = Settings.model_validate(content)._mismatches()
            except ValidationError as error:
                problems = [str(error)]
            if problems:
                return f"{override}: {problems[0]}"
    return None


def wrong_value(key: str, text: str) -> str | None:
    """Why params.yaml cannot say `key: text`, or None; how it goes with other keys is not asked."""
    content = deepcopy(params())
    if problem := set_key(content, key, text):
        return problem
    try:
        Settings.model_validate(content)
    except ValidationError as error:
        found = [".".join(map(str, item["loc"])) for item in error.errors()]
        return f"{key}: {text}" if any(place.startswith(key) for place in found) else None
    return None


def set_key(content: dict[str, Any], key: str, text: str) -> str | None:
    """Set a dotted key to a YAML value; placeholders and ranges leave it. Returns a line if there is no such key."""
    *path, last = key.split(".")
    section: Any = content
    for name in path:
        section = section.get(name) if isinstance(section, dict) else None
    if not isinstance(section, dict) or last not in section:
        return f"params.yaml has no {key}"
    if not re.match(r"range\(", text) and not text.isupper():
        section[last] = yaml.safe_load(text)
    return None


def wrong_make(words: list[str]) -> str | None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    missing = [word for word in words if word not in targets]
    return f"no such target: {missing}" if missing else None


def wrong_python(words: list[str]) -> str | None:
    if words[0].startswith("-"):
        return None
    script = ROOT / words[0]
    if not script.is_file():
        return f"no such script: {words[0]}"
    text = script.read_text("utf-8")
    unknown = [option for option in options_of(words[1:]) if f'"{option}"' not in text]
    return f"{words[0]} has no {unknown}" if unknown else None


def wrong_launcher(words: list[str], may_be_bare: bool = False) -> str | None:
    if may_be_bare and words == ["launch"]:
        return None
    return None if any(OURS.fullmatch(word) for word in words) else "no script"


def wrong_mlflow(words: list[str]) -> str | None:
    name, rest = subcommand(words, MLFLOW)
    if name not in MLFLOW:
        return f"unknown to this test: mlflow {name}"
    unknown = options_of(rest) - set(MLFLOW[name].split())
    return f"mlflow {name} has no {unknown}" if unknown else None


def wrong_dask(words: list[str]) -> str | None:
    """What it takes is tried by tests/data/test_preprocess.py."""
    known = {"scheduler": {"--port"}, "worker": set()}
    return None if options_of(words[1:]) <= known.get(words[0], {""}) and words[0] in known else "unknown to this test"


def wrong_pytest(words: list[str]) -> str | None:
    for word in words:
        file, _, name = word.partition("::")
        if name and name not in functions_in(ROOT / file):
            return f"no such test: {word}"
    return None


def functions_in(path: Path) -> set[str]:
    """The tests of a file; none of a missing one."""
    tree = ast.parse(path.read_text("utf-8")) if path.is_file() else ast.Module([], [])
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_every_command_can_be_given(page: Path) -> None:
    found = [(words, wrong(words, is_inline)) for words, is_inline in commands(page)]
    problems = {" ".join(words): problem for words, problem in found if problem}
    assert problems == {}


@pytest.mark.parametrize(
    "line",
    [
        "t2s sampel hello", "t2s sample hello --seeds 3", "t2s sample", "t2s sample hello --format avi", "t2s runs",
        "dvc exp run -S train.temporal_wieght=0.3", "dvc exp run -S train.temporal_weight=-1", "dvc exp runn",
        "dvc exp run -S diffusion.schedule=cosine,sine", "dvc repro trian", "dvc gc --everything", "make rerpo",
        "python benchmarks/none.py", "python benchmarks/soak.py --stepps 3", "mlflow gui", "mlflow ui --prot 1",
        "pytest tests/test_docs.py::test_none", "t2s info docs/none.md",
    ],
)  # fmt: skip
def test_a_mistaken_command_is_noticed(line: str) -> None:
    assert wrong(split(line)) is not None


def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = page.parent / file if file else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_every_key_and_file_it_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    wrong_keys = []
    for key, value in re.findall(rf"`((?:{SECTIONS})(?:\.\w+)+)(?:(?:: |=)([^`]+))?`", text):
        if not key.endswith((".py", ".json", ".yaml", ".csv", ".md")):
            wrong_keys.append(wrong_value(key, value or "UNSAID"))
    files = [name for name in re.findall(r"`([\w./-]+)`", text) if OURS.fullmatch(name)]
    assert [problem for problem in wrong_keys if problem] == []
    assert [name for name in files if not (ROOT / name).exists()] == []


def told_by_make() -> str:
    """What `make bench-gpu` would run, in an environment that is there."""
    command = ["make", "--dry-run", "--old-file=.venv/.installed", "bench-gpu"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("source", ["docs/howto.md", "make bench-gpu"])
def test_the_line_that_gives_a_preset_to_dvc_gives_all_of_it(source: str) -> None:
    """As a shell takes it, with a DVC that says what it was asked."""
    text = told_by_make() if source.startswith("make") else (ROOT / source).read_text("utf-8")
    (line,) = re.findall(r"^dvc exp run \$\(.*", text, re.MULTILINE)
    script = f"dvc() {{ printf '%s\\n' \"$@\"; }}\n{line}"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    words = done.stdout.splitlines()
    assert wrong_dvc(words) is None
    preset = yaml.safe_load((ROOT / "presets/gpu.yaml").read_text("utf-8"))
    assert {key: yaml.safe_load(value) for key, value in (word.split("=") for word in words[3::2])} == preset


@pytest.mark.parametrize("preset", sorted((ROOT / "presets").glob("*.yaml")), ids=lambda path: path.name)
def test_a_preset_sets_keys_that_are_there(preset: Path) -> None:
    content = yaml.safe_load(preset.read_text("utf-8"))
    assert wrong_overrides([f"{key}={yaml.safe_dump(value).splitlines()[0]}" for key, value in content.items()]) is None


def test_the_table_of_red_flags_has_every_flag_of_the_monitor_and_no_other() -> None:
    tree = ast.parse((ROOT / "src/t2s/training/monitor.py").read_text("utf-8"))
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Flag"]
    raised = {ast.literal_eval(call.args[0]) for call in made}
    table = (ROOT / "docs/report.md").read_text("utf-8").split("<!-- flags")[1].split("\n\n")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == raised
    assert raised


def test_the_picture_of_real_output_says_where_it_comes_from() -> None:
    """As `t2s info` reads it; the generated card's fingerprint is the one that the model card shows."""
    origin = read_media_metadata(ROOT / "docs/images/contact-sheet.png")
    assert origin["note"] == "AI-generated"
    assert origin["prompt"] in (ROOT / "README.md").read_text("utf-8")
    assert f"| Fingerprint | {origin['fingerprint']} |" in (ROOT / "docs/model_card.md").read_text("utf-8")
