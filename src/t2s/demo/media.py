"""A clip as an HTTP answer: browsers ask for parts of it (RFC 9110, section 14)."""

import re

from starlette.responses import Response


def media_answer(content: bytes, media_type: str, asked: str | None) -> Response:
    """200 with all of `content`, 206 with the one range that the Range header `asked` names, 416 if it lies outside.

    Several ranges, other units and what cannot be read are answered with everything, as the RFC allows.
    """
    headers, size = {"Accept-Ranges": "bytes"}, len(content)
    found = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", (asked or "").strip(), re.IGNORECASE)
    first, last = found.groups() if found else ("", "")
    if not (first or last) or (first and last and int(last) < int(first)):
        return Response(content, 200, headers, media_type)
    start = int(first) if first else max(size - int(last), 0)  # "-5": the last five bytes
    end = min(int(last) + 1, size) if first and last else size
    if start >= size:
        return Response(b"", 416, {**headers, "Content-Range": f"bytes */{size}"}, media_type)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return Response(content[start:end], 206, headers, media_type)
