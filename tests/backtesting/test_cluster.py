"""Backtests on many workers: processes here, and a Dask cluster of which one is killed."""

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pytest

from anomalert import ClickHouseSource, Metric, Monitor, WeeklyAverage, backtest
from anomalert.errors import ConfigurationError
from tests.backtesting.on_disk import DAYS, START, pipeline_on, written

ROOT = Path(__file__).resolve().parents[2]
FIRST, LAST = START + pd.Timedelta("9D"), START + pd.Timedelta(days=DAYS)


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs anomalert[dask]")
def test_a_cluster_that_loses_a_worker_says_what_one_process_says() -> None:
    """Verdicts, messages and incidents are the same, over TCP, with a worker killed in the middle."""
    command = [sys.executable, "-m", "tests.backtesting.cluster"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert "one killed" in run.stdout


def test_processes_read_for_themselves_and_say_the_same(tmp_path: Path) -> None:
    """Two processes that make the pipeline anew give what this one gives, in other chunks; nobody reads too much."""
    source = written(tmp_path)
    alone = backtest(pipeline_on(source), start=FIRST, end=LAST, progress=False)
    read_here = len(source.reads())
    with ProcessPoolExecutor(2, get_context("spawn")) as two:
        made = partial(pipeline_on, source)
        shared = backtest(made, start=FIRST, end=LAST, chunk="10D", executor=two, progress=False)
    pd.testing.assert_frame_equal(shared.messages, alone.messages)
    by = ["slot", "metric"]
    pd.testing.assert_frame_equal(
        shared.judgements.sort_values(by, ignore_index=True), alone.judgements.sort_values(by, ignore_index=True)
    )
    asked = source.reads()[read_here:]
    assert len(asked) == 4 * 4, "four metrics in shares of one, four chunks each"
    lookback = pipeline_on(source).monitors[0].lookback
    assert max(end - start for start, end in asked) <= pd.Timedelta("10D") + lookback + pd.Timedelta("15min")


def test_what_holds_a_password_is_not_sent_to_other_processes() -> None:
    """The error names the monitor and says what to pass in place of it, and not the password."""
    source = ClickHouseSource(
        "SELECT t, n FROM x WHERE t >= {start} AND t < {end}",
        {"host": "http://127.0.0.1:1", "user": "me", "password": "s3cret-word"},
    )
    monitor = Monitor(source, [Metric("likes", WeeklyAverage())], name="feed")
    with ProcessPoolExecutor(1, get_context("spawn")) as one, pytest.raises(ConfigurationError) as caught:
        backtest(monitor, start=FIRST, end=LAST, executor=one, progress=False)
    assert "monitor 'feed' cannot be sent" in str(caught.value)
    assert "s3cret" not in str(caught.value)
