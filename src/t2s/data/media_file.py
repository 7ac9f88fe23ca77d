"""One open video file: its packets and frames with their times. Every fault it or FFmpeg finds is raised."""

import heapq
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import NoReturn, cast

import av
import av.logging
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from t2s.data.faults import MediaError, Reason

CONTAINERS = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "gif", "apng", "mpegts", "mpeg", "ogg",
)  # fmt: skip
CODECS = (
    "h264", "hevc", "libdav1d", "av1", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg1video", "mpeg2video", "mpeg4",
    "mjpeg", "theora", "prores", "ffv1", "qtrle", "rawvideo", "png", "apng", "gif",
)  # fmt: skip
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own VP8 and VP9 leave the alpha plane out
_READ_BYTES = 1 << 18

Log = tuple[int, str, str]  # level, who, message

av.logging.set_level(av.logging.ERROR)
av.logging.set_skip_repeated(False)  # a fault in one file must not hide the same fault in the next


class MediaFile:
    """The first real video stream of a file; made by `opened`."""

    def __init__(self, container: InputContainer, logs: list[Log], max_pixels: int) -> None:
        self._container = container
        self._logs = logs
        self._max_pixels = max_pixels
        self._stream = _video_stream(container)
        self._decoder = _decoder(self._stream, max_pixels)
        if not self._stream.time_base:
            raise MediaError("timestamps", "the video has no unit of time")
        self._tick_s = float(self._stream.time_base)
        self._origin_s = (container.start_time or 0) / av.time_base
        self._is_avi = container.format.name == "avi"
        self._check_size(self._stream.codec_context.width, self._stream.codec_context.height)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame as stored, by the header."""
        context = self._stream.codec_context
        if not context.width or not context.height:
            raise MediaError("codec", "the header gives no picture size")
        return context.width, context.height

    @property
    def fps(self) -> float | None:
        """Frames per second by the header; None = it does not say."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(rate) if rate else None

    @property
    def length_s(self) -> float | None:
        """Seconds by the header; None = it does not say."""
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        return self._container.duration / av.time_base if self._container.duration is not None else None

    @property
    def pixel_aspect(self) -> Fraction | None:
        """Width over height of one pixel; None = square."""
        return self._stream.sample_aspect_ratio

    def seek(self, time_s: float) -> None:
        """Go to the keyframe at or before `time_s`, or to the start; without effect where the format cannot."""
        if self._is_avi and self._decoder.has_b_frames:
            time_s = 0.0  # a frame lost after a jump would shift all later ones, see `frames`
        stamp = round((time_s + self._origin_s) / self._tick_s)
        with suppress(av.error.FFmpegError):
            self._container.seek(stamp, stream=self._stream)
        self._logs.clear()

    def packets(self) -> Iterator[av.Packet]:
        """The stream's packets from here on, in decoding order."""
        for packet in self._container.demux(self._stream):
            raise_logged(self._logs)
            if packet.is_corrupt:
                raise MediaError("corrupt", "a packet of the video is damaged")
            if packet.size > 0:
                yield packet

    def frames(self, after_jump: bool = False) -> Iterator[av.VideoFrame]:
        """Decoded frames from here on, in the order of presentation.

        After a jump they begin with the first keyframe. Those decoded after it but shown before it are left out, and
        only their faults pass: they may lean on frames jumped over (an open group of pictures), and no later one leans
        on them.
        """
        # AVI numbers its packets as they are stored: sorted, those numbers belong to the frames as they are shown.
        stored: list[int] | None = [] if self._is_avi else None
        first_s: float | None = None
        for packet in self.packets():
            if after_jump and first_s is None:
                if not packet.is_keyframe:
                    continue
                first_s = self.seconds(packet)
            if stored is not None and packet.pts is not None:
                heapq.heappush(stored, packet.pts)
            yield from self._decode(packet, first_s, stored)
        yield from self._decode(None, first_s, stored)
        raise_logged(self._logs)

    def seconds(self, timed: av.Packet | av.VideoFrame) -> float:
        """Presentation time since the start of the file; where only a decoding time is known, that."""
        stamp: int | None = timed.pts if timed.pts is not None else timed.dts
        if stamp is None:
            raise MediaError("timestamps", "the frames carry no times")
        return float(stamp * self._tick_s - self._origin_s)

    def duration_s(self, timed: av.Packet | av.VideoFrame) -> float:
        """How long it is shown, as far as the file tells; 0 = it does not."""
        return (timed.duration or 0) * self._tick_s

    def _decode(
        self, packet: av.Packet | None, first_s: float | None, stored: list[int] | None
    ) -> Iterator[av.VideoFrame]:
        """What comes out of the decoder, shown at `first_s` or later; packets before it may fail. None = all count."""
        forgiving = packet is not None and first_s is not None and self.seconds(packet) < first_s
        try:
            frames = self._decoder.decode(packet)
        except av.error.InvalidDataError:
            if not forgiving:
                raise
            frames = []
        if forgiving:
            self._logs.clear()
        raise_logged(self._logs)
        for frame in frames:
            self._check_size(frame.width, frame.height)
            if stored:
                frame.pts = heapq.heappop(stored)
            if first_s is not None and self.seconds(frame) < first_s:
                continue
            if frame.is_corrupt:
                raise MediaError("corrupt", "a frame could not be decoded whole")
            yield frame

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self._max_pixels:
            raise MediaError(
                "too_large", f"frames of {width}x{height}, more than data.decode.max_pixels = {self._max_pixels}"
            )


@contextmanager
def opened(handle: int, max_pixels: int) -> Iterator[MediaFile]:
    """Open the regular file behind the descriptor `handle`, which stays open.

    FFmpeg sees a stream of bytes without a name, and may open nothing else.

    Raises:
        MediaError: also for whatever FFmpeg raises within the block.
    """
    os.lseek(handle, 0, os.SEEK_SET)
    with ffmpeg_errors() as logs, os.fdopen(handle, "rb", buffering=0, closefd=False) as file:
        options = {
            "format_whitelist": ",".join(CONTAINERS),
            "codec_whitelist": ",".join(CODECS),
            "protocol_whitelist": "none",
            "max_pixels": str(max_pixels),
            "threads": "1",
        }
        with av.open(
            file, options=options, metadata_errors="replace", buffer_size=_READ_BYTES, io_open=_refuse_to_open
        ) as container:
            logs.clear()  # what probing tripped over, decoding meets again
            yield MediaFile(container, logs, max_pixels)


@contextmanager
def ffmpeg_errors() -> Iterator[list[Log]]:
    """Turn what FFmpeg raises into MediaError; yields the list into which it logs errors."""
    with av.logging.Capture() as logs:
        try:
            yield logs
        except MemoryError:
            raise MediaError("memory", "decoding takes more than data.decode.memory_mib") from None
        except (av.error.FFmpegError, EOFError, OSError, ValueError, OverflowError) as error:
            raise _as_media_error(error, logs) from error


def raise_logged(logs: list[Log]) -> None:
    """FFmpeg conceals what it can and only logs it: to us, what it logs as an error is one."""
    if logs:
        _, name, message = logs[0]
        raise MediaError(_reason_in(message), f"{name}: {' '.join(message.split())}")


def new_decoder(name: str, max_pixels: int) -> VideoCodecContext:
    """A decoder by FFmpeg's name for it, made strict."""
    decoder = cast(VideoCodecContext, VideoCodecContext.create(name, "r"))
    _make_strict(decoder, max_pixels)
    return decoder


def _make_strict(decoder: VideoCodecContext, max_pixels: int) -> None:
    """Refuse damage instead of painting over it, and frames that are too large."""
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(max_pixels), "err_detect": "crccheck+bitstream+buffer+explode"}


def _video_stream(container: InputContainer) -> VideoStream:
    streams = [stream for stream in container.streams.video if Disposition.attached_pic not in stream.disposition]
    if not streams:
        raise MediaError("container", "the file holds no video")
    for stream in container.streams:
        if stream is not streams[0]:
            stream.discard = Discard.all
    return streams[0]


def _decoder(stream: VideoStream, max_pixels: int) -> VideoCodecContext:
    decoder = stream.codec_context
    if decoder is None:
        raise MediaError("codec", "the video's codec is unknown, or its description damaged")
    name = decoder.name
    if name not in CODECS:
        raise MediaError("codec", f"the codec {name} is not among those that are read ({', '.join(CODECS)})")
    if name in _ALPHA_DECODERS and stream.metadata.get("alpha_mode") == "1":
        extradata = decoder.extradata
        decoder = new_decoder(_ALPHA_DECODERS[name], max_pixels)
        if extradata:
            decoder.extradata = extradata
    else:
        _make_strict(decoder, max_pixels)
    return decoder


def _refuse_to_open(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError(f"the file asks for another one ({url!r})")


def _as_media_error(error: Exception, logs: list[Log]) -> MediaError:
    details = " ".join(logs[-1][2].split()) if logs else ""
    if "whitelist" in details and "Format" in details:
        return MediaError("container", f"not a format that is read ({', '.join(CONTAINERS)})")
    if isinstance(error, PermissionError):
        return MediaError("container", str(error))
    reason = error.strerror if isinstance(error, av.error.FFmpegError) else str(error)
    return MediaError(_reason_in(details), f"{reason}; {details}" if details else str(reason))


def _reason_in(message: str) -> Reason:
    """FFmpeg refuses frames beyond max_pixels in these words."""
    return "too_large" if "Picture size" in message or "Invalid image size" in message else "corrupt"
