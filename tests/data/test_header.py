"""Headers: what a file claims, and files that are not what they are called."""

import os

import cv2
import numpy as np
import pytest

from t2s.data.faults import MediaError
from t2s.data.header import Header, probe_header


def test_video_gif_and_still(tmp_path, write_mp4):
    write_mp4(tmp_path / "a.mp4", num_frames=50, fps=25, size=(64, 48))
    write_mp4(tmp_path / "b.gif", num_frames=8, fps=10)
    cv2.imwrite(str(tmp_path / "c.png"), np.zeros((26, 21, 3), np.uint8))
    assert probe_header(tmp_path, "a.mp4") == Header(64, 48, 25.0, 2.0)
    assert probe_header(tmp_path, "b.gif") == Header(32, 32, 10.0, 0.8)
    assert probe_header(tmp_path, "c.png") == Header(21, 26, None, None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ffconcat version 1.0\nfile real.mp4\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.mp4\n#EXT-X-ENDLIST\n",
        b"#!/bin/sh\necho hello\n" * 50,
    ],
)
def test_other_content_named_mp4(tmp_path, write_mp4, content, capfd):
    write_mp4(tmp_path / "real.mp4")
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(MediaError) as refusal:
        probe_header(tmp_path, "a.mp4")
    assert refusal.value.reason in ("container", "corrupt")
    assert capfd.readouterr() == ("", "")


def test_special_files_do_not_hang(tmp_path):
    os.mkfifo(tmp_path / "fifo.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "link.mp4").symlink_to("/dev/zero")
    (tmp_path / "fake.png").write_bytes(b"no png")
    for name in ("fifo.mp4", "folder.mp4", "link.mp4", "fake.png", "absent.mp4", "../a.mp4", "/etc/passwd"):
        with pytest.raises(MediaError):
            probe_header(tmp_path, name)


def test_a_truncated_file_ends_in_a_header_or_in_a_media_error(tmp_path, write_mp4):
    whole = write_mp4(tmp_path / "a.mp4").read_bytes()
    refused = 0
    for length in range(0, len(whole), 97):
        (tmp_path / "a.mp4").write_bytes(whole[:length])
        try:
            assert probe_header(tmp_path, "a.mp4").width == 32
        except MediaError:
            refused += 1
    assert refused


@pytest.mark.parametrize(("degrees", "shown"), [(0, (96, 64)), (90, (64, 96)), (180, (96, 64)), (270, (64, 96))])
def test_sizes_are_those_of_the_picture_as_shown(degrees, shown, tmp_path, encode_video, test_card):
    encode_video(tmp_path / "a.mp4", test_card(8), prepare=lambda stream: stream.set_display_rotation(degrees))
    header = probe_header(tmp_path, "a.mp4")
    assert (header.width, header.height) == shown
