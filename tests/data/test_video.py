"""Good but odd media: the right frames, the right way up, in the right colours."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from t2s.data.clip_reader import DecodedClip, read_clip
from t2s.data.config import DataConfig
from t2s.data.faults import MediaError
from t2s.data.manifest import ManifestRow

QUARTERS = {"red": (220, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 220), "white": (235, 235, 235)}
UPRIGHT = ["red", "green", "blue", "white"]  # left to right, top to bottom


@pytest.fixture
def read(make_config: Callable[..., DataConfig]) -> Callable[..., DecodedClip]:
    def read(path: Path, start_s: float | None = None, end_s: float | None = None, **changes: Any) -> DecodedClip:
        box = changes.pop("box", None)
        row = ManifestRow("c", path.name, "hello", "hello", "s", "train", start_s, end_s, box, 25.0, "CC0-1.0")
        return read_clip(path.parent, row, make_config(**{"num_frames": 8, "image_size": 32, **changes}))

    return read


def quarters(picture: np.ndarray) -> list[str]:
    """The colour in each corner, by name."""
    size = len(picture)
    corners = [picture[y, x] for y in (2, size - 3) for x in (2, size - 3)]
    return [min(QUARTERS, key=lambda name: np.abs(corner.astype(int) - QUARTERS[name]).sum()) for corner in corners]


def middles(num_frames: int, count: int) -> list[int]:
    return [int((k + 0.5) * num_frames / count) for k in range(count)]


ODD_KINDS: dict[str, dict[str, Any]] = {
    "plain.mp4": {},
    "matroska.mkv": {},
    "transport.ts": {},
    "program.mpg": {"codec": "mpeg2video"},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "vp8.webm": {"codec": "libvpx", "options": {"deadline": "realtime"}},
    "divx.avi": {"codec": "mpeg4"},
    "h264_b_frames.avi": {},
    "ten_bit.mp4": {"pix_fmt": "yuv420p10le"},
    "prores.mov": {"codec": "prores_ks", "pix_fmt": "yuv422p10le"},
    "full_range.mp4": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "yuv444.mp4": {"pix_fmt": "yuv444p"},
    "rgb.mkv": {"codec": "ffv1", "pix_fmt": "bgra"},
    "qtrle.mov": {"codec": "qtrle", "pix_fmt": "rgb24"},
    "interlaced.mp4": {"options": {"flags": "+ildct+ilme", "x264-params": "interlaced=1:tff=1"}},
    "audio_first.mp4": {"audio_first": True},
    "moov_first.mp4": {"muxer": {"movflags": "faststart"}},
    "fragmented.mp4": {"muxer": {"movflags": "frag_keyframe+empty_moov"}},
    "no_edit_list.mp4": {"muxer": {"use_editlist": "0"}},
    "negative_ctts.mp4": {"muxer": {"movflags": "negative_cts_offsets"}},
}


@pytest.mark.parametrize("name", ODD_KINDS)
def test_odd_kinds_give_the_same_clip(name, tmp_path, encode_video, test_card, shown_frames, read) -> None:
    clip = read(encode_video(tmp_path / name, test_card(24), **ODD_KINDS[name]))
    assert clip.pixels.shape == (8, 32, 32, 3)
    assert shown_frames(clip.pixels, 24) == middles(24, 8)
    assert all(quarters(picture) == UPRIGHT for picture in clip.pixels)
    assert clip.source_frames == 24
    assert clip.fps == pytest.approx(8 / (24 / 25), rel=1e-3)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_display_matrix_is_applied(degrees, mirrored, tmp_path, encode_video, test_card, read) -> None:
    def prepare(stream: Any) -> None:
        stream.set_display_rotation(degrees, hflip=mirrored)

    clip = read(encode_video(tmp_path / "turned.mp4", test_card(8), prepare=prepare))
    card = np.array(UPRIGHT).reshape(2, 2)
    expected = np.rot90(card, degrees // 90)
    if mirrored:
        expected = expected[:, ::-1]
    assert quarters(clip.pixels[4]) == expected.flatten().tolist()


def test_a_turn_that_is_no_quarter_is_refused(tmp_path, encode_video, test_card, read) -> None:
    path = encode_video(tmp_path / "a.mp4", test_card(8), prepare=lambda stream: stream.set_display_rotation(30))
    with pytest.raises(MediaError) as caught:
        read(path)
    assert caught.value.reason == "orientation"


@pytest.mark.parametrize("matrix", [av.video.reformatter.Colorspace.ITU709, av.video.reformatter.Colorspace.ITU601])
def test_the_colour_matrix_the_file_names_is_used(matrix, tmp_path, test_card, read) -> None:
    frames = test_card(8)
    path = tmp_path / "colour.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "4"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace = 1 if matrix == av.video.reformatter.Colorspace.ITU709 else 6
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=matrix)))
        container.mux(stream.encode(None))
    corner = read(path).pixels[4][2, 2]
    assert np.abs(corner.astype(int) - QUARTERS["red"]).max() <= 6


def test_frames_are_taken_by_time_where_the_rate_varies(tmp_path, encode_video, test_card, shown_frames, read) -> None:
    ticks = [0, 1000, 1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800]
    for name in ("varying.mp4", "varying.mkv"):
        clip = read(encode_video(tmp_path / name, test_card(10), ticks=ticks), end_s=1.9, num_frames=4)
        assert shown_frames(clip.pixels, 10) == [0, 0, 2, 7]


NEGATIVE = {"ticks": [40 * k - 200 for k in range(24)], "muxer": {"avoid_negative_ts": "disabled"}}


@pytest.mark.parametrize(("name", "codec"), [("negative.mkv", "mpeg4"), ("negative.ts", "libx264")])
def test_a_start_before_zero_is_the_start(name, codec, tmp_path, encode_video, test_card, shown_frames, read) -> None:
    clip = read(encode_video(tmp_path / name, test_card(24), codec=codec, **NEGATIVE))
    assert shown_frames(clip.pixels, 24) == middles(24, 8)


def test_mp4_hides_what_lies_before_zero(tmp_path, encode_video, test_card, shown_frames, read) -> None:
    clip = read(encode_video(tmp_path / "negative.mp4", test_card(24), **NEGATIVE), num_frames=19)
    assert shown_frames(clip.pixels, 24) == list(range(5, 24))


def test_frames_without_times_are_refused(tmp_path, encode_video, test_card, read) -> None:
    """What FFmpeg makes of H.264 with times below zero in Matroska."""
    with pytest.raises(MediaError) as caught:
        read(encode_video(tmp_path / "negative.mkv", test_card(24), **NEGATIVE))
    assert caught.value.reason == "timestamps"


def test_an_edit_list_hides_frames(tmp_path, encode_video, test_card, shown_frames, read) -> None:
    """An mp4 whose edit list starts at 0.4 s shows no earlier frame, though they are in the file."""
    path = encode_video(tmp_path / "edited.mp4", test_card(24))
    content = bytearray(path.read_bytes())
    entry = content.index(b"elst") + 12
    duration, start = (int.from_bytes(content[entry + 4 * k : entry + 4 * k + 4], "big") for k in (0, 1))
    content[entry : entry + 4] = round(duration * 14 / 24).to_bytes(4, "big")
    content[entry + 4 : entry + 8] = (start + 10 * 512).to_bytes(4, "big")
    path.write_bytes(bytes(content))
    clip = read(path, num_frames=7)
    assert clip.source_frames == 14
    assert shown_frames(clip.pixels, 24) == [11, 13, 15, 17, 19, 21, 23]


def test_transparent_pixels_show_white(tmp_path, encode_video, test_card, read) -> None:
    frames = np.concatenate([test_card(8), np.full((8, 64, 96, 1), 255, np.uint8)], axis=-1)
    frames[:, :32, :48, 3] = 0
    for name, kind in {
        "alpha.mov": {"codec": "qtrle", "pix_fmt": "argb"},
        "png.mov": {"codec": "png", "pix_fmt": "rgba"},
        "alpha.webm": {"codec": "libvpx-vp9", "pix_fmt": "yuva420p"},
    }.items():
        picture = read(encode_video(tmp_path / name, frames, **kind)).pixels[4]
        assert (picture[2, 2] >= 250).all(), name
        assert quarters(picture)[1:] == UPRIGHT[1:]


def test_a_transparent_gif(tmp_path, test_card, shown_frames, read) -> None:
    image = pytest.importorskip("PIL.Image")
    frames = test_card(8)
    pictures = [image.fromarray(frame).quantize(64) for frame in frames]
    for picture in pictures:
        picture.info["transparency"] = picture.getpixel((2, 2))
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=80, disposal=2)
    clip = read(tmp_path / "a.gif")
    assert (clip.pixels[4][2, 2] == 255).all()
    assert shown_frames(clip.pixels, 8) == list(range(8))
    assert clip.fps == pytest.approx(12.5)


@pytest.mark.parametrize("codec", ["ffv1", "libx264"])
def test_grey_stays_grey(codec, tmp_path, encode_video, test_card, shown_frames, read) -> None:
    frames = np.repeat(test_card(24).mean(axis=-1, keepdims=True).astype(np.uint8), 3, axis=-1)
    kind = {"codec": "ffv1", "pix_fmt": "gray"} if codec == "ffv1" else {"pix_fmt": "yuv420p"}
    clip = read(encode_video(tmp_path / "grey.mkv", frames, **kind))
    assert np.ptp(clip.pixels.astype(int), axis=-1).max() <= 2
    assert shown_frames(clip.pixels, 24) == middles(24, 8)


def test_fields_are_not_woven(tmp_path, encode_video, read) -> None:
    """A bar that jumps between two fields must not appear twice."""
    frames = np.zeros((8, 64, 64, 3), np.uint8)
    frames[:, 0::2, 4:20] = 255
    frames[:, 1::2, 44:60] = 255
    kind = ODD_KINDS["interlaced.mp4"] | {"pix_fmt": "yuv420p"}
    picture = read(encode_video(tmp_path / "woven.mp4", frames, **kind)).pixels[4]
    assert picture[8:24, 3:9].mean() > 200
    assert picture[8:24, 23:29].mean() < 40


def test_one_frame(tmp_path, encode_video, test_card, read) -> None:
    clip = read(encode_video(tmp_path / "one.mp4", test_card(1)))
    assert (clip.pixels == clip.pixels[0]).all()
    assert clip.source_frames == 1
    assert clip.fps == pytest.approx(8 * 25)


def test_two_thousand_frames(tmp_path, encode_video, test_card, shown_frames, read) -> None:
    options = {"preset": "ultrafast"}
    clip = read(encode_video(tmp_path / "long.mp4", test_card(2000, 32, 32), options=options))
    assert clip.source_frames == 2000
    assert np.abs(np.array(shown_frames(clip.pixels, 2000)) - middles(2000, 8)).max() <= 12


def test_4k(tmp_path, encode_video, test_card, shown_frames, read, make_config) -> None:
    path = encode_video(tmp_path / "4k.mp4", test_card(8, 3840, 2160), options={"preset": "ultrafast"})
    clip = read(path, decode=make_config().decode.model_dump() | {"max_pixels": 3840 * 2160})
    assert shown_frames(clip.pixels, 8) == list(range(8))
    with pytest.raises(MediaError) as caught:
        read(path)  # allowed 4,000,000
    assert caught.value.reason == "too_large"


def test_a_file_in_which_no_time_passes_is_refused(tmp_path, encode_video, test_card, read) -> None:
    still = tmp_path / "still.mkv"
    whole = encode_video(tmp_path / "a.mkv", test_card(8), options={"preset": "ultrafast"})
    with av.open(str(whole)) as source, av.open(str(still), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.pts = packet.dts = packet.duration = 0
                packet.stream = stream
                target.mux(packet)
    with pytest.raises(MediaError) as caught:
        read(still)
    assert caught.value.reason == "timestamps"


def test_odd_sizes(tmp_path, encode_video, test_card, shown_frames, read) -> None:
    clip = read(encode_video(tmp_path / "odd.mp4", test_card(24, 97, 63), pix_fmt="yuv444p"))
    assert shown_frames(clip.pixels, 24) == middles(24, 8)
    assert quarters(clip.pixels[3]) == UPRIGHT


def test_a_size_that_changes_midway(tmp_path, test_card, shown_frames, read) -> None:
    """Two H.264 streams of different size, one after the other in a transport stream."""
    small, large = test_card(24, 96, 64)[:12], test_card(24, 192, 128)[12:]
    stream_bytes = []
    for offset, frames in ((0, small), (12, large)):
        path = tmp_path / f"part{offset}.ts"
        with av.open(str(path), "w", format="mpegts", options={"muxdelay": "0"}) as container:
            stream = container.add_stream("libx264", rate=25, options={"bf": "0"})
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "yuv420p"
            for k, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = offset + k, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        stream_bytes.append(path.read_bytes())
    path = tmp_path / "resized.ts"
    path.write_bytes(b"".join(stream_bytes))
    clip = read(path)
    assert shown_frames(clip.pixels, 24) == middles(24, 8)
    assert all(quarters(picture) == UPRIGHT for picture in clip.pixels)
    with pytest.raises(MediaError, match="the frame changes its size, so the manifest's box loses its meaning"):
        read(path, crop="box", box=(0, 0, 64, 64))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_an_interval_far_into_the_file_is_found_by_seeking(
    suffix, tmp_path, encode_video, test_card, read, make_config, monkeypatch
) -> None:
    path = encode_video(tmp_path / f"long{suffix}", test_card(400, 32, 32), options={"g": "25"}, fps=20)
    limits = make_config().decode.model_dump() | {"max_frames": 120}
    clip = read(path, start_s=15.0, end_s=16.0, num_frames=10, decode=limits)
    assert clip.source_frames == 20
    monkeypatch.setattr("t2s.data.video.SEEK_BEYOND_S", 1e9)
    assert (read(path, start_s=15.0, end_s=16.0, num_frames=10).pixels == clip.pixels).all()
    with pytest.raises(MediaError, match="max_frames"):
        read(path, start_s=15.0, end_s=16.0, num_frames=10, decode=limits)


@pytest.mark.parametrize("name", ["open.mkv", "open.ts", "open.mpg"])
def test_an_open_group_is_reached_by_seeking(name, tmp_path, encode_video, test_card, read, monkeypatch) -> None:
    """The frames after a keyframe that are shown before it lean on frames jumped over: no reason to start over."""
    options = {"g": "25", "bf": "2", "b": "4M"}
    path = encode_video(tmp_path / name, test_card(400), codec="mpeg2video", options=options)
    with monkeypatch.context() as patch:
        patch.setattr("t2s.data.video._decode_quickly", lambda *_: None)
        careful = read(path, start_s=13.7, end_s=15.0)
    monkeypatch.setattr("t2s.data.video._decode_carefully", lambda *_: pytest.fail("read from the start"))
    clip = read(path, start_s=13.7, end_s=15.0)
    assert (clip.pixels == careful.pixels).all()
    assert clip.source_frames == careful.source_frames


@pytest.mark.parametrize("codec", ["mpeg4", "mpeg2video", "libx264"])
@pytest.mark.parametrize("start_s", [0.64, 12.0])
def test_frames_out_of_order_in_avi_keep_their_times(
    codec, start_s, tmp_path, encode_video, test_card, read, monkeypatch
) -> None:
    """After a jump, decoders pass over frames that lean on others jumped over, and AVI tells no frame its time."""
    frames = np.tile(test_card(25, 64, 64), (14, 1, 1, 1))
    options = {"g": "12", "bf": "2", "b": "4M"}
    path = encode_video(tmp_path / "reordered.avi", frames, codec=codec, options=options)
    clip = read(path, start_s=start_s, end_s=start_s + 0.32)
    monkeypatch.setattr("t2s.data.video._decode_quickly", lambda *_: None)
    assert (clip.pixels == read(path, start_s=start_s, end_s=start_s + 0.32).pixels).all()


def test_crops(tmp_path, encode_video, test_card, read) -> None:
    path = encode_video(tmp_path / "wide.mp4", test_card(8, 128, 64))
    assert quarters(read(path, crop="centre").pixels[0]) == UPRIGHT
    boxed = read(path, crop="box", box=(80, 2, 120, 14)).pixels[0]
    assert set(quarters(boxed)) == {"green"} or quarters(boxed)[:2] == ["green", "green"]
    for box in (None, (500, 500, 600, 600), (10, 10, 10, 10)):
        with pytest.raises(MediaError) as caught:
            read(path, crop="box", box=box)
        assert caught.value.reason == "box"


def test_wide_pixels_are_cropped_as_shown(tmp_path, encode_video, test_card, read) -> None:
    """32 stored columns of twice the width are 64 shown: the centre square holds all of them."""

    def prepare(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)

    path = encode_video(tmp_path / "anamorphic.mkv", test_card(8, 32, 64), prepare=prepare)
    assert quarters(read(path, crop="centre").pixels[0]) == UPRIGHT


def test_a_fixed_rate(tmp_path, encode_video, test_card, shown_frames, read) -> None:
    clip = read(encode_video(tmp_path / "a.mp4", test_card(24)), sampling="fps", fps=25.0)
    assert shown_frames(clip.pixels, 24) == list(range(8, 16))
    assert clip.fps == 25.0


def test_reading_twice_gives_the_same_bits(tmp_path, encode_video, test_card, read) -> None:
    path = encode_video(tmp_path / "a.mp4", test_card(24))
    assert (read(path).pixels == read(path).pixels).all()
