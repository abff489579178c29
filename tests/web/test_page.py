import math
from html.parser import HTMLParser

from sidecar.export.snapshot import Failure
from sidecar.web.page.status import status_page
from tests.web.conftest import Sidecar

EVIL = "<script>alert('x')</script>&\""


class Cells(HTMLParser):
    """The texts of the table cells, and every tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        self.attrs = attrs

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def page(sidecar: Sidecar, not_ready: str | None = None) -> str:
    return status_page(sidecar.board.snapshot, sidecar.now, "1.2.3", not_ready)


def row(sidecar: Sidecar, first: str) -> list[str]:
    [found] = [cells for cells in Cells(page(sidecar)).rows if cells and cells[0].startswith(first)]
    return found


def test_health_of_each_query(sidecar: Sidecar) -> None:
    assert row(sidecar, "cpu")[1:3] == ["not evaluated yet", "never"]

    sidecar.publish("cpu", {"a": 0.5, "b": 0.1})
    assert row(sidecar, "cpu")[1:] == ["ok", "2023-11-14 22:13:20 UTC", "2", "0", "0", "0", "0", "0"]

    sidecar.now += 301
    assert row(sidecar, "cpu")[1] == "stale: the last result has expired"
    assert row(sidecar, "cpu")[3:7] == ["0", "0", "0", "2"]

    sidecar.board.fail("cpu", Failure(sidecar.now, "422 Unprocessable Entity"))
    assert row(sidecar, "cpu")[1] == "failing: 422 Unprocessable Entity"


def test_the_most_anomalous_series_of_all_queries_come_first(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {f"pod-{i}": i / 100 for i in range(30)} | {"unknown": math.nan})
    sidecar.publish("load", {"high": 2.5})
    series = [cells for cells in Cells(page(sidecar)).rows if cells[0].startswith("{")]

    assert len(series) == 20
    assert series[0] == ['{anomaly_name="load",instance="",job="",pod="high"}', "2.5", "1", "", ""]
    assert [cells[1] for cells in series[1:4]] == ["0.29", "0.28", "0.27"]


def test_a_flagged_series_stands_out(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {"a": 2.5, "b": 0.5})

    assert page(sidecar).count('<tr class="flagged">') == 1


def test_no_series_of_an_expired_result(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {"a": 2.5})
    sidecar.now += 301

    assert "<p>None.</p>" in page(sidecar)


def test_everything_is_escaped(sidecar: Sidecar) -> None:
    sidecar.board.configure([EVIL, "cpu"], 300)
    sidecar.board.fail(EVIL, Failure(0.0, EVIL))
    sidecar.publish("cpu", {EVIL: 1.0})
    text = page(sidecar, not_ready=EVIL)

    assert "script" not in Cells(text).tags
    assert "<script" not in text


def test_says_why_it_is_not_ready(sidecar: Sidecar) -> None:
    assert "not ready: cpu was not evaluated yet" in page(sidecar, "cpu was not evaluated yet")
    assert ", ready," in page(sidecar)
