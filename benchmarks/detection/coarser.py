"""What it would cost in quality to learn from an older past that is kept more coarsely than step by step.

    python -m benchmarks.detection.coarser [--nab=PATH] [--synthetic=PATH] [--processes=N]

The newest 2,016 steps of a fit window stay as they are. What is older is learnt from as one of these would leave it, at
a quarter of the memory. Scores look back as they always do. PATH of the synthetic corpus is a directory that
`python -m benchmarks.detection.synthetic` has filled.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.detection.report import Corpus
from benchmarks.detection.series import Floats
from benchmarks.detection.varied import varied
from sidecar.detection import detector
from sidecar.detection.columns import TINY
from sidecar.detection.lesson import Lesson, learn
from sidecar.detection.settings import Settings

KEPT = 2_016
"""The newest steps, which stay as they are."""
BUCKET = 4
"""Steps of a bucket."""
BLOCK = 288
"""Steps whose values are rounded by one middle and one unit."""

Coarse = Callable[[Floats], Floats]
"""What is left of older values (S, n), in a matrix of the same shape."""


def means(older: Floats) -> Floats:
    """The mean of each bucket, in all of its steps."""
    buckets = older.reshape(len(older), -1, BUCKET)
    present = np.count_nonzero(~np.isnan(buckets), axis=2)
    mean = np.where(present > 0, np.nansum(buckets, axis=2) / np.maximum(present, 1), np.nan)
    return np.repeat(mean, BUCKET, axis=1)


def last_of_each(older: Floats) -> Floats:
    """The last step of each bucket; the others are missing."""
    kept = np.arange(older.shape[1]) % BUCKET == BUCKET - 1
    return np.where(kept, older, np.nan)


def halves(older: Floats) -> Floats:
    """Each step in half precision, as its distance from the middle of its block, in the mean distance there."""
    parts = np.array_split(older, max(1, older.shape[1] // BLOCK), axis=1)
    return np.concatenate([rounded(part) for part in parts], axis=1)


def rounded(block: Floats) -> Floats:
    """Values of a block (S, n) in half precision."""
    known = np.where(np.isnan(block).all(axis=1, keepdims=True), 0.0, block)
    middle = np.nanmedian(known, axis=1, keepdims=True)
    unit = np.maximum(np.nanmean(np.abs(known - middle), axis=1, keepdims=True), TINY)
    return np.asarray(middle + unit * ((block - middle) / unit).astype(np.float16), dtype=np.float64)


WAYS: dict[str, Coarse] = {
    "step by step": lambda older: older,
    "means of four steps": means,
    "one step of four": last_of_each,
    "half precision": halves,
}


def coarsened(values: Floats, coarse: Coarse) -> Floats:
    """A fit window (S, W) with its older values made coarse, as far as they fill buckets."""
    older = max(values.shape[1] - KEPT, 0) // BUCKET * BUCKET
    if not older:
        return values
    begin = values.shape[1] - KEPT - older
    return np.concatenate([values[:, :begin], coarse(values[:, begin:-KEPT]), values[:, -KEPT:]], axis=1)


def set_coarse(coarse: Coarse) -> None:
    """Has the fits of this process learn from a past that is coarse."""

    def learn_coarsely(values: Floats, end: int, settings: Settings) -> Lesson:
        return learn(coarsened(values, coarse), end, settings)

    patch.object(detector, "learn", learn_coarsely).start()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nab", type=Path, metavar="PATH")
    parser.add_argument("--synthetic", type=Path, metavar="PATH")
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    asked = parser.parse_args()
    variations = {way: partial(set_coarse, coarse) for way, coarse in WAYS.items()}
    if asked.nab:
        print(varied(Corpus.of_nab(asked.nab), variations, asked.processes).markdown())
    if asked.synthetic:
        print(varied(Corpus("synthetic", asked.synthetic), variations, asked.processes).markdown())


if __name__ == "__main__":
    main()
