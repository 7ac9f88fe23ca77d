"""Frames to H.264 in an mp4, the same bytes every time."""

import io
import platform

import av
import numpy as np
from numpy.typing import NDArray

X264 = {"x264-params": "asm=sse2fast"} if platform.machine() in ("x86_64", "AMD64") else {}  # see data/encode.py


def encode_mp4(frames: NDArray[np.uint8], fps: int, crf: int) -> bytes:
    """Encode RGB frames (F, H, W, 3), H and W even, as H.264 in 4:2:0.

    One thread and no version string in the container: the same frames and the same libx264 give the same
    bytes.
    """
    _, height, width, _ = frames.shape
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        options = {"crf": str(crf), "preset": "veryfast", **X264}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()
