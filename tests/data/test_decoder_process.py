"""A file may cost its limits or its decoder's life, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from t2s.data.clip_reader import read_clip
from t2s.data.config import DataConfig
from t2s.data.decoder_process import DecoderProcess
from t2s.data.faults import MediaError
from t2s.data.manifest import ManifestRow
from t2s.data.worker_process import WorkerProcess


def row(path: str) -> ManifestRow:
    return ManifestRow("c", path, "hello", "hello", "s", "train", None, None, None, None, "CC0-1.0")


@pytest.fixture
def config(make_config: Callable[..., DataConfig]) -> Callable[..., DataConfig]:
    def config(**limits: Any) -> DataConfig:
        return make_config(num_frames=8, image_size=32, decode=make_config().decode.model_dump() | limits)

    return config


def test_it_decodes_as_this_process_does(tmp_path, encode_video, test_card, config) -> None:
    encode_video(tmp_path / "a.mp4", test_card(24))
    encode_video(tmp_path / "b.mp4", test_card(8))
    with DecoderProcess(tmp_path, config()) as decoder:
        for name in ("a.mp4", "b.mp4", "a.mp4"):
            here, there = read_clip(tmp_path, row(name), config()), decoder.decode(row(name))
            assert (here.pixels == there.pixels).all()
            assert (here.fps, here.source_frames) == (there.fps, there.source_frames)


def test_faults_come_back_with_their_reason(tmp_path, encode_video, test_card, config) -> None:
    encode_video(tmp_path / "a.mp4", test_card(24))
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    os.mkfifo(tmp_path / "pipe.mp4")
    with DecoderProcess(tmp_path, config()) as decoder:
        for name, reason in (("none.mp4", "missing"), ("bad.mp4", "corrupt"), ("pipe.mp4", "path"), ("../x", "path")):
            with pytest.raises(MediaError) as caught:
                decoder.decode(row(name))
            assert caught.value.reason == reason
        assert decoder.decode(row("a.mp4")).source_frames == 24


def test_a_file_that_takes_too_long_is_given_up(tmp_path, encode_video, test_card, config) -> None:
    encode_video(tmp_path / "long.mp4", test_card(4000, 64, 64), options={"preset": "ultrafast"})
    with DecoderProcess(tmp_path, config(time_s=0.005)) as decoder:
        start = time.monotonic()
        for _ in range(2):  # and the decoder that takes its place works the same
            with pytest.raises(MediaError) as caught:
                decoder.decode(row("long.mp4"))
            assert caught.value.reason == "time"
        assert time.monotonic() - start < 20


def test_a_file_that_takes_too_much_memory_is_given_up(tmp_path, encode_video, test_card, config) -> None:
    encode_video(tmp_path / "small.mp4", test_card(8))
    frames = np.zeros((1, 3600, 3600, 3), np.uint8)
    encode_video(tmp_path / "huge.mov", frames, codec="qtrle", pix_fmt="rgb24")
    with DecoderProcess(tmp_path, config(memory_mib=64, max_pixels=10**9)) as decoder:
        assert decoder.decode(row("small.mp4")).source_frames == 8
        with pytest.raises(MediaError) as caught:
            decoder.decode(row("huge.mov"))
        assert caught.value.reason == "memory"
        assert decoder.decode(row("small.mp4")).source_frames == 8
    with DecoderProcess(tmp_path, config(memory_mib=1024, max_pixels=10**9)) as decoder:
        assert decoder.decode(row("huge.mov")).source_frames == 1


def test_a_decoder_that_died_between_two_clips_costs_none(tmp_path, encode_video, test_card, config) -> None:
    encode_video(tmp_path / "a.mp4", test_card(24))
    with DecoderProcess(tmp_path, config()) as decoder:
        decoder.decode(row("a.mp4"))
        assert decoder._process is not None
        os.kill(decoder._process.pid, signal.SIGKILL)
        decoder._process.wait()
        assert decoder.decode(row("a.mp4")).source_frames == 24


@pytest.mark.parametrize(("served", "started"), [(0, 1), (1, 2)])
def test_a_clip_that_kills_its_decoders_costs_itself(
    served, started, tmp_path, encode_video, test_card, config, monkeypatch
) -> None:
    """It gets one fresh decoder, when an earlier clip may have been the cause."""
    encode_video(tmp_path / "a.mp4", test_card(24))
    lives: list[int] = []
    send = WorkerProcess._send

    def kill_and_send(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
        if "path" in message:
            if len(lives) >= served:
                os.kill(process.pid, signal.SIGSEGV)
                process.wait()
            lives.append(process.pid)
        send(process, message)

    with DecoderProcess(tmp_path, config()) as decoder:
        with monkeypatch.context() as patch:
            patch.setattr(WorkerProcess, "_send", staticmethod(kill_and_send))
            for _ in range(served):
                decoder.decode(row("a.mp4"))
            with pytest.raises(MediaError, match="SIGSEGV") as caught:
                decoder.decode(row("a.mp4"))
        assert caught.value.reason == "crash"
        assert len(set(lives)) == started
        assert decoder.decode(row("a.mp4")).source_frames == 24


def test_a_clip_that_was_interrupted_is_not_tried_again(tmp_path, encode_video, test_card, config) -> None:
    encode_video(tmp_path / "a.mp4", test_card(24))
    with DecoderProcess(tmp_path, config()) as decoder:
        decoder.decode(row("a.mp4"))
        decoder.interrupt()
        with pytest.raises(MediaError) as caught:
            decoder.decode(row("a.mp4"))
        assert caught.value.reason == "crash"


def test_a_decoder_ends_with_its_owner(tmp_path, encode_video, test_card, config) -> None:
    """Killed without a chance to say goodbye, the owner leaves no decoder behind."""
    encode_video(tmp_path / "a.mp4", test_card(8))
    settings = config().model_dump_json()
    script = f"""
import os, signal, sys
from pathlib import Path
from t2s.data.config import DataConfig
from t2s.data.decoder_process import DecoderProcess
from t2s.data.manifest import ManifestRow
decoder = DecoderProcess(Path({str(tmp_path)!r}), DataConfig.model_validate_json({settings!r}))
decoder.decode(ManifestRow("c", "a.mp4", "t", "", "s", "train", None, None, None, None, "l"))
print(decoder._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    pid = int(done.stdout)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/cmdline").exists() and b"decode_worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_memory_stays_flat_over_a_long_video(tmp_path, encode_video, test_card, config) -> None:
    """500 frames of 320 x 240 would be 115 MB; decoding them passes within 64 MiB."""
    encode_video(tmp_path / "long.mp4", test_card(500, 320, 240), options={"preset": "ultrafast", "crf": "40"})
    with DecoderProcess(tmp_path, config(memory_mib=64)) as decoder:
        assert decoder.decode(row("long.mp4")).source_frames == 500
