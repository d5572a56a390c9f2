"""The examples in the schedulers they are for, where these are installed: see `tests.schedulers.environments`.

Each takes minutes, so they run only if ``ANOMALERT_SCHEDULERS`` names the folder with the schedulers' environments.
"""

import os

import pytest

from tests.schedulers import airflow, dagster, prefect
from tests.schedulers.environments import Environment, environment, installed

SECONDS_TO_PARSE = 2.0


def environment_of(scheduler: str) -> Environment:
    """Return a scheduler's environment with this tree's anomalert in it, or skip the test."""
    if not os.environ.get("ANOMALERT_SCHEDULERS"):
        pytest.skip("ANOMALERT_SCHEDULERS names no folder with the schedulers' environments")
    if installed(scheduler) is None:
        pytest.skip(f"{scheduler} is not installed (python -m tests.schedulers.environments {scheduler})")
    return environment(scheduler)


@pytest.mark.parametrize("scheduler", ["airflow", "dagster", "prefect"])
def test_installing_changes_no_version(scheduler: str) -> None:
    """What a scheduler's environment had before anomalert came, it has afterwards."""
    assert environment_of(scheduler).changed() == {}


@pytest.mark.chdb
def test_airflow_parses_the_examples_at_once() -> None:
    """By Airflow's own measure both DAG files take far less than 2 s, and load neither pandas nor matplotlib."""
    found = airflow.parsed(environment_of("airflow"))
    assert found["dags"] == ["metric_alerts", "social_alerts"]
    assert found["errors"] == {}
    assert found["loaded"] == []
    assert max(found["seconds"].values()) < SECONDS_TO_PARSE


@pytest.mark.chdb
def test_airflow() -> None:
    """On a real scheduler messages are exactly those expected, whatever is killed, timed out, cleared or mistaken."""
    figures = airflow.tried(environment_of("airflow"))
    assert airflow.problems(figures) == [], figures


@pytest.mark.chdb
def test_dagster() -> None:
    """Partitions tell what they have to, once; a killed one repeats what was in flight."""
    figures = dagster.tried(environment_of("dagster"))
    assert dagster.problems(figures) == [], figures


@pytest.mark.chdb
def test_prefect() -> None:
    """Flow runs tell what they have to, once; a killed one repeats what was in flight."""
    figures = prefect.tried(environment_of("prefect"))
    assert prefect.problems(figures) == [], figures
