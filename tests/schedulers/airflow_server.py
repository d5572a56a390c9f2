"""A real Airflow 3 on SQLite: scheduler, DAG processor and API server, driven by its REST API as a user would.

Called by `tests.schedulers.airflow`; knows nothing of the package.
"""

import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.schedulers.environments import Environment
from tests.schedulers.processes import free_port, running, until

__all__ = ["Airflow", "running_airflow"]

BOOT_SECONDS = 240.0
RUN_SECONDS = 240.0


class Airflow:
    """What the tests ask of its REST API."""

    def __init__(self, url: str, home: Path) -> None:
        self.url, self.home = url, home
        self.session = requests.Session()

    def log_in(self) -> None:
        """Get a token, for which its simple authentication needs no password here."""
        answer = self.session.get(f"{self.url}/auth/token", timeout=60)
        answer.raise_for_status()
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make one request, and return its answer."""
        answer = self.session.request(method, f"{self.url}/api/v2/{path}", json=body, timeout=60)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        return answer.json() if answer.content else None

    def unpause(self, dag: str) -> None:
        """Let a DAG be scheduled, as soon as it is known."""
        until(lambda: self._is_known(dag), BOOT_SECONDS, f"DAG {dag}")
        self.ask("PATCH", f"dags/{dag}", {"is_paused": False})

    def trigger(self, dag: str) -> dict[str, Any]:
        """Trigger a run by hand, without a date, and return it when it has ended."""
        run = self.ask("POST", f"dags/{dag}/dagRuns", {"logical_date": None})
        return self.ended(dag, run["dag_run_id"])

    def clear(self, dag: str, run: str, task: str) -> dict[str, Any]:
        """Clear a task, so that it is run again, and return the run when it has ended."""
        body = {"dry_run": False, "dag_run_id": run, "task_ids": [task], "only_failed": False, "reset_dag_runs": True}
        self.ask("POST", f"dags/{dag}/clearTaskInstances", body)
        return self.ended(dag, run)

    def backfill(self, dag: str, start: str, end: str) -> list[dict[str, Any]]:
        """Run the intervals of a DAG again, those that succeeded too, and return the runs when all have ended."""
        body = {"dag_id": dag, "from_date": start, "to_date": end, "reprocess_behavior": "completed"}
        number = self.ask("POST", "backfills", {**body, "max_active_runs": 1})["id"]

        def completed() -> bool | None:
            return self.ask("GET", f"backfills/{number}")["completed_at"] is not None or None

        until(completed, RUN_SECONDS, f"end of the back-fill of {dag}")
        return [run for run in self.runs(dag) if run["run_type"] == "backfill"]

    def ended(self, dag: str, run: str) -> dict[str, Any]:
        """Return a run when it has ended."""

        def found() -> dict[str, Any] | None:
            state: dict[str, Any] = self.ask("GET", f"dags/{dag}/dagRuns/{run}")
            return state if state["state"] in ("success", "failed") else None

        return until(found, RUN_SECONDS, f"end of {run} of {dag}")

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """Return the runs of a DAG, in order."""
        found: list[dict[str, Any]] = self.ask("GET", f"dags/{dag}/dagRuns?order_by=run_after")["dag_runs"]
        return found

    def tries(self, dag: str, run: str) -> dict[str, int]:
        """Return how often each task of a run was tried; mapped ones by their names."""
        found = self.ask("GET", f"dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return {str(each["rendered_map_index"] or each["task_id"]): each["try_number"] for each in found}

    def xcom(self, dag: str, run: str, task: str, key: str) -> Any:
        """Return what a task left for others."""
        path = f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/{key}?deserialize=true"
        return self.ask("GET", path)["value"]

    def logs(self) -> str:
        """Return all that tasks and components have logged."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.home.rglob("*.log")))

    def _is_known(self, dag: str) -> bool | None:
        return self.session.get(f"{self.url}/api/v2/dags/{dag}", timeout=60).ok or None


@contextmanager
def running_airflow(made: Environment, home: Path, extra: Mapping[str, str]) -> Iterator[Airflow]:
    """Start Airflow with its DAGs in ``home/dags`` and its local settings in ``home/config``, and end it whole."""
    port = free_port()
    environment = {**os.environ, **_settings(made, home, port), **extra}
    program = str(made.bin / "airflow")
    subprocess.run([program, "db", "migrate"], env=environment, check=True, capture_output=True)
    commands = {
        "api-server": ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
        "scheduler": [],
        "dag-processor": [],
    }
    with ExitStack() as stack:
        for name, options in commands.items():
            stack.enter_context(running([program, name, *options], environment, home / f"{name}.log"))
        airflow = Airflow(f"http://127.0.0.1:{port}", home)
        until(lambda: _logged_in(airflow), BOOT_SECONDS, "answer of Airflow's API")
        yield airflow


def _logged_in(airflow: Airflow) -> bool | None:
    try:
        airflow.log_in()
    except requests.ConnectionError:
        return None
    return True


def _settings(made: Environment, home: Path, port: int) -> dict[str, str]:
    given = {
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_FOLDER": str(home / "dags"),
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "2",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "API__SECRET_KEY": secrets.token_hex(32),
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    settings = {f"AIRFLOW__{name}": value for name, value in given.items()}
    # Its components start each other by name.
    path = f"{made.bin}{os.pathsep}{os.environ['PATH']}"
    return {**settings, "AIRFLOW_HOME": str(home), "PATH": path, "PYTHONPATH": ""}
