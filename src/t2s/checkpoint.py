"""Checkpoints: weights, config, vocabulary and provenance in one safetensors file that proves it is whole."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2s import atomic
from t2s.errors import UserError
from t2s.sealed import KEY, canonical_json, digest_of, parse_entries, read_header, read_sealed

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
ABSENT = "(absent)"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, on the CPU, and the metadata they were saved with."""

    tensors: "dict[str, Tensor]"
    metadata: dict[str, Any]


def save_checkpoint(
    path: Path, tensors: "Mapping[str, Tensor]", metadata: Mapping[str, Any], kind: str = "checkpoint"
) -> None:
    """Write durably; "format", "kind" and "digest" are added to the metadata. Same input, same bytes.

    Raises:
        UserError: a tensor holds NaN or infinity, or the disk is full; an older file stays as it was.
    """
    import safetensors.torch

    plain = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    for name, tensor in plain.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise UserError(f"{path}: not written, '{name}' holds NaN or infinity; the old file is unchanged")
    sealed = {**metadata, "format": FORMAT, "kind": kind}
    sealed.pop("digest", None)
    sealed["digest"] = _digest(plain, sealed)
    atomic.write_bytes(path, safetensors.torch.save(plain, {KEY: canonical_json(sealed)}))


def load_checkpoint(path: Path, kind: str = "checkpoint") -> Checkpoint:
    """Read a file that is whole: its digest over tensors and metadata is verified before anything is used.

    Raises:
        UserError: one line naming the path and what is wrong with it. Nothing is ever unpickled.
    """
    import safetensors
    import safetensors.torch

    content, metadata = read_sealed(path)
    require_kind(path, metadata, kind)
    try:
        return Checkpoint(safetensors.torch.load(content), metadata)
    except (safetensors.SafetensorError, KeyError) as error:
        raise UserError(f"{path}: its tensors cannot be read ({error})") from None


def read_metadata(path: Path, kind: str = "checkpoint") -> dict[str, Any]:
    """The metadata alone: fast, imports no torch, reads no tensor (so the digest is not verified).

    Raises:
        UserError: as `load_checkpoint`, except for damage inside the tensors.
    """
    metadata = read_header(path).metadata
    require_kind(path, metadata, kind)
    return metadata


def differing_keys(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Lines such as `model.depth: 4 → 6` (found in the file → expected now), sorted by dotted key."""
    new, old = _flatten(expected), _flatten(found)
    pairs = [(key, old.get(key, ABSENT), new.get(key, ABSENT)) for key in sorted(new.keys() | old.keys())]
    return [f"{key}: {_brief(before)} → {_brief(after)}" for key, before, after in pairs if before != after]


def _digest(tensors: "dict[str, Tensor]", metadata: dict[str, Any]) -> str:
    import safetensors.torch

    content = safetensors.torch.save(tensors)
    data_start = 8 + int.from_bytes(content[:8], "little")
    entries, _ = parse_entries(content[8:data_start])
    return digest_of(metadata, entries, memoryview(content)[data_start:])


def require_kind(path: Path, metadata: Mapping[str, Any], kind: str) -> None:
    """Raises UserError where a file's metadata are not of this kind, or of another version of the format."""
    if metadata.get("format") != FORMAT:
        raise UserError(f"{path}: format {metadata.get('format')}, but this t2s reads format {FORMAT}")
    if metadata.get("kind") != kind:
        raise UserError(f"{path}: a {metadata.get('kind')}, where a {kind} is expected")


def _flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = list(value) if isinstance(value, tuple) else value
    return flat


def _brief(value: Any) -> str:
    text = value if value == ABSENT else repr(value)
    if len(text) <= 60:
        return str(text)
    return f"{text[:32]}… ({len(text)} characters, sha256 {hashlib.sha256(text.encode()).hexdigest()[:8]})"
