"""Is all of a file there? What its outermost structure promises, against the bytes it has.

FFmpeg takes a Matroska file or a GIF cut between two frames for a shorter one. Formats made for streams (fragmented
mp4, MPEG-TS and -PS, Ogg) promise no length: cut at such a seam they are shorter files, and nothing can tell.
"""

import os

from t2s.data.faults import MediaError

_EBML_HEADER, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_TOP_LEVEL_BOXES = {
    b"ftyp",
    b"styp",
    b"moov",
    b"moof",
    b"mdat",
    b"free",
    b"skip",
    b"wide",
    b"mfra",
    b"sidx",
    b"uuid",
    b"meta",
}
_MOST_BOXES = 100_000


def check_complete(handle: int) -> None:
    """Raises MediaError `corrupt` when the file is shorter than it says. Unknown formats pass."""
    size = os.fstat(handle).st_size
    start = os.pread(handle, 64, 0)
    if start.startswith(_EBML_HEADER):
        promised = _matroska_end(start)
    elif start.startswith(b"RIFF"):
        promised = 8 + int.from_bytes(start[4:8], "little")
    elif start.startswith(b"GIF8"):
        promised = size if os.pread(handle, 4096, max(0, size - 4096)).rstrip(b"\0").endswith(b";") else size + 1
    else:
        promised = _boxes_end(handle, size)
    if promised > size:
        raise MediaError("corrupt", f"truncated: the file has {size} bytes, by its structure it should have more")


def _matroska_end(start: bytes) -> int:
    """Where the segment ends; 0 where it does not say (a live recording)."""
    length, header_at = _ebml_number(start, 4)
    segment_at = header_at + length
    if start[segment_at : segment_at + 4] != _SEGMENT:
        return 0
    length, content_at = _ebml_number(start, segment_at + 4)
    return content_at + length


def _ebml_number(content: bytes, at: int) -> tuple[int, int]:
    """RFC 8794's variable-size integer (all ones = unknown, here 0), and where it ends."""
    if at >= len(content) or content[at] == 0:
        return 0, at + 1
    width = 9 - content[at].bit_length()
    ones = (1 << (7 * width)) - 1
    number = int.from_bytes(content[at : at + width], "big") & ones
    return (0 if number == ones else number), at + width


def _boxes_end(handle: int, size: int) -> int:
    """The end of the last whole or cut box of ISO 14496-12 at the top level; 0 where there are none."""
    at = 0
    for _ in range(_MOST_BOXES):
        header = os.pread(handle, 16, at)
        if at >= size or header[4:8] not in _TOP_LEVEL_BOXES:
            break
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        elif length == 0:
            length = size - at
        at += max(length, 8)
    return at
