"""A folder of numbered pictures → the frames a clip takes. Only the pictures taken are opened."""

import os
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path, PurePosixPath

import av

from t2s.data.faults import MediaError
from t2s.data.frame_times import Selection, Timeline, select_frames
from t2s.data.line_problems import stills_problem
from t2s.data.media_file import ffmpeg_errors, new_decoder, raise_logged
from t2s.data.pixels import Pixels
from t2s.data.safe_open import list_folder, open_regular
from t2s.data.video import VideoRequest

_DECODERS = {".png": "png", ".jpg": "mjpeg", ".jpeg": "mjpeg"}
_NUMBER = re.compile(r"%0?\d*d")


def is_still_pattern(path: str) -> bool:
    """Whether a manifest path such as `frames/images%04d.png` stands for numbered pictures."""
    name = PurePosixPath(path)
    return name.suffix.lower() in _DECODERS and len(_NUMBER.findall(name.name)) == 1


def still_paths(root: Path, pattern: str) -> list[str]:
    """The pictures a pattern stands for, by number; other files of the folder do not count.

    Raises:
        MediaError: no picture, or a number left out.
    """
    folder, name = PurePosixPath(pattern).parent, PurePosixPath(pattern).name
    before, after = _NUMBER.split(name)
    numbered = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    found = {int(match[1]): match[0] for match in map(numbered.fullmatch, list_folder(root, str(folder))) if match}
    if not found:
        raise MediaError("missing", f"no picture is named {name}")
    numbers = sorted(found)
    if numbers[0] > 1:
        raise MediaError("missing", f"picture 1 of {numbers[-1]} is missing")
    gap = next((before + 1 for before, after in pairwise(numbers) if after > before + 1), None)
    if gap is not None:
        raise MediaError("missing", f"picture {gap} of {numbers[-1]} is missing")
    return [str(folder / found[number]) for number in numbers]


def decode_stills(root: Path, pattern: str, fps: float | None, request: VideoRequest) -> tuple[list[Pixels], Selection]:
    """The painted frames of one clip; picture k is shown from k / fps on, counted from 0.

    Raises:
        MediaError: for whatever is wrong with the pictures.
    """
    if problem := stills_problem(fps):
        raise MediaError("timestamps", problem)
    assert fps is not None
    paths = still_paths(root, pattern)
    if len(paths) > request.limits.max_frames:
        raise MediaError("too_large", f"more pictures than data.decode.max_frames = {request.limits.max_frames}")
    shown = [(number / fps, 1 / fps) for number in range(len(paths))]
    times_s = [time_s for time_s, _ in shown]
    timeline = Timeline.within(shown, request.interval)
    selection = select_frames(timeline, request.interval, request.sampling, request.limits.end_tolerance_s)
    paint = request.make_painter(Fraction(1))
    kept = {
        time_s: paint(_decode_picture(root, paths[times_s.index(time_s)], request.limits.max_pixels))
        for time_s in dict.fromkeys(selection.times_s)
    }
    return [kept[time_s] for time_s in selection.times_s], selection


def _decode_picture(root: Path, path: str, max_pixels: int) -> av.VideoFrame:
    with os.fdopen(open_regular(root, path), "rb") as file:
        content = file.read()
    name = PurePosixPath(path)
    decoder = new_decoder(_DECODERS[name.suffix.lower()], max_pixels)
    try:
        with ffmpeg_errors() as logs:
            frames = decoder.decode(av.Packet(content)) + decoder.decode(None)
            raise_logged(logs)
    except MediaError as error:
        raise MediaError(error.reason, f"{name.name}: {error.message}") from error
    if len(frames) != 1 or frames[0].is_corrupt:
        raise MediaError("corrupt", f"{name.name}: not one whole picture")
    return frames[0]
