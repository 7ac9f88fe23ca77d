"""`t2s compare`: two checkpoints on the same terms: clips from the same noise, skill on the same noisy clips.

Legend: n clips, F frames, H W pixels, T timesteps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from t2s.clips import Clips, Frames, enlarge, labelled
from t2s.data.clips import ClipStore
from t2s.errors import UserError
from t2s.evaluation.bootstrap import Bootstrap, Estimate
from t2s.evaluation.real import RealClips
from t2s.evaluation.reference import train_moments
from t2s.evaluation.same_clips import learned_from
from t2s.evaluation.timesteps import TimestepErrors, timestep_errors
from t2s.models.config import ClipShape
from t2s.plain_table import plain_table
from t2s.prompts import file_stem, require_text
from t2s.report.wording import DASH, decimal
from t2s.sampling import Text2Sign

SCALE = 4  # each pixel of the larger clip becomes SCALE x SCALE
BATCH_SIZE = 16  # of the skill table; a matter of memory, not of results
MAX_REFERENCE_CLIPS = 4000  # train clips behind the trivial guesses
RESAMPLES = 1000  # behind the interval of each difference


@dataclass(frozen=True)
class Side:
    """One of the two. `letter`: A or B."""

    letter: str
    path: Path
    model: Text2Sign

    @property
    def label(self) -> str:
        """What stands under its half of the picture."""
        return f"{self.letter}  {self.path.stem}  {str(self.model.metadata['fingerprint'])[:8]}"

    @property
    def mark(self) -> str:
        """What tells its checkpoint from all others in a file's name: the digest's first digits, as in `t2s info`."""
        return str(self.model.metadata["digest"])[:6]

    def sign(self, text: str, seed: int, num_steps: int) -> Clips:
        """One clip; what the model cannot do with the text is said with its path."""
        try:
            return self.model(text, 1, seed, num_steps=num_steps)
        except UserError as error:
            raise UserError(f"{self.path}: {error}") from None


def compare_checkpoints(
    checkpoint_a: Path, checkpoint_b: Path, text: str, output_dir: Path, seed: int, clips: Path, num_clips: int
) -> str:
    """Write the clips of both side by side (mp4, GIF, PNG sheet); say where, and the skill of both per timestep.

    The files are named by text, seed and checkpoints, so that no comparison takes the place of another.
    Both start from the noise of `seed`; models of different clip shapes each get it in their own shape.

    Args:
        clips: folder of real clips, whose held-out ones both denoise with the same noise; without it no table is made.
        num_clips: how many of them, as equally many of each sign as there are.

    Raises:
        UserError: a checkpoint cannot be read or does not know the text, the real clips cannot be used, or a file
            cannot be written.
    """
    require_text(text)
    sides = [
        Side(letter, path, Text2Sign.from_checkpoint(path))
        for letter, path in (("A", checkpoint_a), ("B", checkpoint_b))
    ]
    num_steps = min(side.model.default_num_steps for side in sides)
    made = [side.sign(text, seed, num_steps) for side in sides]
    name = "-".join(["compare", file_stem(text), f"seed{seed}", *(side.mark for side in sides)])
    written = write_side_by_side(sides, made, text, output_dir / name)
    return "\n".join([*map(str, written), *_shape_note(made), *skill_lines(sides, clips, num_clips, seed)])


def write_side_by_side(sides: Sequence[Side], made: Sequence[Clips], text: str, stem: Path) -> list[Path]:
    """stem.mp4 and stem.gif, A on the left, and stem.png, A above B; each carries the provenance of both."""
    num_frames, height, width = _larger_shape(made)
    halves = [
        labelled(enlarge(fitted(clips.frames[0], num_frames, height, width), SCALE), side.label)
        for side, clips in zip(sides, made, strict=True)
    ]
    facts = {"prompt": text, **_facts(sides, made)}
    fps = max(made, key=lambda clips: clips.frames.shape[1]).fps
    seed = made[0].seeds[0]
    pair = Clips(np.concatenate(halves, axis=2)[None], fps, facts, [seed])
    paths = [path for suffix in ("mp4", "gif") for path in pair.save(Path(f"{stem}.{suffix}"), scale=1)]
    sheet = Path(f"{stem}.png")
    Clips(np.stack(halves), fps, facts, [seed, seed]).save_sheet(sheet, scale=1)
    return [*paths, sheet]


def fitted(frames: Frames, num_frames: int, height: int, width: int) -> Frames:
    """(F, H, W, 3) → (num_frames, height, width, 3): frames repeated evenly, pictures resized (bicubic)."""
    if frames.shape[:3] == (num_frames, height, width):
        return frames
    chosen = frames[np.linspace(0, len(frames) - 1, num_frames).round().astype(int)]
    return np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in chosen])


def skill_lines(sides: Sequence[Side], folder: Path, num_clips: int, seed: int) -> list[str]:
    """The table of per-timestep skill of both, with what has to be known to read it; or one line that says why not."""
    if not folder.exists():
        return [f"no table of skill per timestep: it needs real clips in {folder}; run the preprocess stage"]
    store = ClipStore.open(folder)
    rows = RealClips.held_out(store).balanced(num_clips, seed).rows
    if not rows:
        return [f"no table of skill per timestep: {folder} has no clip in test or val; see data.split_key"]
    a, b = (denoising_errors(side.model, store, rows, seed) for side in sides)
    schedules = [side.model.schedule.alphas_cumprod for side in sides]
    same = torch.equal(*schedules)
    lines = [f"skill = 1 - MSE / best trivial guess, on {len(rows)} held-out clips of {folder}, noise of seed {seed}"]
    lines += [
        f"{side.letter} sees them as {clip.num_frames} frames of {clip.image_size} x {clip.image_size}"
        for side in sides
        for clip in [side.model.clip]
        if not _has_shape(store, clip)
    ]
    lines += [
        f"{side.letter} learned from other clips than those of {folder}: it may know these"
        for side in sides
        if not learned_from(side.model.metadata, store)
    ]
    if not same:
        lines.append("their noise schedules differ: each timestep of A stands beside that of B with the nearest SNR")
    return [*lines, _skill_table(a, partners(a, b), same, Bootstrap(RESAMPLES, seed))]


def denoising_errors(model: Text2Sign, store: ClipStore, rows: Sequence[int], seed: int) -> list[TimestepErrors]:
    """x0-errors at every timestep on these clips of the store, as large as the model makes them."""
    seen = store
    if not _has_shape(store, model.clip):
        seen = ResizedClips(store.folder, store.records, store.meta, shape=model.clip)
    clips = RealClips(seen, tuple(rows))
    return timestep_errors(
        model.denoise_x0,
        model.schedule,
        torch.from_numpy(clips[:]).to(model.device),
        model.tokenizer.encode(clips.texts).to(model.device),
        train_moments(RealClips.of_split(seen, "train"), MAX_REFERENCE_CLIPS, seed),
        seed,
        BATCH_SIZE,
    )


def partners(a: Sequence[TimestepErrors], b: Sequence[TimestepErrors]) -> list[TimestepErrors]:
    """For each timestep of A that of B with the nearest SNR: the same one, when the schedules are the same."""
    return [min(b, key=lambda other: abs(_log_snr(other) - _log_snr(one))) for one in a]


@dataclass(frozen=True, kw_only=True)
class ResizedClips(ClipStore):
    """The same clips, read in a model's shape: frames picked evenly, pictures resized."""

    shape: ClipShape

    def batch(self, indices: Sequence[int]) -> npt.NDArray[np.float32]:
        """(B, 3, F, H, W) float32 of the model's shape."""
        values: npt.NDArray[np.float32] = resized(torch.from_numpy(super().batch(indices)), self.shape).numpy()
        return values


def resized(clips: Tensor, shape: ClipShape) -> Tensor:
    """(n, 3, F, H, W) → the model's frames and pixels."""
    chosen = torch.linspace(0, clips.shape[2] - 1, shape.num_frames).round().long()
    pictures = clips[:, :, chosen].transpose(1, 2)  # (n, F, 3, H, W)
    size = (shape.image_size, shape.image_size)
    small = interpolate(pictures.flatten(0, 1), size=size, mode="bilinear", antialias=True)
    return small.view(*pictures.shape[:3], *size).transpose(1, 2).contiguous()


def _skill_table(
    a: Sequence[TimestepErrors], b: Sequence[TimestepErrors], same_schedule: bool, bootstrap: Bootstrap
) -> str:
    skills = [(one.skill(bootstrap).value, other.skill(bootstrap).value) for one, other in zip(a, b, strict=True)]
    header = ["t", "SNR", *([] if same_schedule else ["t of B", "SNR of B"]), "skill A", "skill B", "B - A", "95 %"]
    rows = []
    for one, other, (skill_a, skill_b) in zip(a, b, skills, strict=True):
        gain = _gain(one, other, bootstrap)
        partner = [] if same_schedule else [str(other.t), decimal(other.snr)]
        interval = DASH if math.isnan(gain.low) else f"{gain.low:+.3f} to {gain.high:+.3f}"
        values = [f"{skill_a:.3f}", f"{skill_b:.3f}", f"{gain.value:+.3f}", interval]
        rows.append([str(one.t), decimal(one.snr), *partner, *values])
    mean_a, mean_b = np.mean(skills, axis=0)
    return f"{plain_table(header, rows)}\nmean over t: A {mean_a:.3f}, B {mean_b:.3f}"


def _gain(a: TimestepErrors, b: TimestepErrors, bootstrap: Bootstrap) -> Estimate:
    """Skill of B - skill of A; the same clips stand behind both, so they are resampled together."""
    trivial_a, trivial_b = a.baselines[a.best_baseline], b.baselines[b.best_baseline]
    return bootstrap.statistic(
        len(a.model),
        lambda rows: (
            a.model[rows].mean(axis=-1) / trivial_a[rows].mean(axis=-1)
            - b.model[rows].mean(axis=-1) / trivial_b[rows].mean(axis=-1)
        ),
    )


def _log_snr(errors: TimestepErrors) -> float:
    return math.log(max(errors.snr, 1e-30))


def _has_shape(store: ClipStore, clip: ClipShape) -> bool:
    return (store.meta.num_frames, store.meta.image_size) == (clip.num_frames, clip.image_size)


def _larger_shape(made: Sequence[Clips]) -> tuple[int, int, int]:
    """(F, H, W) that holds all of them."""
    num_frames, height, width = np.max([clips.frames.shape[1:4] for clips in made], axis=0).tolist()
    return num_frames, height, width


def _shape_note(made: Sequence[Clips]) -> list[str]:
    """What was done to clips of different shapes, if they are."""
    shapes = [clips.frames.shape[1:4] for clips in made]
    if shapes[0] == shapes[1]:
        return []
    a, b = (f"{frames} frames of {height} x {width}" for frames, height, width in shapes)
    frames, height, width = _larger_shape(made)
    return [f"A makes {a}, B {b}: each had its own noise of the seed, and is shown as {frames} of {height} x {width}"]


def _facts(sides: Sequence[Side], made: Sequence[Clips]) -> dict[str, Any]:
    """What both files say under one name, for `t2s info`; the whole provenance of each under its letter.

    Where A and B differ both values stand there, A's first; but `mlflow_run_id` names one run, so that it can be looked
    up: that of B, the new one, or A's where B has none.
    """
    a, b = (clips.provenance for clips in made)
    shared = {key: a[key] if a[key] == b[key] else f"{a[key]}; {b[key]}" for key in a if key in b}
    run = b.get("mlflow_run_id") or a.get("mlflow_run_id")
    whole = {
        side.letter.lower(): {"checkpoint": side.path.name, **clips.provenance}
        for side, clips in zip(sides, made, strict=True)
    }
    return {**shared, "mlflow_run_id": run, **whole}
