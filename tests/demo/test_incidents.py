import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.demo.config import EPOCH
from sidecar.demo.incidents import CYCLE, SCRIPT, Incident, utilisation
from sidecar.demo.series import DAY, HIGHEST, HOSTS, LOWEST, RATE_WINDOW, Host, healthy

BY_NAME = {host.name: host for host in HOSTS}
LIVE = EPOCH + np.arange(0, CYCLE, 300, dtype=np.float64)


def within(incident: Incident) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    since = LIVE - EPOCH - incident.start
    return np.asarray((since > 0) & (since < incident.length + RATE_WINDOW))


def deviation(incident: Incident) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    host = BY_NAME[incident.host]
    return utilisation(host, LIVE, EPOCH) - healthy(host, LIVE)


def test_the_script_is_in_order_and_fits_into_its_cycle() -> None:
    assert [incident.start for incident in SCRIPT] == sorted(incident.start for incident in SCRIPT)
    assert all(incident.start + incident.length + RATE_WINDOW < CYCLE for incident in SCRIPT)
    assert len({incident.host for incident in SCRIPT}) == len(SCRIPT)
    assert CYCLE % DAY


@given(st.sampled_from(HOSTS), st.lists(st.integers(0, EPOCH), min_size=1, max_size=20))
def test_nothing_is_wrong_before_the_epoch(host: Host, seconds: list[int]) -> None:
    times = np.array(seconds, dtype=np.float64)
    assert utilisation(host, times, EPOCH).tolist() == healthy(host, times).tolist()


def test_hosts_outside_the_script_stay_healthy() -> None:
    hit = {incident.host for incident in SCRIPT}
    for host in HOSTS:
        if host.name not in hit:
            assert (utilisation(host, LIVE, EPOCH) == healthy(host, LIVE)).all()


@pytest.mark.parametrize("incident", SCRIPT, ids=lambda incident: incident.host)
def test_an_incident_touches_its_time_and_no_other(incident: Incident) -> None:
    host, inside = BY_NAME[incident.host], within(incident)
    assert (utilisation(host, LIVE, EPOCH) == healthy(host, LIVE))[~inside].all()
    assert np.abs(deviation(incident)[inside]).max() > 0.1
    values = utilisation(host, LIVE, EPOCH)
    assert values.min() >= LOWEST
    assert values.max() <= HIGHEST


def test_each_kind_has_its_own_shape() -> None:
    runaway, crash, hang, leak, thrashing = (deviation(incident)[within(incident)] for incident in SCRIPT)
    assert runaway[1:-1].min() > 0.25
    assert set(np.sign(crash[1:-1]).tolist()) == {0.0, 1.0}
    assert hang[1:-1].max() < -0.1
    assert (np.diff(leak[:-1]) > 0).all()
    assert thrashing.min() < -0.1 < 0.1 < thrashing.max()


@given(st.sampled_from(HOSTS), st.integers(0, CYCLE))
def test_the_script_repeats(host: Host, elapsed: int) -> None:
    def is_hit(time: int) -> bool:
        times = np.array([time], dtype=np.float64)
        return bool((utilisation(host, times, EPOCH) != healthy(host, times))[0])

    expected = any(
        incident.host == host.name and 0 < elapsed % CYCLE - incident.start < incident.length + RATE_WINDOW
        for incident in SCRIPT
    )
    if not expected:
        assert not is_hit(EPOCH + elapsed)
        assert not is_hit(EPOCH + elapsed + CYCLE)


def test_the_second_cycle_goes_wrong_as_the_first_did() -> None:
    first = SCRIPT[0]
    times = np.array([EPOCH + CYCLE + first.start + 600.0])
    assert utilisation(BY_NAME[first.host], times, EPOCH)[0] > 0.7
