"""The files that are watched: what counts is what they held when they were read."""

from pathlib import Path

import pytest

from sidecar.config.problems import ConfigError
from sidecar.service import WatchedFiles

CONFIG = "prometheus: {url: http://localhost:9090}\nqueries: [{name: cpu, expr: up}]\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    return file


def test_what_has_just_been_read_has_not_changed(config: Path) -> None:
    files = WatchedFiles(config)
    files.read()
    assert not files.look()
    config.write_text(CONFIG + "offset: 1m\n")
    assert files.look()
    files.read()
    assert not files.look()


def test_a_change_that_was_read_and_taken_back_has_changed(config: Path) -> None:
    files = WatchedFiles(config)
    files.read()
    config.write_text(CONFIG + "offset: 1m\n")
    files.read()
    config.write_text(CONFIG)
    assert files.look()


def test_what_is_not_valid_is_not_read_again_as_long_as_it_stays(config: Path) -> None:
    files = WatchedFiles(config)
    config.write_text("queries: 7\n")
    with pytest.raises(ConfigError):
        files.read()
    assert not files.look()


def test_further_files_are_watched_as_they_are_from_then_on(config: Path) -> None:
    web = config.with_name("web.yml")
    web.write_text("{}\n")
    files = WatchedFiles(config)
    files.read()
    files.watch(lambda: [web])
    assert not files.look()
    web.write_text("http_server_config: {}\n")
    assert files.look()
    files.read()
    assert not files.look()


def test_a_file_that_cannot_be_read_has_not_changed_until_it_is_back(config: Path) -> None:
    """As in the middle of a swap."""
    files = WatchedFiles(config)
    files.read()
    config.rename(config.with_name("away"))
    assert not files.look()
    config.write_text(CONFIG + "offset: 1m\n")
    assert files.look()


def test_a_file_that_stays_away_is_a_change_once_and_its_return_another(config: Path) -> None:
    other = config.parent / "key.pem"
    other.write_text("a")
    files = WatchedFiles(config)
    files.read()
    files.watch(lambda: [other])
    other.unlink()
    assert [files.look() for _ in range(5)] == [False, False, True, False, False]
    files.read()
    assert not files.look()
    other.write_text("a")
    assert files.look()


def test_of_a_file_that_has_become_huge_no_more_is_read_than_of_a_configuration(config: Path) -> None:
    files = WatchedFiles(config)
    files.read()
    with config.open("r+b") as stream:
        stream.truncate(1 << 40)  # sparse: all of it would not fit the memory
    assert files.look()
    with pytest.raises(ConfigError, match="is larger than 512 KiB"):
        files.read()
