"""What it costs in quality that samples far back are held in two bytes each, beside other ways to save as much.

    python -m benchmarks.detection.coarser [--nab=PATH] [--synthetic=PATH] [--processes=N]

What is far back is learnt from, and compared with, as one of these would leave it at a quarter of the memory. PATH of
the synthetic corpus is a directory that `python -m benchmarks.detection.synthetic` has filled.
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
from sidecar.detection.columns import TINY
from sidecar.prometheus import coarse

BUCKET = 4
"""Steps that one number stands for, where not each has its own."""

Way = Callable[[Floats], Floats]
"""What is left of values (S, n) of whole blocks, in a matrix of the same shape."""


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
    blocks = older.reshape(-1, coarse.BLOCK)
    known = np.where(np.isnan(blocks).all(axis=1, keepdims=True), 0.0, blocks)
    middle = np.nanmedian(known, axis=1, keepdims=True)
    unit = np.maximum(np.nanmean(np.abs(known - middle), axis=1, keepdims=True), TINY)
    left = middle + unit * ((blocks - middle) / unit).astype(np.float16)
    return np.asarray(left, dtype=np.float64).reshape(older.shape)


WAYS: dict[str, Way] = {
    "as they came": lambda older: older,
    "in two bytes, as they are held": coarse.rounded,
    "means of four steps": means,
    "one step of four": last_of_each,
    "in half precision": halves,
}


def set_way(way: Way) -> None:
    """Has this process hold so what is far back."""
    patch.object(coarse, "rounded", way).start()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nab", type=Path, metavar="PATH")
    parser.add_argument("--synthetic", type=Path, metavar="PATH")
    parser.add_argument("--processes", type=int, default=2, metavar="N")
    asked = parser.parse_args()
    variations = {name: partial(set_way, way) for name, way in WAYS.items()}
    if asked.nab:
        print(varied(Corpus.of_nab(asked.nab), variations, asked.processes).markdown())
    if asked.synthetic:
        print(varied(Corpus("synthetic", asked.synthetic), variations, asked.processes).markdown())


if __name__ == "__main__":
    main()
