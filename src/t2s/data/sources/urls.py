"""Addresses of recordings, as annotations give them."""

from pathlib import PurePosixPath
from urllib.parse import parse_qs, urlsplit


def video_id_of(url: str) -> str:
    """The YouTube id of a url, with or without https://; else the stem of its last part; "" for no address at all."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
    except ValueError:  # brackets that are no address
        return ""
    ids = parse_qs(parts.query).get("v")
    return ids[0] if ids else PurePosixPath(parts.path).stem
