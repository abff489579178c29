import pickle
from dataclasses import replace

import numpy as np
import pytest

from sidecar.detection.alarm import Policy
from sidecar.detection.arrays import Floats, Hashes
from sidecar.detection.detector import fit, score
from sidecar.detection.features import names
from sidecar.detection.models import Models
from sidecar.detection.schedule import Schedule
from sidecar.detection.settings import DAY, HOUR, Settings
from sidecar.detection.siblings import TAUGHT, TAUGHT_MOST, TEACHERS, Siblings, bent, teachers
from sidecar.detection.tables import TAIL_SHARE, Lookup, fit_tables
from sidecar.detection.watch import Watch
from sidecar.detection.watched import group_of
from sidecar.prometheus.frame import Frame, LabelSet
from tests.detection.conftest import END

SETTINGS = Settings(step=900, fit_window=10 * DAY, min_history=6 * HOUR)
FEATURES = names(SETTINGS)
WIDTH, LAST = 10 * 96, 96


def pods(count: int, seed: int = 3, width: int = WIDTH) -> Floats:
    """Pods of one workload: the same days on different levels, each with its own noise."""
    rng = np.random.default_rng(seed)
    level = np.exp2(rng.uniform(-3, 3, (count, 1)))
    shape = 1 + 0.3 * np.sin(2 * np.pi * np.arange(width) / 96)
    return np.asarray(level * (shape + 0.03 * rng.standard_normal((count, width))))


def hashes(rows: int) -> Hashes:
    return np.arange(rows, dtype=np.uint64)


def one_group(rows: int) -> Siblings:
    return Siblings(np.zeros(rows, np.intp), np.ones(rows, np.bool_))


def scores(models: Models, values: Floats) -> Floats:
    return score(models, values, END, SETTINGS, LAST).score


def test_siblings_have_one_set_of_curves_also_after_a_journey() -> None:
    models = fit(pods(6), END, SETTINGS, Siblings(np.array([0, 0, 0, 0, 1, 1]), np.ones(6, np.bool_)))
    for held in (models, pickle.loads(pickle.dumps(models))):  # noqa: S301 our own
        assert [curves is held.tables.curves[0] for curves in held.tables.curves] == [True] * 4 + [False] * 2
    each = sum(part.nbytes for part in models.arrays()) / len(models)
    assert each < 1_000


def test_what_is_said_of_siblings_is_about_what_each_says_alone() -> None:
    values = pods(8)
    odd = values.copy()
    odd[:, -1] *= 2
    alone, together = fit(values, END, SETTINGS), fit(values, END, SETTINGS, one_group(8))
    assert together.fitted.all()
    for models in (together, alone):
        days = score(models, values, END, SETTINGS, 3 * LAST).score
        np.testing.assert_allclose(np.median(days, axis=1), 0.5, atol=0.05)
    assert np.abs(scores(together, values) - scores(alone, values)).mean() < 0.06
    assert (scores(together, odd)[:, -1] > 1).all()
    assert (scores(alone, odd)[:, -1] > 1).all()


def test_a_group_of_one_says_about_what_a_series_says(values: Floats, settings: Settings) -> None:
    alone = fit(values, END, settings)
    each = fit(values, END, settings, Siblings(np.arange(8), np.ones(8, np.bool_)))
    np.testing.assert_array_equal(each.fitted, alone.fitted)
    one, other = (score(models, values, END, settings, LAST).score for models in (alone, each))
    known = ~np.isnan(one)
    assert np.abs(one - other)[known].mean() < 0.06


def test_neither_order_nor_other_groups_nor_who_is_fitted_beside_make_a_difference() -> None:
    values = np.concatenate([pods(5), pods(4, seed=9) ** 2])
    values[7, :-40] = np.nan
    group, teaches = np.repeat([0, 1], [5, 4]), np.array([True, True, True, False, False, True, True, True, False])
    whole = scores(fit(values, END, SETTINGS, Siblings(group, teaches)), values)
    back = fit(values[::-1], END, SETTINGS, Siblings(group[::-1], teaches[::-1]))
    np.testing.assert_array_equal(scores(back, values[::-1])[::-1], whole)
    few = np.array([0, 1, 2, 4])
    part = fit(values[few], END, SETTINGS, Siblings(group[few], teaches[few]))
    np.testing.assert_array_equal(scores(part, values[few]), whole[few])


@pytest.mark.parametrize("factor", [1000.0, 1e-7, 3.7])
def test_the_units_of_siblings_do_not_matter(factor: float) -> None:
    values = pods(5)
    factors = np.array([1.0, factor, 1.0, factor, 1.0])[:, None]
    one, other = (fit(v, END, SETTINGS, one_group(5)) for v in (values, factors * values))
    np.testing.assert_allclose(scores(one, values), scores(other, factors * values), rtol=0, atol=1e-6)


def test_what_is_usual_for_one_of_them_is_not_rare_for_it() -> None:
    values = pods(12)
    values[0, ::40] *= 3
    models = fit(values, END, SETTINGS, one_group(12))
    odd = values[:, :-1]
    assert models.tables.bend.below[0].min() < 0.75
    assert np.nanmax(score(models, odd, END - SETTINGS.step, SETTINGS, LAST).score[0]) < 1.5


def test_the_own_tail_begins_and_grows_as_a_tail_does() -> None:
    found = np.random.default_rng(1).laplace(0, 1, (1, len(FEATURES), 8_000))  # of whose ends one is like the other
    none = np.zeros(found.shape[:2])
    tables = fit_tables(found, none + 1e-9, none, 9.0)
    own, calm = (bent(tables, each, Lookup.of(tables).by_curves(each)[0], none) for each in (found, found / 2))
    assert np.median(own.bend.below) == pytest.approx(1, abs=0.15)
    assert np.median(own.bend.beyond) == pytest.approx(1, abs=0.35)
    assert (calm.bend.below > own.bend.below).all()
    for each in (own, calm):
        believed = replace(each, bend=replace(each.bend, most=np.full_like(each.bend.most, np.inf)))
        past = Lookup.of(believed).rarities(found if each is own else found / 2)
        assert np.median(np.mean(past > -np.log10(TAIL_SHARE), axis=2)) == pytest.approx(TAIL_SHARE, rel=0.35)


def test_a_rarity_is_believed_only_as_far_as_the_own_deviations_support_it() -> None:
    values = pods(8)
    values[0] *= np.where(np.arange(WIDTH) % 2, 1.2, 0.8)
    tables = fit(values, END, SETTINGS, one_group(8)).tables
    assert np.isfinite(tables.bend.most[:, FEATURES.index("residual")]).all()
    rarities = tables.bend.own(np.full((8, len(FEATURES), 1), 9.0), np.full((8, len(names(SETTINGS)), 1), 1e-3))
    assert rarities[tables.known].max() < 9
    assert (rarities >= 0).all()
    assert tables.known.sum(axis=1).tolist() == [len(FEATURES)] * 8


def test_constant_absent_and_young_siblings_are_no_trouble(values: Floats, settings: Settings) -> None:
    models = fit(values, END, settings, one_group(8))
    alone = fit(values, END, settings)
    np.testing.assert_array_equal(models.fitted, alone.fitted)
    assert np.isfinite(score(models, values, END, settings, 1).score[models.fitted]).all()


def test_a_group_in_which_none_teaches_is_not_fitted() -> None:
    siblings = Siblings(np.array([0, 0, 1]), np.array([True, True, False]))
    assert fit(pods(3), END, SETTINGS, siblings).fitted.tolist() == [True, True, False]


def test_those_with_the_longest_past_teach_then_those_with_the_lowest_seed() -> None:
    samples = np.full(TEACHERS + 4, 10)
    samples[-2:] = 1, 6
    taught = teachers(np.zeros(len(samples), np.uint64), hashes(len(samples))[::-1], samples, 4)
    assert np.flatnonzero(~taught).tolist() == [0, 1, len(samples) - 2, len(samples) - 1]
    few = teachers(np.arange(len(samples), dtype=np.uint64), hashes(len(samples)), samples, 4)
    assert np.flatnonzero(~few).tolist() == [len(samples) - 2]


STEP = 300
SCHEDULE = Schedule(Settings(STEP, 2 * DAY, 4 * HOUR), 6 * HOUR, ("workload",))
T = SCHEDULE.lookback_steps


def pod(name: str, workload: str = "web") -> LabelSet:
    return (("pod", name), ("workload", workload))


PODS = (*(pod(f"p{i}") for i in range(6)), pod("other", "batch"))


def seen(values: Floats, stop: int, labels: tuple[LabelSet, ...] = PODS) -> Frame:
    return Frame(labels, END // STEP * STEP + (stop - T) * STEP, STEP, values[:, stop - T : stop])


def watched(values: Floats, stop: int, watch: Watch | None = None, labels: tuple[LabelSet, ...] = PODS) -> Watch:
    """A watch after the evaluation at a column, its fits done."""
    watch, frame = watch or Watch(SCHEDULE, Policy()), seen(values, stop, labels)
    watch.follow(frame)
    while jobs := watch.due(frame):
        for job in jobs:
            watch.install(job, job.run())
    watch.advance(frame)
    return watch


def latest(watch: Watch) -> Floats:
    assert watch.verdicts is not None
    return watch.verdicts.scores.score[:, -1]


@pytest.fixture(scope="module")
def days() -> Floats:
    return pods(7, width=T + 100)


def test_siblings_are_fitted_at_one_instant_and_hold_their_curves_once(days: Floats) -> None:
    watch = watched(days, T)
    assert len(set(watch.series.instant[:6].tolist())) == 1
    curves = watch.series.models.tables.curves
    assert all(one is curves[0] for one in curves[:6])
    assert curves[6] is not curves[0]
    assert np.isfinite(latest(watch)).all()


def test_a_sibling_that_joins_is_served_by_the_curves_of_the_group(days: Floats) -> None:
    values = days.copy()
    values[5, : T + 40] = np.nan
    watch = watched(values, T + 1)
    for stop in range(T + 2, T + 95):
        watch = watched(values, stop, watch)
    young = watch.series
    assert young.models.fitted[5]
    assert np.isfinite(latest(watch)).all()
    alone = Watch(replace(SCHEDULE, group_by=None), Policy())
    assert young.models.age[5] == watched(values, T + 94, alone).series.models.age[5]


def test_a_restart_comes_to_the_same_scores(days: Floats) -> None:
    values = days.copy()
    values[4, : T + 20] = np.nan
    long = watched(values, T + 1)
    for stop in range(T + 2, T + 90):
        long = watched(values, stop, long)
    np.testing.assert_array_equal(latest(long), latest(watched(values, T + 89)))


def test_a_large_group_is_fitted_in_parts_as_in_one(days: Floats, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = latest(watched(days, T))
    monkeypatch.setattr("sidecar.detection.fits.JOB_SERIES", 2)
    np.testing.assert_array_equal(latest(watched(days, T)), whole)


def test_an_absent_label_counts_as_empty() -> None:
    assert group_of((("pod", "a"), ("workload", "")), SCHEDULE) == group_of((("pod", "b"),), SCHEDULE)
    assert group_of(pod("a"), SCHEDULE) == group_of(pod("b"), SCHEDULE) != group_of(pod("a", "x"), SCHEDULE)
    by_none = replace(SCHEDULE, group_by=None)
    assert group_of(pod("a"), by_none) != group_of(pod("b"), by_none)


def test_the_fewer_teach_the_more_each_is_learnt_from() -> None:
    group = np.repeat([0, 1, 2], [40, 8, 1])
    teaches = np.arange(len(group)) >= 8
    columns = Siblings(group, teaches).columns
    assert [columns[0], columns[40], columns[48]] == [TAUGHT, 512, TAUGHT_MOST]
