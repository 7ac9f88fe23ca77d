"""A safetensors file sealed with a digest: what is in it can be trusted, or one line says why not.

safetensors keeps pickles out but loads a flipped bit without a word. So the header's metadata carries one
key, "t2s": canonical JSON with a sha256 over that JSON and every tensor's name, dtype, shape and bytes.
Reading a header needs neither torch nor the weights in memory.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from t2s.errors import UserError

KEY = "t2s"
MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors library
MAGICS = {
    b"\x80": "a Python pickle, which can run code when opened",
    b"PK\x03\x04": "a zip archive (torch.save's .pt or .npz), which can hold pickles",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "a gzip archive",
    b"version https://git-lfs": "a Git LFS pointer; fetch the real file",
}


@dataclass(frozen=True)
class Entry:
    """One tensor as its header describes it: `start` and `stop` count bytes after the header."""

    name: str
    dtype: str
    shape: list[int]
    start: int
    stop: int

    @classmethod
    def parse(cls, name: str, item: Any) -> Self:
        """Raises ValueError, TypeError or KeyError for anything that is no tensor entry."""
        start, stop = item["data_offsets"]
        numbers = [start, stop, *item["shape"]]
        if not isinstance(item["dtype"], str) or any(type(n) is not int or n < 0 for n in numbers):
            raise ValueError(name)
        return cls(name, item["dtype"], item["shape"], start, stop)


@dataclass(frozen=True)
class Header:
    """What a file says of itself, before any tensor is read."""

    metadata: dict[str, Any]
    entries: list[Entry]
    data_start: int


def canonical_json(value: object) -> str:
    """The one spelling of a JSON value: sorted keys, no spaces, no NaN. Raises ValueError, TypeError."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(metadata: dict[str, Any], entries: list[Entry], data: memoryview) -> str:
    """sha256 over the metadata (without "digest") and every tensor, in the order of their names."""
    sha = hashlib.sha256(canonical_json({k: v for k, v in metadata.items() if k != "digest"}).encode())
    for entry in sorted(entries, key=lambda entry: entry.name):
        sha.update(canonical_json([entry.name, entry.dtype, entry.shape]).encode())
        sha.update(data[entry.start : entry.stop])
    return sha.hexdigest()


def read_header(path: Path) -> Header:
    """Read and check the header alone (cheap): layout and length, not the digest.

    Raises:
        UserError: missing, no plain file, empty, truncated, of another format, or not written by t2s.
    """
    size = _size_of(path)
    try:
        with path.open("rb") as file:
            first = file.read(32)
            length = int.from_bytes(first[:8], "little")
            if size < 8 or length > MAX_HEADER_BYTES or (8 + length > size and first[8:9] not in (b"{", b"")):
                raise UserError(f"{path}: {_foreign(first)}")
            file.seek(8)
            raw = file.read(length)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    if len(raw) < length:
        raise UserError(f"{path}: truncated inside its header ({size} bytes); use another copy")
    header = _parse(path, raw)
    promised = header.data_start + max((entry.stop for entry in header.entries), default=0)
    if size != promised:
        state = "truncated" if size < promised else "too long"
        raise UserError(f"{path}: {state} ({size} bytes, its header promises {promised}); use another copy")
    return header


def read_sealed(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Return the whole file and its metadata, once the digest over both has been verified.

    Raises:
        UserError: as `read_header`, or when any byte differs from what was written.
    """
    header = read_header(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    actual = digest_of(header.metadata, header.entries, memoryview(content)[header.data_start :])
    if actual != header.metadata.get("digest"):
        raise UserError(f"{path}: damaged (its digest does not match, a byte was changed); use another copy")
    return content, header.metadata


def _size_of(path: Path) -> int:
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name the .safetensors file inside it")
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if not path.is_file():
        raise UserError(f"{path}: not a regular file")
    size = path.stat().st_size
    if size == 0:
        raise UserError(f"{path}: is empty; use another copy")
    return size


def _foreign(first: bytes) -> str:
    for magic, kind in MAGICS.items():
        if first.startswith(magic):
            return f"refused unread: {kind}; t2s opens safetensors only"
    return "not a safetensors file (or its first bytes are damaged)"


def parse_entries(raw: bytes) -> tuple[list[Entry], Any]:
    """The tensors and the `__metadata__` of a header's JSON.

    Raises:
        ValueError: it is malformed, or its tensors overlap or leave gaps.
    """
    try:
        content = json.loads(raw.decode("utf-8"))
        described = content.pop("__metadata__", {})
        entries = [Entry.parse(name, item) for name, item in content.items()]
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    position = 0
    for entry in sorted(entries, key=lambda entry: (entry.start, entry.stop)):
        if entry.start != position or entry.stop < entry.start:
            raise ValueError(entry.name)
        position = entry.stop
    return entries, described


def _parse(path: Path, raw: bytes) -> Header:
    try:
        entries, described = parse_entries(raw)
    except ValueError:
        raise UserError(f"{path}: its safetensors header is malformed; use another copy") from None
    text = described.get(KEY) if isinstance(described, dict) else None
    if not isinstance(text, str):
        raise UserError(f"{path}: a safetensors file, but not one of t2s (it has no '{KEY}' metadata)")
    return Header(_parse_metadata(path, text), entries, data_start=8 + len(raw))


def _parse_metadata(path: Path, text: str) -> dict[str, Any]:
    try:
        metadata = json.loads(text)
        if not isinstance(metadata, dict) or canonical_json(metadata) != text:
            raise ValueError
    except (ValueError, RecursionError):
        raise UserError(f"{path}: its '{KEY}' metadata is damaged; use another copy") from None
    return metadata
