"""data/clips: sharded, memory-mapped float16 clips with an index that names the digest of each."""

import hashlib
import json
import tokenize
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from t2s.cores import usable_cores
from t2s.errors import UserError

FORMAT = 1
CHANNELS = 3
DTYPE = np.dtype("<f2")
INDEX_NAME = "index.jsonl"
META_NAME = "clips.json"
SEAL = "seal"
# What numpy raises over a damaged header, part of which it reads as Python.
UNREADABLE = (OSError, EOFError, ValueError, SyntaxError, tokenize.TokenError)

# Every 8-bit value as it is stored, u8 / 127.5 - 1; float16 keeps all 256 apart.
_PIXEL_VALUES = (np.arange(256, dtype=np.float32) / 127.5 - 1).astype(DTYPE)


def to_model_range(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float16]:
    """uint8 0..255 → float16 -1..1, same shape."""
    values: npt.NDArray[np.float16] = _PIXEL_VALUES[pixels]
    return values


def to_uint8(pixels: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    """-1..1 → 0..255, rounded and clipped; the exact inverse of `to_model_range`."""
    scaled = np.rint((pixels.astype(np.float32) + 1) * 127.5)
    levels: npt.NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return levels


@dataclass(frozen=True)
class ClipRecord:
    """One line of index.jsonl. `fps` is the stored clip's rate; `sha256` covers its stored bytes."""

    clip_id: str
    text: str
    sign: str
    signer: str
    split: str
    shard: str
    row: int
    fps: float
    source_frames: int
    licence: str
    sha256: str


@dataclass(frozen=True)
class ClipsMeta:
    """clips.json: what all clips share. `source` is acquire's source.json."""

    num_clips: int
    num_frames: int
    image_size: int
    digest: str
    source: Mapping[str, Any]
    channels: int = CHANNELS
    dtype: str = DTYPE.name
    format: int = FORMAT

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """(F, H, W, C)."""
        return self.num_frames, self.image_size, self.image_size, self.channels


@dataclass(frozen=True)
class ClipStore:
    """The clips of one data set, read lazily. Open it with `ClipStore.open(folder)`."""

    folder: Path
    records: tuple[ClipRecord, ...]
    meta: ClipsMeta
    _shards: dict[str, npt.NDArray[np.float16]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _rows(self) -> dict[str, int]:
        """How many rows each shard must have at least."""
        rows: dict[str, int] = {}
        for record in self.records:
            rows[record.shard] = max(rows.get(record.shard, 0), record.row + 1)
        return rows

    @classmethod
    def open(cls, folder: Path | str) -> "ClipStore":
        """Read the index, not the pixels.

        Raises:
            UserError: files are missing, or the index does not match clips.json.
        """
        folder = Path(folder)
        meta = _read_meta(folder / META_NAME)
        index_path = folder / INDEX_NAME
        try:
            index = index_path.read_bytes()
        except OSError as error:
            raise UserError(f"{index_path}: cannot be read ({error.strerror}); preprocess again") from None
        if index_digest(index) != meta.digest:
            raise UserError(f"{index_path}: its digest is not the one in {META_NAME}; run preprocess again")
        return cls(folder=folder, records=_parse_index(index, index_path), meta=meta)

    def __getstate__(self) -> dict[str, Any]:
        """A copy sent to a worker process maps the shards itself: pickle would send all their pixels."""
        return {**vars(self), "_shards": {}}

    @property
    def digest(self) -> str:
        """SHA-256 over the index, hence over every caption, split and clip."""
        return self.meta.digest

    @cached_property
    def learned_digest(self) -> str:
        """SHA-256 over what a training reads: the clips of train, and those it is validated on, wherever they lie."""
        read = [record for record in self.records if record.split in ("train", self.validation_split)]
        content = [{**asdict(record), "shard": None, "row": None} for record in read]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode("utf-8")).hexdigest()

    @cached_property
    def validation_split(self) -> str:
        """Which split a training is watched with: val, or test, or train, the first that has clips."""
        held = {record.split for record in self.records}
        return next((split for split in ("val", "test") if split in held), "train")

    @cached_property
    def names_signs(self) -> bool:
        """Whether each train clip shows a named sign: then captions are a vocabulary, not sentences."""
        return all(record.sign for record in self.records if record.split == "train")

    def __len__(self) -> int:
        return len(self.records)

    def pixels(self, i: int) -> npt.NDArray[np.float16]:
        """Clip i as stored: (F, H, W, 3) float16 in [-1, 1], a read-only view of the mapped shard."""
        record = self.records[i]
        clip: npt.NDArray[np.float16] = self._shard(record.shard)[record.row]
        return clip

    def texts(self, split: str) -> list[str]:
        """The captions of a split, clip by clip."""
        return [self.records[row].text for row in self.indices(split)]

    def indices(self, split: str | None = None, sign: str | None = None) -> list[int]:
        """Positions of the clips of a split and a sign; None = any."""
        return [
            i
            for i, record in enumerate(self.records)
            if (split is None or record.split == split) and (sign is None or record.sign == sign)
        ]

    def batch(self, indices: Sequence[int]) -> npt.NDArray[np.float32]:
        """(B, 3, F, H, W) float32, contiguous: the layout of the model, to which torch turns faster than numpy."""
        import torch  # here, for the stages that read clips without a network

        stored = np.empty((len(indices), *self.meta.clip_shape), dtype=DTYPE)
        for position, i in enumerate(indices):
            stored[position] = self.pixels(i)
        turned = torch.from_numpy(stored).permute(0, 4, 1, 2, 3)
        batch: npt.NDArray[np.float32] = turned.to(torch.float32, memory_format=torch.contiguous_format).numpy()
        return batch

    def signs(self) -> list[str]:
        """The distinct signs, sorted; empty for sentence data."""
        return sorted({record.sign for record in self.records if record.sign})

    def bytes_match(self, i: int) -> bool:
        """Whether clip i still has the bytes that its digest was taken over."""
        return hashlib.sha256(np.ascontiguousarray(self.pixels(i)).data).hexdigest() == self.records[i].sha256

    def verify(self) -> None:
        """Read every clip against its digest. Raises UserError naming the clips whose bytes changed."""
        with ThreadPoolExecutor(usable_cores()) as threads:  # hashing leaves Python's lock alone
            matches = list(threads.map(self.bytes_match, range(len(self))))
        changed = [record.clip_id for record, is_whole in zip(self.records, matches, strict=True) if not is_whole]
        if changed:
            shown = ", ".join(changed[:5]) + (" …" if len(changed) > 5 else "")
            raise UserError(
                f"{self.folder}: {len(changed)} of {len(self)} clips do not match their digest ({shown}); "
                "the files were altered: run `dvc repro -f preprocess`"
            )

    def _shard(self, name: str) -> npt.NDArray[np.float16]:
        if name not in self._shards:
            path = self.folder / name
            try:
                shard = np.load(path, mmap_mode="r", allow_pickle=False)
            except UNREADABLE as error:
                raise UserError(f"{path}: cannot be read as a clip shard ({error}); run preprocess again") from None
            rows = self._rows[name]
            if shard.dtype != DTYPE or shard.shape[1:] != self.meta.clip_shape or len(shard) < rows:
                raise UserError(
                    f"{path}: holds {shard.dtype} {shard.shape}, not {DTYPE.name} (>={rows}, "
                    f"{', '.join(map(str, self.meta.clip_shape))}); run preprocess again"
                )
            self._shards[name] = shard
        return self._shards[name]


def index_digest(index: bytes) -> str:
    """The data digest: SHA-256 of index.jsonl as it stands on disk."""
    return hashlib.sha256(index).hexdigest()


def sealed_meta(meta: ClipsMeta) -> dict[str, Any]:
    """The content of clips.json: the meta and a digest over it."""
    content = asdict(meta)
    return {**content, SEAL: _seal(content)}


def _seal(content: Mapping[str, Any]) -> str:
    unsealed = {key: value for key, value in content.items() if key != SEAL}
    return hashlib.sha256(json.dumps(unsealed, sort_keys=True).encode()).hexdigest()


def to_index_line(record: ClipRecord) -> bytes:
    """One canonical line of index.jsonl, captions in UTF-8."""
    line = json.dumps(asdict(record), ensure_ascii=False, allow_nan=False)
    return line.encode("utf-8") + b"\n"


def _parse_index(index: bytes, path: Path) -> tuple[ClipRecord, ...]:
    records = []
    for number, line in enumerate(index.split(b"\n")[:-1], start=1):
        try:
            records.append(ClipRecord(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise UserError(f"{path}: line {number} is no clip record ({error})") from None
    return tuple(records)


def _read_meta(path: Path) -> ClipsMeta:
    try:
        content = json.loads(path.read_bytes())
        if content[SEAL] != _seal(content):
            raise ValueError("it does not match its digest")
        known = {item.name for item in fields(ClipsMeta)}
        meta = ClipsMeta(**{key: value for key, value in content.items() if key in known})
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the preprocess stage first") from None
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise UserError(f"{path}: cannot be read ({error}); run preprocess again") from None
    if meta.format != FORMAT:
        raise UserError(f"{path}: format {meta.format}, this version reads {FORMAT}; run preprocess again")
    return meta
