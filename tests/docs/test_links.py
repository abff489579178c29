"""Where the documentation points to is there, and every page can be found."""

import re

import pytest

from tests.docs.pages import ROOT, Page, pages

PAGES = pages()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_relative_link_is_dead(page: Page) -> None:
    for link in page.links():
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in Page(target).anchors(), f"{link}: there is no such heading"


def test_links_are_found() -> None:
    assert sum(len(list(page.links())) for page in PAGES) > 50


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_path_of_one_machine_is_written_down(page: Page) -> None:
    assert not re.findall(r"(?<![\w.])/(?:home|root|work|Users)/\S*", page.text)


def test_the_index_leads_to_every_page_of_the_documentation() -> None:
    index = Page(ROOT / "docs/README.md")
    led_to = [(index.path.parent / link.partition("#")[0]).resolve() for link in index.links()]
    assert len(set(led_to)) == len(led_to), "a page is named twice"
    missing = [str(page) for page in PAGES if page.path.is_relative_to(ROOT / "docs") and page.path not in led_to]
    assert missing == [str(index)]


def test_every_test_that_is_named_is_there() -> None:
    functions = {
        name for path in ROOT.glob("tests/**/test_*.py") for name in re.findall(r"def (test_\w+)\(", path.read_text())
    }
    files = {path.name for path in ROOT.glob("tests/**/*.py")}
    for page in PAGES:
        for name, open_end in re.findall(r"\b(test_\w+?)(_?…|\b(?!\.py))", page.text):
            found = any(each.startswith(name) for each in functions) if open_end else name in functions
            assert found, f"{page} names {name}{open_end}, which is not there"
        for path in re.findall(r"\b(?:tests/[\w/]+/)?test_\w+\.py\b", page.text):
            assert (ROOT / path).exists() if "/" in path else path in files, f"{page} names {path}"
