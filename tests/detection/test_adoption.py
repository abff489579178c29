import numpy as np
import pytest

from sidecar.detection.adoption import stays
from sidecar.detection.alarm import Policy
from sidecar.detection.arrays import Floats
from sidecar.detection.detector import fit
from sidecar.detection.schedule import Schedule
from sidecar.detection.settings import DAY, Settings
from sidecar.detection.watch import Watch
from sidecar.prometheus.frame import Frame, LabelSet

STEP, END = 300, 1_700_000_100
SETTINGS = Settings(step=STEP, fit_window=7 * DAY)
WIDTH = 9 * 288


def daily() -> Floats:
    """A daily shape with noise."""
    noise = 0.03 * np.random.default_rng(2).standard_normal(WIDTH)
    return np.asarray(0.5 + 0.2 * np.sin(2 * np.pi * np.arange(WIDTH) / 288) + noise)


def changed(change: Floats, columns: int) -> Floats:
    """The shape, one row, with a change added to its last columns."""
    values = daily()
    values[WIDTH - columns : WIDTH - columns + len(change)] += change
    return values[None]


@pytest.mark.parametrize(
    ("values", "columns", "expected"),
    [
        pytest.param(changed(np.full(200, 0.4), 200), 200, True, id="it is there"),
        pytest.param(changed(np.full(400, -0.4), 400), 400, True, id="it has been there for more than a day"),
        pytest.param(changed(np.full(190, 0.4), 200), 200, False, id="it has gone"),
        pytest.param(changed(np.linspace(0.4, 0.1, 200), 200), 200, False, id="most of it has gone"),
        pytest.param(changed(np.full(1, 0.4), 6), 6, False, id="a spike"),
        pytest.param(changed(np.zeros(1), 200), 200, False, id="nothing moved"),
    ],
)
def test_a_change_stays_where_the_level_has_not_gone_back(values: Floats, columns: int, *, expected: bool) -> None:
    basis = fit(daily()[None], END, SETTINGS).basis
    since = np.array([END - (columns - 1) * STEP])
    assert stays(values, END, since, basis, SETTINGS).tolist() == [expected]


def test_nothing_stays_where_the_day_before_is_not_known() -> None:
    values = changed(np.full(200, 0.4), 200)
    basis = fit(daily()[None], END, SETTINGS).basis
    since = np.array([END - 199 * STEP])
    assert not stays(values[:, -250:], END, since, basis, SETTINGS).any()


def test_with_the_defaults_a_lasting_change_is_adopted_once_within_two_days() -> None:
    schedule = Schedule(Settings(step=STEP), fit_every=DAY)
    begin, labels = schedule.lookback_steps + 20, ((("instance", "a"),), (("instance", "b"),))
    noise = np.random.default_rng(1).standard_normal((2, begin + 2 * 288))
    values = 0.4 + 0.03 * noise
    values[0, begin:] += 0.4
    values[1, begin : begin + 12] += 0.4
    watch, told, flags = Watch(schedule, Policy()), [], []
    for column in range(begin - 5, values.shape[1]):
        frame = follow(watch, values, column + 1, labels)
        watch.advance(frame)
        told += watch.to_be_told.tolist()
        flags.append(watch.series.flagged.tolist())
    assert told == [0]
    assert flags[5] == [True, True]
    assert flags[-1] == [False, False]


def follow(watch: Watch, values: Floats, stop: int, labels: tuple[LabelSet, ...]) -> Frame:
    """The lookback that ends before a column, with the fits that are due on it done."""
    first = stop - watch.schedule.lookback_steps
    frame = Frame(watch.labels or labels, END + first * STEP, STEP, values[:, first:stop])
    watch.follow(frame)
    while jobs := watch.due(frame):
        for job in jobs:
            watch.install(job, job.run())
    return frame
