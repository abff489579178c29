from collections import Counter

import numpy as np
import pytest

from benchmarks.detection.events import Tally, excused, runs, tally, total, verdicts, warm_up
from benchmarks.detection.series import DAY, DEPLOY, Flags, Series

STEP = 600
ROWS = 1_000


def series(**kinds: slice) -> Series:
    kind = np.full(ROWS, "", dtype="U16")
    for name, rows in kinds.items():
        kind[rows] = name
    return Series("x.csv", STEP * np.arange(ROWS), np.zeros(ROWS), kind)


def flags(*rows: slice) -> Flags:
    flag = np.zeros(ROWS, dtype=bool)
    for at in rows:
        flag[at] = True
    return flag


def test_runs() -> None:
    assert runs(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert runs(np.zeros(3, dtype=bool)) == []


def test_an_event_is_found_when_flagged_in_it_or_half_an_hour_after() -> None:
    event = series(spike=slice(500, 510))
    assert tally(event, flags(slice(509, 510))).found == Counter(spike=1)
    assert tally(event, flags(slice(512, 513))).found == Counter(spike=1)
    assert tally(event, flags(slice(513, 514))).found == Counter()
    assert tally(event, flags(slice(499, 500))).found == Counter()


def test_flags_around_an_event_are_excused_but_no_further() -> None:
    event = series(spike=slice(500, 510))
    assert tally(event, flags(slice(497, 520))).false == 0
    assert tally(event, flags(slice(496, 497))).false == 1
    assert tally(event, flags(slice(520, 521))).false == 1


def test_a_long_event_excuses_at_most_six_hours_after() -> None:
    event = series(ramp=slice(500, 600))
    assert tally(event, flags(slice(500, 636))).false == 0
    assert tally(event, flags(slice(636, 637))).false == 1


def test_a_false_episode_counts_again_for_each_day() -> None:
    quiet = series()
    assert tally(quiet, flags(slice(300, 301), slice(302, 303))).false == 2
    assert tally(quiet, flags(slice(300, 300 + DAY // STEP))).false == 2
    assert tally(quiet, flags(slice(300, 299 + DAY // STEP))).false == 1


def test_nothing_counts_in_the_warm_up() -> None:
    early = series(spike=slice(100, 110))
    assert warm_up(ROWS) == 150
    assert warm_up(100_000) == 2_000
    got = tally(early, flags(slice(0, 150)))
    assert (got.events, got.found, got.false) == (Counter(), Counter(), 0)
    assert got.weeks == pytest.approx(849 * STEP / 7 / DAY)


def test_a_flag_after_a_deploy_is_excused_and_a_deploy_is_no_event() -> None:
    deployed = series(**{DEPLOY: slice(500, 512)})
    assert tally(deployed, flags(slice(500, 512))).false == 0
    assert tally(deployed, flags(slice(500, 512))).events == Counter()
    assert excused(deployed).sum() == 12


def test_kinds_are_told_apart_and_series_add_up() -> None:
    both = series(spike=slice(500, 501), ramp=slice(700, 720))
    one = tally(both, flags(slice(700, 701), slice(900, 901)))
    assert one.events == Counter(spike=1, ramp=1)
    assert one.recall_of("ramp") == 1
    assert one.recall_of("spike") == 0
    assert np.isnan(one.recall_of("flatline"))
    twice = total([one, one])
    assert (twice.recall, twice.precision, twice.f1) == pytest.approx((0.5, 0.5, 0.5))
    assert twice.false_per_week == pytest.approx(one.false_per_week)


def test_nothing_watched_is_nothing_false() -> None:
    nothing = Tally()
    assert (nothing.recall, nothing.precision, nothing.f1, nothing.false_per_week) == (0, 0, 0, 0)


def test_verdicts_name_the_rows() -> None:
    both = series(spike=slice(500, 501), ramp=slice(700, 720))
    got = verdicts(both, flags(slice(700, 701), slice(900, 903)))
    assert got.found == [(700, 720)]
    assert got.missed == [(500, 501)]
    assert got.false == [(900, 903)]
