"""Generated clips as people handle them: frames, where they come from, files, a player in a notebook."""

import base64
import html
import json
import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from t2s import atomic
from t2s.data.encode import write_gif, write_mp4, write_png
from t2s.errors import UserError
from t2s.fonts import font_file
from t2s.provenance import software_version

if TYPE_CHECKING:
    from torch import Tensor

Frames = npt.NDArray[np.uint8]
FORMATS = ("mp4", "gif", "png")
MARK = "AI-generated"
CARRIED = ("fingerprint", "git_revision", "licence", "mlflow_run_id")  # of a checkpoint, by whatever it makes
MARK_HEIGHT = 16  # pixels of the strip under the picture
INK, GROUND = (225, 225, 225), (24, 24, 24)  # of strips and captions
CAPTION_SIZE, CAPTION_WIDTH, CAPTION_MARGIN = 13, 160, 5  # pixels: of the type, at most of a caption, beside it


@dataclass(frozen=True)
class Clips:
    """`frames`: (B, F, H, W, 3) uint8 RGB. `provenance`: prompt, signs, sampler, fingerprint, licence …"""

    frames: Frames
    fps: float
    provenance: Mapping[str, Any]
    seeds: Sequence[int]

    def __post_init__(self) -> None:
        if len(self.seeds) != len(self.frames):
            raise ValueError(f"{len(self.seeds)} seeds for {len(self.frames)} clips")

    @classmethod
    def from_model(cls, clips: "Tensor", fps: float, provenance: Mapping[str, Any], seeds: Sequence[int]) -> "Clips":
        """From model space, (B, C, F, H, W) in [-1, 1]."""
        frames = ((clips.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 4, 1).cpu().numpy()
        return cls(frames, fps, provenance, list(seeds))

    def __len__(self) -> int:
        return len(self.frames)

    def metadata(self, i: int) -> dict[str, str]:
        """What clip i carries into its file: all provenance, its seed, and that a machine made it."""
        facts = {**self.provenance, "seed": self.seeds[i], "software": f"t2s {software_version()}", "note": MARK}
        return as_text(facts)

    def save(self, path: Path | str, *, mark: bool = True, scale: int = 4) -> list[Path]:
        """Write mp4, gif or png (a contact sheet), by the suffix. Several clips get -0, -1 … before the suffix.

        Args:
            mark: a strip below the picture that says AI-generated.
            scale: each pixel becomes scale × scale, so that small clips can be watched.

        Raises:
            UserError: an unknown suffix, or the file cannot be written.
        """
        path = Path(path)
        kind = path.suffix.lstrip(".").lower()
        if kind not in FORMATS:
            raise UserError(f"{path}: suffix must be one of {', '.join('.' + name for name in FORMATS)}")
        paths = [path] if len(self) == 1 else [path.with_stem(f"{path.stem}-{i}") for i in range(len(self))]
        for i, target in enumerate(paths):
            frames, facts = enlarge(self.frames[i], scale), self.metadata(i)
            if kind == "png":
                write_png(target, _picture(list(frames), mark), facts)
                continue
            frames = labelled(frames, MARK) if mark else frames
            if kind == "mp4":
                write_mp4(target, frames, self.fps, facts)
            else:
                write_gif(target, frames, self.fps, facts)
        return paths

    def save_sheet(
        self, path: Path, *, mark: bool = True, scale: int = 2, max_columns: int = 8, captions: Sequence[str] = ()
    ) -> None:
        """A contact sheet: one row a clip, time from left to right, at most `max_columns` frames of each.

        Args:
            mark: a strip below it that says AI-generated.
            captions: what stands left of the rows, one each; none by default.

        Raises:
            UserError: the file cannot be written.
            ValueError: captions, but not one for each clip.
        """
        if captions and len(captions) != len(self):
            raise ValueError(f"{len(captions)} captions for {len(self)} clips")
        columns = np.unique(np.linspace(0, self.frames.shape[1] - 1, max_columns).round().astype(int))
        rows = [np.concatenate(list(enlarge(clip[columns], scale)), axis=1) for clip in self.frames]
        facts = {**self.metadata(0), "seed": json.dumps(list(self.seeds))}
        left = [caption_column(captions, rows[0].shape[0])] if captions else []
        write_png(path, _picture([*left, np.concatenate(rows, axis=0)], mark), facts)

    def _repr_html_(self) -> str:
        """A player for notebooks."""
        players = []
        with tempfile.TemporaryDirectory() as folder:
            for file in self.save(Path(folder) / "clip.mp4"):
                data = base64.b64encode(file.read_bytes()).decode("ascii")
                players.append(
                    f'<video autoplay loop muted controls width="256" src="data:video/mp4;base64,{data}"></video>'
                )
        caption = html.escape(f"{self.provenance.get('prompt', '')} · {MARK}")
        return f"<figure>{' '.join(players)}<figcaption>{caption}</figcaption></figure>"


def carried(about: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a checkpoint → the part of it that whatever the checkpoint makes carries."""
    return {key: about[key] for key in CARRIED if key in about}


def publish_sheets(drawn: Path, folder: Path) -> None:
    """Copy contact sheets into a folder made anew.

    Raises:
        UserError: a sheet cannot be written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for sheet in sorted(drawn.glob("[!.]*.png")):  # a kill may have left half of one under a hidden name
        atomic.write_bytes(folder / sheet.name, sheet.read_bytes())


def as_text(facts: Mapping[str, Any]) -> dict[str, str]:
    """As media files carry them: what is no text as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}


def enlarge(frames: Frames, scale: int) -> Frames:
    """(F, H, W, 3) → (F, scale·H, scale·W, 3), bicubic."""
    if scale == 1:
        return frames
    return np.stack([cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) for frame in frames])


def labelled(frames: Frames, text: str) -> Frames:
    """Add a dark strip with a text below every frame, cut at its width; sizes stay even, as H.264 asks."""
    strip = np.full((MARK_HEIGHT, frames.shape[2], 3), GROUND, np.uint8)
    cv2.putText(strip, text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.36, INK, 1, cv2.LINE_AA)
    return np.concatenate([frames, np.broadcast_to(strip, (len(frames), *strip.shape))], axis=1)


def caption_column(captions: Sequence[str], height: int) -> Frames:
    """(rows · height, W, 3): captions (at least one), each in the middle of its row, on one line.

    Cut with … at `CAPTION_WIDTH` pixels, and each in a font that has its letters, where one is installed.
    """
    size = max(6, min(CAPTION_SIZE, height - 3))
    fonts = [ImageFont.truetype(font_file(text), size) for text in captions]
    lines = [_fitted(text, font) for text, font in zip(captions, fonts, strict=True)]
    lengths = [font.getlength(line) for line, font in zip(lines, fonts, strict=True)]
    width = 2 * CAPTION_MARGIN + math.ceil(max(lengths))
    column = Image.new("RGB", (width, len(lines) * height), GROUND)
    draw = ImageDraw.Draw(column)
    for row, (line, font) in enumerate(zip(lines, fonts, strict=True)):
        draw.text((CAPTION_MARGIN, (row + 0.5) * height), line, fill=INK, font=font, anchor="lm")
    return np.asarray(column)


def _fitted(text: str, font: ImageFont.FreeTypeFont) -> str:
    """On one line, of characters that can be encoded, cut with … where it is longer than `CAPTION_WIDTH`."""
    line = " ".join(text.split()).encode("utf-8", "replace").decode("utf-8")
    if font.getlength(line) <= CAPTION_WIDTH:
        return line
    kept = line[:CAPTION_WIDTH]
    while kept and font.getlength(f"{kept}…") > CAPTION_WIDTH:
        kept = kept[:-1].rstrip()
    return f"{kept}…"


def _picture(columns: Sequence[Frames], mark: bool) -> Frames:
    """Pictures (H, W, 3) side by side in one, with one mark below it."""
    whole = np.concatenate(columns, axis=1)
    return labelled(whole[None], MARK)[0] if mark else whole
