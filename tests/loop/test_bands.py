import numpy as np

from sidecar.loop.bands import FEWEST, BandTurns

END = 6000
BEFORE = END - 300


def test_conspicuous_series_do_not_wait_and_all_have_their_turn() -> None:
    score = np.full(1000, 0.5)
    score[[7, 900]] = 0.8, 3.0
    score[0] = np.nan
    found_at = np.full(1000, BEFORE)
    turns = BandTurns(30)
    seen: set[int] = set()
    for _ in range(20):
        rows = turns.rows(score, found_at, END)
        assert len(rows) <= 2 + FEWEST
        if not seen:
            assert {7, 900} <= set(rows.tolist())
        found_at[rows] = END
        seen |= set(rows.tolist())
    assert seen == set(range(1, 1000))
    assert not turns.rows(score, found_at, END).size


def test_who_has_waited_longest_comes_first() -> None:
    found_at = np.arange(BEFORE, BEFORE - 200, -1)
    rows = BandTurns(30).rows(np.full(200, 0.5), found_at, END)
    assert rows.tolist() == list(range(199, 199 - FEWEST, -1))
