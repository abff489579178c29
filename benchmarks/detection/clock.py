"""How often the product alarms about what happens by the clock, every night or hour, from the first day on.

usage: python -m benchmarks.detection.clock [--seed=N] [--series=N] [--days=N]

Every series is noise around one level and a job that comes again and again. Nothing else happens, so that every alarm
but the first ones, while the job is new, is one too many. Series are replayed by the defaults, as `sidecar backtest`
does.
"""

import argparse
from collections.abc import Callable

import numpy as np

from benchmarks.detection.report import Table
from benchmarks.detection.series import DAY, HOUR, Floats
from sidecar.backtest.replay import Replayer, Series
from sidecar.config.schema import QueryConfig

START, STEP = 1_700_006_400, 300  # a midnight, on a Wednesday
LEVEL, NOISE = 0.2, 0.02
Job = Callable[[np.random.Generator, Floats], Floats]
"""A generator, seconds since the start, to what the job adds at each."""


def nightly(size: float, seconds: float, late: int = 0) -> Job:
    """At two every night, up to `late` steps early or late."""

    def job(rng: np.random.Generator, at: Floats) -> Floats:
        day = np.asarray(at // DAY, dtype=np.intp)
        begin = 2 * HOUR + STEP * rng.integers(-late, late + 1, day[-1] + 1)[day]
        return np.asarray(size * ((at % DAY >= begin) & (at % DAY < begin + seconds)))

    return job


def office(size: float, weekdays: int) -> Job:
    """From nine to six, on so many days of each week."""

    def job(_rng: np.random.Generator, at: Floats) -> Floats:
        return np.where((at % DAY >= 9 * HOUR) & (at % DAY < 18 * HOUR) & (at // DAY % 7 < weekdays), size, 0.0)

    return job


JOBS: dict[str, Job] = {
    "one sample every night": nightly(0.6, STEP),
    "half an hour every night": nightly(0.6, HOUR / 2),
    "half an hour every night, up to ten minutes early or late": nightly(0.6, HOUR / 2, late=2),
    "from nine to six every day": office(0.5, 7),
    "from nine to six on five days a week": office(0.5, 5),
    "one sample every hour": lambda _, at: np.where(at % HOUR < STEP, 0.6, 0.0),
}


def alarms(job: Job, days: int, series: int, seed: int) -> float:
    """Alarms per series."""
    rng, times = np.random.default_rng(seed), np.arange(START, START + days * DAY, STEP)
    replayer = Replayer.of(QueryConfig(name="job", expr="vector(0)", step=STEP), "UTC")
    began = 0
    for number in range(series):
        values = LEVEL + NOISE * rng.standard_normal(len(times)) + job(rng, (times - START).astype(np.float64))
        parts = replayer.replay(Series((("instance", str(number)),), times, values), START, int(times[-1]))
        began += sum(int(np.count_nonzero(part.verdicts.outcome.detection >= 1)) for part in parts)
    return began / series


def table(days: int, series: int, seed: int) -> Table:
    """A row per job."""
    rows = [[name, f"{alarms(job, days, series, seed):.1f}"] for name, job in JOBS.items()]
    return Table("alarms", ["what happens", f"alarms in the first {days} days"], rows)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--series", type=int, default=5)
    parser.add_argument("--days", type=int, default=28)
    asked = parser.parse_args()
    print(table(asked.days, asked.series, asked.seed).markdown())


if __name__ == "__main__":
    main()
