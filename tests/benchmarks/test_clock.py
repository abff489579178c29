import numpy as np

from benchmarks.detection.clock import JOBS, STEP, alarms
from benchmarks.detection.series import DAY, HOUR


def test_jobs_come_when_they_are_said_to() -> None:
    at = np.arange(0, 14 * DAY, STEP).astype(np.float64)
    steps = {name: np.flatnonzero(job(np.random.default_rng(1), at)) for name, job in JOBS.items()}
    assert [len(found) for found in steps.values()] == [14, 84, 84, 14 * 108, 10 * 108, 14 * 24]
    late = at[steps["half an hour every night, up to ten minutes early or late"]] % DAY - 2 * HOUR
    assert (late.min(), late.max()) == (-600, 600 + 1_500)


def test_what_comes_for_the_first_time_is_an_alarm() -> None:
    assert 1 <= alarms(JOBS["one sample every night"], days=3, series=1, seed=1) <= 3
