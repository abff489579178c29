"""The lengths that follow from a query's step and fit window."""

import pytest

from sidecar.detection.settings import DAY, Settings


@pytest.mark.parametrize(
    ("step", "fit_window", "bucket", "short", "long"),
    [
        (15, 7 * DAY, 20, 100, 400),
        (60, 7 * DAY, 5, 25, 100),
        (300, 28 * DAY, 1, 5, 20),
        (3600, 28 * DAY, 1, 3, 6),
    ],
)
def test_windows_are_minutes_but_some_buckets_at_least(
    step: int, fit_window: int, bucket: int, short: int, long: int
) -> None:
    settings = Settings(step, fit_window)
    assert (settings.bucket, settings.short_steps, settings.long_steps) == (bucket, short, long)


@pytest.mark.parametrize(("step", "fit_window"), [(5, 600), (15, 5_400), (60, 4 * 3_600)])
def test_no_feature_looks_back_on_more_than_a_part_of_what_is_learnt_from(step: int, fit_window: int) -> None:
    settings = Settings(step, fit_window, min_history=fit_window // 2)
    assert settings.long_steps <= settings.fit_steps // 6
