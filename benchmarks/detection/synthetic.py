"""A labelled corpus of CPU-like series, made from a seed.

usage: python -m benchmarks.detection.synthetic OUTDIR [--seed=N] [--small]

Writes one CSV (timestamp,value,label,kind) per series. Label is 1 in an anomaly and kind names it (anomalies.py says
what and how large); the first third of a series has none, a quarter of the series have none at all ("clean": they
measure the realised alarm rate). Small lasting deploy steps (0.5 to 2 sigma) are ordinary behaviour: the two hours
after one have kind "deploy" and label 0, and scorers may excuse alarms there. One series in five lacks some rows.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import numpy as np

from benchmarks.detection.anomalies import KINDS, Kind, place
from benchmarks.detection.normal import PROFILES, Parts
from benchmarks.detection.series import DAY, DEPLOY, HOUR, Flags, Kinds, Series, write_series

MONDAY = 1_704_067_200  # 2024-01-01
THURSDAY = MONDAY + 3 * DAY
TRIES = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """How many series of a step, how long, with how many anomalies and how far apart."""

    step: int
    name: str
    days: int
    full: int
    small: int
    events: int
    gap_hours: int
    start: int = THURSDAY  # a weekend comes early, so that it is not the first ever seen


PLANS = (
    Plan(15, "15s", 4, 12, 5, 2, 8, start=MONDAY),
    Plan(60, "1m", 10, 24, 8, 3, 16),
    Plan(300, "5m", 28, 40, 14, 4, 36),
    Plan(3600, "1h", 56, 40, 13, 4, 120),
)


def deploys(parts: Parts, step: int, rng: np.random.Generator) -> tuple[Parts, Kinds]:
    """Small lasting steps, at most one in three days, and the kind of each row."""
    rows = len(parts.mean)
    kind = np.full(rows, "", dtype="U16")
    extra = parts.extra.copy()
    for at in rng.integers(0, rows, int(rng.integers(0, max(2, rows * step // (3 * DAY) // 2)))):
        extra[at:] += rng.choice([-1, 1]) * rng.uniform(0.5, 2) * np.median(parts.sigma)
        kind[at : at + 2 * HOUR // step] = DEPLOY
    return replace(parts, extra=extra), kind


def with_anomalies(plan: Plan, parts: Parts, kind: Kinds, first: int, rng: np.random.Generator) -> tuple[Parts, Kinds]:
    """The parts with the planned anomalies; kinds take turns from `first`, one that finds no place is left out."""
    gap, taken = plan.gap_hours * HOUR // plan.step, np.zeros(len(kind), dtype=bool)
    turns, left = cycle(KINDS[first:] + KINDS[:first]), plan.events
    for _, wanted in zip(range(2 * len(KINDS)), turns, strict=False):
        found = free_place(wanted, parts, plan.step, taken, rng) if left else None
        if found is None:
            continue
        at, parts = found
        kind[at] = wanted.name
        taken[max(0, at.start - gap) : at.stop + gap] = True
        left -= 1
    return parts, kind


def free_place(
    kind: Kind, parts: Parts, step: int, taken: Flags, rng: np.random.Generator
) -> tuple[slice, Parts] | None:
    """The first of some tries that is visible and clear of the other anomalies."""
    for _ in range(TRIES):
        found = place(kind, parts, step, rng)
        if found and not taken[found[0]].any():
            return found
    return None


def kept_rows(rows: int, *, complete: bool, rng: np.random.Generator) -> Flags:
    """Which rows the series has: all, or all but a few lone ones and one short run."""
    keep = np.ones(rows, dtype=bool)
    if not complete:
        keep[1:] = rng.random(rows - 1) > 0.002  # noqa: PLR2004 - one scrape in 500 fails
        outage = int(rng.integers(rows // 3, rows))
        keep[outage : outage + int(rng.integers(3, 12))] = False
    return keep


def make(plan: Plan, index: int, seed: int) -> Series:
    """Series number `index` of a plan: the same for a seed, whatever else is made."""
    rng = np.random.default_rng([seed, plan.step, index])
    profile = list(PROFILES)[index % len(PROFILES)]
    clean = index % 4 == 3  # noqa: PLR2004 - coprime to the number of profiles: each is clean at times
    seconds = plan.start + plan.step * np.arange(plan.days * DAY // plan.step, dtype=np.int64)
    parts, kind = deploys(PROFILES[profile](seconds, rng), plan.step, rng)
    if not clean:
        parts, kind = with_anomalies(plan, parts, kind, index * plan.events % len(KINDS), rng)
    scale = 1.0 if profile == "throttled" else float(rng.choice([1.0, 100.0, 1000.0, 16.0]))
    keep = kept_rows(len(seconds), complete=index % 5 != 4, rng=rng)  # noqa: PLR2004 - one series in five
    name = f"{plan.name}-{profile}-{index:02d}" + ("-clean" if clean else "") + ".csv"
    return Series(name, seconds[keep], scale * parts.values()[keep], kind[keep])


def corpus(seed: int, *, small: bool = False) -> Iterator[Series]:
    """All series of the corpus for a seed."""
    for plan in PLANS:
        for index in range(plan.small if small else plan.full):
            yield make(plan, index, seed)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="about 40 series instead of 116")
    args = parser.parse_args(argv)
    for series in corpus(args.seed, small=args.small):
        write_series(series, args.outdir)


if __name__ == "__main__":
    main()
