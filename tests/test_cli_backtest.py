"""The command `anomalert backtest`: what it prints, writes and returns, in one process and in two."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anomalert.cli import main

MODULE = """
import time

import pandas as pd

from anomalert import DayLagRatio, FrameSource, Metric, Monitor, Pipeline, Policy, WeeklyAverage
from anomalert.errors import SourceError
from anomalert.testing import FakeNotifier, synthetic_panel

panel = synthetic_panel(days=80, seed=4, timezone="Europe/Moscow")
drop = pd.Timestamp("2026-10-28T15:00+03:00")
panel.loc[drop:drop + pd.Timedelta("2h")] *= 0.1
metrics = [Metric("views", DayLagRatio()), Metric("likes", WeeklyAverage(), policy=Policy(persist=(2, 3)))]
print("imported")


class Down:
    name = "down"

    def read(self, start, end):
        raise SourceError("source 'down': no route to host")


class Slow:
    name = "slow"

    def read(self, start, end):
        if start >= pd.Timestamp("2026-11-20T00:00Z"):
            print("slow", flush=True, file=__import__("sys").stderr)
            time.sleep(60)
        return panel.tz_convert("UTC").loc[start:end - pd.Timedelta(1)]


class Memory:
    # A source that cannot travel: it holds what a password or a connection would be.
    name = "feed"

    def __init__(self):
        self.connection = lambda start, end: panel.tz_convert("UTC").loc[start:end - pd.Timedelta(1)]

    def read(self, start, end):
        return self.connection(start, end)


def pipeline_of(source):
    return Pipeline([Monitor(source, metrics, timezone="Europe/Moscow")], [FakeNotifier()], name="feed")


def make():
    return pipeline_of(Memory())


down, slow = pipeline_of(Down()), pipeline_of(Slow())
"""

RANGE = ["--from", "2026-10-19", "--to", "2026-11-09"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the name of a module in the working directory."""
    name = f"replayed_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return name


def started(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start the command in a process group of its own, as a terminal does."""
    root = str(Path(__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", "import sys; from anomalert.cli import main; sys.exit(main())", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )


def test_help_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names every option, and that an instant may be a local time."""
    with pytest.raises(SystemExit):
        main(["backtest", "--help"])
    shown = capsys.readouterr().out
    options = ["package.module:pipeline", "--from", "--to", "--labels", "--html", "--workers", "--json", "local time"]
    assert [option for option in options if option not in shown] == []


def test_tables_are_printed_and_the_page_is_written(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary, the weeks and the metrics are shown; instants without a zone are local times of the monitor."""
    (tmp_path / "events.csv").write_text("metric,start,end\nviews,2026-10-28 15:00,2026-10-28 17:15\n")
    extra = ["--labels", "events.csv", "--html", "report.html"]
    assert main(["backtest", f"{place}:make", *RANGE, *extra]) == 0
    shown = capsys.readouterr()
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert "2026-10-18 21:00 to 2026-11-08 21:00 UTC, 3.0 weeks" in lines
    assert "2026-10-26 2 1 0 3" in lines
    assert "views 1 0 0 1 0 0 2" in lines
    assert "likes 9 0 0 0 0 1 0 8" in lines
    assert "written: report.html" in shown.err
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "Known events: 1," in page


def test_json_is_one_line_and_two_workers_count_the_same(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two processes, each with a pipeline of its own, give the counts of one; what modules print stays out of it."""
    assert main(["backtest", f"{place}:make", *RANGE, "--json"]) == 0
    shown = capsys.readouterr()
    assert "imported" in shown.err
    alone = json.loads(shown.out)
    assert (alone["messages"], alone["incidents"], alone["messages_per_week"]["2026-10-26"]) == (3, 2, 3)
    assert alone["held"]["likes"]["persist"] == 1
    with started(tmp_path, "backtest", f"{place}:make", *RANGE, "--json", "--workers", "2") as running:
        out, err = running.communicate(timeout=110)
    assert running.returncode == 0, err
    assert out.count("\n") == 1
    assert json.loads(out) == alone
    # The one that asks, and the workers: each has made its own.
    assert err.count("imported") >= 2


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_a_range_without_data_is_exit_code_1(
    place: str, extra: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error in a year is no quiet pipeline: the command, its figures and its page say so."""
    there = ["--from", "2025-10-19", "--to", "2025-11-09", "--html", "report.html"]
    assert main(["backtest", f"{place}:make", *there, *extra]) == 1
    shown = capsys.readouterr()
    assert "NO DATA: feed had no value in any slot of the range" in (shown.err if extra else shown.out)
    assert "NO DATA: feed" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not extra or json.loads(shown.out)["without_data"] == ["feed"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_source_that_fails_is_exit_code_1(place: str, tmp_path: Path, workers: str) -> None:
    """What could not be read is told in one line, without a traceback, also when it was read elsewhere."""
    with started(tmp_path, "backtest", f"{place}:down", *RANGE, "--workers", workers) as running:
        out, err = running.communicate(timeout=110)
    assert running.returncode == 1
    assert "anomalert: " in err
    assert "no route to host" in err
    assert "Traceback" not in err
    assert "messages" not in out


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_done_before_ctrl_c_is_printed(place: str, tmp_path: Path, workers: int) -> None:
    """Interrupted in the second stretch, the command tells at once what the first gave, says so, and ends with 1."""
    arguments = ["backtest", f"{place}:slow", "--from", "2026-10-12", "--to", "2026-12-21", "--html", "part.html"]
    arguments += ["--workers", str(workers)]
    with started(tmp_path, *arguments) as running:
        assert running.stderr is not None
        # Each of the two metrics is judged by a worker of its own.
        slow = 0
        while slow < workers:
            line = running.stderr.readline()
            assert line, "it ended by itself"
            slow += line == "slow\n"
        # The first stretch has been judged; on a busy machine its results take a while to come back.
        time.sleep(2)
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=110)
    assert running.returncode == 1, err
    assert "(interrupted), 8.0 weeks" in out
    assert "2026-11-02" in out
    assert "It was interrupted" in (tmp_path / "part.html").read_text(encoding="utf-8")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere:pipeline", *RANGE], "cannot be loaded"),
        (["PLACE:make", "--from", "2026-11-09", "--to", "2026-10-19"], "there is nothing to judge"),
        (["PLACE:make", "--from", "noon", "--to", "2026-10-19"], "`start` is 'noon'"),
        (["PLACE:make", *RANGE, "--html", "none/report.html"], "there is no such folder"),
        (["PLACE:make", *RANGE, "--html", "."], "cannot be written"),
        (["PLACE:make", *RANGE, "--labels", "none.csv"], "cannot be read"),
        (["PLACE:make", *RANGE, "--labels", "empty.csv"], "is no table"),
        (["PLACE:make", *RANGE, "--labels", "narrow.csv"], "lacks start, end"),
        (["PLACE:make", *RANGE, "--labels", "vague.csv"], "are no instants"),
        (["PLACE:make", *RANGE, "--labels", "open.csv"], "has a missing instant"),
    ],
)
def test_what_makes_no_sense_is_exit_code_2(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """A range, a place or a file that cannot be used is named, and what to do about it."""
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "narrow.csv").write_text("metric,when\nviews,2026-10-28\n")
    (tmp_path / "vague.csv").write_text("metric,start,end\nviews,yesterday,2026-10-28 10:00\n")
    (tmp_path / "open.csv").write_text("metric,start,end\nviews,2026-10-28 09:00,\n")
    assert main(["backtest", *(argument.replace("PLACE", place) for argument in arguments)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--from", "2026-10-19"], [*RANGE, "--workers", "0"], [*RANGE, "--workers", "x"]]
)
def test_an_option_that_is_missing_or_wrong_is_exit_code_2(place: str, arguments: list[str]) -> None:
    """The parser refuses what cannot be meant."""
    with pytest.raises(SystemExit) as ended:
        main(["backtest", f"{place}:make", *arguments])
    assert ended.value.code == 2
