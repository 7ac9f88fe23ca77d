"""Why a clip cannot be used: raised while reading it, recorded in quarantine, never fatal to other clips."""

from typing import Literal, get_args

Reason = Literal[
    "caption",  # empty, NUL, over-long
    "missing",  # no such file
    "path",  # leaves the root, a symbolic link, or no regular file
    "container",  # not one of the formats that are read
    "codec",  # not one of the codecs that are read
    "corrupt",  # truncated or damaged
    "timestamps",  # frames without usable times
    "too_large",  # beyond data.decode.max_pixels or max_frames
    "interval",  # start_s and end_s do not fit the file
    "box",  # crop box missing or outside the frame
    "orientation",  # rotated by something else than a quarter turn
    "time",  # beyond data.decode.time_s
    "memory",  # beyond data.decode.memory_mib
    "crash",  # the decoder died
]
REASONS: tuple[str, ...] = get_args(Reason)


class MediaError(Exception):
    """One file's fault: a reason from the list above and a sentence for the person who owns the file."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message)  # both, so that it survives the way back from a cluster
        self.reason: Reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message
