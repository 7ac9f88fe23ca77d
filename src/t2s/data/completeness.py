"""Is all of a file there? What its outermost structure promises, against the bytes it has.

FFmpeg takes a Matroska file, a GIF or an animated PNG cut between two frames for a shorter one. Formats made for
streams (fragmented mp4, MPEG-TS and -PS, Ogg) promise no length: cut at a seam of theirs they are shorter files, and
nothing here can tell. MPEG-TS is at least refused where it ends within one of its packets, all of the same size.
"""

import os
from typing import IO

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
_PNG_START = b"\x89PNG\r\n\x1a\n"
_TS_SYNC = 0x47
_TS_PACKETS = ((188, 0), (192, 4), (204, 0))  # bytes of a packet, and where in it the sync byte is: .ts, .m2ts, DVB
_TS_SYNCS = 5  # so many in a row are no accident


def check_complete(handle: int) -> None:
    """Raises MediaError `corrupt` when the file is shorter than it says. Unknown formats pass."""
    size = os.fstat(handle).st_size
    start = os.pread(handle, _TS_SYNCS * 204, 0)
    if start.startswith(_EBML_HEADER):
        promised = _matroska_end(start)
    elif start.startswith(b"RIFF"):
        promised = 8 + int.from_bytes(start[4:8], "little")
    elif start.startswith(b"GIF8"):
        with os.fdopen(handle, "rb", closefd=False) as file:
            promised = _gif_end(file, size)
    elif start.startswith(_PNG_START):
        promised = _png_end(handle, size)
    elif packet := _ts_packet(start):
        promised = -(-size // packet) * packet
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


def _png_end(handle: int, size: int) -> int:
    """Where the chunk IEND ends; beyond the file where there is none."""
    at = len(_PNG_START)
    while at < size:
        header = os.pread(handle, 8, at)
        at += 12 + int.from_bytes(header[:4], "big")
        if header[4:] == b"IEND":
            return at
    return max(at, size + 1)


def _gif_end(file: IO[bytes], size: int) -> int:
    """Where the trailer ends, whatever follows it; beyond the file where there is none, 0 at an unknown block."""
    file.seek(10)
    _skip_colours(file, file.read(3))
    while block := file.read(1):
        if block == b";":
            return file.tell()
        if block == b",":
            _skip_colours(file, file.read(9)[8:])
            file.seek(1, os.SEEK_CUR)
        elif block == b"!":
            file.seek(1, os.SEEK_CUR)
        elif block == b"\0":
            continue
        else:
            return 0
        while (length := file.read(1)) > b"\0":
            file.seek(length[0], os.SEEK_CUR)
    return size + 1


def _skip_colours(file: IO[bytes], flags: bytes) -> None:
    """The colour table that the first of the flags announces."""
    if flags and flags[0] & 0x80:
        file.seek(3 << ((flags[0] & 7) + 1), os.SEEK_CUR)


def _ts_packet(start: bytes) -> int:
    """The size of the packets of an MPEG transport stream; 0 where it is none."""
    for packet, at in _TS_PACKETS:
        syncs = start[at::packet][:_TS_SYNCS]
        if syncs and set(syncs) == {_TS_SYNC}:
            return packet
    return 0
