"""What scikit-learn holds in memory: python -m benchmarks.held FEATURES.

Prints the resident bytes of this process after the import, and how much a fitted IsolationForest of 100 trees adds to
them, over 2,016 rows of so many features. It is a program of its own, so that nothing else is counted.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.ensemble import IsolationForest

FORESTS = 20
ROWS = 2_016
"""A week of 5-minute steps."""


def resident() -> int:
    """Bytes of memory that this process holds now."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096


def of_a_forest(features: int) -> float:
    """Bytes, the mean of many: the first one, which is not counted, loads what it needs."""
    rows = np.random.default_rng(0).standard_normal((ROWS, features))
    held = [IsolationForest(random_state=0).fit(rows)]
    before = resident()
    held += [IsolationForest(random_state=1 + seed).fit(rows) for seed in range(FORESTS)]
    return (resident() - before) / (len(held) - 1)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", type=int)
    chosen = parser.parse_args()
    imported = resident()
    print(imported, round(of_a_forest(chosen.features)))


if __name__ == "__main__":
    main()
