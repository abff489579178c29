import numpy as np
import pytest

from benchmarks.detection.losses import Losses, by_directory, losses, table
from benchmarks.detection.nab import PROFILES, Labelled, labelled, score
from benchmarks.detection.series import Series

ROWS, WINDOWS = 200, [(100, 119), (150, 169)]
STANDARD = PROFILES["standard"]


def file(*alarms: int) -> Labelled:
    detection = np.zeros(ROWS)
    detection[list(alarms)] = 2.0
    series = Series("x.csv", np.arange(ROWS), np.zeros(ROWS), np.full(ROWS, ""))
    return labelled(series, detection, np.zeros(ROWS, dtype=bool), WINDOWS)


def test_a_missed_window_costs_its_whole_share() -> None:
    assert losses([file(100)], STANDARD) == Losses(
        2, missed=1, elsewhere=0, by_missed=2.0, by_late=0.0, by_elsewhere=0.0
    )


@pytest.mark.parametrize("alarms", [(), (100, 150), (60, 110), (105, 140, 160, 190), (99,)])
def test_what_is_lost_and_the_score_add_up(alarms: tuple[int, ...]) -> None:
    lost = losses([file(*alarms)], STANDARD)
    given = score([file(*alarms)], STANDARD).given
    assert given + sum(map(lost.points, (lost.by_missed, lost.by_late, lost.by_elsewhere))) == pytest.approx(100)


def test_files_of_a_directory_add_up() -> None:
    found = by_directory({"b/1.csv": file(100), "a/1.csv": file(100, 150), "b/2.csv": file(60)})
    assert [(name, one.windows, one.missed, one.elsewhere) for name, one in found.items()] == [
        ("a", 2, 0, 0),
        ("b", 4, 3, 1),
    ]
    assert "| b     | 4       | 3      | 75.0" in table(found).markdown()
