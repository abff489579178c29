"""The closed form of one-dimensional isolation forests against scikit-learn's: the same ranking, at which cost.

usage: python benchmarks/forest.py [--rows=2016] [--series=20] [--trees=1000]

Per kind of sample: the rank correlation of the two scores over the sample, over its rarest twentieth, and of two
forests of scikit-learn's with different seeds beside it: what two drawings of lots agree upon is all that can be asked.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.ensemble import IsolationForest

from sidecar.detection.arrays import Floats
from sidecar.detection.forest import isolation, thin
from sidecar.detection.tables import GROUPS, SUBSAMPLE_LEAST, SUBSAMPLE_MOST, SUBSAMPLE_SHARE

SAMPLES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "gamma": lambda rng, n: rng.gamma(2.0, size=n),
    "two levels": lambda rng, n: rng.normal(size=n) + 8 * (rng.random(n) < 0.3),  # noqa: PLR2004 - a third is high
    "heavy tails": lambda rng, n: rng.standard_t(2, size=n),
    "counts": lambda rng, n: rng.poisson(6, size=n).astype(np.float64),
}


def ranks(values: Floats) -> Floats:
    """Average ranks, ties sharing theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def agreement(one: Floats, other: Floats) -> float:
    """Spearman's rank correlation."""
    return float(np.corrcoef(ranks(one), ranks(other))[0, 1])


def sub_sample(rows: int) -> int:
    return int(np.clip(SUBSAMPLE_SHARE * rows, SUBSAMPLE_LEAST, SUBSAMPLE_MOST))


def closed_form(values: Floats) -> Floats:
    """How isolated each value of (S, N) is; looked up between the groups."""
    sample = thin(values, GROUPS, np.full(len(values), 1e-12))
    inside, _ = isolation(sample, SUBSAMPLE_SHARE, SUBSAMPLE_LEAST, SUBSAMPLE_MOST)
    z = (values - sample.centre[:, None]) / sample.scale[:, None]
    return np.stack([np.interp(x, at, y) for x, at, y in zip(z, sample.at, inside, strict=True)])


def grown(values: Floats, trees: int, seed: int) -> Floats:
    """The same by a forest of scikit-learn."""
    forest = IsolationForest(n_estimators=trees, max_samples=sub_sample(len(values)), random_state=seed)
    return np.asarray(-forest.fit(values[:, None]).score_samples(values[:, None]))


def compare(name: str, rows: int, trees: int) -> None:
    values = SAMPLES[name](np.random.default_rng(1), rows)
    ours, theirs, others = closed_form(values[None])[0], grown(values, trees, 1), grown(values, trees, 2)
    rare = theirs >= np.quantile(theirs, 0.95)
    print(
        f"{name:12s} all {agreement(ours, theirs):.3f} (theirs among themselves {agreement(others, theirs):.3f})"
        f"  rarest twentieth {agreement(ours[rare], theirs[rare]):.3f} ({agreement(others[rare], theirs[rare]):.3f})"
    )


def cost(rows: int, series: int) -> None:
    values = np.random.default_rng(2).normal(size=(series, rows))
    begin = time.process_time()
    closed_form(values)
    ours = (time.process_time() - begin) / series
    begin = time.process_time()
    grown(values[0], 100, 1)
    theirs = time.process_time() - begin
    print(f"fit and score {rows} rows: closed form {1e3 * ours:.2f} ms, 100 trees {1e3 * theirs:.1f} ms", end="")
    print(f", {theirs / ours:.0f} times as much")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_016)
    parser.add_argument("--series", type=int, default=20)
    parser.add_argument("--trees", type=int, default=1_000)
    args = parser.parse_args()
    warnings.filterwarnings("error")
    for name in SAMPLES:
        compare(name, args.rows, args.trees)
    cost(args.rows, args.series)


if __name__ == "__main__":
    main()
