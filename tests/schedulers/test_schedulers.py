"""The examples in the schedulers they are for, where these are installed: see `tests.schedulers.environments`.

Each takes minutes, so they run only if ``ANOMALERT_SCHEDULERS`` names the folder with the schedulers' environments.
"""

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from tests.schedulers import airflow, dagster, prefect
from tests.schedulers.environments import REQUIREMENTS, ROOT, installed
from tests.schedulers.scene import marked


@pytest.mark.chdb
@pytest.mark.parametrize("scheduler", REQUIREMENTS)
def test_a_scheduler(scheduler: str) -> None:
    """Messages are exactly those expected, whatever is killed, timed out, run again or mistaken; no version changes."""
    if not os.environ.get("ANOMALERT_SCHEDULERS"):
        pytest.skip("ANOMALERT_SCHEDULERS names no folder with the schedulers' environments")
    if installed(scheduler) is None:
        pytest.skip(f"{scheduler} is not installed (python -m tests.schedulers.environments {scheduler})")
    # In a process of its own, since it fills an embedded ClickHouse.
    command = [sys.executable, "-m", f"tests.schedulers.{scheduler}"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


HEADLINES = [*"abcdef", marked("b"), marked("d")]

GOOD: dict[Any, Any] = {
    airflow: airflow.Figures(
        {"errors": {}, "dags": ["one", "other"], "seconds": {"one.py": 0.1}, "loaded": []},
        scheduled=5,
        tries=[1, 1, 2, 1, 2],
        expected=HEADLINES[1:],
        told=HEADLINES[:0:-1],
        backfilled=2,
        told_by_hand=2,
        timed_out=1,
        mistake=("failed", 1),
        mapped=dict.fromkeys("abcdefg", 1),
        mapped_expected=3,
        mapped_told=3,
        pictures=1,
    ),
    dagster: dagster.Figures(
        {"partitions": ["newest"], "loaded": []},
        "newest",
        expected=HEADLINES[3:7],
        told=HEADLINES[3:7],
        mistake={"STEP_START": 2, "STEP_FAILURE": 2},
    ),
    prefect: prefect.Figures(
        ["COMPLETED"] * 5 + ["CRASHED"],
        expected=HEADLINES[:6],
        told=HEADLINES[:6],
        told_by_hand=2,
        tries_of_a_mistake=1,
    ),
}


@pytest.mark.parametrize("module", GOOD, ids=lambda module: module.__name__.rpartition(".")[2])
def test_what_breaks_a_promise_is_noticed(module: Any) -> None:
    """Figures as they should be pass; a message too many or too few, or one that was told twice unmarked, does not."""
    good = GOOD[module]
    assert module.problems(good) == []
    for told in (good.told[1:], [*good.told, good.told[0]], [*good.told[1:], good.told[1]]):
        assert "messages are exactly those expected" in module.problems(replace(good, told=told))
    assert "the ledger is sound" in module.problems(replace(good, faults=["a row is missing"]))
    assert "there are messages to tell" in module.problems(replace(good, told=[], expected=[]))
