"""How the C library keeps memory that was freed."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 1 << 20
"""Bytes; arrays from here on are given back to the system when they are freed."""


def give_back_large_blocks() -> bool:
    """Have freed arrays leave the process; False where the C library is not glibc.

    By default glibc learns from every large block that is freed to keep the next ones of that size: what a first fill
    and a replay needed for a moment would be held for ever, in fragments.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(option, LARGE) == 1 for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD))


def give_back_freed() -> bool:
    """Have all freed memory leave the process, also what lies between blocks in use; False where there is no way to.

    Small arrays come from a heap that only shrinks at its end: what one evaluation needed would stay for the next one.
    It takes about half a millisecond.
    """
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return malloc_trim is not None and malloc_trim(0) == 1
