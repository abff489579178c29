import csv
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sidecar.cli import main
from tests.real.servers import PrometheusServer, Sample, openmetrics

HOUR, DAY = 3_600, 86_400
START = 1_714_521_600
CONFIG = """\
prometheus: {{url: "{url}"}}
defaults: {{step: 1h, fit_window: 10d, fit_every: 1d, min_history: 25h, alarm_budget: {budget}}}
queries:
  - {{name: node_cpu, expr: cpu}}
  - {{name: other, expr: "other", labels: {{team: shop}}}}
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["backtest", *map(str, arguments)])


def write_samples(path: Path, seed: int = 1, hours: int = 60) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).normal(size=hours)
    rows = [f"{START + HOUR * hour},{value:.4f}" for hour, value in enumerate(values.tolist())]
    path.write_text("\n".join(["timestamp,value", *rows]))


def answer(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def config_file(directory: Path, url: str = "http://localhost:9", budget: str = "1 per 30d", name: str = "a") -> Path:
    path = directory / f"{name}.yaml"
    path.write_text(CONFIG.format(url=url, budget=budget))
    return path


def test_every_file_is_answered_at_the_same_relative_path(tmp_path: Path) -> None:
    for number, name in enumerate(["a.csv", "deep/er/b.csv", "deep/c.csv"]):
        write_samples(tmp_path / "in" / name, number)
    (tmp_path / "in" / "notes.txt").write_text("no samples")
    result = run("--input", tmp_path / "in", "--output", tmp_path / "in" / "out", "--jobs=1", "--no-band")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    found = {str(path.relative_to(tmp_path / "in/out")) for path in (tmp_path / "in/out").rglob("*") if path.is_file()}
    assert found == {"a.csv", "deep/er/b.csv", "deep/c.csv"}
    assert len(answer(tmp_path / "in/out/deep/c.csv")) == 60
    again = run("--input", tmp_path / "in", "--output", tmp_path / "in" / "out", "--jobs=1", "--no-band")
    assert again.exit_code == 0
    assert not (tmp_path / "in/out/out").exists()


def test_answers_may_lie_above_the_samples_and_bad_files_stop_no_others(tmp_path: Path) -> None:
    for name in ("a.csv", "z.csv"):
        write_samples(tmp_path / "samples" / name, hours=3)
    for name in ("b.csv", "y.csv"):
        (tmp_path / "samples" / name).write_text("timestamp,value\nnow,1\n")
    (tmp_path / "b.csv").write_text("the answer of another run\n")
    result = run("--input", tmp_path / "samples", "--output", tmp_path, "--jobs=1", "--no-band")
    assert result.exit_code == 1
    wrong = [line for line in result.stderr.splitlines() if "is not a time" in line]
    assert [line.partition(":")[0] for line in wrong] == [
        str(tmp_path / "samples" / name) for name in ("b.csv", "y.csv")
    ]
    assert {path.name for path in tmp_path.glob("*.csv")} == {"a.csv", "z.csv"}


def test_a_file_whose_newest_row_comes_first_is_told(tmp_path: Path) -> None:
    write_samples(tmp_path / "in/forward.csv")
    header, *rows = (tmp_path / "in/forward.csv").read_text().splitlines()
    (tmp_path / "in/backward.csv").write_text("\n".join([header, *reversed(rows)]))
    result = run("--input", tmp_path / "in", "--output", tmp_path / "out", "--jobs=1", "--no-band")
    assert result.exit_code == 0
    assert len(answer(tmp_path / "out/backward.csv")) == 60
    [told] = [line for line in result.stderr.splitlines() if "sort" in line]
    assert told.startswith(f"{tmp_path / 'in/backward.csv'}: 59 of 60 rows")


def test_one_process_and_two_give_the_same(tmp_path: Path) -> None:
    for number in range(3):
        write_samples(tmp_path / "in" / f"{number}.csv", number, hours=40)
    texts = []
    for jobs in (1, 2):
        target = tmp_path / f"out{jobs}"
        assert run("--input", tmp_path / "in", "--output", target, f"--jobs={jobs}").exit_code == 0
        texts.append([path.read_text() for path in sorted(target.iterdir())])
    assert texts[0] == texts[1]
    assert len(texts[0]) == 3
    assert ",ok," in texts[0][0]


def test_one_file_is_answered_with_the_settings_of_a_query(tmp_path: Path) -> None:
    write_samples(tmp_path / "a.csv")
    config = config_file(tmp_path)
    both = ("--input", tmp_path / "a.csv", "--config.file", config)
    assert run(*both, "--output", tmp_path / "one", "--query=other").exit_code == 0
    assert run("--input", tmp_path / "a.csv", "--output", tmp_path / "two", "--executor=in-process").exit_code == 0
    one, two = (answer(tmp_path / name / "a.csv") for name in ("one", "two"))
    assert [row["timestamp"] for row in one] == [row["timestamp"] for row in two]
    assert one != two


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input={tmp}/none", "--output={tmp}/out"], "{tmp}/none does not exist: name a CSV file or a directory"),
        (["--input={tmp}/empty", "--output={tmp}/out"], "{tmp}/empty holds no file that ends in .csv"),
        (["--input={tmp}/in", "--output={tmp}/in"], "{tmp}/in would be overwritten"),
        (["--input={tmp}/in/a.csv", "--output={tmp}/in"], "{tmp}/in/a.csv would be overwritten"),
        (["--input={tmp}/bad.csv", "--output={tmp}/out"], "{tmp}/bad.csv:2: timestamp 'now' is not a time"),
        (["--input={tmp}/in", "--output={tmp}/bad.csv"], "{tmp}/bad.csv is no directory: name one"),
        (["--input={tmp}/in", "--output={tmp}/o", "--config.file={tmp}/gone.yaml"], "{tmp}/gone.yaml:1: file: no such"),
        (["--input={tmp}/in", "--output={tmp}/o", "--config.file={tmp}/a.yaml"], "the configuration has the queries"),
        (
            ["--input={tmp}/in", "--output={tmp}/o", "--config.file={tmp}/a.yaml", "--query=x"],
            "no query is called x: the configuration has node_cpu, other",
        ),
        (["--input={tmp}/in", "--output={tmp}/o", "--executor=cloud"], "'cloud' is no executor: write in-process"),
        (["--input={tmp}/in", "--output={tmp}/o", "--executor=dask://x"], "'dask://x' is no address of a scheduler"),
        (["--config.file={tmp}/a.yaml", "--from=yesterday"], "--from, --to: timestamp 'yesterday' is not a time"),
        (
            ["--config.file={tmp}/a.yaml", "--from=20261127"],
            "--from, --to: timestamp '20261127' is a date without dashes: write 2026-11-27",
        ),
        (["--config.file={tmp}/a.yaml", "--from=9", "--to=8"], "--from is not before --to"),
        (
            ["--config.file={tmp}/a.yaml", "--from=2100-01-01", "--to=2101-01-01"],
            "--from is not before --to, or not in",
        ),
        (["--config.file={tmp}/a.yaml", "--from=8", "--output={tmp}/bad.csv"], "{tmp}/bad.csv is no directory: name"),
        (["--config.file={tmp}/none.yaml", "--from=8"], "the configuration has no queries"),
        (["--config.file={tmp}/a.yaml", "--from=8", "--to=9", "--labels={tmp}/bad.csv"], "{tmp}/bad.csv:1: the first"),
        (
            ["--config.file={tmp}/a.yaml", "--from=8", "--to=9", "--labels={tmp}/none.csv"],
            "{tmp}/none.csv cannot be read or written: No such file",
        ),
    ],
)
def test_bad_input_gets_one_message(tmp_path: Path, arguments: Sequence[str], message: str) -> None:
    (tmp_path / "empty").mkdir()
    write_samples(tmp_path / "in/a.csv", hours=3)
    (tmp_path / "bad.csv").write_text("timestamp,value\nnow,1\n")
    config_file(tmp_path)
    (tmp_path / "none.yaml").write_text("prometheus: {url: http://localhost:9}\nqueries: []\n")
    result = run(*(argument.format(tmp=tmp_path) for argument in arguments), "--jobs=1")
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stderr.splitlines() if not re.fullmatch(r"\d+ files", line)]
    assert len(lines) == 1
    assert lines[0].startswith(message.format(tmp=tmp_path))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--input=a.csv"],
        ["--input=a.csv", "--output=b", "--from=1"],
        ["--config.file=a.yaml"],
        ["--from=1"],
        ["--input=a.csv", "--output=b", "--jobs=0"],
        ["--input=a.csv", "--output=b", "--query=node_cpu"],
    ],
)
def test_flags_that_do_not_go_together_are_a_wrong_command_line(arguments: Sequence[str]) -> None:
    assert run(*arguments).exit_code == 2


ALONE = "scope is group, but each series is replayed by itself, as the only one of its group"


def test_it_is_told_that_siblings_are_replayed_alone(tmp_path: Path) -> None:
    write_samples(tmp_path / "a.csv")
    config = config_file(tmp_path)
    config.write_text(config.read_text().replace("expr: cpu", "expr: cpu, scope: group"))
    files = ("--input", tmp_path / "a.csv", "--output", tmp_path / "out", "--executor=in-process", "--no-band")
    assert f"node_cpu: {ALONE}" in run(*files, f"--config.file={config}", "--query=node_cpu").stderr.splitlines()
    assert ALONE not in run(*files, f"--config.file={config}", "--query=other").stderr


@pytest.mark.real
def test_it_is_told_once_that_siblings_of_a_prometheus_are_replayed_alone(tmp_path: Path) -> None:
    config = config_file(tmp_path, "http://127.0.0.1:9")
    config.write_text(config.read_text().replace('9"}', '9", timeout: 1s}').replace("1d,", "1d, scope: group,"))
    result = run(f"--config.file={config}", f"--compare={config}", f"--from={START}", f"--to={START + DAY}")
    assert result.stderr.splitlines()[0] == f"node_cpu, other: {ALONE}"
    assert result.stderr.count(ALONE) == 1


SPIKES = {"a": [250], "b": [150, 280], "c": []}
"""Hours at which the series of each instance have a spike."""


def cpu() -> Iterator[Sample]:
    for number, (instance, spikes) in enumerate(SPIKES.items()):
        values = 0.5 + 0.05 * np.random.default_rng(number).standard_normal(300)
        values[spikes] = 4.0
        for hour, value in enumerate(values.tolist()):
            yield {"instance": instance, "zone": '<"eu">'}, START + hour * HOUR, value


def other() -> Iterator[Sample]:
    for hour in range(300):
        yield {"instance": "x"}, START + hour * HOUR, float(hour % 24)


INCIDENTS = f"""\
start,end,instance,anomaly_name
{START + 250 * HOUR - 600},{START + 252 * HOUR},a,
2024-05-12T16:00:00Z,2024-05-12T20:00:00Z,b,node_cpu
{START + 260 * HOUR},{START + 261 * HOUR},c,
{START + 260 * HOUR},{START + 261 * HOUR},nobody,
{START + 10 * DAY},{START + 11 * DAY},,other
{START + 90 * DAY},{START + 91 * DAY},,
"""


@pytest.fixture
def url(prometheus_server: Callable[..., PrometheusServer]) -> str:
    return prometheus_server(openmetrics(cpu=cpu(), other=other())).url


@pytest.mark.real
def test_the_past_of_a_prometheus_is_told_as_tables_and_as_a_report(url: str, tmp_path: Path) -> None:
    (tmp_path / "incidents.csv").write_text(INCIDENTS)
    result = run(
        f"--config.file={config_file(tmp_path, url)}",
        f"--from={START + 6 * DAY}",
        "--to=2024-05-13T11:00:00Z",
        f"--compare={config_file(tmp_path, url, '20 per 1d', 'b')}",
        f"--labels={tmp_path / 'incidents.csv'}",
        f"--output={tmp_path / 'out'}",
        "--jobs=1",
    )
    assert result.exit_code == 0, result.output
    lines = [re.split(r"\s{2,}", line) for line in result.stdout.splitlines()]
    header = ["query", "series", "series-weeks", "alarms", "per series and week", "budget"]
    assert lines[1] == [*header, "incidents found", "alarms outside"]
    row = dict(zip(lines[1], lines[2], strict=True))
    assert (row["query"], row["series"], row["budget"]) == ("node_cpu A", "3", "0.23")
    assert (row["incidents found"], int(row["alarms"])) == ("2 of 3", 3 + int(row["alarms outside"]) - 1)
    assert [line[0] for line in lines[3:6]] == ["node_cpu B", "other A", "other B"]
    assert ["2024-05-11 09:50", "2024-05-11 12:00", '{instance="a"}', "after 10m"] in [line[:4] for line in lines]
    assert [line[3] for line in lines if line[2:3] == ['{instance="c"}']] == ["missed"]
    assert "1 incidents concern no series" in result.stderr
    assert "1 of 6 incidents lie outside the span: look at --from and --to" in result.stderr.splitlines()
    assert "no series in this span" not in result.stderr
    report = (tmp_path / "out/report.html").read_text()
    assert report.count("<svg") >= 4
    assert 'class="band"' in report
    assert "&lt;" in report
    assert '<"eu">' not in report
    assert not re.search(r"""(src|href)=|url\(|@import""", report)


@pytest.mark.real
def test_one_query_without_incidents_and_without_a_report(url: str, tmp_path: Path) -> None:
    config = config_file(tmp_path, url)
    result = run(f"--config.file={config}", f"--from={START}", f"--to={START + 300 * HOUR}", "--query=node_cpu")
    assert result.exit_code == 0, result.output
    assert "incidents" not in result.stdout
    assert re.search(r"^node_cpu +3 ", result.stdout, re.MULTILINE)
    assert re.search(r'^\{instance="b".*  [2-9] +\d \d$', result.stdout, re.MULTILINE)


@pytest.mark.real
def test_a_prometheus_that_is_away_is_one_message(tmp_path: Path) -> None:
    config = tmp_path / "a.yaml"
    config.write_text(CONFIG.format(url="http://127.0.0.1:9", budget="1 per 30d").replace('9"}', '9", timeout: 1s}'))
    result = run(f"--config.file={config}", f"--from={START}", f"--to={START + DAY}")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "127.0.0.1:9" in result.stderr


@pytest.mark.real
@pytest.mark.parametrize(
    ("expr", "begin"), [("cpu", START - 9 * DAY), ("cpu", START + 15 * DAY), ("gone", START)], ids=str
)
def test_a_span_without_series_is_told(url: str, tmp_path: Path, expr: str, begin: int) -> None:
    config = config_file(tmp_path, url)
    config.write_text(config.read_text().replace("expr: cpu", f"expr: {expr}"))
    span = (f"--config.file={config}", f"--from={begin}", f"--to={begin + DAY}", "--query=node_cpu")
    result = run(*span, f"--compare={config}", "--executor=in-process")
    assert result.exit_code == 0, result.output
    told = "no series in this span: look at the expression, --from and --to"
    assert [line for line in result.stderr.splitlines() if told in line] == [
        f"node_cpu A: {told}",
        f"node_cpu B: {told}",
    ]


@pytest.mark.real
def test_labels_that_a_query_cannot_add_are_refused_as_by_a_run(url: str, tmp_path: Path) -> None:
    config = config_file(tmp_path, url)
    config.write_text(config.read_text().replace("expr: cpu", "expr: cpu, labels: {zone: us}"))
    result = run(f"--config.file={config}", f"--from={START}", f"--to={START + DAY}", "--executor=in-process")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert re.match(r'query node_cpu: the series \{.*instance="a".*\} already has the label zone: ', result.stderr)


def churned() -> Iterator[Sample]:
    """Twelve pods, one after the other."""
    for hour in range(300):
        yield {"pod": f"p{hour // 25}"}, START + hour * HOUR, 1.0


WHOLE = """\
prometheus: {{url: "{url}"}}
defaults: {{step: 1h, fit_window: 10d, fit_every: 1d, min_history: 25h}}
queries:
  - {{name: churned, expr: churned, max_series: 2, suppress_when: churned > 0}}
  - {{name: split, expr: 'cpu{{instance=~"${{shard}}"}}', max_series: 2,
     sharding: {{by: instance, count: 2, index: 1}}}}
  - {{name: refused, expr: cpu + on () cpu}}
"""


@pytest.mark.real
def test_all_that_came_and_went_and_all_shards_are_replayed_and_a_refused_query_is_named(
    prometheus_server: Callable[..., PrometheusServer], tmp_path: Path
) -> None:
    server = prometheus_server(openmetrics(cpu=cpu(), churned=churned()))
    (tmp_path / "a.yaml").write_text(WHOLE.format(url=server.url))
    span = [f"--config.file={tmp_path / 'a.yaml'}", f"--from={START}", f"--to={START + 299 * HOUR}", "--jobs=1"]
    for name, series in (("churned", 12), ("split", 3)):
        result = run(*span, f"--query={name}", "--no-band")
        assert result.exit_code == 0, result.output
        assert re.search(rf"^{name} +{series} ", result.stdout, re.MULTILINE)
    result = run(*span, "--query=refused")
    assert result.exit_code == 1
    assert re.match(r"refused: .*many-to-many|refused: execution: ", result.stderr)
