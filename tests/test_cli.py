import gc
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar import __version__
from sidecar.cli import LogStream, main, uncollected

VALID = "prometheus: {url: http://localhost:9090}\nqueries:\n  - {name: cpu, expr: cpu}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(VALID)
    return path


def test_version() -> None:
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


def test_a_valid_file_passes(config: Path) -> None:
    result = CliRunner().invoke(main, ["check-config", f"--config.file={config}"])
    assert result.exit_code == 0
    assert "1 quer" in result.output


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("3", "3")])
def test_linear_algebra_gets_no_threads_of_its_own_unless_they_are_asked_for(
    before: str | None, after: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", before or "")
    if before is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    CliRunner().invoke(main, ["check-config", f"--config.file={config}"])
    assert os.environ["OPENBLAS_NUM_THREADS"] == after


def fail_to_import() -> None:
    assert not gc.isenabled()
    raise ImportError


def test_garbage_is_looked_for_again_after_an_import_that_fails() -> None:
    with pytest.raises(ImportError), uncollected():
        fail_to_import()
    assert gc.isenabled()


def test_all_errors_of_a_file_are_told_with_their_place(config: Path) -> None:
    config.write_text(VALID.replace("expr: cpu", "expr: anomaly_score, step: 5 minutes, color: red"))
    result = CliRunner().invoke(main, ["check-config", f"--config.file={config}"])
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{config}:3: queries[0].") for line in lines)


def test_a_missing_file_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["run", f"--config.file={tmp_path / 'none.yaml'}"])
    assert result.exit_code == 1


@pytest.mark.parametrize(
    "arguments", [["run", "--no-such-flag"], ["run", "--executor=ray"], ["demo", "--exit-after=soon"], ["fly"]]
)
def test_a_wrong_command_line_is_a_usage_error(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_a_demonstration_on_no_address_is_told() -> None:
    result = CliRunner().invoke(main, ["demo", "--web.listen-address=nowhere"])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)


def test_an_address_in_use_is_told(config: Path) -> None:
    result = CliRunner().invoke(main, ["run", f"--config.file={config}", "--web.listen-address=nowhere"])
    assert result.exit_code == 1


@pytest.mark.parametrize("prefix", ["/a{b}", "/c d", "/%20", "/a?b", "/a#b"])
def test_a_route_prefix_is_a_plain_path(prefix: str) -> None:
    result = CliRunner().invoke(main, ["run", f"--web.route-prefix={prefix}"])
    assert result.exit_code == 2
    assert "has more than letters, digits and . _ ~ - / in it" in result.output


def test_a_log_without_a_stream_is_lost_and_nothing_else() -> None:
    log = LogStream(None)
    assert log.write("text") == 4
    log.flush()
