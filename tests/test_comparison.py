"""`t2s compare`: both sides on the same terms, told apart, traceable, and the better one measured as better."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from t2s.checkpoint import load_checkpoint, save_checkpoint
from t2s.clips import MARK, MARK_HEIGHT, enlarge
from t2s.comparison import SCALE, Side, compare_checkpoints, denoising_errors, fitted, partners, resized, skill_lines
from t2s.data.clips import ClipStore
from t2s.data.encode import read_media_metadata
from t2s.data.shards import ShardWriter
from t2s.errors import UserError
from t2s.evaluation.real import RealClips
from t2s.inspection import describe
from t2s.models.config import ClipShape
from t2s.sampling import Text2Sign

FRAMES, SIZE, T = 4, 8, 10
SHORT = {"num_timesteps": T}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("compare") / "old.safetensors", diffusion=SHORT)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory, make_checkpoint: Callable[..., Path]) -> Path:
    """Another architecture, clip shape and schedule."""
    return make_checkpoint(
        tmp_path_factory.mktemp("compare") / "new.safetensors",
        seed=1,
        clip={"num_frames": 6, "image_size": 16},
        model={"depth": 2},
        diffusion={"num_timesteps": 2 * T},
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    folder = tmp_path_factory.mktemp("clips") / "clips"
    rng = np.random.default_rng(0)
    with ShardWriter(folder, num_frames=FRAMES, image_size=SIZE, clips_per_shard=50, source={}) as writer:
        for number in range(12):
            text = ("hello", "thank you")[number % 2]
            writer.add(
                rng.integers(0, 256, (FRAMES, SIZE, SIZE, 3), dtype=np.uint8), clip_id=str(number), text=text,
                sign=text, signer=str(number), split="train" if number < 6 else "test", fps=8.0, source_frames=FRAMES,
                licence="CC0-1.0",
            )  # fmt: skip
    return ClipStore.open(folder)


def side(letter: str, path: Path) -> Side:
    return Side(letter, path, Text2Sign.from_checkpoint(path, "cpu"))


def digits(path: Path) -> str:
    """What a comparison's file says of a checkpoint."""
    return str(load_checkpoint(path).metadata["digest"])[:6]


def table_rows(lines: list[str]) -> list[list[str]]:
    """The cells of the skill table, the header aside."""
    return [line.split() for line in "\n".join(lines).splitlines() if line.split()[0].isdigit()]


def test_the_clips_stand_side_by_side_under_their_labels(tmp_path: Path, old: Path, make_checkpoint: Any) -> None:
    other = make_checkpoint(tmp_path / "other.safetensors", seed=2, diffusion=SHORT)
    said = compare_checkpoints(old, other, "hello", tmp_path / "out", 5, tmp_path / "none", 4).splitlines()
    written = [Path(line) for line in said[:3]]
    name = f"compare-hello-seed5-{digits(old)}-{digits(other)}"
    assert [path.name for path in written] == [f"{name}.{suffix}" for suffix in ("mp4", "gif", "png")]
    with Image.open(written[1]) as gif:
        side_px = SCALE * SIZE
        assert (gif.n_frames, gif.size) == (FRAMES, (2 * side_px, side_px + 2 * MARK_HEIGHT))
        first = np.asarray(gif.convert("RGB"))
    alone = [Text2Sign.from_checkpoint(path)("hello", seed=5, num_steps=T).frames[0] for path in (old, other)]
    left, right = first[:side_px, :side_px].astype(int), first[:side_px, side_px:].astype(int)
    a, b = (enlarge(frames, SCALE) for frames in alone)
    for half, own, foreign in ((left, a[0], b[0]), (right, b[0], a[0])):
        assert 3 * np.abs(half - own).mean() < np.abs(half - foreign).mean()  # a GIF has 256 colours
    labels = first[side_px : side_px + MARK_HEIGHT]
    assert not np.array_equal(labels[:, :side_px], labels[:, side_px:])
    with Image.open(written[2]) as picture:
        sheet = np.asarray(picture.convert("RGB"))
    row_px = side_px + MARK_HEIGHT
    assert sheet.shape == (2 * row_px + MARK_HEIGHT, FRAMES * side_px, 3)
    assert np.array_equal(sheet[:side_px], np.concatenate(list(a), axis=1))
    assert np.array_equal(sheet[row_px : row_px + side_px], np.concatenate(list(b), axis=1))


def test_another_checkpoint_of_the_same_training_leaves_the_earlier_comparison_as_it_was(
    tmp_path: Path, old: Path
) -> None:
    saved = load_checkpoint(old)
    later = tmp_path / "later" / old.name
    later.parent.mkdir()
    save_checkpoint(later, saved.tensors, saved.metadata | {"step": 2})
    first, second, again = (
        compare_checkpoints(old, other, "hello", tmp_path, 0, tmp_path / "none", 4).splitlines()[:3]
        for other in (old, later, later)
    )
    assert not set(first) & set(second)
    assert second == again
    assert len(list(tmp_path.glob("compare-*"))) == 6


def test_both_get_the_same_noise(old: Path, make_checkpoint: Any, tmp_path: Path) -> None:
    """The same weights in another file: nothing but the label may differ."""
    twin = tmp_path / "twin.safetensors"
    saved = load_checkpoint(old)
    save_checkpoint(twin, saved.tensors, saved.metadata)
    clips = [each.sign("hello", 3, 4).frames for each in (side("A", old), side("B", twin))]
    assert np.array_equal(*clips)


@pytest.mark.parametrize("suffix", ["mp4", "gif", "png"])
def test_the_files_say_where_both_halves_come_from(
    tmp_path: Path, old: Path, new: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # not the store of a project that has been run here
    compare_checkpoints(old, new, "thank you", tmp_path, 1, tmp_path / "none", 4)
    (path,) = tmp_path.glob(f"compare-thank-you-seed1-*.{suffix}")
    found = read_media_metadata(path)
    assert found["prompt"] == "thank you"
    for letter, checkpoint in (("a", old), ("b", new)):
        facts = json.loads(found[letter])
        assert facts["checkpoint"] == checkpoint.name
        assert facts["fingerprint"] == load_checkpoint(checkpoint).metadata["fingerprint"]
        assert facts["num_steps"] == T  # the same for both, though B could take more
    assert describe(path)["fingerprint"] == "tiny-0; tiny-1"


def test_the_files_lead_to_a_run_a_revision_and_a_licence(
    tmp_path: Path, old: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def of_run(path: Path, run_id: str | None, revision: str) -> Path:
        saved = load_checkpoint(path)
        target = tmp_path / f"{run_id}-{revision}.safetensors"
        save_checkpoint(target, saved.tensors, saved.metadata | {"mlflow_run_id": run_id, "git_revision": revision})
        return target

    def said_of(a: Path, b: Path) -> dict[str, Any]:
        return describe(Path(compare_checkpoints(a, b, "hello", tmp_path, 0, tmp_path / "none", 4).splitlines()[0]))

    before, after, untracked = of_run(old, "a" * 32, "r1"), of_run(new, "b" * 32, "r2"), of_run(new, None, "r1")
    found = said_of(before, after)
    assert (found["mlflow"]["run_id"], found["git_revision"]) == ("b" * 32, "r1; r2")
    assert found["licence"] == load_checkpoint(old).metadata["licence"]
    assert found["note"] == MARK
    assert [json.loads(found[letter])["mlflow_run_id"] for letter in "ab"] == ["a" * 32, "b" * 32]
    found = said_of(before, untracked)
    assert (found["mlflow"]["run_id"], found["git_revision"]) == ("a" * 32, "r1")
    assert said_of(untracked, untracked)["mlflow"]["reason"] == "the store is not on this machine"


def test_clips_of_different_shapes_are_shown_in_the_larger_one(tmp_path: Path, old: Path, new: Path) -> None:
    said = compare_checkpoints(old, new, "hello", tmp_path, 0, tmp_path / "none", 4)
    assert "A makes 4 frames of 8 x 8, B 6 frames of 16 x 16: each had its own noise of the seed" in said
    with Image.open(said.splitlines()[1]) as gif:
        assert (gif.n_frames, gif.size) == (6, (2 * SCALE * 16, SCALE * 16 + 2 * MARK_HEIGHT))


def test_without_real_clips_one_line_says_so_and_the_clips_are_there(tmp_path: Path, old: Path) -> None:
    said = compare_checkpoints(old, old, "hello", tmp_path, 0, tmp_path / "none", 4).splitlines()
    assert len(said) == 4
    assert all(Path(line).is_file() for line in said[:3])
    assert said[3].startswith("no table of skill per timestep: it needs real clips in ")


def test_a_model_against_itself_gains_nothing(store: ClipStore, old: Path) -> None:
    lines = skill_lines([side("A", old), side("B", old)], store.folder, 4, 0)
    assert lines[0] == f"skill = 1 - MSE / best trivial guess, on 4 held-out clips of {store.folder}, noise of seed 0"
    rows = table_rows(lines)
    assert [int(row[0]) for row in rows] == list(range(T))
    for row in rows:
        assert row[2] == row[3]
        assert row[4:] == ["+0.000", "+0.000", "to", "+0.000"]


def test_of_two_clips_there_is_no_interval(store: ClipStore, old: Path) -> None:
    table = skill_lines([side("A", old), side("B", old)], store.folder, 2, 0)[-1]
    assert "nan" not in table
    assert table.splitlines()[2].split()[-1] == "–"


def test_a_model_that_knows_more_gains_at_every_timestep(
    store: ClipStore, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse, better = side("A", old), side("B", old)
    truth = torch.from_numpy(RealClips.held_out(store).balanced(4, 0)[:])

    def knows(share: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        return lambda x_t, t, prompt_ids: share * truth

    for each, share in ((worse, 0.2), (better, 0.9)):
        monkeypatch.setattr(each.model, "denoiser", knows(share))
    lines = skill_lines([worse, better], store.folder, 4, 0)
    for row in table_rows(lines)[T // 2 :]:  # below, x_t itself is nearly the answer
        skill_a, skill_b, gain, low = (float(cell) for cell in row[2:6])
        assert skill_b > 0.9 > skill_a
        assert gain == pytest.approx(skill_b - skill_a, abs=2e-3)
        assert 0 < low <= gain
    mean_a, mean_b = (np.mean([float(row[column]) for row in table_rows(lines)]) for column in (2, 3))
    assert lines[-1].splitlines()[-1] == f"mean over t: A {mean_a:.3f}, B {mean_b:.3f}"


def test_models_of_other_shapes_and_schedules_denoise_the_same_clips(store: ClipStore, old: Path, new: Path) -> None:
    lines = skill_lines([side("A", old), side("B", new)], store.folder, 4, 0)
    assert "B sees them as 6 frames of 16 x 16" in lines
    assert any("schedules differ" in line for line in lines)
    for row in table_rows(lines):
        snr_a, snr_b = float(row[1].replace(",", "")), float(row[3].replace(",", ""))
        assert 0.4 < snr_a / snr_b < 2.5 or snr_a < 1e-3
    errors = denoising_errors(side("B", new).model, store, [6, 7], 0)
    assert len(errors) == 2 * T and len(errors[0].model) == 2


def test_timesteps_find_the_partner_with_the_nearest_snr(store: ClipStore, old: Path, new: Path) -> None:
    a, b = (denoising_errors(side("A", path).model, store, [6], 0) for path in (old, new))
    assert [one.t for one in partners(a, a)] == list(range(T))
    found = [one.t for one in partners(a, b)]
    assert found == sorted(found) and len(set(found)) > T // 2


def test_a_store_without_held_out_clips_is_explained(tmp_path: Path, old: Path) -> None:
    with ShardWriter(tmp_path / "clips", num_frames=FRAMES, image_size=SIZE, clips_per_shard=5, source={}) as writer:
        writer.add(
            np.zeros((FRAMES, SIZE, SIZE, 3), np.uint8), clip_id="a", text="hello", sign="hello", signer="s",
            split="train", fps=8.0, source_frames=FRAMES, licence="CC0-1.0",
        )  # fmt: skip
    (line,) = skill_lines([side("A", old), side("B", old)], tmp_path / "clips", 4, 0)
    assert "no clip in test or val" in line


def test_what_a_side_cannot_do_names_its_file(tmp_path: Path, old: Path, make_checkpoint: Any) -> None:
    other = make_checkpoint(tmp_path / "other.safetensors", prompts=["yes"])
    with pytest.raises(UserError, match=r"other\.safetensors: unknown: 'hello'.*known signs: yes"):
        compare_checkpoints(old, other, "hello", tmp_path / "out", 0, tmp_path / "none", 4)
    with pytest.raises(UserError, match=r"none\.safetensors: no such file"):
        compare_checkpoints(old, tmp_path / "none.safetensors", "hello", tmp_path / "out", 0, tmp_path / "none", 4)
    assert not (tmp_path / "out").exists()


def test_frames_are_repeated_evenly_and_pictures_resized() -> None:
    frames = np.arange(3, dtype=np.uint8).repeat(4 * 4 * 3).reshape(3, 4, 4, 3) * 100
    found = fitted(frames, 5, 8, 6)
    assert found.shape == (5, 8, 6, 3)
    assert found[:, 0, 0, 0].tolist() == [0, 0, 100, 200, 200]
    assert np.array_equal(fitted(frames, 3, 4, 4), frames)


def test_real_clips_are_averaged_when_a_model_makes_smaller_ones() -> None:
    clips = torch.zeros(2, 3, 4, 8, 8)
    clips[..., ::4] = 1.0  # columns that picking pixels, or mixing two of them, would miss
    small = resized(clips, ClipShape(num_frames=2, image_size=2, fps=8.0))
    assert small.shape == (2, 3, 2, 2, 2)
    assert torch.allclose(small, torch.full_like(small, 0.25), atol=0.1)
    assert torch.equal(resized(clips, ClipShape(num_frames=4, image_size=8, fps=8.0)), clips)
