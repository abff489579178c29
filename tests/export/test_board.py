from concurrent.futures import ThreadPoolExecutor

from sidecar.export.board import Board
from sidecar.export.snapshot import Failure
from tests.export.conftest import MakeResult


def test_a_published_result_replaces_the_former_one(make_result: MakeResult) -> None:
    board = Board()
    board.configure(["q"], 300)
    before = board.snapshot
    board.publish(make_result("q", 1.0))
    board.publish(newest := make_result("q", 2.0))

    assert board.snapshot.results == {"q": newest}
    assert not before.results


def test_a_failure_stands_until_the_next_success(make_result: MakeResult) -> None:
    board = Board()
    board.configure(["q", "r"], 300)
    board.publish(result := make_result("q", 1.0))
    board.fail("q", failure := Failure(2.0, "timeout"))
    board.fail("r", failure)

    assert board.snapshot.failures == {"q": failure, "r": failure}
    assert board.snapshot.results == {"q": result}

    board.publish(make_result("q", 3.0))

    assert board.snapshot.failures == {"r": failure}


def test_a_reload_keeps_what_is_known_of_the_queries_that_remain(make_result: MakeResult) -> None:
    board = Board()
    board.configure(["q", "r", "s"], 300)
    board.publish(kept := make_result("q", 1.0))
    board.publish(make_result("r", 1.0))
    board.fail("r", failure := Failure(1.0, "timeout"))
    board.fail("s", failure)
    board.configure(["t", "s", "q"], 60)

    assert board.snapshot.queries == ("t", "s", "q")
    assert board.snapshot.staleness == 60
    assert board.snapshot.results == {"q": kept}
    assert board.snapshot.failures == {"s": failure}


def test_what_arrives_late_for_a_removed_query_is_not_shown(make_result: MakeResult) -> None:
    board = Board()
    board.configure(["q"], 300)
    before = board.snapshot
    board.publish(make_result("removed", 1.0))
    board.fail("removed", Failure(1.0, "timeout"))

    assert board.snapshot is before


def test_no_result_of_concurrent_writers_is_lost(make_result: MakeResult) -> None:
    board, names = Board(), [f"q{i}" for i in range(200)]
    board.configure(names, 300)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(board.publish, [make_result(name, 1.0) for name in names]))

    assert board.snapshot.results.keys() == set(names)
