import numpy as np
import pytest

from sidecar.detection.missing import filled
from sidecar.prometheus.frame import Frame

NAN = np.nan
VALUES = np.array([[NAN, 1.0, NAN, NAN, 2.0, NAN], [NAN] * 6])


@pytest.mark.parametrize(
    ("missing", "row"),
    [
        ("ignore", [NAN, 1, NAN, NAN, 2, NAN]),
        ("flag", [NAN, 1, NAN, NAN, 2, NAN]),
        ("zero", [NAN, 1, 0, 0, 2, 0]),
        ("last", [NAN, 1, 1, 1, 2, 2]),
    ],
)
def test_gaps_are_filled_as_the_query_asks_but_not_before_the_first_sample(missing: str, row: list[float]) -> None:
    frame = filled(Frame(((), ()), 0, 60, VALUES), missing)
    np.testing.assert_array_equal(frame.values, [row, [NAN] * 6])
