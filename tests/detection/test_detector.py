from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sidecar.detection import detector, tables
from sidecar.detection.arrays import Floats
from sidecar.detection.detector import fit, score, score_block
from sidecar.detection.models import Models, Scores
from sidecar.detection.settings import DAY, Settings, context_steps
from tests.detection.conftest import END

LAST = 300
DAILY, STEADY, COUNTS, CONSTANT, ABSENT, HOLED, YOUNG, SPIKY = range(8)


def answers(values: Floats, settings: Settings, last: int = LAST) -> Scores:
    return score(fit(values[:, :-LAST], END - LAST * settings.step, settings), values, END, settings, last)


def test_asked_twice_says_the_same(values: Floats, settings: Settings) -> None:
    np.testing.assert_array_equal(answers(values, settings).score, answers(values, settings).score)


@pytest.mark.parametrize("factor", [1000.0, 1e-7, 3.7])
def test_does_not_depend_on_the_unit(values: Floats, settings: Settings, factor: float) -> None:
    one, other = answers(values, settings), answers(factor * values, settings)
    np.testing.assert_allclose(one.score, other.score, rtol=0, atol=1e-6)
    np.testing.assert_allclose(factor * one.expected, other.expected, rtol=1e-6)


def test_does_not_depend_on_the_other_series(values: Floats, settings: Settings) -> None:
    together = answers(values, settings).score
    backwards = answers(values[::-1], settings).score[::-1]
    alone = np.concatenate([answers(values[i : i + 1], settings).score for i in range(len(values))])
    np.testing.assert_array_equal(together, backwards)
    np.testing.assert_array_equal(together, alone)


def test_scores_column_by_column_as_all_at_once(values: Floats, settings: Settings) -> None:
    models = fit(values, END, settings)
    together = score(models, values, END, settings, 20).score
    context = context_steps(settings)
    for ago in range(20):
        width = values.shape[1] - ago
        past = values[:, width - context - 1 : width]
        single = score(models, past, END - ago * settings.step, settings, 1).score
        np.testing.assert_array_equal(single[:, 0], together[:, -1 - ago])


def test_reads_no_more_than_its_context(values: Floats, settings: Settings) -> None:
    models = fit(values, END, settings)
    forgotten = values.copy()
    forgotten[:, : values.shape[1] - context_steps(settings) - 1] = np.nan
    np.testing.assert_array_equal(
        score(models, values, END, settings, 1).score, score(models, forgotten, END, settings, 1).score
    )


def test_holes_are_not_scored_and_the_rest_is(values: Floats, settings: Settings) -> None:
    scored = np.isfinite(answers(values, settings).score)
    np.testing.assert_array_equal(scored[HOLED], ~np.isnan(values[HOLED, -LAST:]))
    assert scored[DAILY].all()
    assert not scored[ABSENT].any()


def test_series_without_a_model_or_a_sample_cost_nothing_and_change_nothing(
    values: Floats, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = np.concatenate([values] * 3)
    models = fit(several, END, settings)
    whole = score(models, several, END, settings, 2)
    models.fitted[1] = False
    several[3, -2:] = np.nan
    looked_at: list[int] = []

    def counted(models: Models, *given: Any) -> Scores:  # noqa: ANN401 those of `score_block`
        looked_at.append(len(models))
        return score_block(models, *given)

    monkeypatch.setattr(detector, "score_block", counted)
    part = score(models, several, END, settings, 2)
    left = np.setdiff1d(np.arange(len(several)), [1, 3])
    assert sum(looked_at) == np.count_nonzero(np.isfinite(part.score).any(axis=1)) > len(several) // 2
    np.testing.assert_array_equal(part.score[left], whole.score[left])
    np.testing.assert_array_equal(part.rarity[left], whole.rarity[left])
    assert np.isnan(part.score[[1, 3]]).all()


def test_young_series_are_not_scored(values: Floats, settings: Settings) -> None:
    assert not np.isfinite(answers(values, settings).score[YOUNG]).any()


def test_an_eightyfold_deviation_scores_above_an_eightfold_one(values: Floats, settings: Settings) -> None:
    def of(deviation: float) -> Floats:
        odd = values.copy()
        odd[:, -1] += deviation * 0.3
        return answers(odd, settings, 1).score[[DAILY, STEADY, COUNTS, SPIKY], 0]

    assert (of(80) > of(8)).all()
    assert (of(800) > of(80)).all()
    assert (of(80)[:2] > 1).all()


def test_ordinary_columns_have_their_middle_at_one_half(values: Floats, settings: Settings) -> None:
    ordinary = score(fit(values, END, settings), values, END, settings, LAST).score
    np.testing.assert_allclose(np.median(ordinary[[DAILY, STEADY]], axis=1), 0.5, atol=0.05)


def test_a_constant_series_is_ordinary_until_it_changes(values: Floats, settings: Settings) -> None:
    changed = values.copy()
    changed[CONSTANT, -1] = 8
    assert (answers(values, settings).score[CONSTANT] < 0.75).all()
    assert answers(changed, settings).score[CONSTANT, -1] > 1


def test_expects_what_is_usual(values: Floats, settings: Settings) -> None:
    expected = answers(values, settings).expected
    assert np.abs(expected[DAILY] - values[DAILY, -LAST:]).mean() < 0.5
    np.testing.assert_allclose(expected[CONSTANT], 7.25)


def test_no_series_are_no_trouble(settings: Settings) -> None:
    models = fit(np.zeros((0, 50)), END, settings)
    assert len(models) == 0
    assert score(models, np.zeros((0, 50)), END, settings, 3).score.shape == (0, 3)
    assert not Models.empty(2, Settings(300)).fitted.any()


def test_a_larger_budget_means_more_alarms(values: Floats, settings: Settings) -> None:
    loose = replace(settings, alarm_budget=10 * settings.alarm_budget)
    one, other = answers(values, settings).score, answers(values, loose).score
    assert (other >= 1).sum() > (one >= 1).sum()
    assert np.nanmax(other[DAILY]) > np.nanmax(one[DAILY])


def test_what_is_too_odd_is_not_learnt_from(
    values: Floats, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    values[STEADY, 300:303] += [5, 9, 14]
    values[STEADY, -1] = 14
    wary = answers(values, settings, 1).score[STEADY, 0]
    monkeypatch.setattr(tables, "PEELS", 0)
    assert wary > answers(values, settings, 1).score[STEADY, 0] + 0.5


def test_too_much_of_it_is_the_new_normal(values: Floats, settings: Settings) -> None:
    much = values.copy()
    much[STEADY, -400:] += 5
    after = score(fit(much, END, settings), much, END, settings, LAST)
    assert np.median(after.score[STEADY]) < 0.9


@pytest.mark.parametrize("step", [DAY, 7 * DAY, 90 * DAY])
def test_steps_longer_than_half_a_day_are_compared_with_no_other_day(step: int) -> None:
    coarse = Settings(step=step, fit_window=300 * step, min_history=30 * step)
    series = np.random.default_rng(2).normal(10, 1, (2, 320))
    series[1, -1] = 60
    models = fit(series[:, :-1], END - step, coarse)
    ordinary, odd = score(models, series, END, coarse, 1).score[:, 0]
    assert ordinary < 1 < odd


def test_short_steps_are_averaged(settings: Settings) -> None:
    fine = Settings(step=60, fit_window=3 * 86_400)
    rng = np.random.default_rng(2)
    series = rng.normal(10, 1, (2, 3 * 1440))
    found = score(fit(series, END, fine), series, END, fine, 100)
    assert np.isfinite(found.score).all()
    assert settings.bucket == 1
    assert fine.bucket == 5


def test_noise_of_seconds_is_not_odd_for_want_of_history() -> None:
    """Ninety minutes of it hold no two windows of a hundred minutes."""
    settings = Settings(step=15, fit_window=5_400, min_history=3_600)
    noise = 1.5 + 0.05 * np.random.default_rng(1).standard_normal((40, 660))
    assert np.nanmax(answers(noise, settings).score) < 1


@pytest.mark.parametrize("days", [5, 6, 8, 12])
def test_a_nightly_job_is_no_news(days: int) -> None:
    settings, rng = Settings(step=300), np.random.default_rng(1)
    steps = np.arange((days + 1) * settings.day_steps)
    calm = 0.2 + 0.02 * rng.standard_normal(len(steps))
    nightly = steps % settings.day_steps == 2 * 12
    values = calm + 0.6 * np.stack([nightly, nightly & (steps > days * settings.day_steps)])
    models = fit(values[:, : -settings.day_steps], END - DAY, settings)
    known, unknown = score(models, values, END, settings, settings.day_steps).score.max(axis=1)
    assert known < 1 < unknown


def test_a_past_full_of_alarms_raises_the_bars() -> None:
    rng, settings = np.random.default_rng(3), Settings(300, fit_window=14 * DAY)
    calm = 1 + 0.05 * rng.standard_normal(settings.fit_steps)
    once, often = calm.copy(), calm.copy()
    once[-1_000] += 1.0
    often[rng.choice(settings.fit_steps, 12, replace=False)] += 1.0
    habit = fit(np.stack([calm, once, often]), END, settings).habit
    assert habit[:2].tolist() == [0, 0]
    assert 0.1 < habit[2] <= 0.25


def test_what_comes_every_few_days_whenever_it_likes_is_no_news() -> None:
    rng, settings = np.random.default_rng(5), Settings(300)
    values = 0.97 + 0.005 * rng.standard_normal((2, settings.fit_steps + settings.days_back * settings.day_steps))
    for at in np.cumsum(rng.integers(300, 900, 100)):
        values[0, at : at + 5] -= 0.12
    models = fit(values, END, settings)
    assert models.recurrence[0] > 1.1
    assert models.recurrence[1] == 1
