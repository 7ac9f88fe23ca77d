"""Each rule of the data checks is shown to fail on data made to break it, and to name the clips."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from t2s.data.clips import ClipRecord, ClipsMeta, ClipStore, index_digest, to_index_line, to_model_range
from t2s.data.config import DataConfig
from t2s.data.expectations import Check
from t2s.data.measures import measure_clips, robust_deviations
from t2s.data.quality import check_clips, validate
from t2s.data.shards import ShardWriter
from t2s.errors import UserError

SHAPE = (4, 8, 8, 3)
Edit = Callable[[list[np.ndarray], list[dict[str, Any]]], None]


@pytest.fixture
def config(make_config: Callable[..., DataConfig]) -> DataConfig:
    return make_config(num_frames=4, image_size=8, max_caption_length=50)


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., ClipStore]:
    """A good store of 24 clips: two signs, six signers; `edit` may spoil pixels and index before they are written."""

    def make(edit: Edit = lambda pixels, described: None, split_key: str = "signer") -> ClipStore:
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
        folder = tmp_path / "clips"
        source = {"split_key": split_key, "language": "none", "licence": "CC0-1.0"}
        with ShardWriter(folder, num_frames=4, image_size=8, clips_per_shard=10, source=source) as writer:
            for clip, fields in zip(pixels, described, strict=True):
                writer.add_stored(clip, **fields)
        return ClipStore.open(folder)

    return make


def broken(checks: list[Check], severity: str = "critical") -> dict[str, tuple[str, ...]]:
    """Column or expectation → clips, of the checks that fail."""
    return {c.column or c.expectation: c.failing for c in checks if not c.success and c.severity == severity}


def check(store: ClipStore, config: DataConfig, severity: str = "critical") -> dict[str, tuple[str, ...]]:
    return broken(check_clips(store, measure_clips(store), config), severity)


def test_good_clips_pass(store, config) -> None:
    good = store()
    assert check(good, config) == {}
    assert check(good, config, "warning") == {}


def fill(numbers: list[int], value: float, count: int | None = None) -> Edit:
    def edit(pixels: list[np.ndarray], described: list[dict[str, Any]]) -> None:
        for k in numbers:
            flat = pixels[k].reshape(-1)
            flat[:count] = value

    return edit


def describe(numbers: list[int], **fields: Any) -> Edit:
    def edit(pixels: list[np.ndarray], described: list[dict[str, Any]]) -> None:
        for k in numbers:
            described[k].update(fields)

    return edit


C3 = ("c03",)

RULES: dict[str, tuple[Edit, dict[str, tuple[str, ...]]]] = {
    "one NaN": (fill([3], np.nan, 1), {"minimum": C3, "maximum": C3, "deviation": C3, "nonfinite": C3}),
    "all NaN": (fill([3], np.nan), {"minimum": C3, "maximum": C3, "deviation": C3, "nonfinite": C3}),
    "infinite": (fill([3], np.inf, 1), {"maximum": C3, "nonfinite": C3, "deviation": C3}),
    "above 1": (fill([3], 1.01, 1), {"maximum": C3}),
    "below -1": (fill([3], -1.01, 1), {"minimum": C3}),
    "0 to 255": (fill([3], 255, 1), {"maximum": C3}),
    "constant": (fill([3], 0.5), {"deviation": C3}),
    "black": (fill([3], -1.0), {"deviation": C3}),
    "empty caption": (describe([3], text=""), {"text": C3}),
    "blank caption": (describe([3], text=" \n "), {"text": C3}),
    "NUL in caption": (describe([3], text="a\0b"), {"text": C3}),
    "long caption": (describe([3], text="x" * 51), {"text": C3}),
    "no caption": (describe([3], text=None), {"text": C3}),
    "duplicated id": (describe([3], clip_id="c01"), {"clip_id": ("c01", "c01")}),
    "no id": (describe([3], clip_id=None), {"clip_id": ("None",)}),
    "unknown split": (describe([3], split="dev"), {"split": C3, "splits_of_signer": ("c00", "c01", "c02", "c03")}),
    "leaked signer": (describe([20], signer="s0"), {"splits_of_signer": ("c00", "c01", "c02", "c03", "c20")}),
    "no rate": (describe([3], fps=0.0), {"fps": C3}),
    "empty split": (
        describe([20, 21, 22, 23], split="val"),
        {"lacking": ("sign0 in test", "sign1 in test")},
    ),
    "a sign not in train": (describe([20], sign="rare"), {"lacking": ("rare in train",)}),
}


@pytest.mark.parametrize("name", RULES)
def test_each_rule_fails_on_data_that_break_it(name, store, config) -> None:
    edit, expected = RULES[name]
    found = check(store(edit), config)
    assert found.keys() == expected.keys()
    for column, clips in expected.items():
        assert set(found[column]) == set(clips), column


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
    (folder / "clips.json").write_text(json.dumps(vars(meta)), encoding="utf-8")


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
    leaked = store(describe([20], signer="s0"), split_key="given")
    assert check(leaked, config) == {}
    assert "splits_of_signer" in check(leaked, config, "warning")


def test_sentences_have_no_counts_per_sign(store, config) -> None:
    assert check(store(describe(list(range(24)), sign="")), config) == {}


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
    folder = store(fill([3], 0.9, 20)).folder
    for name in ("a", "b"):
        validate(folder, tmp_path / name, config)
    for name in ("validation.json", "validation.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_failure_names_expectation_and_clips(store, config, tmp_path) -> None:
    folder = store(fill([3], np.nan, 1)).folder
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
    folder = store(describe([3], sign="<script>alert(1)</script>", clip_id="<b>x", text="x" * 51)).folder
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
    store(fill([3], 2.0)).folder.rename(project / "data" / "clips")
    (project / "params.yaml").write_text(yaml.safe_dump({"data": config.model_dump()}), encoding="utf-8")
    source = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(source / "pipelines" / "validate.py")], cwd=project, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(source / "src")}, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: 2 of ")
    assert "(maximum)" in done.stderr
    assert done.stderr.count("\n") == 1
    assert json.loads((project / "reports" / "validation.json").read_bytes())["success"] is False
