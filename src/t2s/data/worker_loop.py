"""The child's side of `worker_process`: a loop that no file's fault ends, within a limit of memory.

It reads JSON lines from stdin, first what it starts from, then one request each, and answers each on stdout with a JSON
line, followed by bytes if the request has some, or {"reason", "message"}. Nothing is pickled, so even a decoder turned
by a crafted file could hand back nothing but numbers and pixels.
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from t2s.data.faults import MediaError

Answer = tuple[dict[str, Any], bytes]


def serve(make_answerer: Callable[[dict[str, Any]], Callable[[dict[str, Any]], Answer]]) -> None:
    """Serve until stdin closes; what starts it names `memory_mib`, which each answer may take beyond the idle process.

    Args:
        make_answerer: from the first message to what answers the others, or raises MediaError.
    """
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # no library may write into the replies
    start = json.loads(requests.readline())
    answer = make_answerer(start)
    memory_mib = int(start["memory_mib"])
    _limit_memory(memory_mib)
    _reply(replies, {"ready": True})
    for line in requests:
        try:
            header, payload = answer(json.loads(line))
        except MediaError as error:
            _reply(replies, {"reason": error.reason, "message": error.message})
        except MemoryError:
            _reply(replies, {"reason": "memory", "message": f"it takes more than {memory_mib} MiB of memory to decode"})
        except Exception as error:  # this file is lost, the others are not
            _reply(replies, {"reason": "corrupt", "message": f"{type(error).__name__}: {error}"})
        else:
            _reply(replies, header, payload)


def _reply(replies: IO[bytes], header: dict[str, Any], payload: bytes = b"") -> None:
    replies.write(json.dumps(header).encode() + b"\n" + payload)
    replies.flush()


def _limit_memory(memory_mib: int) -> None:
    """Cap the address space at what the idle process holds plus the allowance; forbid core dumps and files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with suppress(OSError):  # no /proc, no limit
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        ceiling = pages * resource.getpagesize() + memory_mib * 2**20
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        if hard == resource.RLIM_INFINITY or ceiling < hard:  # else there is a stricter limit already
            resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
