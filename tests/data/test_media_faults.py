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
def read_span(make_config: Callable[..., DataConfig]) -> Callable[..., DecodedClip]:
    """The clip from 14 to 15.5 s."""

    def read_span(path: Path) -> DecodedClip:
        row = ManifestRow("c", path.name, "hello", "hello", "s", "train", 14.0, 15.5, None, 25.0, "CC0-1.0")
        return read_clip(path.parent, row, make_config(num_frames=8, image_size=32))

    return read_span


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
    "h.ts": {},
    "i.m2ts": {"muxer": {"mpegts_m2ts_mode": "1"}},
    "j.png": {"codec": "apng", "pix_fmt": "rgb24", "format_name": "apng"},
}


@pytest.mark.parametrize("name", KINDS)
def test_a_truncated_file_never_gives_another_clip(name, tmp_path, encode_video, test_card, read) -> None:
    """Cut at 20 offsets: quarantined, or (where only an index or padding at the end is lost) the very same clip."""
    path = encode_video(tmp_path / name, test_card(24), **KINDS[name])
    whole = read(tmp_path, name)
    content = path.read_bytes()
    refused = 0
    seams = [at for at in range(len(content)) if content[at + 4 : at + 8] == b"moof"]  # a stream may end there
    if name.endswith("ts"):
        seams = list(range(0, len(content), 192 if name == "i.m2ts" else 188))
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


def test_an_animated_png_needs_its_end(tmp_path, encode_video, test_card, reason_of) -> None:
    """Cut before any of its chunks."""
    path = encode_video(tmp_path / "a.png", test_card(8), **KINDS["j.png"])
    content = path.read_bytes()
    at, seams = 8, []
    while at < len(content):
        seams.append(at)
        at += 12 + int.from_bytes(content[at : at + 4], "big")
    for seam in seams[4:]:
        path.write_bytes(content[:seam])
        assert reason_of(tmp_path, "a.png") == "corrupt"


@pytest.mark.parametrize("tail", [b"x", b"\0\0", b"\n", b"; and text"])
def test_a_gif_may_go_on_after_its_trailer(tail, tmp_path, encode_video, test_card, read) -> None:
    path = encode_video(tmp_path / "a.gif", test_card(24), **KINDS["f.gif"])
    whole = read(tmp_path, "a.gif")
    path.write_bytes(path.read_bytes() + tail)
    clip = read(tmp_path, "a.gif")
    assert (clip.pixels == whole.pixels).all()
    assert clip.source_frames == 24


@pytest.fixture
def drifting() -> np.ndarray:
    """17 s of a texture on the move, (425, 64, 96, 3): every frame is predicted from the one before."""
    texture = np.random.default_rng(0).integers(0, 60, (64, 96, 3), np.uint8)
    return np.stack([np.roll(texture, 3 * k, axis=1) + np.uint8(k * 180 // 425) for k in range(425)])


def test_a_semicolon_is_not_yet_the_trailer_of_a_gif(tmp_path, encode_video, drifting, reason_of) -> None:
    """Cut after a byte like the trailer's: now and then FFmpeg makes a shorter film of that."""
    path = encode_video(tmp_path / "a.gif", drifting[:24], **KINDS["f.gif"])
    content = path.read_bytes()
    cuts = [at + 1 for at in range(1000, len(content) - 1) if content[at : at + 1] == b";"]
    for cut in cuts[:150]:
        path.write_bytes(content[:cut])
        assert reason_of(tmp_path, "a.gif") == "corrupt"


def packet_at(path: Path, time_s: float) -> bytes:
    """What is coded of the first frame from `time_s` on."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return next(bytes(packet) for packet in container.demux(stream) if packet.pts * stream.time_base >= time_s)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_damage_before_a_clip_spoils_what_is_predicted_from_it(
    name, tmp_path, encode_video, drifting, read, read_span
) -> None:
    """Damage at 13.2 s that a reading of all finds: the clip from 14 s, in the same group of pictures, is no clip."""
    options = {"g": "250", "preset": "ultrafast", "bf": "0"}
    path = encode_video(tmp_path / name, drifting, options=options)
    content = path.read_bytes()
    assert read_span(path).source_frames == 38
    packet = packet_at(path, 13.2)
    found = 0
    for share in (0.2, 0.35, 0.5, 0.65):
        offset = content.index(packet) + int(len(packet) * share)
        path.write_bytes(content[:offset] + bytes((37 * k + 11) % 256 for k in range(60)) + content[offset + 60 :])
        try:
            read(tmp_path, name)
        except MediaError:
            found += 1
            with pytest.raises(MediaError) as caught:
                read_span(path)
            assert caught.value.reason == "corrupt"
    assert found >= 1


def test_a_sync_table_that_lies_changes_no_clip(tmp_path, encode_video, drifting, read_span) -> None:
    """Without the table every frame counts as a keyframe, and a jump lands on one that is none."""
    path = encode_video(tmp_path / "a.mp4", drifting, codec="mpeg4", options={"g": "300"})
    honest = read_span(path)
    path.write_bytes(path.read_bytes().replace(b"stss", b"free"))
    assert (read_span(path).pixels == honest.pixels).all()


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
