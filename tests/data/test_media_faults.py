"""Media that lie, are damaged or mean harm: every one ends in its reason, none in a wrong clip."""

import socket
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from t2s.data.clip_reader import DecodedClip, read_clip
from t2s.data.config import DataConfig
from t2s.data.faults import MediaError
from t2s.data.manifest import ManifestRow


@pytest.fixture
def read(make_config: Callable[..., DataConfig]) -> Callable[..., DecodedClip]:
    def read(root: Path, path: str, **changes: Any) -> DecodedClip:
        row = ManifestRow("c", path, "hello", "hello", "s", "train", None, None, None, 25.0, "CC0-1.0")
        return read_clip(root, row, make_config(**{"num_frames": 8, "image_size": 32, **changes}))

    return read


@pytest.fixture
def reason_of(read: Callable[..., DecodedClip]) -> Callable[..., str]:
    def reason_of(root: Path, path: str, **changes: Any) -> str:
        with pytest.raises(MediaError) as caught:
            read(root, path, **changes)
        assert str(root) not in caught.value.message
        return caught.value.reason

    return reason_of


KINDS: dict[str, dict[str, Any]] = {
    "a.mp4": {"muxer": {"movflags": "faststart"}},
    "b.mp4": {},
    "c.mkv": {},
    "d.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "e.avi": {"codec": "mpeg4"},
    "f.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "g.mp4": {"muxer": {"movflags": "frag_keyframe+empty_moov"}, "options": {"g": "6"}},
}


@pytest.mark.parametrize("name", KINDS)
def test_a_truncated_file_never_gives_another_clip(name, tmp_path, encode_video, test_card, read) -> None:
    """Cut at 20 offsets: quarantined, or (where only an index or padding at the end is lost) the very same clip."""
    path = encode_video(tmp_path / name, test_card(24), **KINDS[name])
    whole = read(tmp_path, name)
    content = path.read_bytes()
    refused = 0
    seams = [at for at in range(len(content)) if content[at + 4 : at + 8] == b"moof"]  # a stream may end there
    for length in set(np.linspace(0, len(content) - 1, 20).astype(int)) - set(seams):
        path.write_bytes(content[:length])
        try:
            clip = read(tmp_path, name)
        except MediaError as error:
            assert error.reason in ("corrupt", "container", "codec")
            refused += 1
        else:
            assert (clip.pixels == whole.pixels).all(), f"cut at {length} of {len(content)}"
            assert clip.source_frames == whole.source_frames
    assert refused >= 15


def test_damage_is_never_painted_over(tmp_path, encode_video, test_card, read) -> None:
    """A run of the coded bytes overwritten: FFmpeg would conceal it and return every frame."""
    path = encode_video(tmp_path / "a.mp4", test_card(24, 192, 128), muxer={"movflags": "faststart"})
    whole = read(tmp_path, "a.mp4")
    content = path.read_bytes()
    start = content.index(b"mdat") + 1200
    refused = 0
    for offset in np.linspace(start, len(content) - 80, 12).astype(int):
        path.write_bytes(content[:offset] + bytes(range(40)) + content[offset + 40 :])
        try:
            clip = read(tmp_path, "a.mp4")
        except MediaError as error:
            assert error.reason == "corrupt"
            refused += 1
        else:
            assert np.abs(clip.pixels.astype(int) - whole.pixels).max() < 60
    assert refused >= 10


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 4096, b"hello, this is text\n" * 50, b"\x89PNG\r\n\x1a\n", bytes(range(256)) * 40]
)
def test_what_is_no_video_is_refused(content, tmp_path, reason_of) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    assert reason_of(tmp_path, "a.mp4") in ("corrupt", "container")


def test_a_file_without_pictures_is_refused(tmp_path, reason_of) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    assert reason_of(tmp_path, "sound.mp4") == "container"


def test_a_cover_picture_is_no_video(tmp_path, encode_video, test_card, shown_frames, read) -> None:
    """The first picture stream is a cover: the clip is the second."""
    cover = tmp_path / "cover.jpg"
    with av.open(str(cover), "w", format="image2") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    video = encode_video(tmp_path / "plain.mp4", test_card(24))
    with (
        av.open(str(cover)) as picture,
        av.open(str(video)) as film,
        av.open(str(tmp_path / "covered.mp4"), "w") as target,
    ):
        first = target.add_stream_from_template(picture.streams.video[0])
        first.disposition = av.stream.Disposition.attached_pic
        second = target.add_stream_from_template(film.streams.video[0])
        for source, stream in ((picture, first), (film, second)):
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
    assert shown_frames(read(tmp_path, "covered.mp4").pixels, 24) == [1, 4, 7, 10, 13, 16, 19, 22]


PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile 'secret.mp4'\n",
    "concat_url": "ffconcat version 1.0\nfile 'http://127.0.0.1:{port}/a.mp4'\n",
    "hls": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "hls_url": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
    "http://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S"><Period><AdaptationSet><Representation id="1" bandwidth="1">'
    "<BaseURL>http://127.0.0.1:{port}/</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".sdp"])
def test_a_playlist_opens_nothing(kind, suffix, tmp_path, encode_video, test_card, reason_of) -> None:
    encode_video(tmp_path / "secret.mp4", test_card(8))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        port = server.getsockname()[1]
        (tmp_path / f"list{suffix}").write_text(PLAYLISTS[kind].format(port=port), encoding="utf-8")
        assert reason_of(tmp_path, f"list{suffix}") in ("container", "corrupt")
        with pytest.raises(TimeoutError):
            server.accept()


def test_an_mp4_that_points_at_another_file_does_not_read_it(tmp_path, encode_video, test_card, reason_of) -> None:
    """Its data reference says that the frames lie in another file, its own are zeros."""
    content = encode_video(tmp_path / "secret.mp4", test_card(8), muxer={"movflags": "faststart"}).read_bytes()
    reference, frames = content.index(b"url \0\0\0\1") + 4, content.index(b"mdat") + 4
    external = content[:reference] + b"\0\0\0\0" + content[reference + 4 : frames]
    (tmp_path / "pointer.mp4").write_bytes(external + bytes(len(content) - frames))
    assert reason_of(tmp_path, "pointer.mp4") in ("corrupt", "container")


@pytest.mark.parametrize(("name", "codec", "reason"), [("a.avi", "wmv2", "codec"), ("a.flv", "flv", "container")])
def test_containers_and_codecs_are_a_list(name, codec, reason, tmp_path, encode_video, test_card, reason_of) -> None:
    encode_video(tmp_path / name, test_card(8), codec=codec)
    assert reason_of(tmp_path, name) == reason


def test_huge_frames_are_refused_by_their_size(tmp_path, encode_video, test_card, reason_of, make_config) -> None:
    encode_video(tmp_path / "a.mp4", test_card(2, 256, 256))
    limits = make_config().decode.model_dump() | {"max_pixels": 256 * 255}
    assert reason_of(tmp_path, "a.mp4", decode=limits) == "too_large"


def test_a_png_bomb_is_refused_before_it_unfolds(tmp_path, reason_of) -> None:
    """30,000 x 30,000 pixels in a megabyte."""
    size = 30_000
    header = size.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(3 * size + 1)) for _ in range(200)) + rows.flush()
    chunks = [(b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big") for kind, body in chunks
    )
    (tmp_path / "images0001.png").write_bytes(png)
    assert reason_of(tmp_path, "images%04d.png") == "too_large"


def test_too_many_frames_are_refused(tmp_path, encode_video, test_card, reason_of, make_config) -> None:
    encode_video(tmp_path / "a.mp4", test_card(24))
    limits = make_config().decode.model_dump() | {"max_frames": 23}
    assert reason_of(tmp_path, "a.mp4", decode=limits) == "too_large"


def test_the_frame_count_in_the_header_is_not_believed(tmp_path, encode_video, test_card, shown_frames, read) -> None:
    """AVI's header says 240 frames, there are 24."""
    path = encode_video(tmp_path / "a.avi", test_card(24), codec="mpeg4")
    content = bytearray(path.read_bytes())
    main, stream = content.index(b"avih") + 8 + 16, content.index(b"strh") + 8 + 32
    assert content[main : main + 4] == content[stream : stream + 4] == (24).to_bytes(4, "little")
    content[main : main + 4] = content[stream : stream + 4] = (240).to_bytes(4, "little")
    path.write_bytes(bytes(content))
    clip = read(tmp_path, "a.avi")
    assert clip.source_frames == 24
    assert shown_frames(clip.pixels, 24) == [1, 4, 7, 10, 13, 16, 19, 22]
