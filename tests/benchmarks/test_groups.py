from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.detection.groups import answer_together
from benchmarks.detection.series import HOUR, names, read_answers, read_series, write_series
from benchmarks.detection.synthetic import PLANS, make
from sidecar.config.vocabulary import Scope


@pytest.mark.parametrize("scope", list(Scope))
def test_every_row_of_every_series_is_answered(scope: Scope, tmp_path: Path) -> None:
    plan = replace(next(plan for plan in PLANS if plan.step == HOUR), days=8)
    for index in (0, 9, 4):
        write_series(make(plan, index, 1), tmp_path / "corpus")
    answer_together(scope, tmp_path / "corpus", tmp_path / "answers")
    for name in names(tmp_path / "corpus"):
        score = read_answers(tmp_path / "answers", read_series(tmp_path / "corpus", name)).score
        assert np.isfinite(score[len(score) // 2 :]).all()
