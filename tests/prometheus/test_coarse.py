"""Samples in two bytes each: what stays of them, and that they are read like an array."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sidecar.prometheus.coarse import BLOCK, Coarse, Held, border, coarsened, present, rounded

ANY = slice(None)
finite = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
blocks = st.lists(st.one_of(finite, st.just(np.nan)), min_size=BLOCK, max_size=BLOCK).map(np.array)
"""Of blocks of values of any size."""


def noise(rows: int, steps: int) -> NDArray[np.float64]:
    return 0.3 + 0.03 * np.random.default_rng(7).standard_normal((rows, steps))


@given(blocks)
def test_a_value_moves_by_less_than_a_hundred_thousandth_of_the_range_of_its_block(block: NDArray[np.float64]) -> None:
    found = rounded(block[None])[0]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(block))
    known, left = block[~np.isnan(block)], found[~np.isnan(block)]
    if len(known):
        assert (np.abs(left / 2 - known / 2) <= 1e-5 * np.ptp(known / 2) + np.spacing(np.abs(known / 2).max())).all()
        for end in (known.min(), known.max()):
            assert (left[known == end] == end).all()


@given(blocks)
def test_what_is_made_coarse_twice_is_as_if_made_so_once(block: NDArray[np.float64]) -> None:
    once = rounded(block[None])
    np.testing.assert_allclose(
        rounded(once), once, rtol=0, atol=2 * np.spacing(np.nanmax(np.abs(block / 2), initial=0.0))
    )


def test_a_range_that_a_double_cannot_hold_is_no_trouble() -> None:
    block = 1.7e308 * np.linspace(-1, 1, BLOCK)[None]
    np.testing.assert_allclose(rounded(block), block, atol=1e304)


@pytest.mark.parametrize("factor", [3.7, 1e-9, 12_345.678, 1 / 3])
def test_values_times_a_constant_keep_their_codes(factor: float) -> None:
    counts = np.random.default_rng(3).integers(0, 9, (200, BLOCK)).astype(np.float64)
    for values in (counts, noise(200, BLOCK)):
        np.testing.assert_array_equal(Coarse.of(factor * values).codes, Coarse.of(values).codes)


@pytest.mark.parametrize("unit", [1, 0.001, 1 / 300, 7.3e12])
@pytest.mark.parametrize("most", [1, 9, 5_000, 50_000])
def test_counts_and_values_of_few_digits_stay_what_they_are(unit: float, most: int) -> None:
    counts = np.random.default_rng(4).integers(-most // 9, most + 1, (50, 20 * BLOCK))
    counts[:, ::7] += most // 20
    values = np.asarray(counts * unit, dtype=np.float64)
    np.testing.assert_allclose(rounded(values), values, rtol=0, atol=1e-15 * np.abs(values).max())


def test_a_spike_leaves_the_blocks_beside_it_as_they_are() -> None:
    calm, struck = noise(1, 3 * BLOCK), noise(1, 3 * BLOCK)
    struck[0, BLOCK + 5] = 1e6
    assert set((np.flatnonzero(rounded(calm) != rounded(struck)) // BLOCK).tolist()) == {1}


def test_of_no_series_and_of_no_steps_nothing_is_left() -> None:
    assert rounded(np.empty((0, 2 * BLOCK))).shape == (0, 2 * BLOCK)
    assert rounded(np.empty((3, 0))).shape == (3, 0)


def test_samples_are_present_as_in_an_array() -> None:
    values = noise(5, 4 * BLOCK)
    values[np.random.default_rng(2).random(values.shape) < 0.3] = np.nan
    both, whole = Held(Coarse.of(values[:, : 2 * BLOCK]), 10, values[:, 2 * BLOCK :]), values[:, 10:]
    for begin, stop in ((0, 0), (0, 20), (3, whole.shape[1]), (100, 130), (118, 119), (150, 200)):
        for rows in (ANY, np.array([4, 0])):
            np.testing.assert_array_equal(present(both, rows, begin, stop), present(whole, rows, begin, stop))


def test_parts_are_read_as_of_an_array() -> None:
    values = noise(5, 4 * BLOCK)
    whole = np.concatenate([rounded(values[:, : 2 * BLOCK]), values[:, 2 * BLOCK :]], axis=1)[:, 10:]
    both = Held(Coarse.of(values[:, : 2 * BLOCK]), 10, values[:, 2 * BLOCK :])
    assert both.shape == whole.shape
    assert len(both) == 5
    mask = np.random.default_rng(1).random(whole.shape[1]) < 0.2
    for rows in (ANY, slice(1, 3), np.array([4, 0])):
        for columns in (ANY, slice(-3, None), slice(0, 20), slice(100, 150), mask, np.array([3, 90, 200])):
            np.testing.assert_array_equal(both[rows, columns], whole[rows][:, columns])
            np.testing.assert_array_equal(both[rows][ANY, columns], whole[rows][:, columns])


@given(st.integers(1, 5 * BLOCK), st.integers(0, 10**9), st.integers(0, 6 * BLOCK))
def test_whole_blocks_before_the_last_steps_are_made_coarse(steps: int, end: int, exact: int) -> None:
    values = noise(1, steps)
    found = coarsened(values, end, exact)
    changed = end - steps + 1 + np.flatnonzero((found != values)[0])
    assert (changed < border(end, exact)).all()
    assert end - exact - BLOCK < border(end, exact) - 1 <= end - exact
    first, last = -(-(end - steps + 1) // BLOCK), border(end, exact) // BLOCK
    assert set((changed // BLOCK).tolist()) == set(range(first, last))


def test_of_two_windows_what_both_have_is_the_same() -> None:
    values = noise(2, 500)
    first, second = coarsened(values[:, :400], 899, 50), coarsened(values[:, 100:], 999, 150)
    whole = slice(256, border(849, 0) - 500)
    np.testing.assert_array_equal(first[:, whole], second[:, whole.start - 100 : whole.stop - 100])
    assert (first[:, whole] != values[:, whole]).any()
