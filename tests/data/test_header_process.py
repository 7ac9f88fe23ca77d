"""Headers are read in another process: whatever a file does there, it costs its own header."""

import os
import signal

import numpy as np
import pytest

from t2s.data import header_process
from t2s.data.faults import MediaError
from t2s.data.header import Header, probe_header
from t2s.data.header_process import HeaderProcess


def test_it_reads_as_this_process_does(tmp_path, write_mp4) -> None:
    write_mp4(tmp_path / "a.mp4", num_frames=50, size=(64, 48))
    (tmp_path / "b.mp4").write_bytes(b"no video")
    os.mkfifo(tmp_path / "c.mp4")
    with HeaderProcess(tmp_path) as headers:
        assert headers.probe("a.mp4") == probe_header(tmp_path, "a.mp4") == Header(64, 48, 25.0, 2.0)
        for name in ("b.mp4", "c.mp4", "none.mp4", "../a.mp4"):
            with pytest.raises(MediaError) as here:
                probe_header(tmp_path, name)
            with pytest.raises(MediaError) as there:
                headers.probe(name)
            assert (there.value.reason, there.value.message) == (here.value.reason, here.value.message)
        assert headers.probe("a.mp4").width == 64


def test_a_file_that_hangs_its_reader_is_given_up(tmp_path, write_mp4, monkeypatch) -> None:
    write_mp4(tmp_path / "a.mp4")
    with HeaderProcess(tmp_path) as headers:
        headers.probe("a.mp4")
        stopped = headers._process
        assert stopped is not None
        os.kill(stopped.pid, signal.SIGSTOP)
        with monkeypatch.context() as patch:
            patch.setattr(header_process, "LIMIT_S", 0.2)
            with pytest.raises(MediaError, match=r"takes more than 0\.2 s") as caught:
                headers.probe("a.mp4")
        assert caught.value.reason == "time"
        assert stopped.returncode == -signal.SIGKILL
        assert headers.probe("a.mp4").width == 32


def test_a_first_frame_beyond_its_memory_costs_only_its_turn(tmp_path, write_mp4, encode_video, monkeypatch) -> None:
    frames = np.zeros((1, 3600, 3600, 3), np.uint8)
    encode_video(tmp_path / "huge.mov", frames, codec="qtrle", pix_fmt="rgb24")
    write_mp4(tmp_path / "a.mp4")
    monkeypatch.setattr(header_process, "MEMORY_MIB", 32)
    with HeaderProcess(tmp_path) as headers:
        assert headers.probe("a.mp4").width == 32
        assert (headers.probe("huge.mov").width, headers.probe("huge.mov").height) == (3600, 3600)
        assert headers.probe("a.mp4").width == 32
