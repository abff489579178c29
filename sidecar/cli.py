"""Commands and flags, logging and exit codes; nothing else reads the command line."""

import gc
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
import structlog
from structlog.typing import Processor

from sidecar import __version__

if TYPE_CHECKING:
    from sidecar.config.schema import Config

EXIT_FAILURE = 1
"""A configuration that is not valid, or a run that failed; 2 is click's own for a wrong command line."""

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}

config_file = click.option(
    "--config.file",
    "config_file",
    type=click.Path(path_type=Path),
    default=Path("config.yaml"),
    show_default=True,
    help="Configuration file.",
)


def path_option(flag: str, name: str, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A flag that names a file or a directory."""
    return click.option(flag, name, type=click.Path(path_type=Path), help=text)


def log_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flags of the log to a command."""
    level = click.option("--log.level", "log_level", type=click.Choice(list(LEVELS)), default="info", show_default=True)
    style = click.option(
        "--log.format", "log_format", type=click.Choice(["logfmt", "json"]), default="logfmt", show_default=True
    )
    return level(style(command))


def plain_path(_context: click.Context, _option: click.Parameter, path: str) -> str:
    """A path as it is: what has another meaning in a URL or a route is refused."""
    if not re.fullmatch(r"[A-Za-z0-9._~/-]*", path):
        raise click.BadParameter(f"{path!r} has more than letters, digits and . _ ~ - / in it")
    return path


def web_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flags of the HTTP server to a command."""
    for flag in (
        click.option(
            "--web.listen-address",
            "listen_address",
            default=":9847",
            show_default=True,
            help="Address on which metrics, API and page are served.",
        ),
        click.option(
            "--web.route-prefix",
            "route_prefix",
            default="/",
            show_default=True,
            callback=plain_path,
            help="Prefix of all paths.",
        ),
        click.option("--web.external-url", "external_url", default="", help="URL under which users reach the sidecar."),
        click.option("--web.enable-lifecycle", "enable_lifecycle", is_flag=True, help="Allow reload over HTTP."),
        click.option(
            "--web.disable-api", "disable_api", is_flag=True, help="Serve nothing but /metrics and the /-/ endpoints."
        ),
        click.option(
            "--web.config.file",
            "web_config_file",
            type=click.Path(path_type=Path),
            help="File with TLS, passwords and headers, in the format of Prometheus' exporters.",
        ),
        click.option("--web.open-probes", "open_probes", is_flag=True, help="Answer the probes without a password."),
    ):
        command = flag(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sidecar")
def main() -> None:
    """Finds anomalies in Prometheus metrics and re-exports them as gauges."""
    # Before numpy is imported: work is spread over processes, and threads that wait for more delay their start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@contextmanager
def uncollected() -> Iterator[None]:
    """Looks for no garbage while libraries are imported, which make thousands of classes and hardly any of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@main.command()
@config_file
@web_flags
@click.option("--executor", default="processes", show_default=True, help="Where fits run; or dask://HOST:PORT.")
@log_flags
def run(
    config_file: Path,
    executor: str,
    log_level: str,
    log_format: str,
    web_config_file: Path | None,
    **web: Any,  # noqa: ANN401 each has its type
) -> None:
    """Evaluates the configured queries until it is stopped."""
    with uncollected():
        from sidecar.app import WebOptions  # noqa: PLC0415 check-config needs none of it
        from sidecar.execution.choice import ExecutorError, lasting_executor  # noqa: PLC0415
        from sidecar.service import serve  # noqa: PLC0415

    set_up_logging(log_level, log_format)
    try:
        where = lasting_executor(executor)
    except ExecutorError as error:
        raise click.BadParameter(str(error), param_hint="--executor") from error
    sys.exit(serve(config_file, WebOptions(config_file=web_config_file, **web), where))


@main.command("check-config")
@config_file
@click.option("--estimate", is_flag=True, help="Ask Prometheus for the series, tell what they will cost.")
def check_config(config_file: Path, *, estimate: bool) -> None:
    """Checks a configuration file: a line per error, exit code 1 if there is one."""
    from sidecar.config.load import load  # noqa: PLC0415 --version needs none of it
    from sidecar.config.problems import ConfigError  # noqa: PLC0415

    try:
        config = load(config_file)
    except ConfigError as error:
        click.echo(error, err=True)
        sys.exit(EXIT_FAILURE)
    click.echo(f"{config_file}: valid, {len(config.queries)} queries")
    if estimate:
        sys.exit(_estimate(config))


def _estimate(config: "Config") -> int:
    from sidecar.estimate import NoEstimateError, report  # noqa: PLC0415 a plain check needs none of it

    try:
        for line in report(config, time.time()):
            click.echo(line)
    except NoEstimateError as error:
        click.echo(error, err=True)
        return EXIT_FAILURE
    return 0


@main.command()
@click.option("--web.listen-address", "listen_address", default="127.0.0.1:9847", show_default=True)
@click.option("--exit-after", metavar="DURATION", help="End after a while, such as 30s.")
@log_flags
def demo(listen_address: str, exit_after: str | None, log_level: str, log_format: str) -> None:
    """Runs the main job on made-up hosts, with nothing else installed."""
    from sidecar.config.duration import seconds  # noqa: PLC0415
    from sidecar.service import demonstrate  # noqa: PLC0415

    try:
        limit = None if exit_after is None else seconds(exit_after)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--exit-after") from error
    set_up_logging(log_level, log_format)
    sys.exit(demonstrate(listen_address, limit, sys.stdout))


@main.command()
@path_option("--input", "source", "CSV file with the columns timestamp and value, or a directory of them.")
@path_option("--output", "target", "Directory for the answers, or for the report.")
@path_option("--config.file", "config_file", "Configuration file.")
@click.option("--query", metavar="NAME", help="The query to replay, or whose settings are used.")
@click.option("--from", "begin", metavar="TIME", help="Begin of the past to replay: ISO 8601 or unix seconds.")
@click.option("--to", "end", metavar="TIME", help="Its end.  [default: now]")
@path_option("--compare", "compare", "Another configuration file, to compare with.")
@path_option("--labels", "labels", "CSV file of known incidents: start, end and labels.")
@click.option(
    "--no-band",
    is_flag=True,
    help="Leave out the band of values that would not be flagged: it takes a search for each row.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes.  [default: one per core]")
@click.option("--executor", default="processes", show_default=True, help="Or in-process, or dask://HOST:PORT.")
def backtest(source: Path | None, target: Path | None, **flags: Any) -> None:  # noqa: ANN401 each has its type
    """Replays CSV files, or the past of a Prometheus: what would have been alerted?"""
    from concurrent.futures import BrokenExecutor  # noqa: PLC0415

    from sidecar.backtest.command import LiveRequest, Work, backtest_files, backtest_live  # noqa: PLC0415
    from sidecar.backtest.table import BadInputError  # noqa: PLC0415
    from sidecar.config.problems import ConfigError  # noqa: PLC0415
    from sidecar.execution.choice import ExecutorError  # noqa: PLC0415

    work = Work(flags.pop("executor"), flags.pop("jobs"), band=not flags.pop("no_band"))
    live = [name for name in ("begin", "end", "compare", "labels") if flags[name] is not None]
    if source is not None and (target is None or live):
        raise click.UsageError("--input goes with --output, and not with --from, --to, --compare and --labels")
    if source is not None and flags["config_file"] is None and flags["query"] is not None:
        raise click.UsageError("--query goes with --config.file")
    if source is None and None in {flags["begin"], flags["config_file"]}:
        raise click.UsageError("give --input and --output, or --config.file and --from")
    try:
        if source is not None and target is not None:
            backtest_files(source, target, flags["config_file"], flags["query"], work)
        else:
            backtest_live(LiveRequest(target=target, **flags), work)
    except BrokenExecutor:
        click.echo("a process was killed, for want of memory maybe: try fewer with --jobs", err=True)
        sys.exit(EXIT_FAILURE)
    except (BadInputError, ConfigError, ExecutorError) as error:
        click.echo(error, err=True)
        sys.exit(EXIT_FAILURE)
    except OSError as error:
        click.echo(
            f"{error.filename} cannot be read or written: {error.strerror}" if error.filename else error, err=True
        )
        sys.exit(EXIT_FAILURE)


class LogStream:
    """A stream that loses what it cannot write: a full disk or a closed pipe must not end an evaluation."""

    def __init__(self, stream: TextIO | None) -> None:
        """Takes a stream, None where it was closed before the start."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes text, or loses it."""
        with suppress(OSError):
            if self._stream:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Sends on what was written, or loses it."""
        with suppress(OSError):
            if self._stream:
                self._stream.flush()


def set_up_logging(level: str, style: str) -> None:
    """Structured logs on standard error, those of libraries among them."""
    stream: Any = LogStream(sys.stderr)
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.processors.LogfmtRenderer(key_order=["ts", "level", "event"], bool_as_flag=False)
    )
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*common, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    of_libraries = logging.StreamHandler(stream)
    of_libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=max(LEVELS[level], logging.WARNING), handlers=[of_libraries], force=True)
    logging.captureWarnings(capture=True)
