import numpy as np
import pytest

from benchmarks.detection.past import Past
from sidecar.detection.habit import habit_of, recurrence_of
from sidecar.detection.lesson import later
from sidecar.detection.settings import DAY, Settings

HOURLY = Settings(3_600)


@pytest.mark.parametrize("seed", range(20))
def test_the_columns_near_a_bar_say_what_all_of_them_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    answers = rng.gamma(2, 0.1, (3, 24 * 25)).astype(np.float16)
    for day in rng.integers(0, 25, rng.integers(1, 12)):
        answers[0, 24 * day : 24 * day + 3] = rng.uniform(0.5, 2.5)
    answers[:, rng.random(answers.shape[1]) < 0.1] = np.nan
    factors, own = rng.uniform(0.5, 1.5, (2, 3))
    whole = (answers.astype(np.float32) / factors[:, None].astype(np.float32)).max(axis=0)[None]
    past, every = Past.of(answers, 3_600.0), np.array([3_600.0])
    assert past.habit(factors, HOURLY.alarm_budget) == pytest.approx(habit_of(whole, every, HOURLY)[0])
    assert past.recurrence(factors) == pytest.approx(recurrence_of(whole, every)[0])
    usual = np.nanmedian(later((answers * own[:, None]).max(axis=0)))
    assert past.usual(own) == pytest.approx(usual, rel=1e-3)


def test_nothing_learnt_raises_no_bar() -> None:
    past = Past.of(np.full((2, 100), np.nan, np.float16), DAY)
    assert past.habit(np.ones(2), HOURLY.alarm_budget) == 0
    assert past.recurrence(np.ones(2)) == 1
    assert past.usual(np.ones(2)) == 0
