from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.detection.instants import set_hour
from benchmarks.detection.report import Corpus, table
from benchmarks.detection.series import HOUR, write_series
from benchmarks.detection.synthetic import PLANS, make
from benchmarks.detection.unhurried import set_groups
from benchmarks.detection.varied import varied
from sidecar.backtest.answer import Answerer
from sidecar.detection import tables, watched
from sidecar.detection.arrays import NEVER
from sidecar.detection.schedule import Schedule
from sidecar.detection.settings import DAY, Settings

PLAN = replace(next(plan for plan in PLANS if plan.step == HOUR), days=40)
UNLABELLED = 7
"""The hour at which a series without labels is fitted."""


@pytest.fixture
def unvaried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts back what the test varies in this process."""
    monkeypatch.setattr(watched, "group_of", watched.group_of)
    for name in ("GROUPS", "KNOTS"):
        monkeypatch.setattr(tables, name, getattr(tables, name))


@pytest.mark.usefixtures("unvaried")
@pytest.mark.parametrize("hour", [2, UNLABELLED, 22])
def test_fits_are_at_the_hour(hour: int) -> None:
    schedule = Schedule(Settings(step=300), fit_every=DAY)
    if hour != UNLABELLED:
        set_hour(hour)
    groups = np.array([watched.group_of((), schedule)], np.uint64)
    assert schedule.newest(10**9, np.array([NEVER]), groups) % DAY == hour * HOUR


def test_each_variation_has_its_row_and_touches_nothing_else(tmp_path: Path) -> None:
    for index in range(2):
        write_series(make(PLAN, index, 1), tmp_path / "corpus")
    corpus, groups = Corpus("made", tmp_path / "corpus"), tables.GROUPS
    for file in corpus.directory.iterdir():
        answered = Answerer(band=False).answer(file.read_bytes(), file.name)
        (tmp_path / "plain" / file.name).parent.mkdir(exist_ok=True)
        (tmp_path / "plain" / file.name).write_text(answered.text)
    variations = {"as it is": partial(set_groups, groups), "coarse": partial(set_groups, 8)}
    found = varied(corpus, variations, processes=1)
    plain = table(corpus, {"as it is": tmp_path / "plain"})
    assert found.header == plain.header
    assert found.rows[0] == plain.rows[0]
    assert found.rows[1][0] == "coarse"
    assert found.rows[1][1:] != found.rows[0][1:]
    assert groups == tables.GROUPS
