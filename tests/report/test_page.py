import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from t2s.report.inputs import read_inputs
from t2s.report.page import SECTIONS, render_page

MakeRun = Callable[[int], Path]
VOID = {"meta", "link", "img", "br"}


class Outline(HTMLParser):
    """Open tags, texts, ids, and everything that a browser would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.sources: list[str] = []
        self.videos = 0
        self.unnamed: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.sources += [value or "" for key, value in attributes if key in ("src", "href", "poster", "srcset", "data")]
        self.videos += tag == "video"
        if (tag == "video" and not found.get("aria-label")) or (tag == "img" and not found.get("alt")):
            self.unnamed.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """SVG's self-closing elements."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(make_run: MakeRun) -> str:
    return render_page(read_inputs(make_run(4)))


def test_the_page_is_well_formed_and_loads_nothing(page: str) -> None:
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert all(source.startswith(("data:", "#")) for source in outline.sources)
    assert {f"#{anchor}" for anchor in outline.ids} >= {source for source in outline.sources if source.startswith("#")}
    assert "http:" not in page and "https:" not in page and "@import" not in page


def test_every_sign_has_a_clip_and_every_picture_a_name(page: str) -> None:
    outline = Outline(page)
    assert outline.videos == 4 + 1  # signs, and one sample
    assert outline.unnamed == []
    assert "thank you: real, unseen signer, generated, seed 2, generated, seed 3" in page


def test_strings_from_the_data_are_escaped(page: str) -> None:
    assert page.count("<script") == 1
    assert page.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") >= 5  # flag, note, quarantine, check, sample


def test_the_figures_are_those_of_the_run(page: str) -> None:
    text = Outline(page).text
    for figure in ("92.0%", "98.2%", "88.0–95.0%", "11 min 42 s", "0123456789abcdef", "output_scale 2.3", "21.4",
                   "CC0-1.0 (synthetic)", "f00dfeedf00dfeedf00dfeedf00dfeed", "min_snr", "truncated"):  # fmt: skip
        assert figure in text, figure


def test_the_same_run_gives_the_same_bytes(page: str, make_run: MakeRun) -> None:
    assert render_page(read_inputs(make_run(4))) == page


def test_an_empty_folder_gives_a_page_that_says_what_is_missing(tmp_path: Path) -> None:
    outline = Outline(render_page(read_inputs(tmp_path)))
    for name in ("reports/faithfulness.json", "reports/evaluation.json", "reports/training.json", "data/generated",
                 "data/clips", "reports/validation.json", "reports/preprocess.json",
                 "models/t2s.safetensors"):  # fmt: skip
        assert re.search(rf"{re.escape(name)}[^.]* is not there", outline.text), name
    assert len([name for name in outline.ids if name != "motion"]) == len(SECTIONS)


def test_a_closed_gate_is_said_first(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/faithfulness.json").write_text(json.dumps({"refused": "the ceiling is near chance"}))
    page = render_page(read_inputs(tmp_path))
    assert "is not reported: the ceiling is near chance" in page
    assert "recogniser trained on real clips alone names" not in page


def test_red_flags_come_with_their_advice(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    flag = {"name": "n", "level": "red", "epoch": 3, "message": "outputs explode", "advice": "lower the rate"}
    (tmp_path / "reports/training.json").write_text(json.dumps({"flags": [flag]}))
    assert "What to do: lower the rate." in render_page(read_inputs(tmp_path))
    (tmp_path / "reports/training.json").write_text(json.dumps({"flags": []}))
    assert "No red flags" in render_page(read_inputs(tmp_path))


def test_a_damaged_shard_costs_only_the_real_panels(make_run: MakeRun, tmp_path: Path) -> None:
    root = tmp_path / "run"
    shutil.copytree(make_run(4), root)
    (root / "data/clips/shard-00000.npy").write_bytes(b"gone")
    page = render_page(read_inputs(root))
    assert "real, unseen signer" not in page
    assert Outline(page).videos == 5


KEYS = ["flags", "per_timestep", "t", "skill", "eps_mse", "level", "message", "generated", "top1", "top1_ci", "ranking",
        "per_bin", "ways", "confusion", "signs", "per_sign", "recogniser", "chance", "checks", "success", "clips",
        "failing", "pairs", "quarantined", "run_id", "seconds", "skipped_steps", "refused", "n"]  # fmt: skip
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=30,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=ODD)
def test_no_content_of_a_report_can_stop_the_page(tmp_path: Path, content: object) -> None:
    (tmp_path / "reports").mkdir(exist_ok=True)
    for name in ("run", "training", "evaluation", "recogniser", "faithfulness", "preprocess", "validation"):
        (tmp_path / f"reports/{name}.json").write_text(json.dumps(content))
    assert Outline(render_page(read_inputs(tmp_path))).open == []
