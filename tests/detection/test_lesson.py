"""Which columns are learnt from."""

import numpy as np
import pytest

from sidecar.detection.detector import fit, score
from sidecar.detection.lesson import bucket_ends, plausible
from sidecar.detection.settings import DAY, HOUR, MINUTE, Settings

END = 1_700_006_400


def test_buckets_end_at_every_place_alike() -> None:
    settings = Settings(MINUTE, fit_window=7 * DAY)
    ends = bucket_ends(settings.fit_steps, settings)
    assert (np.diff(ends) > 0).all()
    assert (ends[0] >= 0, ends[-1]) == (True, settings.fit_steps - 1)
    places = np.bincount(ends % settings.bucket)
    assert places.max() < 1.3 * places.min()


def test_steps_that_fill_a_bucket_are_all_learnt_from() -> None:
    settings = Settings(5 * MINUTE, fit_window=DAY)
    assert (np.diff(bucket_ends(settings.fit_steps, settings)) == 1).all()


@pytest.mark.parametrize("minute", range(5))
def test_a_minute_of_each_hour_is_no_news_whichever_it_is(minute: int) -> None:
    settings = Settings(MINUTE, fit_window=2 * DAY)
    rows = 3 * DAY // MINUTE
    values = 0.2 + 0.01 * np.random.default_rng(3).standard_normal((1, rows))
    values[:, minute :: HOUR // MINUTE] += 0.3
    learnt = values[:, : settings.fit_steps]
    models = fit(learnt, END, settings)
    found = score(models, values, END + DAY, settings, DAY // MINUTE)
    assert np.count_nonzero(found.score >= 1) == 0


@pytest.mark.parametrize("absurd", [1e6, -1e9, float(2**64)])
def test_one_absurd_sample_makes_a_series_blind_to_nothing(absurd: float) -> None:
    settings = Settings(5 * MINUTE, fit_window=14 * DAY)
    rng, steps = np.random.default_rng(4), 13 * settings.day_steps
    values = 10 + 2 * np.sin(2 * np.pi * np.arange(steps) / settings.day_steps) + rng.normal(0, 0.3, steps)
    values = np.stack([values, values])
    values[1, 2_000] = absurd
    models = fit(values, END, settings)
    values[:, -1] += 40
    with_it, without = score(models, values, END, settings, 1).score[::-1, 0]
    assert without > 2
    assert with_it == pytest.approx(without, rel=0.05)


def test_samples_that_are_merely_rare_are_learnt_from() -> None:
    values = np.random.default_rng(5).exponential(size=(3, 4_000))
    values[0, :4] = 5_000  # as many as count as few
    values[1, :5] = 1e9  # more of them
    values[2] = np.arange(4_000) == 7
    assert plausible(values) is values
    values[0, :4] = 50_000
    assert np.isnan(plausible(values)).sum(axis=1).tolist() == [4, 0, 0]
