import math
from html.parser import HTMLParser

import pytest

from sidecar.export.snapshot import Failure, State
from sidecar.web.page.status import SHOWN, View, status_page
from tests.web.client import client
from tests.web.conftest import Sidecar, query

EVIL = "<script>alert('x')</script>&\""


class Page(HTMLParser):
    """The texts of the cells of the table, those of the list of series, and every tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.series: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._in_series = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag == "ol":
            self._in_series = True
        if tag == "li" and self._in_series:
            self.series.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_series &= tag != "ol"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_series and self.series:
            self.series[-1] += data
        elif self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def page(sidecar: Sidecar, not_ready: str | None = None, **parameters: str) -> Page:
    names = sidecar.board.snapshot.queries
    view = View(
        snapshot=sidecar.board.snapshot,
        queries={name: query(name) for name in names},
        now=sidecar.now,
        version="1.2.3",
        not_ready=not_ready,
        parameters=list(parameters.items()),
    )
    return Page(status_page(view))


def row(sidecar: Sidecar, first: str) -> list[str]:
    [found] = [cells for cells in page(sidecar).rows if cells and cells[0].startswith(first)]
    return found


def test_health_of_each_query(sidecar: Sidecar) -> None:
    assert row(sidecar, "cpu")[1:3] == ["not evaluated yet", "never"]

    sidecar.publish("cpu", {"a": 0.5, "b": 1.1})
    assert row(sidecar, "cpu")[1:] == ["ok", "2023-11-14 22:13:20 UTC", "1", "2", "0", "0", "0", "0", "0"]

    sidecar.now += 301
    assert row(sidecar, "cpu")[1] == "stale: the last result has expired"
    assert row(sidecar, "cpu")[3:8] == ["-", "0", "0", "0", "2"]

    sidecar.board.fail("cpu", Failure(sidecar.now, "422 Unprocessable Entity"))
    assert row(sidecar, "cpu")[1] == "failing: 422 Unprocessable Entity"

    sidecar.publish("cpu", {})
    assert row(sidecar, "cpu")[1] == "empty: the expression returns no series"


def test_the_most_anomalous_series_of_all_queries_come_first(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {f"pod-{i}": i / 100 for i in range(60)} | {"unknown": math.nan})
    sidecar.publish("load", {"high": 2.5}, {"young": State.WARMING})
    shown = page(sidecar)

    assert len(shown.series) == SHOWN
    assert shown.series[0].startswith("2.50 flagged load pod=high")
    assert shown.series[1].startswith("0.59 ok cpu pod=pod-59")
    assert "63 series, the first 50 of them." in shown.text


def test_a_series_that_is_not_scored_says_why(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {}, {"young": State.WARMING, "gone": State.NO_DATA})

    assert [text.split()[:3] for text in page(sidecar).series] == [["-", "warming", "cpu"], ["-", "no", "data"]]
    assert "Too little history to be scored yet." in page(sidecar).text


def test_an_expired_result_shows_no_verdict(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {"a": 2.0})
    sidecar.now += 301

    assert page(sidecar).series[0].startswith("- stale cpu pod=a")
    assert "2.00" not in page(sidecar).text


@pytest.mark.parametrize(
    ("parameters", "pods"),
    [
        ({"anomaly_name": "cpu"}, ["b", "a"]),
        ({"anomaly_name": "cpu", "pod": "a"}, ["a"]),
        ({"pod": "a"}, ["a", "a"]),
        ({"page.search": "B"}, ["b"]),
        ({"page.state": "warming"}, ["young"]),
        ({"page.state": "unheard of", "page.search": "", "anomaly_name": ""}, ["b", "a", "a", "young"]),
        ({"pod": "z"}, []),
        ({"anomaly_name": "z"}, []),
    ],
)
def test_the_address_says_which_series_are_shown(sidecar: Sidecar, parameters: dict[str, str], pods: list[str]) -> None:
    sidecar.publish("cpu", {"a": 0.5, "b": 2.0})
    sidecar.publish("load", {"a": 0.3}, {"young": State.WARMING})
    shown = page(sidecar, **parameters)

    assert [text.split("pod=")[1].split()[0] for text in shown.series] == pods
    assert ("No series now" in shown.text) == (not pods)


def test_a_series_alone_is_open(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {"a": 0.5, "b": 2.0})

    for parameters, opened in (({"pod": "a"}, [True]), ({}, [False, False])):
        details = [attrs for tag, attrs in page(sidecar, **parameters).tags if tag == "details"]
        assert ["open" in attrs for attrs in details] == opened


def test_the_form_keeps_the_labels_of_the_address(sidecar: Sidecar) -> None:
    shown = page(sidecar, pod="a", **{"page.search": "x", "anomaly_name": "cpu"})
    inputs = [(attrs["name"], attrs["value"]) for tag, attrs in shown.tags if tag == "input"]

    assert inputs == [("pod", "a"), ("page.search", "x")]
    assert [attrs["value"] for tag, attrs in shown.tags if tag == "option" and "selected" in attrs][:1] == ["cpu"]


def test_every_link_to_a_series_leads_to_it_alone(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {"a&b=c": 2.0, "d": 1.0})
    sidecar.publish("load", {"d": 0.5})
    links = [attrs["href"] for tag, attrs in page(sidecar).tags if tag == "a" and "pod" in (attrs["href"] or "")]

    assert len(links) == 3
    for link in links:
        assert len(Page(client(sidecar).get(f"/{link}").text).series) == 1


def test_text_that_is_not_ours_is_escaped(sidecar: Sidecar) -> None:
    sidecar.publish("cpu", {EVIL: 2.0})
    sidecar.board.fail("load", Failure(sidecar.now, EVIL))
    shown = page(sidecar, not_ready=EVIL, **{"page.search": "", EVIL: ""})

    assert sum(tag == "script" for tag, _ in shown.tags) == 3
    assert shown.text.count("alert('x')") == 4


def test_readiness(sidecar: Sidecar) -> None:
    assert "Ready, as of 2023-11-14 22:13:20 UTC" in page(sidecar).text
    assert "Not ready: not evaluated yet: cpu" in page(sidecar, not_ready="not evaluated yet: cpu").text


def test_without_queries_the_page_says_so(sidecar: Sidecar) -> None:
    sidecar.board.configure([], 300)

    assert "None is configured." in page(sidecar).text
