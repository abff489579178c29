from dataclasses import replace

import numpy as np
import pytest

from benchmarks.detection.noise import KINDS, PLANS, alarms, table
from benchmarks.detection.series import DAY, Floats

HOURLY = replace(PLANS[-1], judged=2 * DAY, series=4)


def test_noise_is_judged_and_an_incident_in_it_counts_once_for_each_series() -> None:
    def incident(_rng: np.random.Generator, rows: int, step: int) -> Floats:
        values = KINDS["white"](np.random.default_rng(3), rows, step)
        values[-10] += 40
        return values

    assert alarms(HOURLY, incident, 1) == pytest.approx(30 / 2)
    assert alarms(HOURLY, KINDS["white"], 1) == 0


@pytest.mark.parametrize(("kind", "kept"), [("white", True), ("forgets in an hour", True), ("log-normal", False)])
def test_the_more_the_budget_allows_the_more_alarms_there_are(kind: str, *, kept: bool) -> None:
    budgets = {0.1: "1 per 300d", 1.0: "1 per 30d", 10.0: "10 per 30d"}
    plan = replace(PLANS[-1], judged=28 * DAY, series=40)
    rates = {most: alarms(replace(plan, budget=budget), KINDS[kind], 1) for most, budget in budgets.items()}
    assert rates[0.1] < rates[1.0] < rates[10.0]
    if kept:  # noise with heavy tails exceeds the smaller ones
        assert all(rate <= most for most, rate in rates.items())


def test_the_table_has_a_row_for_each_kind() -> None:
    found = table((HOURLY,), 1)
    assert [row[0] for row in found.rows] == list(KINDS)
    assert all(float(row[1]) >= 0 for row in found.rows)
