"""Seeded noise that is a function of time: any instant can be asked for directly, and always answers the same."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_WORD = 2**64 - 1


def uniform(seed: int, index: NDArray[np.int64]) -> FloatArray:
    """Numbers in [0, 1) that depend on `seed` and `index` alone; the same shape as `index`, at least one dimension.

    The mixing steps are those of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
    Generators", 2014, figure 17).
    """
    mixed = index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64((seed * 0xD1342543DE82EF95) & _WORD)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2**53


def centred(seed: int, index: NDArray[np.int64]) -> FloatArray:
    """Numbers in [-1, 1) that depend on `seed` and `index` alone."""
    return 2 * uniform(seed, index) - 1


def wander(seed: int, times: FloatArray, period: int) -> FloatArray:
    """Noise in [-1, 1) that takes a new value every `period` seconds and moves straight between two of them."""
    index = np.floor_divide(times, period).astype(np.int64)
    share = times / period - index
    return centred(seed, index) * (1 - share) + centred(seed, index + 1) * share
