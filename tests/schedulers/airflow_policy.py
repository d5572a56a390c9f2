"""Airflow's own means to change DAGs from outside (a cluster policy), installed as ``airflow_local_settings.py``.

So the example is run as it stands, byte for byte: only when its scheduled runs begin and end, and how long it waits, is
set to what a test has time for. Knows nothing of the package.
"""

import os
from datetime import datetime, timedelta
from typing import Any


def dag_policy(dag: Any) -> None:
    """Have slots of the last hour scheduled, instead of waiting for those to come."""
    if dag.dag_id == "social_alerts":
        dag.catchup = True
        # Tasks have taken the DAG's dates over by now, and the earliest of all decides.
        for each in (dag, *dag.tasks):
            each.start_date = datetime.fromisoformat(os.environ["SCENE_START"])
            each.end_date = datetime.fromisoformat(os.environ["SCENE_END"])


def task_policy(task: Any) -> None:
    """Try again soon, and give up soon a task that hangs."""
    if task.retries:
        task.retry_delay = timedelta(seconds=1)
    if task.execution_timeout is not None:
        task.execution_timeout = timedelta(seconds=float(os.environ["SCENE_TIMEOUT"]))
