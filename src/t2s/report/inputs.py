"""Everything a report is made from, as far as it is there."""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from t2s.checkpoint import read_metadata
from t2s.data.clips import ClipStore
from t2s.errors import UserError
from t2s.paramsfile import load_yaml
from t2s.report.documents import Document, Row, read_rows
from t2s.sealed import read_header

PARAMS = Path("params.yaml")
CHECKPOINT = Path("models/t2s.safetensors")
CLIPS = Path("data/clips")
GENERATED = Path("data/generated")
REPORTS = Path("reports")


@dataclass(frozen=True)
class Generated:
    """The clips that the evaluation judged: `frames` (N, F, H, W, 3) uint8, and what is known of each."""

    frames: npt.NDArray[np.uint8]
    records: list[Document]


@dataclass(frozen=True)
class Inputs:
    """Documents answer for themselves when they are missing; the rest is None or empty then."""

    params: Document
    run: Document
    training: Document
    history: list[Row]
    evaluation: Document
    recogniser: Document
    faithfulness: Document
    preprocess: Document
    validation: Document
    checkpoint: Document
    num_parameters: int | None
    store: ClipStore | None
    generated: Generated | None
    samples: list[Path]
    sheets: list[Path]


def read_inputs(root: Path) -> Inputs:
    """Read what the stages left under `root`, the project's root."""

    def document(name: str) -> Document:
        path = REPORTS / f"{name}.json"
        return Document.read(root / path, str(path))

    checkpoint, num_parameters = _checkpoint(root / CHECKPOINT)
    return Inputs(
        params=_params(root / PARAMS),
        run=document("run"),
        training=document("training"),
        history=read_rows(root / REPORTS / "plots/training.csv"),
        evaluation=document("evaluation"),
        recogniser=document("recogniser"),
        faithfulness=document("faithfulness"),
        preprocess=document("preprocess"),
        validation=document("validation"),
        checkpoint=checkpoint,
        num_parameters=num_parameters,
        store=_store(root / CLIPS),
        generated=_generated(root / GENERATED),
        samples=sorted((root / REPORTS / "samples").glob("*.mp4")),
        sheets=sorted((root / REPORTS / "training").glob("epoch-*.png")),
    )


def _params(path: Path) -> Document:
    try:
        return Document(load_yaml(path))
    except UserError:
        return Document(None, f"{PARAMS} is not there, or cannot be read.")


def _checkpoint(path: Path) -> tuple[Document, int | None]:
    try:
        metadata = read_metadata(path)
        return Document(metadata), sum(prod(entry.shape) for entry in read_header(path).entries)
    except UserError:
        return Document(None, f"{CHECKPOINT} is not there, or no checkpoint of t2s."), None


def _store(folder: Path) -> ClipStore | None:
    try:
        return ClipStore.open(folder)
    except UserError:
        return None


def _generated(folder: Path) -> Generated | None:
    try:
        frames = np.load(folder / "clips.npy", mmap_mode="r", allow_pickle=False)
        lines = (folder / "index.jsonl").read_text(encoding="utf-8").split("\n")[:-1]  # captions may hold U+2028
        records = [Document(json.loads(line)) for line in lines]
    except (OSError, ValueError):
        return None
    if frames.dtype != np.uint8 or frames.ndim != 5 or frames.shape[-1] != 3 or len(frames) != len(records):
        return None
    return Generated(frames, records)
