import numpy as np
import pytest

from sidecar.config.schema import QueryConfig
from sidecar.detection.arrays import Floats
from sidecar.detection.fits import FitJob
from sidecar.detection.predict import LONGEST_STEP, Detector, predict_live, predict_rest, predict_self, settings_for
from sidecar.detection.review import Case
from sidecar.detection.settings import DAY, HOUR
from sidecar.detection.watch import Watch
from sidecar.loop.terms import policy_of, schedule_of
from sidecar.prometheus.frame import Frame, LabelSet

STEP = 300
DAYS = 4
LABELS: LabelSet = (("pod", "a"),)
END = 1_750_000_200


def daily(seed: int = 1) -> Floats:
    steps = np.arange(DAYS * DAY // STEP)
    noise = np.random.default_rng(seed).standard_normal(len(steps))
    return 10 + 3 * np.sin(2 * np.pi * steps * STEP / DAY) + 0.2 * noise


def watched(values: Floats, training: int) -> tuple[Floats, Watch]:
    """The scores that the loop gives, one by one, after its model was fitted on the first `training` values."""
    query = QueryConfig(name="cpu", expr="up", step=STEP)
    watch = Watch(schedule_of(query, "UTC"), policy_of(query))
    start = END - (len(values) - 1) * STEP

    def frame(steps: int) -> Frame:
        return Frame((LABELS,), start, STEP, values[None, :steps])

    watch.follow(frame(training))
    job = FitJob((LABELS,), frame(training).end, values[None, :training], watch.settings)
    watch.install(job, job.run())
    first = len(values) - training
    lead = watch.schedule.lead // STEP
    seen = np.full(first, np.nan)
    for steps in range(training + lead, len(values) + 1):
        seen[steps - training - 1] = watch.advance(frame(steps)).scores.score[0, -1]
    return seen, watch


def test_scores_after_the_training_values_are_those_of_the_loop() -> None:
    values = daily()
    values[-10] += 8
    training = 3 * DAY // STEP
    seen, _ = watched(values, training)
    said = predict_rest(values, training, END, STEP, 1.0)
    known = ~np.isnan(seen)

    assert said.detector is Detector.LOOP
    assert np.isnan(said.score[:training]).all()
    assert known.sum() > 200
    assert said.score[-10] > 1
    np.testing.assert_array_equal(said.score[training:][known], seen[known])


def test_no_score_after_the_training_values_knows_what_comes_later() -> None:
    values = daily()
    training = 3 * DAY // STEP
    whole = predict_rest(values, training, END, STEP, 1.0).score
    cut = predict_rest(values[:-50], training, END - 50 * STEP, STEP, 1.0).score

    np.testing.assert_array_equal(cut, whole[:-50])


def test_a_live_model_scores_new_values_as_the_loop_will() -> None:
    values, new = daily(), np.array([12.0, 30.0, np.nan, 12.0])
    training = 3 * DAY // STEP
    _, watch = watched(values, training)
    case = Case(
        Frame((LABELS,), END - (len(values) - 1) * STEP, STEP, values[None]),
        watch.series.models,
        END - DAY,
        watch.schedule,
        watch.policy,
    )
    later = Frame((LABELS,), case.frame.start, STEP, np.concatenate([values, new])[None])
    seen = watch.advance(later).scores.score[0]
    said = predict_live(case, new, END + len(new) * STEP, 1.0)

    assert said.detector is Detector.LIVE
    assert said.score[1] > 1
    np.testing.assert_array_equal(said.score, seen)


@pytest.mark.parametrize("ago", [0, 5, 10_000])
def test_values_may_stand_in_for_those_of_the_series_or_lie_far_off(ago: int) -> None:
    values = daily()
    _, watch = watched(values, 3 * DAY // STEP)
    case = Case(
        Frame((LABELS,), END - (len(values) - 1) * STEP, STEP, values[None]),
        watch.series.models,
        END - DAY,
        watch.schedule,
        watch.policy,
    )
    for end in (END - ago * STEP, END + ago * STEP):
        score = predict_live(case, values[-5:] + 50, end, 1.0).score
        # Without a past to compare with there is less to say.
        assert (score > (1 if ago < len(values) else 0.5)).all()


def test_with_one_model_of_all_values_none_is_left_out() -> None:
    values = daily()
    values[700] += 15
    said = predict_self(values, END, STEP, 1.0)

    assert said.detector is Detector.LOOP
    assert np.isfinite(said.score).all()
    assert said.score.argmax() == 700


@pytest.mark.parametrize("length", [20, 200, 800])
def test_short_lists_get_the_detector_for_them(length: int) -> None:
    said = predict_self(daily()[:length], END, STEP, 1.0)

    assert said.detector is Detector.SHORT
    assert np.isfinite(said.lower).all()


def test_the_short_detector_trains_on_the_first_values_alone() -> None:
    values = daily()[:60]
    said, other = (predict_rest(each, 30, END, STEP, 1.0) for each in (values, np.append(values[:50], [99.0] * 10)))

    assert said.detector is Detector.SHORT
    assert np.isnan(said.score[:30]).all()
    assert np.isnan(said.upper[:30]).all()
    np.testing.assert_array_equal(said.score[:50], other.score[:50])


def test_missing_values_are_left_out() -> None:
    values = daily()[:60]
    values[[0, 7, 59]] = np.nan
    said = predict_self(values, END, STEP, 1.0)

    np.testing.assert_array_equal(np.isnan(said.score), np.isnan(values))
    np.testing.assert_array_equal(np.isnan(said.upper), np.isnan(values))


def test_nothing_is_said_of_too_few_values() -> None:
    values = daily()[:40]
    values[19:] = np.nan

    assert predict_self(values, END, STEP, 1.0).detector is Detector.NONE
    assert predict_rest(daily()[:40], 19, END, STEP, 1.0).detector is Detector.NONE


def test_a_long_list_with_few_values_gets_the_detector_for_short_ones() -> None:
    values = np.full(DAYS * DAY // STEP, np.nan)
    values[::55] = 1.0

    assert predict_self(values, END, STEP, 1.0).detector is Detector.SHORT
    assert predict_rest(values, 1100, END, STEP, 1.0).detector is Detector.SHORT


@pytest.mark.parametrize("step", [15, 60, 300, 3600])
def test_the_settings_are_those_of_a_query_with_all_defaults(step: int) -> None:
    assert (
        settings_for(step, 4 * HOUR // step) == schedule_of(QueryConfig(name="x", expr="up", step=step), "UTC").settings
    )


def test_a_value_at_the_end_of_its_band_scores_the_threshold() -> None:
    values, training = daily(), DAYS * DAY // STEP - 50
    for threshold in (1.0, 1.5):
        upper = predict_rest(values, training, END, STEP, threshold).upper
        moved = values.copy()
        moved[-1] = upper[-1]

        score = predict_rest(moved, training, END, STEP, threshold).score[-1]
        assert score == pytest.approx(threshold, abs=0.05)


@pytest.mark.parametrize("step", [60, STEP])
def test_every_value_that_is_scored_has_a_band_and_lies_outside_where_it_is_anomalous(step: int) -> None:
    values = np.tile(daily(), 1 if step == STEP else 5)
    values[-70], values[-1] = np.nan, 30.0
    said = predict_rest(values, len(values) - 400, END, step, 1.0)
    scored = np.flatnonzero(~np.isnan(said.score))
    outside = (values < said.lower) | (values > said.upper)

    assert said.detector is Detector.LOOP
    assert len(scored) == 399
    assert np.isfinite([said.lower[scored], said.upper[scored]]).all()
    assert outside[-1]
    np.testing.assert_array_equal(outside[scored], said.score[scored] >= 1)


@pytest.mark.parametrize("step", [HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY])
@pytest.mark.parametrize("length", [25, 100, 400])
def test_values_of_any_step_are_scored_and_an_outlier_stands_out(step: int, length: int) -> None:
    values = 42.4 + 0.2 * np.random.default_rng(length).standard_normal(length)
    values[20] = 89.7
    said = predict_self(values, END, step, 1.0)
    causal = predict_rest(np.append(values, 89.7), length, END, step, 1.0)

    assert said.score.argmax() == 20
    assert said.score[20] >= 1
    assert np.isfinite(causal.score[-1])
    assert (said.detector is Detector.LOOP) == (step <= LONGEST_STEP and length * step >= 3 * DAY and length > 150)
    assert step <= LONGEST_STEP or causal.detector is Detector.SHORT
