"""Clips per second and core of preprocessing's decode, sampling and resize, beside FFmpeg's bare decode and a cv2 loop.

    python benchmarks/preprocess_throughput.py

All read the same self-made files in one run, in turns: 640 × 480 H.264 at 25 fps, a synthetic signer with the grain
of a camera. Counted is CPU time (one thread each), so that a busy machine changes little. A bare decode, every frame
and none looked at, is the floor: by PyAV's libavcodec, and by FFmpeg (`-f null`) where it is installed, on the PATH or
by `pip install imageio-ffmpeg`. The cv2 loop is what people write: decode every frame, convert, resize, keep 16.
"""

import importlib
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "threads;1"  # before cv2 opens its first file

import av
import cv2
import numpy as np
from results import finding, make_parser, record
from workload import read_settings

from t2s.data.clip_reader import read_clip
from t2s.data.config import DataConfig
from t2s.data.manifest import ManifestRow
from t2s.signer.appearance import Signer
from t2s.signer.film import encode_mp4
from t2s.signer.lexicon import SIGNS
from t2s.signer.render import render_clip

WIDTH, HEIGHT, FPS, NUM_FRAMES = 640, 480, 25, 60
GRAIN = 3.0  # standard deviation, of 255
ASL_CITIZEN_CLIPS = 83_000


def film(folder: Path, num_files: int) -> list[str]:
    """Write the files; returns their names."""
    random, names = np.random.default_rng(0), []
    for i in range(num_files):
        frames = render_clip(SIGNS[i % len(SIGNS)], Signer.sample(1, i), 0, NUM_FRAMES, HEIGHT).astype(np.float32)
        sides = (WIDTH - HEIGHT) // 2
        frames = np.pad(frames, ((0, 0), (0, 0), (sides, sides), (0, 0)), mode="edge")
        frames += random.normal(0, GRAIN, frames.shape).astype(np.float32)
        names.append(f"{i}.mp4")
        (folder / names[-1]).write_bytes(encode_mp4(frames.clip(0, 255).astype(np.uint8), FPS, crf=23))
    return names


def with_t2s(folder: Path, names: list[str], data: DataConfig) -> None:
    for name in names:
        row = ManifestRow(name, name, "hello", "hello", "s", "train", None, None, None, None, "CC0-1.0")
        read_clip(folder, row, data)


def with_cv2(folder: Path, names: list[str], data: DataConfig) -> None:
    for name in names:
        video, frames = cv2.VideoCapture(str(folder / name)), []
        while (read := video.read())[0]:
            colours = cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
            frames.append(cv2.resize(colours, (data.image_size, data.image_size), interpolation=cv2.INTER_AREA))
        np.stack([frames[i] for i in np.linspace(0, len(frames) - 1, data.num_frames).astype(int)])


def find_ffmpeg() -> str | None:
    """The program, on the PATH or from the package imageio-ffmpeg."""
    if (installed := shutil.which("ffmpeg")) or find_spec("imageio_ffmpeg") is None:
        return installed
    return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())


def with_ffmpeg(folder: Path, names: list[str], data: DataConfig) -> None:
    """One process for all files: starting FFmpeg is not what is compared."""
    listed = folder / "list.txt"
    listed.write_text("".join(f"file {name}\n" for name in names), "utf-8")
    command = [str(find_ffmpeg()), "-v", "error", "-nostdin", "-threads", "1", "-f", "concat", "-i", str(listed)]
    subprocess.run([*command, "-f", "null", "-"], check=True)


def with_bare_decode(folder: Path, names: list[str], data: DataConfig) -> None:
    """What FFmpeg's `-f null` does, by the libavcodec that PyAV brings: every frame decoded, none looked at."""
    for name in names:
        with av.open(str(folder / name)) as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            for _ in container.decode(stream):
                pass


def cpu_s(call: Callable[[], None]) -> float:
    """CPU seconds of this process and its children."""

    def spent() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in used)

    before = spent()
    call()
    return spent() - before


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    num_files, rounds = (1, 1) if arguments.quick else (arguments.files, arguments.rounds)
    data = read_settings({}).data
    cv2.setNumThreads(1)
    ways = {"t2s preprocess": with_t2s, "cv2 loop": with_cv2, "bare decode": with_bare_decode}
    if find_ffmpeg():
        ways["ffmpeg -f null"] = with_ffmpeg
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(prefix="t2s-preprocess-") as folder:
        names = film(Path(folder), num_files)
        for way in ways.values():
            way(Path(folder), names[:1], data)
        for _ in range(rounds):
            for name, way in ways.items():
                seconds[name].append(cpu_s(lambda way=way: way(Path(folder), names, data)))
    per_clip = {name: median(each) / num_files for name, each in seconds.items()}
    ours = per_clip["t2s preprocess"]
    rows = [
        {
            "reader": name,
            "clips/s a core": 1 / each,
            "frames/s a core": NUM_FRAMES / each,
            "CPU over ours": each / ours,
        }
        for name, each in per_clip.items()
    ]
    hours = ASL_CITIZEN_CLIPS * ours / 3600
    findings = [
        finding("clips/s and core", 1 / ours),
        finding("bare decode's CPU time over ours, both by PyAV's libavcodec", per_clip["bare decode"] / ours),
        finding("our CPU time over the cv2 loop's", ours / per_clip["cv2 loop"]),
        finding(f"core-hours for {ASL_CITIZEN_CLIPS:,} such clips (projected)", hours),
    ]
    if "ffmpeg -f null" in per_clip:
        findings.insert(1, finding("FFmpeg's CPU time (`-f null`) over ours", per_clip["ffmpeg -f null"] / ours, 0.8))
    settings = {"files": num_files, "rounds": rounds, "frames": NUM_FRAMES, "fps": FPS, "size": [WIDTH, HEIGHT]}
    notes = [] if "ffmpeg -f null" in ways else ["ffmpeg is not installed: its bare decode is left out."]
    content = {"settings": settings, "findings": findings, "tables": {"Readers": rows}, "notes": notes}
    record("preprocess_throughput", content, arguments.quick)


if __name__ == "__main__":
    main()
