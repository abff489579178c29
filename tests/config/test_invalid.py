"""Every file in `invalid/` gives the very lines that stand beside it."""

from pathlib import Path

import pytest

from sidecar.config.load import parse
from sidecar.config.problems import ConfigError

FILES = sorted((Path(__file__).parent / "invalid").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_says_what_is_wrong_and_what_to_write(file: Path) -> None:
    text = file.read_text()
    with pytest.raises(ConfigError) as raised:
        parse(text, "F", {"SET": "x"})
    assert str(raised.value) == file.with_suffix(".txt").read_text().rstrip("\n")
    for problem in raised.value.problems:
        assert str(problem).isprintable()
        assert "sesame" not in str(problem), "a secret"
        assert 1 <= problem.line <= text.count("\n") + 1
