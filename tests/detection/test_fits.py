"""What a fit learns from does not depend on when it is made, nor on how the samples are held by then."""

import numpy as np
import pytest

from sidecar.detection import fits
from sidecar.detection.arrays import Floats
from sidecar.detection.models import Models
from sidecar.detection.schedule import Schedule
from sidecar.detection.settings import DAY, HOUR, Settings
from sidecar.prometheus.coarse import coarsened
from sidecar.prometheus.frame import Frame

LABELS = ((("instance", "a"),),)
START = 1_699_920_000


@pytest.mark.parametrize(("step", "days"), [(300, 28), (600, 8), (1_800, 8), (1_800, 28), (4 * HOUR, 28), (300, 7)])
def test_a_late_fit_learns_from_the_same(step: int, days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    learnt: list[Floats] = []
    settings = Settings(step, days * DAY)

    def fit(values: Floats, *_: object) -> Models:
        learnt.append(values)
        return Models.empty(1, settings)

    monkeypatch.setattr(fits, "fit", fit)
    schedule = Schedule(settings, DAY)
    samples = np.random.default_rng(1).standard_normal((1, 3 * schedule.lookback_steps))
    for instant in range(2 * schedule.lookback_steps, 2 * schedule.lookback_steps + 130, 13):
        learnt.clear()
        for newest in (instant, instant + (DAY + schedule.lead) // step):
            held = coarsened(samples[:, : newest + 1], START // step + newest, schedule.exact_steps)
            first = newest + 1 - schedule.lookback_steps
            frame = Frame(LABELS, START + first * step, step, held[:, first:])
            none = np.zeros(1, np.uint64)
            at = START + instant * step
            [job] = fits.jobs_of(frame, at, np.array([True]), schedule, groups=none, hashes=none)
            assert job.run().fitted.tolist() == [False]
        assert learnt[0].shape[1] == settings.fit_steps
        np.testing.assert_allclose(learnt[1], learnt[0], rtol=0, atol=1e-14)
