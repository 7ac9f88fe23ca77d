"""The tables of docs/performance.md: rendered from the recorded JSON, never typed."""

import json
from pathlib import Path

import pytest
from results import (
    BEGIN,
    BENCHMARKS,
    END,
    RESULTS,
    cell,
    finding,
    goal_of,
    refreshed,
    render,
    rounded,
    settings_line,
    table,
)

ROOT = Path(__file__).parents[2]


def test_the_page_shows_what_is_recorded_and_nothing_else() -> None:
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    assert refreshed(page, RESULTS) == page, "run `python benchmarks/run_all.py --render`"


def test_recorded_results_belong_to_a_benchmark_and_name_no_place() -> None:
    for path in RESULTS.glob("*.json"):
        assert path.stem in {benchmark.name for benchmark in BENCHMARKS}
        text = path.read_text("utf-8")
        assert str(ROOT) not in text
        assert set(json.loads(text)["machine"]) <= {"cpu", "cores", "gpu", "torch"}
        assert len(text) < 50_000


def test_every_benchmark_names_a_script_that_is_there() -> None:
    assert [b.script for b in BENCHMARKS if not (ROOT / "benchmarks" / b.script).is_file()] == []


def test_a_result_becomes_a_table_and_a_missing_one_the_command_that_makes_it(tmp_path: Path) -> None:
    result = {
        "machine": {"cpu": "Some CPU", "cores": 2, "torch": "2.0"},
        "findings": [finding("waiting, s", 3.5, at_most=4.0), finding("share of peak", 0.3, at_least=0.5)],
        "tables": {"Points": [{"size": 8, "cost": 0.25}, {"size": 16, "extra": "x"}]},
        "notes": ["A note."],
    }
    (tmp_path / "sampling.json").write_text(json.dumps(result), "utf-8")
    shown = render(tmp_path)
    assert "Some CPU, 2 cores, torch 2.0. `python benchmarks/sampling.py`" in shown
    assert "| waiting, s | 3.5 | ≤ 4, met |" in shown
    assert "| share of peak | 0.3 | ≥ 0.5, not met |" in shown
    assert "| size | cost | extra |\n| --- | --- | --- |\n| 8 | 0.25 |  |\n| 16 |  | x |" in shown
    assert "Not measured yet: `python benchmarks/peers.py`." in shown
    assert "presets/gpu.yaml`, on a machine with a CUDA GPU." in shown


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = refreshed(f"before\n{BEGIN}\nold\n{END}\nafter\n", tmp_path)
    assert page.startswith(f"before\n{BEGIN}\n\n### ")
    assert page.endswith(f"\n\n{END}\nafter\n")
    assert "old" not in page
    with pytest.raises(ValueError, match="markers"):
        refreshed("a page without", tmp_path)


def test_a_goal_that_was_not_reached_at_all_is_not_met() -> None:
    assert goal_of(finding("seconds", None, at_most=4.0)) == "≤ 4, not met"
    assert goal_of(finding("speed", 7.0)) == ""


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (12345, "12,345"), (0.123456, "0.1235"), (123456.0, "123,500"), ("a", "a")]
)
def test_figures_are_shown_with_four_digits(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_recorded_figures_keep_four_digits() -> None:
    assert rounded({"a": [1.23456, 7], "b": "text"}) == {"a": [1.235, 7], "b": "text"}


def test_columns_are_those_of_all_rows() -> None:
    assert table([{"a": 1}, {"b": 2}])[0] == "| a | b |"


def test_settings_are_told_in_one_line() -> None:
    told = settings_line({"minutes": 4.0, "compile": False, "clip": {"fps": 8.0, "size": 64}})
    assert told == "minutes 4, compile no, clip.fps 8, clip.size 64"
