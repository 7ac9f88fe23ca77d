"""The synthetic data set on disk: videos, a manifest, and a note of what it is."""

import csv
import io
import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2

from t2s import atomic
from t2s.errors import UserError
from t2s.progress import track
from t2s.signer.appearance import Signer
from t2s.signer.config import SignerConfig
from t2s.signer.film import encode_mp4
from t2s.signer.lexicon import SIGNS, find_sign
from t2s.signer.render import render_clip

LICENCE = "CC0-1.0 (synthetic)"
OF_A_DATA_SET = ("source_report.json", "media.json")  # what acquire may have left of one in the same folder
COLUMNS = (
    "clip_id", "path", "text", "sign", "signer", "split", "start_s", "end_s", "box", "fps", "licence",
)  # fmt: skip
SOURCE = {
    "source": "synthetic",
    "media_root": ".",
    "licence": LICENCE,
    "language": "synthetic, inspired by ASL",
    "split_key": "signer",
    "notes": "A synthetic test bed inspired by ASL: drawn by a program, no people, not teaching material.",
    "synthetic": True,
}
_SPLIT_ORIGINS = {
    "train": 0,
    "val": 100_000,
    "test": 200_000,
}  # a larger train split leaves the others as they are


@dataclass(frozen=True)
class ClipPlan:
    """One clip to be made."""

    text: str
    split: str
    signer_index: int
    performance: int

    @property
    def signer_name(self) -> str:
        return f"signer-{self.signer_index:06d}"

    @property
    def clip_id(self) -> str:
        return f"{self.text.replace(' ', '-')}_{self.signer_name}_{self.performance:03d}"

    @property
    def path(self) -> str:
        """Relative to the data set's folder."""
        return f"videos/{self.clip_id}.mp4"


def plan_clips(config: SignerConfig, texts: Sequence[str] | None = None) -> list[ClipPlan]:
    """Every clip of the data set, or those of some signs only, whatever their case, in the manifest's order.

    Raises:
        UserError: a text names no sign of the lexicon.
    """
    known = [sign.text for sign in SIGNS]
    wanted = None if texts is None else {text.strip().casefold(): text for text in texts}
    if wanted and (unknown := wanted.keys() - set(known)):
        names = ", ".join(sorted(repr(wanted[text]) for text in unknown))
        raise UserError(f"data.signs: the synthetic signer does not know {names}; it knows {', '.join(known)}")
    chosen = [text for text in known if wanted is None or text in wanted]
    counts = {
        "train": config.num_train_signers,
        "val": config.num_val_signers,
        "test": config.num_test_signers,
    }
    return [
        ClipPlan(text, split, origin + number, performance)
        for split, origin in _SPLIT_ORIGINS.items()
        for number in range(counts[split])
        for text in chosen
        for performance in range(config.performances)
    ]


def render_dataset(config: SignerConfig, folder: Path, num_workers: int, texts: Sequence[str] | None = None) -> int:
    """Write videos, manifest.csv and source.json into `folder`; return the number of clips.

    `texts` limits it to these signs; None means all.
    The manifest comes last, so an interrupted run leaves none. The bytes do not depend on `num_workers`.

    Raises:
        UserError: the folder cannot be written, or a text names no sign.
    """
    plans = plan_clips(config, texts)
    manifest = folder / "manifest.csv"
    try:
        for stale in (manifest, *(folder / name for name in OF_A_DATA_SET)):
            stale.unlink(missing_ok=True)
        videos = folder / "videos"
        videos.mkdir(parents=True, exist_ok=True)
        for stale in videos.glob("*.mp4"):
            stale.unlink()
        for _ in track(_film_all(plans, config, folder, num_workers), "render signers", total=len(plans)):
            pass
    except OSError as error:
        raise UserError(f"{folder}: the synthetic signer cannot write there ({error.strerror or error})") from error
    atomic.write_json(folder / "source.json", SOURCE)
    atomic.write_text(manifest, _manifest(plans, config.fps))
    return len(plans)


def _film_all(plans: Iterable[ClipPlan], config: SignerConfig, folder: Path, num_workers: int) -> Iterator[None]:
    film = partial(_film, config=config, folder=folder)
    if num_workers <= 1:
        yield from map(film, plans)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield from pool.map(film, plans, chunksize=16)


def _film(plan: ClipPlan, config: SignerConfig, folder: Path) -> None:
    signer = Signer.sample(config.seed, plan.signer_index)
    frames = render_clip(find_sign(plan.text), signer, plan.performance, config.num_frames, config.image_size)
    (folder / plan.path).write_bytes(encode_mp4(frames, config.fps, config.crf))


def _manifest(plans: Iterable[ClipPlan], fps: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for plan in plans:
        row = (
            plan.clip_id,
            plan.path,
            plan.text,
            plan.text,
            plan.signer_name,
            plan.split,
            "",
            "",
            "",
            fps,
            LICENCE,
        )
        writer.writerow(row)
    return text.getvalue()
