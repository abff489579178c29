"""A job by the clock on the wall, over the two changes of that clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from sidecar.backtest.replay import Replayer, Series, joined
from sidecar.config.schema import QueryConfig

BERLIN, DAY, STEP = "Europe/Berlin", 86_400, 300
QUERY = QueryConfig(name="job", expr="vector(0)", step=STEP)


def midnight(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(BERLIN)).timestamp())


def job(changed: int, seed: int = 1) -> Series:
    """Three weeks and two days of a job that runs from eight to six in Berlin, every day."""
    times = np.arange(changed - 21 * DAY, changed + 2 * DAY, STEP)
    hours = [datetime.fromtimestamp(at, ZoneInfo(BERLIN)).hour for at in times.tolist()]
    running = np.isin(hours, range(8, 18))
    noise = np.random.default_rng(seed).standard_normal(len(times))
    return Series((("instance", "a"),), times, 0.2 + 0.5 * running + 0.02 * noise)


def alarms(series: Series, begin: int, timezone: str) -> int:
    replayer = Replayer.of(QUERY, timezone)
    parts = replayer.replay(series, begin, int(series.times[-1]))
    outcome = joined(parts, replayer.schedule.settings).verdicts.outcome
    return int(np.count_nonzero(outcome.detection >= 1))


@pytest.mark.parametrize("day", ["2024-03-31", "2024-10-27"], ids=["an hour less", "an hour more"])
def test_a_job_by_the_clock_on_the_wall_is_no_news_when_that_clock_is_changed(day: str) -> None:
    changed = midnight(day)
    series = job(changed)
    assert alarms(series, changed, BERLIN) == 0
    assert alarms(series, changed, "UTC") >= 1
