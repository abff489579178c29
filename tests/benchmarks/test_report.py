import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.detection import __main__ as command
from benchmarks.detection.baselines import answers, z_score
from benchmarks.detection.detectors import DETECTORS, product
from benchmarks.detection.plots import examples, instructive
from benchmarks.detection.report import BEGIN, END, KIND_HEADER, NAB_HEADER, Corpus, Table, refresh, table
from benchmarks.detection.series import HOUR, Answers, Series, read_answers, read_series, unix, write_answers
from benchmarks.detection.series import write_series as write
from benchmarks.detection.synthetic import Plan

ROWS = 400
BASELINE = "z-score over a day"


def series(name: str, event: slice = slice(300, 310)) -> Series:
    kind = np.full(ROWS, "", dtype="U16")
    kind[event] = "event"
    values = np.random.default_rng(0).uniform(1, 2, ROWS)
    values[event] += 20
    return Series(name, HOUR * np.arange(ROWS), values, kind)


@pytest.fixture
def nab(tmp_path: Path) -> Path:
    root = tmp_path / "nab"
    for name in ("realAWSCloudwatch/a.csv", "realTweets/b.csv"):
        write(series(name), root / "data")
    window = ["1970-01-13 06:00:00.000000", "1970-01-14 02:00:00.000000"]
    (root / "labels").mkdir()
    windows = {"realAWSCloudwatch/a.csv": [window], "realTweets/b.csv": [window]}
    (root / "labels" / "combined_windows.json").write_text(json.dumps(windows))
    return root


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    write(series("c.csv"), tmp_path / "cloud")
    return tmp_path / "cloud"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    place = tmp_path / "quality.md"
    place.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    return place


@pytest.fixture(autouse=True)
def _one_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.detection.synthetic.PLANS", (Plan(HOUR, "1h", 20, 4, 2, 2, 24),))


@pytest.mark.parametrize("text", ["2024-01-01 00:00:00", "2024-01-01T01:00:00+01:00", "1704067200", "1704067200.0"])
def test_times_are_read_as_utc(text: str) -> None:
    assert unix(text) == 1_704_067_200


def test_answers_survive_their_file(tmp_path: Path) -> None:
    one = series("a.csv")
    given = answers(z_score(one.seconds, one.values))
    write_answers(one, given, tmp_path)
    back = read_answers(tmp_path, one)
    assert np.allclose(back.score, given.score, rtol=1e-7, equal_nan=True)
    assert np.array_equal(back.flag, given.flag)
    assert np.allclose(back.detection, given.detection, rtol=1e-7)


def test_the_product_s_empty_cells_are_unscored_rows(tmp_path: Path) -> None:
    lines = ["timestamp,value,anomaly_score,anomaly_flag,detection,state", "0,1,,,,warming", "3600,1,1.5,1,1.5,ok"]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    got = read_answers(tmp_path, Series("a.csv", np.array([0, HOUR]), np.ones(2), np.array(["", ""])))
    assert np.isnan(got.score[0])
    assert got.flag.tolist() == [False, True]
    assert got.detection.tolist() == [0, 1.5]


def test_answers_of_other_rows_are_refused(tmp_path: Path) -> None:
    one = series("a.csv")
    write_answers(one, answers(np.zeros(ROWS)), tmp_path)
    with pytest.raises(ValueError, match=r"a\.csv: rows differ"):
        read_answers(tmp_path, Series("a.csv", one.seconds + 1, one.values, one.kind))


def test_an_empty_value_is_missing_and_a_label_without_kind_an_event(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("timestamp,value,label\n2024-01-01 00:00:00,,0\n2024-01-01 01:00:00,3,1\n")
    got = read_series(tmp_path, "a.csv")
    assert np.array_equal(got.values, [np.nan, 3], equal_nan=True)
    assert got.kind.tolist() == ["", "event"]


def test_a_table_is_aligned_markdown() -> None:
    text = Table("t", ["detector", "x"], [["a", "1.0"]]).markdown()
    assert text.splitlines() == ["**t**", "", "| detector | x   |", "| -------- | --: |", "| a        | 1.0 |"]


def test_a_document_without_markers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("nothing")
    with pytest.raises(ValueError, match=r"x\.md: needs the lines"):
        refresh(tmp_path / "x.md", "figures")


def test_a_corpus_is_scored_in_its_own_way(cloud: Path, tmp_path: Path) -> None:
    write_answers(series("c.csv"), answers(np.where(series("c.csv").label, 2.0, 0.0)), tmp_path / "answers")
    got = table(Corpus("cloud", cloud), {"perfect": tmp_path / "answers"})
    assert got.rows == [["perfect", "1.00", "1.00", "1.00", "0.00"]]


def test_the_command_measures_and_refreshes(nab: Path, cloud: Path, document: Path, tmp_path: Path) -> None:
    results, web = tmp_path / "results", tmp_path / "web"
    shutil.copytree(cloud, web)
    paths = [f"--nab={nab}", f"--cloud={cloud}", f"--labelled={web}", f"--results={results}", f"--document={document}"]
    command.main([*paths, f"--detector={BASELINE}"])
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert (
        "`python -m benchmarks.detection --nab=PATH --cloud=PATH --labelled=PATH '--detector=z-score over a day'`"
        in text
    )
    assert "old" not in text
    assert str(tmp_path) not in text
    assert all(title in text for title in ("**NAB**", "**cloud**", "**web**", "**synthetic, seed 1**"))
    assert all(name in text for name in (*NAB_HEADER, *KIND_HEADER))


def test_the_product_is_plotted_beside_baselines_run_before(
    cloud: Path, document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def other(corpus: Path, results: Path) -> None:
        for path in corpus.iterdir():
            one = read_series(corpus, path.name)
            write_answers(one, answers(2 * z_score(one.seconds, one.values)), results)

    monkeypatch.setitem(DETECTORS, "sidecar", other)
    shared = [f"--cloud={cloud}", f"--results={tmp_path / 'results'}", "--small", "--no-document"]
    command.main([*shared, f"--detector={BASELINE}"])
    assert not (tmp_path / "results" / "plots").exists()
    command.main([*shared, "--detector=sidecar"])
    assert BASELINE in capsys.readouterr().out.split("**cloud**")[-1]
    pictures = {path.name for path in (tmp_path / "results" / "plots").iterdir()}
    assert "cloud-found.png" in pictures
    assert document.read_text().split() == ["before", *BEGIN.split(), "old", *END.split(), "after"]


def test_the_most_instructive_come_first_and_one_per_series() -> None:
    one, other = series("a.csv"), series("b.csv")
    score = np.full(ROWS, 0.5)
    score[[150, 200, 250]] = [3.0, 5.0, 4.0]
    given = Answers(score, score > 1, score)
    near = Answers(np.where(one.label, 0.9, 0.0), np.zeros(ROWS, dtype=bool), score)
    every = [*examples(one, given), *examples(other, near)]
    assert [example.begin for example in instructive(every, "false")] == [200]
    assert [example.series.name for example in instructive(every, "missed")] == ["b.csv", "a.csv"]
    assert instructive(every, "found") == []


def test_the_product_is_run_as_its_users_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr("subprocess.run", lambda words, **_: ran.append(words))
    product(Path("in"), Path("out"))
    assert ran[0][1:] == ["-m", "sidecar", "backtest", "--input=in", "--output=out", "--no-band"]
