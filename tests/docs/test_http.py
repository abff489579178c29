"""The reference of the HTTP interface has every reason of an alarm."""

import re

from sidecar.detection.outcome import Reason
from tests.docs.pages import ROOT

TEXT = (ROOT / "docs/reference/http.md").read_text()


def test_every_reason_has_its_row() -> None:
    table = TEXT.split("| reason | meaning |\n")[1].split("\n\n")[0]
    documented = [
        name for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"\w+", cell)
    ]
    assert sorted(documented) == sorted(reason.name.lower() for reason in Reason)
