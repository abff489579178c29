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


def test_the_table_has_a_row_for_each_kind() -> None:
    found = table((HOURLY,), 1)
    assert [row[0] for row in found.rows] == list(KINDS)
    assert all(float(row[1]) >= 0 for row in found.rows)
