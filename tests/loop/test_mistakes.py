import numpy as np
import pytest

from sidecar.detection.arrays import Floats
from sidecar.loop.mistakes import LOOKED_AT, only_grows, without_groups

STEPS = np.arange(float(LOOKED_AT))
NOISE = np.random.default_rng(1).random(LOOKED_AT)


def with_gaps(values: Floats) -> Floats:
    return np.where(STEPS % 10 == 3, np.nan, values)


@pytest.mark.parametrize(
    "values",
    [np.cumsum(NOISE), np.cumsum(NOISE > 0.3), np.cumsum(NOISE) % 40, with_gaps(np.cumsum(NOISE))],
    ids=["rates", "counts", "resets", "gaps"],
)
def test_a_counter_is_known_by_its_samples(values: Floats) -> None:
    assert only_grows(values[None]).all()


@pytest.mark.parametrize(
    "values",
    [
        np.cumsum(NOISE > 0.7),
        np.cumsum(NOISE) - 20,
        np.cumsum(NOISE - 0.1),
        STEPS + 2 * NOISE,
        np.ones(LOOKED_AT),
        np.full(LOOKED_AT, np.nan),
        STEPS[:30],
    ],
    ids=["mostly still", "below 0", "falls at times", "noise", "constant", "no samples", "too few"],
)
def test_a_gauge_is_none(values: Floats) -> None:
    assert not only_grows(values[None]).any()


def test_labels_that_no_series_has_tell_no_groups_apart() -> None:
    labels = ((("instance", "a"), ("job", "node")), (("instance", "b"),))
    assert without_groups(labels, ("namespace", "workload"))
    assert not without_groups(labels, ("namespace", "job"))
