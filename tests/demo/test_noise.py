import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sidecar.demo.noise import centred, uniform, wander

seeds = st.integers(0, 2**31)
indices = st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=20)


@given(seeds, indices)
def test_a_number_depends_on_its_own_index_alone(seed: int, index: list[int]) -> None:
    together = uniform(seed, np.array(index))
    alone = [uniform(seed, np.array([i]))[0] for i in index]
    assert together.tolist() == alone
    assert ((together >= 0) & (together < 1)).all()


def test_numbers_are_spread_evenly_and_independently() -> None:
    numbers = uniform(1, np.arange(100_000))
    counts, _ = np.histogram(numbers, 10, (0, 1))
    assert np.abs(counts - 10_000).max() < 500
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(numbers, uniform(2, np.arange(100_000)))[0, 1]) < 0.02


def test_centred_covers_both_sides() -> None:
    numbers = centred(1, np.arange(1000))
    assert -1 <= numbers.min() < -0.9
    assert 0.9 < numbers.max() < 1


@given(seeds, st.integers(0, 10**9))
def test_wander_takes_the_lattice_values_and_moves_straight_between_them(seed: int, period_index: int) -> None:
    times = 300.0 * period_index + np.array([0.0, 150.0, 300.0])
    begin, middle, end = wander(seed, times, 300)
    assert begin == centred(seed, np.array([period_index]))[0]
    assert end == centred(seed, np.array([period_index + 1]))[0]
    assert np.isclose(middle, (begin + end) / 2)
