import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.demo.config import EPOCH
from sidecar.demo.noise import FloatArray
from sidecar.demo.series import DAY, HIGHEST, HOSTS, HOUR, LOWEST, Host, healthy, window_share

WEEK = EPOCH + np.arange(-7 * DAY, 0, 300, dtype=np.float64)
BY_NAME = {host.name: host for host in HOSTS}
hosts = st.sampled_from(HOSTS)


def at_hour(values: FloatArray, hour: int) -> FloatArray:
    hours = (WEEK % DAY) // HOUR
    return np.asarray(values[hours == hour])


def test_names_ascend_and_seeds_differ() -> None:
    assert [host.name for host in HOSTS] == sorted(BY_NAME)
    assert len({host.seed for host in HOSTS}) == len(HOSTS)


@given(hosts, st.lists(st.integers(0, 2**32), min_size=1, max_size=20))
def test_a_time_has_one_value_however_it_is_asked_for(host: Host, seconds: list[int]) -> None:
    times = np.array(seconds, dtype=np.float64)
    assert healthy(host, times).tolist() == [healthy(host, times[i : i + 1])[0] for i in range(len(times))]


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_values_are_shares_of_a_cpu_with_room_to_both_sides(host: Host) -> None:
    values = healthy(host, WEEK)
    assert values.shape == WEEK.shape
    assert values.min() > LOWEST
    assert values.max() < 0.7 < HIGHEST


def test_days_are_busier_than_nights_and_weekends_quieter_than_workdays() -> None:
    values = healthy(BY_NAME["web-1:9100"], WEEK)
    weekend = np.isin((WEEK // DAY + 4) % 7, (0, 6))
    peak = (WEEK % DAY) // HOUR == 14
    assert at_hour(values, 14).mean() > 2 * at_hour(values, 2).mean()
    assert values[peak & weekend].mean() < 0.8 * values[peak & ~weekend].mean()


def test_a_cron_job_shows_for_as_long_as_it_runs_and_the_rate_looks_back() -> None:
    host = Host(
        "cron:9100", 1, idle=0.1, load=0, peak_hour=0, jitter=0, cron_every=HOUR, cron_load=0.5, cron_length=900
    )
    values = healthy(host, np.arange(0, HOUR, 300, dtype=np.float64))
    assert values == pytest.approx([0.1, 0.6, 0.6, 0.6, *[0.1] * 8])


def test_a_release_moves_the_level_once_a_day() -> None:
    host = Host("deploy:9100", 1, idle=0.3, load=0, peak_hour=0, jitter=0, deploy=0.1)
    values = healthy(host, WEEK)
    moves = WEEK[1:][np.diff(values) != 0]
    assert (moves % DAY).tolist() == [13 * HOUR] * 7
    assert np.abs(values - 0.3).max() <= 0.1


def test_what_happens_at_once_shows_as_a_ramp_of_the_rates_window() -> None:
    times = np.array([-1.0, 0, 150, 300, 600, 750, 900, 1200])
    assert window_share(times, 0, 600).tolist() == [0, 0, 0.5, 1, 1, 0.5, 0, 0]
