"""Each rule of the data checks is shown to fail on data made to break it, and to name the clips."""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from t2s.data.clips import (
    ClipRecord,
    ClipsMeta,
    ClipStore,
    index_digest,
    sealed_meta,
    to_index_line,
    to_model_range,
)
from t2s.data.config import DataConfig
from t2s.data.expectations import Check, clip_rules, count_rules, run_rules
from t2s.data.measures import measure_clips, robust_deviations
from t2s.data.quality import check_clips, validate
from t2s.data.shards import ShardWriter
from t2s.errors import UserError

SHAPE = (4, 8, 8, 3)
C3 = {"c03"}
Edit = Callable[[list[np.ndarray], list[dict[str, Any]]], None]


@pytest.fixture(scope="module")
def config(make_config: Callable[..., DataConfig]) -> DataConfig:
    return make_config(num_frames=4, image_size=8, max_caption_length=50)


def write_store(folder: Path, edit: Edit = lambda pixels, described: None, split_key: str = "signer") -> ClipStore:
    """A good store of 24 clips, two signs, six signers; `edit` may spoil pixels and index before they are written."""
    generator = np.random.default_rng(0)
    pixels = [to_model_range(generator.integers(90, 165, SHAPE, dtype=np.uint8)) for _ in range(24)]
    described = [
        {
            "clip_id": f"c{k:02d}", "text": "hello", "sign": f"sign{k % 2}", "signer": f"s{k // 4}",
            "split": ("train", "train", "train", "train", "val", "test")[k // 4], "fps": 8.0, "source_frames": 24,
            "licence": "CC0-1.0",
        }
        for k in range(24)
    ]  # fmt: skip
    edit(pixels, described)
    source = {"split_key": split_key, "language": "none", "licence": "CC0-1.0"}
    with ShardWriter(folder, num_frames=4, image_size=8, clips_per_shard=10, source=source) as writer:
        for clip, fields in zip(pixels, described, strict=True):
            writer.add_stored(clip, **fields)
    return ClipStore.open(folder)


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., ClipStore]:
    return functools.partial(write_store, tmp_path / "clips")


def broken(checks: list[Check], severity: str = "critical") -> dict[str, set[str]]:
    """Column (or expectation, where it is about the whole table) → the clips that break one of its rules."""
    found: dict[str, set[str]] = {}
    for check in checks:
        if not check.success and check.severity == severity:
            found.setdefault(check.column or check.expectation, set()).update(check.failing)
    return found


def check(store: ClipStore, config: DataConfig, severity: str = "critical") -> dict[str, set[str]]:
    return broken(check_clips(store, measure_clips(store), config), severity)


def test_good_clips_pass(store, config) -> None:
    good = store()
    assert check(good, config) == {}
    assert check(good, config, "warning") == {}


def fill(value: float, count: int | None = None) -> Callable[[np.ndarray, dict[str, Any]], None]:
    """Put a value into the first pixels of a clip, or into all."""

    def spoil(pixels: np.ndarray, fields: dict[str, Any]) -> None:
        pixels.reshape(-1)[:count] = value

    return spoil


def say(**changes: Any) -> Callable[[np.ndarray, dict[str, Any]], None]:
    """Put something else into a clip's line of the index."""
    return lambda pixels, fields: fields.update(changes)


# What is done to a clip → the columns whose rules it must break.
SPOILT: dict[str, tuple[Callable[[np.ndarray, dict[str, Any]], None], set[str]]] = {
    "one NaN": (fill(np.nan, 1), {"minimum", "maximum", "deviation", "nonfinite"}),
    "all NaN": (fill(np.nan), {"minimum", "maximum", "deviation", "nonfinite"}),
    "infinite": (fill(np.inf, 1), {"maximum", "nonfinite", "deviation"}),
    "minus infinite": (fill(-np.inf, 1), {"minimum", "nonfinite", "deviation"}),
    "above 1": (fill(1.01, 1), {"maximum"}),
    "below -1": (fill(-1.01, 1), {"minimum"}),
    "0 to 255": (fill(255, 1), {"maximum"}),
    "constant": (fill(0.5), {"deviation"}),
    "black": (fill(-1.0), {"deviation"}),
    "empty caption": (say(text=""), {"text"}),
    "blank caption": (say(text=" \n "), {"text"}),
    "NUL in caption": (say(text="a\0b"), {"text"}),
    "long caption": (say(text="x" * 51), {"text"}),
    "no caption": (say(text=None), {"text"}),
    "duplicated id": (say(clip_id="c15"), {"clip_id"}),
    "id of another": (say(), {"clip_id"}),  # c15, whose id the one before took
    "no split": (say(split=None, signer="another"), {"split"}),
    "unknown split": (say(split="dev", signer="new"), {"split"}),
    "no rate": (say(fps=0.0), {"fps"}),
    "leaked signer": (say(signer="s5"), {"splits_of_signer"}),
}
LEAKED_WITH = {"c20", "c21", "c22", "c23"}  # signer s5's own clips, in test


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, config: DataConfig) -> dict[str, set[str]]:
    """All the clips of SPOILT, clip k by rule k, in one store."""

    def edit(pixels: list[np.ndarray], described: list[dict[str, Any]]) -> None:
        for k, (spoil, _) in enumerate(SPOILT.values()):
            spoil(pixels[k], described[k])

    return check(write_store(tmp_path_factory.mktemp("spoilt") / "clips", edit), config)


@pytest.mark.parametrize("name", SPOILT)
def test_each_rule_fails_on_the_clip_made_to_break_it(name: str, found: dict[str, set[str]]) -> None:
    k = list(SPOILT).index(name)
    clip_id = "c15" if name == "duplicated id" else f"c{k:02d}"
    assert {column for column, clips in found.items() if clip_id in clips} == SPOILT[name][1]


def test_no_other_clip_fails(found: dict[str, set[str]]) -> None:
    spoilt = {f"c{k:02d}" for k in range(len(SPOILT))}
    assert found["splits_of_signer"] - spoilt == LEAKED_WITH
    assert set().union(*(clips for column, clips in found.items() if column != "splits_of_signer")) <= spoilt


def spoil_pixels(value: float, count: int | None = None) -> Edit:
    """Of clip c03."""
    return lambda pixels, described: fill(value, count)(pixels[3], described[3])


def edit_fields(numbers: Sequence[int], **changes: Any) -> Edit:
    def edit(pixels: list[np.ndarray], described: list[dict[str, Any]]) -> None:
        for k in numbers:
            described[k].update(changes)

    return edit


@pytest.mark.parametrize(
    ("edit", "lacking"),
    [
        (edit_fields([20, 21, 22, 23], split="val"), [("test",), ("sign0 in test", "sign1 in test")]),
        (edit_fields([20], sign="rare"), [("rare in train",)]),
    ],
)
def test_a_split_or_sign_without_clips_fails(edit, lacking, store, config) -> None:
    checks = check_clips(spoilt := store(edit), measure_clips(spoilt), config)
    failing = [check for check in checks if not check.success and check.severity == "critical"]
    assert [check.column for check in failing] == ["lacking"] * len(failing)
    assert [check.failing for check in failing] == lacking


@pytest.mark.parametrize(
    ("array", "columns"),
    [
        (np.zeros((10, *SHAPE), np.float32), {"dtype", "digest_matches", "deviation"}),
        (np.zeros((10, *SHAPE), np.uint8), {"dtype", "digest_matches", "deviation"}),
        (np.zeros((10, 4, 8, 9, 3), np.float16), {"shape", "digest_matches", "deviation"}),
        (np.zeros((10, 3, 8, 8, 3), np.float16), {"shape", "digest_matches", "deviation"}),
        (np.zeros((10, 0, 8, 8, 3), np.float16), {"shape", "digest_matches", "deviation", "minimum", "maximum"}),
    ],
)
def test_a_wrong_dtype_or_shape_fails(array, columns, store, config) -> None:
    good = store()
    np.save(good.folder / "shard-00001.npy", array)
    found = check(ClipStore.open(good.folder), config)
    assert columns <= found.keys()
    assert set(found[next(c for c in ("dtype", "shape") if c in columns)]) == {f"c{k}" for k in range(10, 20)}


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"\x80\x04 pickle")])
def test_a_shard_that_cannot_be_read_fails(damage, store, config) -> None:
    good = store()
    damage(good.folder / "shard-00002.npy")
    found = check(good, config)
    assert set(found["shape"]) == {"c20", "c21", "c22", "c23"}
    assert set(found["minimum"]) == set(found["nonfinite"]) == set(found["shape"])


def test_one_flipped_bit_fails(store, config) -> None:
    good = store()
    path = good.folder / "shard-00000.npy"
    content = bytearray(path.read_bytes())
    content[128 + 3 * int(np.prod(SHAPE)) * 2 + 100] ^= 1
    path.write_bytes(bytes(content))
    assert check(ClipStore.open(good.folder), config) == {"digest_matches": C3}


def rewrite_index(folder: Path, records: list[ClipRecord], num_clips: int) -> None:
    index = b"".join(map(to_index_line, records))
    meta = ClipsMeta(num_clips=num_clips, num_frames=4, image_size=8, digest=index_digest(index), source={})
    (folder / "index.jsonl").write_bytes(index)
    (folder / "clips.json").write_text(json.dumps(sealed_meta(meta)), encoding="utf-8")


def test_an_empty_store_fails(store, config) -> None:
    good = store()
    rewrite_index(good.folder, [], 0)
    found = check(ClipStore.open(good.folder), config)
    assert {"expect_table_row_count_to_be_between", "lacking"} <= found.keys()


def test_rows_that_went_missing_fail(store, config) -> None:
    good = store()
    rewrite_index(good.folder, list(good.records[:23]), 24)
    assert "expect_table_row_count_to_equal" in check(ClipStore.open(good.folder), config)


def test_shared_signers_only_warn_where_splits_are_not_by_signer(store, config) -> None:
    leaked = store(edit_fields([20], signer="s0"), split_key="given")
    assert check(leaked, config) == {}
    assert "splits_of_signer" in check(leaked, config, "warning")


def test_the_same_pixels_in_two_splits_warn(store, config) -> None:
    def edit(pixels: list[np.ndarray], described: list[dict[str, Any]]) -> None:
        pixels[20][:] = pixels[3]  # train's c03 again in test, under another name and signer
        described[20]["sign"] = described[3]["sign"]

    doubled = store(edit)
    assert check(doubled, config) == {}
    assert check(doubled, config, "warning") == {"splits_of_pixels": {"c03", "c20"}}


def test_the_same_pixels_under_two_signs_warn(store, config) -> None:
    """As where a table's times are in columns that nobody reads: each sign of a recording is then the whole of it."""

    def edit(pixels: list[np.ndarray], described: list[dict[str, Any]]) -> None:
        other = next(row for row, clip in enumerate(described) if clip["sign"] != described[0]["sign"])
        pixels[other][:] = pixels[0]
        described[other]["split"] = described[0]["split"]
        described[other]["signer"] = described[0]["signer"]

    doubled = store(edit)
    assert check(doubled, config, "warning").keys() == {"signs_of_pixels"}


def test_rules_that_no_store_can_break_fail_on_a_table_made_to(store, config) -> None:
    """A store has ids and rates, and its counts are complete: these rules watch the code before them."""
    good = store()
    rows = measure_clips(good)
    for column in ("clip_id", "fps"):
        spoilt = [row | {column: None} if k == 3 else row for k, row in enumerate(rows)]
        assert column in broken(run_rules(spoilt, clip_rules(good.meta, 50, 6.0), "clip_id"))
    counts = [{"group": "train", "clips": 16, "lacking": 0}]
    assert broken(run_rules(counts, count_rules("split", 3, "key"), "group")) == {
        "expect_table_row_count_to_equal": set()
    }


def test_sentences_have_no_counts_per_sign(store, config) -> None:
    assert check(store(edit_fields(range(24), sign="")), config) == {}


def test_outliers_warn(store, config) -> None:
    def edit(pixels: list[np.ndarray], described: list[dict[str, Any]]) -> None:
        pixels[3] *= 0.05
        pixels[3] += 0.9
        pixels[5][:] = pixels[5][:1]

    odd = store(edit)
    assert check(odd, config) == {}
    warned = check(odd, config, "warning")
    assert warned["brightness_deviations"] == C3
    assert "c05" in warned["motion_deviations"]


def test_robust_deviations() -> None:
    values = np.array([1.0, 2.0, 3.0, 100.0, np.nan])
    deviations = robust_deviations(values)
    assert deviations[-1] == 0
    assert deviations[3] == pytest.approx(97.5 / 1.4826)
    assert (robust_deviations(np.ones(5)) == 0).all()
    assert robust_deviations(np.array([])).shape == (0,)


def test_reports_are_the_same_bytes_twice(store, config, tmp_path) -> None:
    folder = store(spoil_pixels(0.9, 20)).folder
    for name in ("a", "b"):
        validate(folder, tmp_path / name, config)
    for name in ("validation.json", "validation.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda pixels, described: None, "32 of 32 data checks passed"),
        (lambda pixels, described: described[0].update(signer="s5"), "31 of 32 data checks passed, 1 warning"),
    ],
)
def test_a_check_that_warns_is_not_told_as_passed(store, config, tmp_path, caplog, edit, said) -> None:
    caplog.set_level("INFO")
    validate(store(edit, split_key="video").folder, tmp_path / "reports", config)
    *warnings, last = caplog.messages
    assert last == f"24 clips: {said}"
    assert all(line.startswith("warning: 'no signer is in two splits' does not hold [") for line in warnings)
    assert len(warnings) == said.count("warning")
    assert f"✓ {said}." in (tmp_path / "reports" / "validation.html").read_text(encoding="utf-8")


def test_a_failure_names_expectation_and_clips(store, config, tmp_path) -> None:
    folder = store(spoil_pixels(np.nan, 1)).folder
    with pytest.raises(UserError) as caught:
        validate(folder, tmp_path / "reports", config)
    message = str(caught.value)
    assert "expect_column_values_to_be_between(nonfinite)" in message
    assert "c03" in message
    assert "\n" not in message
    report = json.loads((tmp_path / "reports" / "validation.json").read_bytes())
    assert report["success"] is False
    assert report["num_clips"] == 24
    page = (tmp_path / "reports" / "validation.html").read_text(encoding="utf-8")
    assert "checks fail" in page
    assert "c03" in page


def test_the_page_stands_alone_and_escapes(store, config, tmp_path) -> None:
    folder = store(edit_fields([3], sign="<script>alert(1)</script>", clip_id="<b>x", text="x" * 51)).folder
    with pytest.raises(UserError):
        validate(folder, tmp_path, config)
    page = (tmp_path / "validation.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<b>x" not in page
    assert "http" not in page
    assert "prefers-color-scheme: dark" in page


def test_the_stage_from_the_command_line(store, config, tmp_path) -> None:
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    store(spoil_pixels(2.0)).folder.rename(project / "data" / "clips")
    (project / "params.yaml").write_text(yaml.safe_dump({"data": config.model_dump()}), encoding="utf-8")
    source = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(source / "pipelines" / "validate.py")], cwd=project, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(source / "src")}, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    *warnings, error = done.stderr.splitlines()
    assert error.startswith("error: 2 of 32 data checks fail")
    assert "(maximum)" in error
    assert all(line.startswith("warning: ") for line in warnings)
    assert json.loads((project / "reports" / "validation.json").read_bytes())["success"] is False
