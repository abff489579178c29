from pathlib import Path

import pytest

from sidecar.backtest.files import csv_files, store


def test_links_are_followed_but_not_for_ever(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "elsewhere"
    inside.mkdir()
    outside.mkdir()
    for file in (inside / "a.csv", outside / "b.csv"):
        file.write_text("timestamp,value\n")
    (inside / "link").symlink_to(outside)
    (inside / "loop").symlink_to(inside)
    (inside / "c.csv").symlink_to(tmp_path / "gone.csv")
    assert {str(path.relative_to(inside)) for path in csv_files(inside)} == {"a.csv", "link/b.csv", "c.csv"}


def test_an_answer_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    store(tmp_path / "deep/a.csv", "whole\n")
    assert (tmp_path / "deep/a.csv").read_text() == "whole\n"
    (tmp_path / "taken.csv").mkdir()
    with pytest.raises(OSError, match=r"taken\.csv"):
        store(tmp_path / "taken.csv", "no place\n")
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "taken.csv"}
