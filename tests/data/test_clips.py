"""The clip store: what is written is read, and nothing altered passes."""

import json
import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from t2s.data.clips import ClipsMeta, ClipStore, sealed_meta, to_model_range, to_uint8
from t2s.data.shards import ShardWriter
from t2s.errors import UserError

SHAPE = (4, 8, 8, 3)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, *SHAPE), dtype=np.uint8)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(clips: np.ndarray, clips_per_shard: int = 2, **changes: Any) -> Path:
        folder = tmp_path / "clips"
        with ShardWriter(
            folder, num_frames=4, image_size=8, clips_per_shard=clips_per_shard, source={"language": "none"}
        ) as writer:
            for k, clip in enumerate(clips):
                described = {
                    "clip_id": f"c{k}", "text": "héllo\r\n👋 שלום", "sign": "hello" if k % 2 else "book", "signer": "s",
                    "split": "train" if k < 3 else "test", "fps": 8.0, "source_frames": 24, "licence": "CC0-1.0",
                }  # fmt: skip
                writer.add(clip, **{**described, **changes})
        return folder

    return write


def test_all_byte_values_survive() -> None:
    values = np.arange(256, dtype=np.uint8)
    assert (to_uint8(to_model_range(values)) == values).all()
    assert to_model_range(values).min() == -1.0
    assert to_model_range(values).max() == 1.0


@pytest.mark.parametrize("clips_per_shard", [1, 2, 5, 100])
def test_round_trip(clips_per_shard, pixels, write) -> None:
    folder = write(pixels, clips_per_shard)
    store = ClipStore.open(folder)
    assert len(store) == store.meta.num_clips == 5
    assert len(list(folder.glob("*.npy"))) == -(-5 // clips_per_shard)
    assert all((to_uint8(store.pixels(i)) == pixels[i]).all() for i in range(5))
    assert store.records[0].text == "héllo\r\n👋 שלום"
    assert store.signs() == ["book", "hello"]
    assert store.indices("test") == [3, 4]
    assert store.indices("train", sign="hello") == [1]
    assert store.meta.source == {"language": "none"}
    store.verify()


def test_shards_are_plain_npy(pixels, write) -> None:
    shard = np.load(write(pixels, 2) / "shard-00002.npy", allow_pickle=False)
    assert shard.shape == (1, *SHAPE)
    assert shard.dtype == np.float16


def test_a_batch_has_the_models_layout(pixels, write) -> None:
    batch = ClipStore.open(write(pixels)).batch([4, 0])
    assert batch.shape == (2, 3, 4, 8, 8)
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous
    assert (batch[0, 1] == to_model_range(pixels[4])[..., 1]).all()


def test_pixels_are_a_read_only_view(pixels, write) -> None:
    view = ClipStore.open(write(pixels)).pixels(0)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 0


def test_the_digest_follows_captions_and_pixels(pixels, write) -> None:
    first = ClipStore.open(write(pixels)).digest
    assert ClipStore.open(write(pixels)).digest == first
    assert ClipStore.open(write(pixels, text="other")).digest != first
    assert ClipStore.open(write(255 - pixels)).digest != first


def test_one_flipped_bit_is_named(pixels, write) -> None:
    folder = write(pixels)
    header = 128
    generator = np.random.default_rng(1)
    for _ in range(20):
        number = int(generator.integers(5))
        path = folder / f"shard-{number // 2:05d}.npy"
        content = bytearray(path.read_bytes())
        clip_bytes = int(np.prod(SHAPE)) * 2
        at = header + (number % 2) * clip_bytes + int(generator.integers(clip_bytes))
        content[at] ^= 1 << int(generator.integers(8))
        whole = path.read_bytes()
        path.write_bytes(bytes(content))
        with pytest.raises(UserError, match=rf"\(c{number}\)"):
            ClipStore.open(folder).verify()
        path.write_bytes(whole)
    ClipStore.open(folder).verify()


def test_a_flipped_bit_in_a_shards_header_is_one_clear_line(pixels, write) -> None:
    """numpy reads a header as Python. A few flips say the same in other letters; none may show other pixels."""
    folder = write(pixels)
    path = folder / "shard-00000.npy"
    whole = path.read_bytes()
    refused = 0
    for bit in range(8 * 128):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(content))
        try:
            ClipStore.open(folder).verify()
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 1000


def test_an_altered_description_is_refused(pixels, write) -> None:
    """The licence and what keeps splits apart stand in clips.json alone."""
    folder = write(pixels)
    path = folder / "clips.json"
    whole = path.read_bytes()
    passed = []
    for at in range(0, len(whole), 3):
        content = bytearray(whole)
        content[at] ^= 1
        path.write_bytes(bytes(content))
        try:
            passed.append(ClipStore.open(folder).meta)
        except UserError as error:
            assert str(path) in str(error) or "index" in str(error)
    path.write_bytes(whole)
    assert {str(meta) for meta in passed} <= {str(ClipStore.open(folder).meta)}  # a blank that became another


def test_two_processes_cannot_write_one_folder(pixels, write, tmp_path) -> None:
    folder = write(pixels)
    options: dict[str, Any] = {"num_frames": 4, "image_size": 8, "clips_per_shard": 2, "source": {}}
    with (
        ShardWriter(folder, **options),
        pytest.raises(UserError, match=rf"another process \(pid {os.getpid()}\) is writing it"),
    ):
        ShardWriter(folder, **options).__enter__()


def test_an_altered_index_is_refused(pixels, write) -> None:
    folder = write(pixels)
    index = folder / "index.jsonl"
    index.write_bytes(index.read_bytes().replace(b'"test"', b'"val"'))
    with pytest.raises(UserError, match="digest"):
        ClipStore.open(folder)


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("exploded"),))


def test_a_pickle_is_never_loaded(pixels, write, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write(pixels)
    for content in (pickle.dumps(_Bomb()), None):
        if content is None:
            np.save(folder / "shard-00000.npy", np.array([_Bomb()], dtype=object), allow_pickle=True)
        else:
            (folder / "shard-00000.npy").write_bytes(content)
        with pytest.raises(UserError, match="shard-00000"):
            ClipStore.open(folder).pixels(0)
    assert not Path("exploded").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "clips.json").unlink(),
        lambda folder: (folder / "clips.json").write_text("{", encoding="utf-8"),
        lambda folder: (folder / "clips.json").write_text("[]", encoding="utf-8"),
        lambda folder: (folder / "clips.json").write_text('{"format": 1}', encoding="utf-8"),
        lambda folder: (folder / "index.jsonl").unlink(),
        lambda folder: (folder / "shard-00000.npy").unlink(),
        lambda folder: (folder / "shard-00000.npy").write_bytes(b""),
        lambda folder: np.save(folder / "shard-00000.npy", np.zeros((2, *SHAPE), np.float32)),
        lambda folder: np.save(folder / "shard-00000.npy", np.zeros((1, *SHAPE), np.float16)),
    ],
)
def test_a_damaged_store_is_one_clear_line(damage, pixels, write) -> None:
    folder = write(pixels)
    damage(folder)
    with pytest.raises(UserError) as caught:
        ClipStore.open(folder).verify()
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_another_format_is_refused(pixels, write) -> None:
    folder = write(pixels)
    meta = json.loads((folder / "clips.json").read_bytes())
    meta = sealed_meta(ClipsMeta(**{key: value for key, value in meta.items() if key != "seal"} | {"format": 2}))
    (folder / "clips.json").write_text(json.dumps(meta), encoding="utf-8")
    with pytest.raises(UserError, match="format 2"):
        ClipStore.open(folder)


def test_an_error_leaves_the_old_folder_whole(pixels, write, tmp_path) -> None:
    folder = write(pixels)
    digest = ClipStore.open(folder).digest
    with pytest.raises(ValueError, match="expected uint8"):
        write(np.zeros((5, 4, 8, 9, 3), np.uint8))
    store = ClipStore.open(folder)
    store.verify()
    assert store.digest == digest
    assert {path.name for path in tmp_path.iterdir()} == {"clips", ".clips-writing"}


def test_a_full_disk_leaves_the_old_folder_whole(pixels, write, tmp_path) -> None:
    """The kernel refuses to let a file grow, as a full disk would."""
    folder = write(pixels)
    digest = ClipStore.open(folder).digest
    script = f"""
import resource, numpy as np
from pathlib import Path
from t2s.data.shards import ShardWriter
from t2s.errors import UserError
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    with ShardWriter(Path({str(folder)!r}), num_frames=4, image_size=8, clips_per_shard=9, source={{}}) as writer:
        for k in range(9):
            writer.add(np.zeros((4, 8, 8, 3), np.uint8), clip_id=str(k), text="t", sign="", signer="s", split="train",
                       fps=8.0, source_frames=4, licence="l")
except UserError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert "shard-00000.npy: cannot be written" in done.stdout
    assert done.stderr == ""
    assert ClipStore.open(folder).digest == digest
    assert {path.name for path in tmp_path.iterdir()} == {"clips", ".clips-writing"}
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
