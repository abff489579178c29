"""What every detector must keep to, whatever it detects: checks that run over the product and the baselines.

usage: python -m benchmarks.detection.conformance [DETECTOR ...]

The samples are of three kinds, so that for "sidecar, groups" each is the only one of its group and all checks apply.
Siblings are not free of order, by design: they share what says how rare a value is.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import numpy as np

from benchmarks.detection.detectors import DETECTORS, Detector
from benchmarks.detection.series import Answers, Series, read_answers, read_series, write_series
from benchmarks.detection.synthetic import PLANS, make

SEED = 7
ROWS = 3_000
SCALE_TOLERANCE = 1e-6
"""By how much a score may differ when the values are in another unit."""
Check: TypeAlias = Callable[[Detector, Sequence[Series]], bool]


def samples() -> list[Series]:
    """Ten days of a busy, a bursty and a counting series, a row per five minutes."""
    plan = next(plan for plan in PLANS if plan.name == "5m")
    return [first_rows(make(plan, index, SEED), ROWS) for index in (0, 7, 8)]


def first_rows(series: Series, rows: int) -> Series:
    """The series cut off after some rows."""
    return replace(series, seconds=series.seconds[:rows], values=series.values[:rows], kind=series.kind[:rows])


def ask(detector: Detector, series: Sequence[Series]) -> list[Answers]:
    """What the detector says of the series when it is shown all of them at once."""
    with TemporaryDirectory() as directory:
        corpus, results = Path(directory, "corpus"), Path(directory, "results")
        for one in series:
            write_series(one, corpus)
        detector(corpus, results)
        return [read_answers(results, read_series(corpus, one.name)) for one in series]


def equal(one: Answers, other: Answers) -> bool:
    """Whether two answers are the same."""
    return bool(
        np.array_equal(one.score, other.score, equal_nan=True)
        and np.array_equal(one.flag, other.flag)
        and np.array_equal(one.detection, other.detection)
    )


def all_equal(some: Sequence[Answers], others: Sequence[Answers]) -> bool:
    """Whether all answers are the same, pair by pair."""
    return all(equal(one, other) for one, other in zip(some, others, strict=True))


def deterministic(detector: Detector, series: Sequence[Series]) -> bool:
    """Asked twice, it says the same."""
    return all_equal(ask(detector, series), ask(detector, series))


def scale_free(detector: Detector, series: Sequence[Series]) -> bool:
    """In another unit, the scores are the same."""
    scaled = [replace(one, values=1000 * one.values) for one in series]
    pairs = zip(ask(detector, series), ask(detector, scaled), strict=True)
    return all(
        np.allclose(one.score, other.score, rtol=0, atol=SCALE_TOLERANCE, equal_nan=True) for one, other in pairs
    )


def order_free(detector: Detector, series: Sequence[Series]) -> bool:
    """It says the same of a series alone, and behind others."""
    return all_equal(ask(detector, series), [ask(detector, [one])[0] for one in series])


def causal(detector: Detector, series: Sequence[Series]) -> bool:
    """Without the last fifth of the rows, it says the same of the rows before."""
    rows = [4 * len(one.values) // 5 for one in series]
    past = ask(detector, [first_rows(one, until) for one, until in zip(series, rows, strict=True)])
    whole = [first_answers(one, until) for one, until in zip(ask(detector, series), rows, strict=True)]
    return all_equal(past, whole)


def first_answers(answers: Answers, rows: int) -> Answers:
    """The answers to the first rows."""
    return Answers(answers.score[:rows], answers.flag[:rows], answers.detection[:rows])


def nan_safe(detector: Detector, series: Sequence[Series]) -> bool:
    """Missing values are not scored, start no alarm, and cost hardly any score of the others."""
    holes = [with_holes(one) for one in series]
    pairs = zip(ask(detector, series), ask(detector, holes), holes, strict=True)
    return all(quiet_about_holes(whole, answers, one) for whole, answers, one in pairs)


def with_holes(series: Series) -> Series:
    """The series without its first value, a run of twenty, and every fiftieth."""
    values = series.values.copy()
    values[[0, *range(len(values) // 2, len(values) // 2 + 20), *range(25, len(values), 50)]] = np.nan
    return replace(series, values=values)


def quiet_about_holes(whole: Answers, answers: Answers, series: Series) -> bool:
    """Whether holes are unscored and the other rows still are."""
    hole = np.isnan(series.values)
    scored, expected = np.isfinite(answers.score), np.isfinite(whole.score) & ~hole
    return bool(not scored[hole].any() and not answers.detection[hole].any() and scored.sum() >= 0.9 * expected.sum())


CHECKS: dict[str, Check] = {
    check.__name__: check for check in (deterministic, scale_free, order_free, causal, nan_safe)
}


def conformance(detector: Detector, series: Sequence[Series]) -> dict[str, bool]:
    """Which checks a detector passes on the series."""
    return {name: check(detector, series) for name, check in CHECKS.items()}


def main() -> None:
    """Run the checks over the named detectors, all by default, and print what each passes; exit 1 if ours fails one."""
    series, failed = samples(), False
    for name in sys.argv[1:] or DETECTORS:
        passed = conformance(DETECTORS[name], series)
        print(f"{name:24s}", *(f"{check} {'yes' if ok else 'NO'}" for check, ok in passed.items()), sep="  ")
        failed |= name == "sidecar" and not all(passed.values())
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
