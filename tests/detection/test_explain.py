import numpy as np

from sidecar.detection.arrays import Floats
from sidecar.detection.detector import fit, score
from sidecar.detection.explain import explain
from sidecar.detection.features import names
from sidecar.detection.settings import Settings
from tests.detection.conftest import END

DAILY, STEADY, ABSENT = 0, 1, 4


def test_says_which_feature_carries_a_score_and_how_rare_it_is(values: Floats, settings: Settings) -> None:
    odd = values.copy()
    odd[STEADY, -1] += 5
    models = fit(values[:, :-1], END - settings.step, settings)
    scores = score(models, odd, END, settings, 1)
    found = explain(models, scores, settings)
    assert (found.without[STEADY] <= scores.score[STEADY, 0]).all()
    assert found.without[STEADY].min() < scores.score[STEADY, 0]
    assert found.one_in[STEADY] > 1000 > found.one_in[DAILY]
    assert scores.rarity[STEADY, found.unusual[STEADY], 0] == scores.rarity[STEADY].max()
    assert len(names(settings)) == found.without.shape[1]
    assert np.isnan(found.without[ABSENT]).all()


def test_an_ordinary_column_owes_its_score_to_nothing(values: Floats, settings: Settings) -> None:
    models = fit(values, END, settings)
    scores = score(models, values, END, settings, 1)
    found = explain(models, scores, settings)
    assert (found.without[DAILY] <= scores.score[DAILY, 0] + 1e-12).all()
    assert found.one_in[DAILY] < 300
