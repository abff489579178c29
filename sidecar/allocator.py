"""How the C library keeps memory that was freed."""

import ctypes
from collections.abc import Callable
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGE = 1 << 20
"""Bytes; arrays from here on are given back to the system when they are freed."""
LARGEST, NEVER = 1 << 25, 1 << 30
"""The largest that the C library lets come from the heap, and more than is ever left free at its end."""


def give_back_large_blocks() -> bool:
    """Have freed arrays leave the process; False where the C library is not glibc.

    By default glibc learns from every large block that is freed to keep the next ones of that size: what a first fill
    and a replay needed for a moment would be held for ever, in fragments. And it gives threads heaps of their own, of
    which each keeps what it once needed.
    """
    return _set_thresholds(LARGE, LARGE)


def keep_freed_blocks() -> bool:
    """Have freed arrays stay for the next ones; False where the C library is not glibc.

    For a process that ends soon: each page that is given back and taken again costs more than what is written to it.
    """
    return _set_thresholds(LARGEST, NEVER)


def give_back_freed() -> bool:
    """Have all freed memory leave the process, also what lies between blocks in use; False where there is no way to.

    Small arrays come from a heap that only shrinks at its end: what one evaluation needed would stay for the next one.
    It takes about half a millisecond.
    """
    malloc_trim = _function("malloc_trim")
    return malloc_trim is not None and malloc_trim(0) == 1


def _set_thresholds(mapped: int, free: int) -> bool:
    """Have one heap for all threads: arrays of `mapped` bytes do not come from it, and up to `free` stay at its end."""
    mallopt = _function("mallopt")
    options = {M_MMAP_THRESHOLD: mapped, M_TRIM_THRESHOLD: free, M_ARENA_MAX: 1}
    return mallopt is not None and all(mallopt(option, value) == 1 for option, value in options.items())


@cache
def _function(name: str) -> Callable[..., int] | None:
    """A function of the C library, looked up once: each look leaves a class behind for the garbage collector."""
    return getattr(ctypes.CDLL(None), name, None)
