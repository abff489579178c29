import numpy as np

from sidecar.loop.suppression import Suppression, concerned
from sidecar.prometheus.frame import Frame, LabelSet, View
from sidecar.prometheus.history import History
from tests.prometheus.memory_source import MemorySource

STEP, NOW = 60, 6000
SHOP: LabelSet = (("namespace", "shop"), ("pod", "web-1"))
BANK: LabelSet = (("namespace", "bank"), ("pod", "web-1"))


def frame(*labels: LabelSet) -> Frame:
    return Frame(labels, NOW - 5 * STEP, STEP, np.ones((len(labels), 6)))


def suppressing(samples: dict[LabelSet, dict[int, float]]) -> tuple[Suppression, View]:
    """With its condition as it is at NOW."""
    suppression = Suppression(History(MemorySource(samples), "deploy", STEP, 4, 10))
    return suppression, suppression.history.advance(NOW).frame


def test_a_condition_concerns_the_series_that_have_all_its_labels() -> None:
    conditions: tuple[LabelSet, ...] = ((), (("namespace", "shop"),), (("namespace", "shop"), ("zone", "a")))
    assert concerned((BANK, SHOP), conditions).tolist() == [[True, False, False], [True, True, False]]


def test_steps_are_suppressed_where_the_condition_is_not_zero() -> None:
    deploy: dict[LabelSet, dict[int, float]] = {
        (("namespace", "shop"),): {NOW - 2 * STEP: 1.0, NOW - STEP: 0.0, NOW: 3.0}
    }
    suppression, condition = suppressing(deploy)
    mask = suppression.mask(frame(BANK, SHOP), condition)
    assert mask.tolist() == [[False] * 6, [False, False, False, True, False, True]]
    assert suppression.mask(frame(SHOP), condition).tolist() == [[False, False, False, True, False, True]]


def test_nothing_is_suppressed_where_the_condition_has_no_sample() -> None:
    suppression, condition = suppressing({})
    assert not suppression.mask(frame(BANK, SHOP), condition).any()
