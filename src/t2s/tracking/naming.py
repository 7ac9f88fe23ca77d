"""Names and values as MLflow accepts them."""

import json
import posixpath
import re
from collections.abc import Mapping
from typing import Any

MAX_NAME = 250
MAX_VALUE = 6000


def safe_name(name: str) -> str:
    """`name` with each character that MLflow refuses ('=', '[', '?', …) replaced by '_'; a plain path."""
    plain = posixpath.normpath(re.sub(r"[^\w./: -]", "_", name)).lstrip("/")
    return re.sub(r"(^|/)\.\.?(?=/|$)", r"\1_", plain)[:MAX_NAME]


def flat_params(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested params as dotted keys and text; lists as JSON, None as "null"."""
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping):
            flat |= flat_params(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = (value if isinstance(value, str) else json.dumps(value, default=str))[:MAX_VALUE]
    return flat
