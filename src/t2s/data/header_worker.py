"""`python -m t2s.data.header_worker`: reads headers in a process of its own, which a bad file may bring down.

Starts from {"root", "memory_mib"}; a request is {"path"}, its answer the fields of a Header.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from t2s.data.header import probe_header
from t2s.data.worker_loop import Answer, serve


def _prober(start: dict[str, Any]) -> Callable[[dict[str, Any]], Answer]:
    root = Path(start["root"])
    return lambda request: (asdict(probe_header(root, request["path"])), b"")


if __name__ == "__main__":
    serve(_prober)
