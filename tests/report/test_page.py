import base64
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from t2s.checkpoint import load_checkpoint, save_checkpoint
from t2s.clips import MARK
from t2s.data.clips import ClipsMeta, sealed_meta
from t2s.data.encode import read_media_metadata
from t2s.inspection import describe
from t2s.report.blocks import Gallery
from t2s.report.inputs import read_inputs
from t2s.report.model_card import render_model_card
from t2s.report.page import SECTIONS, render_page
from t2s.report.sections.clips import clips

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
    (tmp_path / "reports/faithfulness.json").write_text(json.dumps({"refused": "semantics refused: near chance"}))
    page = render_page(read_inputs(tmp_path))
    assert "is not reported: near chance" in page
    assert "Meaning is not judged: near chance" in page
    assert "is not reported: near chance\n" in render_model_card(read_inputs(tmp_path))
    assert "recogniser trained on real clips alone names" not in page


def test_red_flags_come_with_their_advice(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    flag = {"name": "n", "level": "red", "epoch": 3, "message": "outputs explode", "advice": "lower the rate"}
    (tmp_path / "reports/training.json").write_text(json.dumps({"flags": [flag]}))
    assert "What to do: lower the rate." in render_page(read_inputs(tmp_path))
    (tmp_path / "reports/training.json").write_text(json.dumps({"flags": []}))
    assert "No red flags" in render_page(read_inputs(tmp_path))


def test_one_prompt_alone_is_not_said_to_be_found_by_chance(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    measured = {"ranking": {"ways": 1, "chance": 1.0, "top1": None}}
    (tmp_path / "reports/faithfulness.json").write_text(json.dumps(measured))
    text = Outline(render_page(read_inputs(tmp_path))).text
    assert "there is one prompt only" in text and "chance 100" not in text


@pytest.mark.parametrize(
    ("failing", "advised"),
    [([0, 16], {"low"}), ([17], {"middle"}), ([33, 34], {"middle", "high"}), ([49], {"high"}), ([], set())],
)
def test_the_advice_is_for_the_timesteps_that_fail(tmp_path: Path, failing: list[int], advised: set[str]) -> None:
    (tmp_path / "reports").mkdir()
    rows = [{"t": t, "skill": -0.1 if t in failing else 0.5} for t in range(50)]
    (tmp_path / "reports/evaluation.json").write_text(json.dumps({"per_timestep": rows}))
    page = render_page(read_inputs(tmp_path))
    assert {third for third in ("low", "middle", "high") if f"for {third} t " in page} == advised


def test_a_damaged_shard_costs_only_the_real_panels(make_run: MakeRun, tmp_path: Path) -> None:
    root = tmp_path / "run"
    shutil.copytree(make_run(4), root)
    (root / "data/clips/shard-00000.npy").write_bytes(b"gone")
    page = render_page(read_inputs(root))
    assert "real, unseen signer" not in page
    assert Outline(page).videos == 5


@pytest.fixture
def copied(make_run: MakeRun, tmp_path: Path) -> Path:
    """A run to change."""
    root = tmp_path / "run"
    shutil.copytree(make_run(4), root)
    return root


def strip_of(root: Path, prompt: str) -> Path:
    """The video of the gallery that shows a prompt, as a file."""
    block = clips(read_inputs(root)).blocks[0]
    assert isinstance(block, Gallery)
    (player,) = (player for player in block.players if player.title == prompt)
    path = root / "strip.mp4"
    path.write_bytes(base64.b64decode(player.source.partition(",")[2]))
    return path


def set_params(root: Path, changes: dict[str, dict[str, Any]]) -> None:
    params = yaml.safe_load((root / "params.yaml").read_text())
    (root / "params.yaml").write_text(yaml.safe_dump({name: params[name] | changes.get(name, {}) for name in params}))


def test_a_seed_is_a_name_not_a_quantity(copied: Path) -> None:
    index = copied / "data/generated/index.jsonl"
    index.write_text(index.read_text().replace('"seed": 0,', '"seed": 99000000,'))
    assert "hello: real, unseen signer, generated, seed 99000000, generated, seed 1" in render_page(read_inputs(copied))


def test_a_strip_of_the_gallery_says_where_it_comes_from(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(copied))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    set_params(copied, {"evaluate": {"sampler": "ddim"}})
    found = describe(strip_of(copied, "thank you"))
    assert (found["prompt"], json.loads(found["seed"])) == ("thank you", [2, 3])
    assert (found["fingerprint"], found["git_revision"]) == ("0123456789abcdef", "a" * 40)
    assert (found["licence"], found["note"]) == ("CC0-1.0 (synthetic)", f"{MARK}, right of a real clip")
    assert found["sampling"].startswith("ddim, ")
    assert found["software"].startswith("t2s ")
    assert found["mlflow"]["run_id"] == "f00dfeed" * 4


def test_a_strip_of_a_model_nobody_knows_still_says_what_it_is(copied: Path) -> None:
    (copied / "models/t2s.safetensors").unlink()
    shutil.rmtree(copied / "data/clips")
    found = read_media_metadata(strip_of(copied, "hello"))
    assert (found["prompt"], found["seed"], found["note"]) == ("hello", "[0, 1]", MARK)
    assert "fingerprint" not in found


def test_the_page_says_how_its_clips_were_sampled(copied: Path) -> None:
    how = {"sampler": "ddim", "num_steps": 7, "guidance_scale": 1.5, "guidance_rescale": 0.0, "polish": 0}
    set_params(copied, {"evaluate": how, "sample": how | {"num_steps": 9, "guidance_rescale": 0.25, "polish": 2}})
    text = Outline(render_page(read_inputs(copied))).text
    assert "Sampled with ddim, 7 steps, guidance scale 1.5." in text.replace("1.50", "1.5")
    assert "AI-generated: ddim, 9 steps, guidance scale 1.5, rescaled by 0.25, polish 2" in text.replace("1.50", "1.5")


def test_a_clip_is_judged_by_its_sign_whatever_the_caption_says(copied: Path) -> None:
    index = copied / "data/generated/index.jsonl"
    lines = [json.loads(line) for line in index.read_text().splitlines()]
    index.write_text("".join(json.dumps(line | {"sign": line["prompt"].upper()}) + "\n" for line in lines))
    path = copied / "reports/faithfulness.json"
    measured = json.loads(path.read_text())
    by_sign = {sign.upper(): {"top1": 0.125, "n": 8} for sign in measured["per_sign"]}
    path.write_text(json.dumps(measured | {"per_sign": by_sign}))
    block = clips(read_inputs(copied)).blocks[0]
    assert isinstance(block, Gallery)
    assert {(player.remark, player.level) for player in block.players} == {("recognised 12% of 8", "red")}


def test_a_signs_share_stands_with_its_interval(copied: Path) -> None:
    path = copied / "reports/faithfulness.json"
    measured = json.loads(path.read_text())
    sign = next(iter(measured["per_sign"]))
    measured["per_sign"][sign] = {"top1": 0.125, "top1_ci": [0.022, 0.471], "n": 8}
    path.write_text(json.dumps(measured))
    assert "12% of 8 (2–47%)" in Outline(render_page(read_inputs(copied))).text


def test_the_band_of_the_output_scale_is_the_monitors(copied: Path) -> None:
    path = copied / "models/t2s.safetensors"
    saved = load_checkpoint(path)
    saved.metadata["params"]["train"]["monitor"] |= {"output_scale_notice": [0.25, 4.0], "output_scale": [0.2, 5.0]}
    save_checkpoint(path, saved.tensors, saved.metadata)
    text = Outline(render_page(read_inputs(copied))).text
    assert "Shaded: 0.25 to 4, where it should settle. Above 5 outputs explode, below 0.2 vanish." in text


def test_what_a_data_set_lists_and_nobody_read_is_no_good_news(copied: Path) -> None:
    path = copied / "reports/preprocess.json"
    gone = {"clip_id": "a", "path": "videos/a.mp4", "reason": "missing", "message": "no such file"}
    path.write_text(json.dumps({"clips": 8, "quarantined": [], "not_read": [gone]}))
    text = Outline(render_page(read_inputs(copied))).text
    assert "8 clips could be used; left out: 0 quarantined, 1 listed but not read." in text
    assert "Listed but not read (1)" in text


def test_the_parameters_of_the_data_are_listed_without_their_place(copied: Path) -> None:
    set_params(copied, {"data": {"root": "/srv/ada/private/wlasl"}, "signer": {"num_train_signers": 4321}})
    text = Outline(render_page(read_inputs(copied))).text
    assert "root: wlasl" in text and "ada/private" not in text
    assert "split_key: given" in text and "num_train_signers: 4321" in text
    about = copied / "data/clips/clips.json"
    meta = json.loads(about.read_text())
    del meta["seal"]
    meta["source"]["synthetic"] = False
    about.write_text(json.dumps(sealed_meta(ClipsMeta(**meta))))
    text = Outline(render_page(read_inputs(copied))).text
    assert "split_key: given" in text and "num_train_signers" not in text


def test_figures_say_how_many_clips_they_are_of_and_what_their_bounds_are(copied: Path) -> None:
    path = copied / "reports/faithfulness.json"
    measured = json.loads(path.read_text())
    path.write_text(json.dumps(measured | {"clips": {"generated": 4711}, "diversity_ci": [0.75, 0.85]}))
    page = render_page(read_inputs(copied))
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in page.split("<tr>")]
    by_label = {cells[0]: cells[1:4] for cells in rows if cells}
    assert by_label["Diversity within a sign against real"] == ["0.8", "0.75 to 0.85", "4,711"]
    for measure in ("Motion energy", "Sharpness"):
        assert by_label[f"{measure} against real"][2] == "4,711"
    assert by_label["Fréchet distance in recogniser features"] == ["21.4", "19 to 23.5 over random halves", "84"]
    assert by_label["Generated, no prompt"][2] == "–"  # its own group does not say


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
