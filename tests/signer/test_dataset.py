"""The data set on disk: real H.264 files, disjoint signers, the same bytes for any number of workers."""

from collections import defaultdict
from pathlib import Path

import av
import numpy as np
import pytest
from pydantic import ValidationError

from t2s.data.manifest import read_manifest
from t2s.errors import UserError
from t2s.signer.appearance import Signer
from t2s.signer.config import SignerConfig
from t2s.signer.dataset import plan_clips, render_dataset
from t2s.signer.film import encode_mp4
from t2s.signer.lexicon import SIGNS, find_sign
from t2s.signer.render import render_clip

CONFIG = SignerConfig(
    seed=1,
    num_train_signers=2,
    num_val_signers=1,
    num_test_signers=1,
    performances=1,
    image_size=48,
    fps=8,
    duration_s=1.0,
    crf=20,
)
TEXTS = ("hello", "thank you")


def decode(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([picture.to_ndarray(format="rgb24") for picture in container.decode(video=0)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    assert render_dataset(CONFIG, folder, num_workers=1, texts=TEXTS) == 8
    return folder


def test_manifest_lists_every_file_and_says_what_it_is(folder: Path) -> None:
    rows = read_manifest(folder / "manifest.csv")
    assert sorted(row.path for row in rows) == sorted(f"videos/{p.name}" for p in (folder / "videos").iterdir())
    assert {row.text for row in rows} == set(TEXTS)
    assert all("synthetic" in row.licence and row.fps == 8 for row in rows)
    assert '"synthetic": true' in (folder / "source.json").read_text(encoding="utf-8")


def test_files_decode_to_what_was_drawn(folder: Path) -> None:
    row = read_manifest(folder / "manifest.csv")[0]
    frames = decode(folder / row.path)
    assert frames.shape == (8, 48, 48, 3)
    drawn = render_clip(find_sign(row.sign), Signer.sample(1, 0), 0, num_frames=8, image_size=48)
    assert np.abs(frames.astype(np.int16) - drawn).mean() < 4


def test_bytes_do_not_depend_on_the_number_of_workers(folder: Path, tmp_path: Path) -> None:
    render_dataset(CONFIG, tmp_path, num_workers=2, texts=TEXTS)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert all((folder / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)


def test_signers_never_cross_splits_and_sign_everything() -> None:
    splits, texts = defaultdict(set), defaultdict(set)
    for plan in plan_clips(CONFIG):
        splits[plan.signer_name].add(plan.split)
        texts[plan.signer_name].add(plan.text)
    assert sorted(split for found in splits.values() for split in found) == ["test", "train", "train", "val"]
    assert all(known == {sign.text for sign in SIGNS} for known in texts.values())


def test_more_train_signers_leave_the_test_clips_as_they_are() -> None:
    larger = CONFIG.model_copy(update={"num_train_signers": 9})
    test, larger_test = ([plan for plan in plan_clips(c) if plan.split == "test"] for c in (CONFIG, larger))
    assert test == larger_test


def test_an_earlier_run_leaves_nothing_behind(tmp_path: Path) -> None:
    render_dataset(CONFIG, tmp_path, num_workers=1, texts=("yes",))
    render_dataset(CONFIG, tmp_path, num_workers=1, texts=("no",))
    assert all(path.name.startswith("no_") for path in (tmp_path / "videos").iterdir())


def test_an_unknown_sign_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.signs.*'helo'.*hello"):
        render_dataset(CONFIG, tmp_path, num_workers=1, texts=("helo",))


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    blocked = tmp_path / "raw"
    blocked.write_text("a file, not a folder")
    with pytest.raises(UserError, match="raw"):
        render_dataset(CONFIG, blocked, num_workers=1, texts=("yes",))


def test_encoding_is_repeatable() -> None:
    frames = np.random.default_rng(0).integers(0, 255, size=(3, 32, 32, 3), dtype=np.uint8)
    assert encode_mp4(frames, fps=8, crf=20) == encode_mp4(frames, fps=8, crf=20)


@pytest.mark.parametrize(
    ("key", "value"), [("image_size", 65), ("fps", 0), ("num_train_signers", 0), ("seed", -1), ("typo", 1)]
)
def test_config_refuses_what_makes_no_sense(key: str, value: int) -> None:
    with pytest.raises(ValidationError, match=key):
        SignerConfig.model_validate(CONFIG.model_dump() | {key: value})


def test_nothing_of_an_earlier_data_set_stays_in_its_folder(tmp_path: Path) -> None:
    for name in ("source_report.json", "media.json"):
        (tmp_path / name).write_text("{}")
    render_dataset(CONFIG, tmp_path, 1, TEXTS[:1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.csv", "source.json", "videos"]


def test_the_case_of_a_sign_does_not_matter() -> None:
    assert plan_clips(CONFIG, ["Hello", " THANK you"]) == plan_clips(CONFIG, TEXTS)
