"""`python -m t2s.data.decode_worker`: decodes clips in a process of its own, which a bad file may bring down.

It reads JSON lines from stdin, first {"root", "config"}, then one manifest row each, and answers each on stdout with a
JSON line, {"fps", "source_frames"} and the clip's bytes, or {"reason", "message"}. Nothing is pickled, so even a
decoder turned by a crafted file could hand back nothing but pixels.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import IO, Any

import cv2

from t2s.data.clip_reader import read_clip
from t2s.data.config import DataConfig
from t2s.data.faults import MediaError
from t2s.data.manifest import ManifestRow


def main() -> None:
    """Serve until stdin closes."""
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # no library may write into the replies
    start = json.loads(requests.readline())
    root = Path(start["root"])
    config = DataConfig.model_validate(start["config"])
    cv2.setNumThreads(1)
    _limit_memory(config.decode.memory_mib)
    _reply(replies, {"ready": True})
    for line in requests:
        fields = json.loads(line)
        row = ManifestRow(**{**fields, "box": tuple(fields["box"]) if fields["box"] else None})
        try:
            clip = read_clip(root, row, config)
        except MediaError as error:
            _reply(replies, {"reason": error.reason, "message": error.message})
        except MemoryError:
            _reply(replies, {"reason": "memory", "message": "decoding takes more than data.decode.memory_mib"})
        except Exception as error:  # the clip is lost, the others are not
            _reply(replies, {"reason": "corrupt", "message": f"{type(error).__name__}: {error}"})
        else:
            _reply(replies, {"fps": clip.fps, "source_frames": clip.source_frames}, clip.pixels.tobytes())


def _reply(replies: IO[bytes], header: dict[str, Any], payload: bytes = b"") -> None:
    replies.write(json.dumps(header).encode() + b"\n" + payload)
    replies.flush()


def _limit_memory(memory_mib: int) -> None:
    """Cap the address space at what the idle process holds plus the allowance; forbid core dumps and files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        ceiling = pages * resource.getpagesize() + memory_mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))


if __name__ == "__main__":
    main()
