"""What the benchmarks found: a small JSON file each, and docs/performance.md's tables, rendered from them alone."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import machine

from t2s.allocator import keep_freed_memory

RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- results: written by benchmarks/run_all.py -->", "<!-- end of results -->"


@dataclass(frozen=True)
class Benchmark:
    """A result of the given name, and the script with its arguments that makes it."""

    name: str
    title: str
    script: str
    arguments: tuple[str, ...] = ()
    needs_gpu: bool = False

    @property
    def command(self) -> str:
        return " ".join(["python", f"benchmarks/{self.script}", *self.arguments])


BENCHMARKS = (
    Benchmark("training_step", "Training step, default configuration", "training_step.py"),
    Benchmark("training_step_gpu", "Training step, GPU configuration", "training_step.py",
              ("--preset", "presets/gpu.yaml"), needs_gpu=True),
    Benchmark("peers", "Peers, one step and one clip", "peers.py"),
    Benchmark("time_to_quality", "Time to quality", "time_to_quality.py"),
    Benchmark("variants", "Variants of the network", "variants.py"),
    Benchmark("sampling", "Sampling", "sampling.py"),
    Benchmark("sampling_gpu", "Sampling on a GPU", "sampling.py", ("--device", "cuda"), needs_gpu=True),
    Benchmark("preprocess_throughput", "Preprocessing", "preprocess_throughput.py"),
    Benchmark("command_line", "Command line", "command_line.py"),
    Benchmark("cost_growth", "How cost grows", "cost_growth.py"),
)  # fmt: skip


def make_parser(doc: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has. Freed memory stays with its process, as it does in `t2s` and the stages."""
    keep_freed_memory()
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs; writes no result")
    return parser


def is_trial(arguments: argparse.Namespace) -> bool:
    """Whether the result is not kept: a quick one, or a part (--only), which must not take the place of the whole."""
    return bool(arguments.quick or arguments.only)


def finding(measure: str, value: float | None, at_least: float | None = None, at_most: float | None = None) -> Any:
    """One figure, with the goal it is held against where there is one; None: not reached or not measurable."""
    goals = {"at_least": at_least, "at_most": at_most}
    return {"measure": measure, "value": value} | {key: goal for key, goal in goals.items() if goal is not None}


def record(name: str, content: Mapping[str, Any], trial: bool) -> None:
    """Print the result; unless it is a trial, keep it as benchmarks/results/<name>.json."""
    result = {"benchmark": name, "machine": machine(), **content}
    text = json.dumps(rounded(result), indent=1, ensure_ascii=False, allow_nan=False)
    print(text)
    if not trial:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(text + "\n", "utf-8")


def skip(name: str, reason: str) -> None:
    """Say why there is no result, and end without failing: an earlier one stays as it is."""
    print(json.dumps({"benchmark": name, "skipped": reason}))
    print(f"{name}: skipped, {reason}", file=sys.stderr)
    sys.exit(0)


def rounded(value: Any) -> Any:
    """Every float to four significant digits: more is noise in the history of these files."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value


def render(folder: Path) -> str:
    """Markdown of all results in `folder`; what is missing is named with the command that makes it."""
    return "\n\n".join(_section(benchmark, folder / f"{benchmark.name}.json") for benchmark in BENCHMARKS)


def refreshed(page: str, folder: Path) -> str:
    """The page with all between its two markers replaced by `render(folder)`."""
    before, found, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"the page needs the markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{render(folder)}\n\n{END}{after}"


def _section(benchmark: Benchmark, path: Path) -> str:
    lines = [f"### {benchmark.title}", ""]
    if not path.is_file():
        needs = ", on a machine with a CUDA GPU" if benchmark.needs_gpu else ""
        return "\n".join([*lines, f"Not measured yet: `{benchmark.command}`{needs}."])
    result = json.loads(path.read_text("utf-8"))
    made_on = result["machine"]
    where = [made_on["cpu"], f"{made_on['cores']} cores", *([made_on["gpu"]] if "gpu" in made_on else [])]
    lines.append(f"{', '.join(where)}, torch {made_on['torch']}. `{benchmark.command}`")
    if result.get("settings"):
        lines += ["", f"Settings: {settings_line(result['settings'])}."]
    if result.get("findings"):
        rows = [{"measure": row["measure"], "found": row["value"], "goal": goal_of(row)} for row in result["findings"]]
        lines += ["", *table(rows)]
    for title, rows in result.get("tables", {}).items():
        lines += ["", f"{title}:", "", *table(rows)]
    return "\n".join([*lines, *(f"\n{note}" for note in result.get("notes", []))])


def settings_line(settings: Mapping[str, Any], prefix: str = "") -> str:
    """`minutes 4, clip.num_frames 16`: what a result was measured with, those inside others by dotted names."""
    return ", ".join(
        settings_line(value, f"{prefix}{key}.") if isinstance(value, Mapping) else f"{prefix}{key} {cell(value)}"
        for key, value in settings.items()
    )


def goal_of(row: Mapping[str, Any]) -> str:
    """The goal of a finding and whether it is met; empty where there is none."""
    for key, sign in (("at_least", "≥"), ("at_most", "≤")):
        if (goal := row.get(key)) is not None:
            value = row["value"]
            met = value is not None and (value >= goal if key == "at_least" else value <= goal)
            return f"{sign} {cell(goal)}, {'met' if met else 'not met'}"
    return ""


def table(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Lines of a Markdown table; the columns are those of all rows, in the order of their first appearance."""
    rows = list(rows)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns), *([cell(row.get(key, "")) for key in columns] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def cell(value: object) -> str:
    """A value as the tables show it; a dash for None."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        shown = f"{value:.4g}"
        return f"{float(shown):,.0f}" if "e+" in shown else shown
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
