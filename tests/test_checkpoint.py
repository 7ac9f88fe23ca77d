"""Checkpoints: exact, deterministic, and never half-believed."""

import json
import os
import pickle
import random
import re
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from t2s import atomic
from t2s.checkpoint import (
    Checkpoint,
    differing_keys,
    load_checkpoint,
    read_metadata,
    require_kind,
    save_checkpoint,
)
from t2s.errors import UserError

METADATA = {"config": {"model": {"depth": 4, "width": 16}}, "tokenizer": 'é\n\x1f\u2028"\\', "step": 7, "loss": 0.1}


def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "weight": torch.randn(4, 3, generator=generator),
        "scalar": torch.tensor(2.5),
        "half": torch.randn(5, generator=generator).bfloat16(),
        "count": torch.tensor([2**40, -1]),
        "mask": torch.tensor([True, False]),
        "nothing": torch.zeros(0, 4),
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "model.safetensors"
    save_checkpoint(file, tensors(), METADATA)
    return file


def refusal(path: Path) -> str:
    """The one-line message with which both ways of reading refuse."""
    with pytest.raises(UserError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_round_trip_is_exact(path: Path) -> None:
    loaded = load_checkpoint(path)
    assert isinstance(loaded, Checkpoint)
    assert loaded.tensors.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert loaded.tensors[name].dtype == tensor.dtype
        assert torch.equal(loaded.tensors[name], tensor)
    assert METADATA.items() <= loaded.metadata.items()


def test_same_content_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    save_checkpoint(again, dict(reversed(tensors().items())), dict(reversed(METADATA.items())))
    assert again.read_bytes() == path.read_bytes()


def test_a_loaded_checkpoint_saves_to_the_same_bytes(path: Path, tmp_path: Path) -> None:
    loaded = load_checkpoint(path)
    save_checkpoint(tmp_path / "again.safetensors", loaded.tensors, loaded.metadata)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_views_and_shared_memory_are_saved_by_value(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    save_checkpoint(tmp_path / "v.safetensors", {"whole": base, "again": base, "turned": base.T}, {})
    assert torch.equal(load_checkpoint(tmp_path / "v.safetensors").tensors["turned"], base.T)


def test_plain_safetensors_readers_can_open_it(path: Path) -> None:
    assert torch.equal(safetensors.torch.load_file(path)["weight"], tensors()["weight"])


def test_metadata_is_read_without_torch(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from t2s.checkpoint import read_metadata;"
        "print(read_metadata(Path(sys.argv[1]))['step'], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["7", "False"]


def test_truncation_at_any_offset_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for length in sorted({0, 1, 7, 8, 9, len(content) - 1, *random.Random(0).sample(range(len(content)), 20)}):
        path.write_bytes(content[:length])
        refusal(path)
        with pytest.raises(UserError):
            read_metadata(path)


def test_bytes_after_the_end_are_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")
    assert "too long" in refusal(path)


def test_one_flipped_bit_anywhere_is_caught(path: Path) -> None:
    content = path.read_bytes()
    for position in random.Random(1).sample(range(8 * len(content)), 200):
        damaged = bytearray(content)
        damaged[position // 8] ^= 1 << position % 8
        path.write_bytes(damaged)
        refusal(path)


def test_a_flipped_weight_is_what_safetensors_itself_lets_pass(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    safetensors.torch.load_file(path)
    assert "digest" in refusal(path)


@pytest.mark.parametrize("name", ["evil.safetensors", "evil.pt", "evil.bin", "optimizer"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_malicious_pickle_is_never_run(tmp_path: Path, name: str, protocol: int) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "owned"),)

    evil = tmp_path / name
    evil.write_bytes(pickle.dumps(Evil(), protocol))
    message = refusal(evil)
    assert not (tmp_path / "owned").exists()
    assert "pickle" in message or protocol < 2


def test_a_torch_zip_is_named_as_such(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(print))
    assert "zip" in refusal(tmp_path / "model.pt")


def header(content: object, data: bytes = b"") -> bytes:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return len(raw).to_bytes(8, "little") + raw + data


F32 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
MALFORMED = {
    "not JSON": header(b"{nonsense"),
    "not an object": header([1, 2]),
    "deep": header(b'{"a":' + b"[" * 100_000),
    "not UTF-8": header(b'{"\xff":1}'),
    "no offsets": header({"a": {"dtype": "F32", "shape": [1]}}),
    "negative": header({"a": {**F32, "data_offsets": [-4, 0]}}),
    "fraction": header({"a": {**F32, "data_offsets": [0, 4.0]}}, bytes(4)),
    "overlap": header({"a": F32, "b": F32}, bytes(4)),
    "gap": header({"a": F32, "b": {**F32, "data_offsets": [8, 12]}}, bytes(12)),
    "metadata no JSON": header({"__metadata__": {"t2s": "{"}, "a": F32}, bytes(4)),
    "metadata not canonical": header({"__metadata__": {"t2s": '{"step": 1}'}, "a": F32}, bytes(4)),
    "metadata a list": header({"__metadata__": {"t2s": "[]"}, "a": F32}, bytes(4)),
    "no digest": header({"__metadata__": {"t2s": '{"format":1,"kind":"checkpoint"}'}, "a": F32}, bytes(4)),
    "foreign": header({"__metadata__": {"format": "pt"}, "a": F32}, bytes(4)),
    "header of 2^63 bytes": (2**63).to_bytes(8, "little") + b"{}",
    "header beyond the end": (10_000).to_bytes(8, "little") + b"{}",
    "empty": b"",
    "text": b"hello, this is a README",
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files_end_in_one_line(tmp_path: Path, case: str) -> None:
    (tmp_path / "x.safetensors").write_bytes(MALFORMED[case])
    refusal(tmp_path / "x.safetensors")


def test_a_foreign_safetensors_file_is_named_as_such(tmp_path: Path) -> None:
    safetensors.torch.save_file(tensors(), tmp_path / "other.safetensors")
    assert "not one of t2s" in refusal(tmp_path / "other.safetensors")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.safetensors")
    assert "is a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "regular file" in refusal(tmp_path / "pipe")


def test_another_kind_or_format_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    save_checkpoint(file, tensors(), {}, kind="training state")
    assert "a training state, where a checkpoint is expected" in refusal(file)
    with pytest.raises(UserError, match="format 2, but this t2s reads format 1"):
        require_kind(file, {"format": 2, "kind": "checkpoint"}, "checkpoint")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_never_replace_good_ones(path: Path, value: float) -> None:
    before = path.read_bytes()
    with pytest.raises(UserError, match="'weight' holds NaN or infinity"):
        save_checkpoint(path, {"weight": torch.tensor([value])}, METADATA)
    assert path.read_bytes() == before


def test_differing_keys_read_as_old_to_new() -> None:
    found = {"model": {"depth": 4, "heads": 2, "patch": [4, 8]}, "prompts": "x" * 100}
    expected = {"model": {"depth": 6, "patch": (4, 8), "residual": "blend"}, "prompts": "x" * 99 + "y"}
    lines = differing_keys(expected, found)
    assert lines[:3] == [
        "model.depth: 4 → 6",
        "model.heads: 2 → (absent)",
        "model.residual: (absent) → 'blend'",
    ]
    assert re.fullmatch(r"prompts: 'x{31}… \(102 characters, sha256 \w+\) → 'x{31}… \(102 .*", lines[3])
    assert differing_keys(expected, expected) == []


def write_large(path: Path) -> None:
    """10,000 numbers as the kind of file that the suffix names, in the way the project writes it."""
    match path.suffix:
        case ".json":
            atomic.write_json(path, list(range(10_000)))
        case ".npy":
            with atomic.replacing(path) as partial, partial.open("wb") as file:
                np.save(file, np.zeros(10_000), allow_pickle=False)
        case _:
            save_checkpoint(path, {"weight": torch.zeros(10_000)}, {})


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """The kernel refuses to let files grow beyond `size` bytes: what a full disk does, without needing root."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 20 KiB; only root can mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20k", "t2s-test", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("name", ["index.json", "clip.npy", "model.safetensors"])
def test_a_file_that_cannot_grow_leaves_the_old_one_whole(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"the previous file")
    with file_size_limit(1000), pytest.raises(UserError, match=re.escape(str(tmp_path / name))):
        write_large(tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"the previous file"
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["index.json", "clip.npy", "model.safetensors"])
def test_a_full_disk_leaves_the_old_file_whole(small_disk: Path, name: str) -> None:
    (small_disk / name).write_bytes(b"the previous file")
    with pytest.raises(UserError, match=rf"{re.escape(str(small_disk / name))}: cannot be written"):
        write_large(small_disk / name)
    assert (small_disk / name).read_bytes() == b"the previous file"
    assert [file.name for file in small_disk.iterdir()] == [name]
