import numpy as np
import pytest

from sidecar.backtest.replay import Judgement, Replayer, Series, joined
from sidecar.config.schema import QueryConfig
from sidecar.detection.band import band
from sidecar.detection.watch import Verdicts, Watch
from sidecar.prometheus.frame import Frame

HOUR, DAY = 3_600, 86_400
CHANGE = 1_711_846_800
"""Clocks in Berlin go forward."""
START = CHANGE - 100 * HOUR
QUERY = QueryConfig.model_validate(
    {"name": "cpu", "expr": "cpu", "step": "1h", "fit_window": "60h", "fit_every": "12h", "min_history": "25h"}
)


def series(hours: int) -> Series:
    values = 0.3 + 0.03 * np.random.default_rng(5).standard_normal(hours)
    return Series((), START + HOUR * np.arange(hours, dtype=np.int64), values)


def judged(past: Series, *, search: bool = True) -> Judgement:
    replayer = Replayer.of(QUERY, "Europe/Berlin", band=search)
    return joined(replayer.replay(past, START, int(past.times[-1])), replayer.schedule.settings)


def test_the_band_is_that_of_the_newest_step_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = judged(series(125))
    for hours in (60, 99, 101, 125):
        seen: list[tuple[Watch, Frame, Verdicts]] = []
        advance = Watch.advance

        def kept(watch: Watch, frame: Frame, suppressed: object = None) -> Verdicts:
            seen.append((watch, frame, advance(watch, frame, suppressed)))  # type: ignore[arg-type] # noqa: B023
            return seen[-1][2]  # noqa: B023

        with monkeypatch.context() as patch:
            patch.setattr(Watch, "advance", kept)
            judged(series(hours), search=False)
        watch, frame, verdicts = seen[-1]
        expected = verdicts.scores.expected[:, -1:]
        limits = band(watch.series.models, frame.values, expected, frame.end, watch.settings)
        found = whole.lower[0, hours - 1], whole.upper[0, hours - 1]
        assert found == pytest.approx([float(limit[0, 0]) for limit in limits], rel=1e-9)


def test_a_value_within_the_band_is_not_flagged_and_one_beyond_is() -> None:
    past = series(100)
    whole = judged(past)
    lower, upper = whole.lower[0, -1], whole.upper[0, -1]
    expected = whole.verdicts.scores.expected[0, -1]
    for limit in (lower, upper):
        for share, anomalous in ((0.99, False), (1.01, True)):
            past.values[-1] = expected + share * (limit - expected)
            assert (judged(past, search=False).verdicts.scores.score[0, -1] >= 1) == anomalous


def test_what_is_not_scored_has_no_band() -> None:
    whole = judged(series(40))
    scored = ~np.isnan(whole.verdicts.scores.score)
    np.testing.assert_array_equal(~np.isnan(whole.lower), scored)
    np.testing.assert_array_equal(~np.isnan(whole.upper), scored)
    assert np.isnan(judged(series(40), search=False).upper).all()
