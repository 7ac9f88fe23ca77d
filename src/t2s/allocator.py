"""How the C library treats memory that tensors give back."""

import ctypes
import os

# malloc.h: blocks up to MMAP_THRESHOLD bytes are cut from the heap; it shrinks once TRIM_THRESHOLD lie free on top.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_HEAP_BLOCK, _HEAP_TOP = 2**30, 2**31 - 1  # bytes
_OLD_HEAP_BLOCK = 2**25  # the most that glibc before 2.35 takes, and too little for some tensors
_USERS_OWN = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let freed tensors' memory stay with this process; returns whether that was possible.

    By default glibc gives each larger block back to the system, and every tensor of the next step is made of fresh
    pages that the kernel must clear first: on a CPU that was half the time of sampling in batches and a tenth of a
    training step. What the process once held it keeps until it ends. For entry points, not for libraries: it changes
    the whole process. A user's own MALLOC_… settings are left alone, and so is a C library that is not glibc.
    """
    if any(name in os.environ for name in _USERS_OWN):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None:
        return False
    is_large = mallopt(_M_MMAP_THRESHOLD, _HEAP_BLOCK) or mallopt(_M_MMAP_THRESHOLD, _OLD_HEAP_BLOCK)
    return bool(is_large and mallopt(_M_TRIM_THRESHOLD, _HEAP_TOP))
