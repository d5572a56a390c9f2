"""The example for Airflow left alone: no policy changes it, and its second slot comes when the clock says so.

``python -m tests.schedulers.airflow_unhurried`` takes up to 17 minutes: the newest slot is scheduled at once, and the
next one at the next quarter of an hour.
"""

import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from anomalert import Ledger
from tests.schedulers.airflow import DAG, EXAMPLES, has_ended, introduce
from tests.schedulers.airflow_server import running_airflow
from tests.schedulers.environments import Environment, environment, summed_up
from tests.schedulers.processes import until
from tests.schedulers.scene import SLOT, set_scene

SECONDS = 1200.0


def waited(made: Environment) -> dict[str, Any]:
    """Let two slots be scheduled in their own time, and return what was seen."""
    with tempfile.TemporaryDirectory() as folder, set_scene() as scene:
        home = Path(folder)
        shutil.copytree(EXAMPLES, home / "dags")
        with running_airflow(made, home, {}) as airflow:
            introduce(airflow, scene, home)
            airflow.unpause(DAG)

            def both() -> list[dict[str, Any]] | None:
                runs = airflow.runs(DAG)
                return runs if len(runs) >= 2 and all(has_ended(run) for run in runs) else None

            runs = until(both, SECONDS, "second scheduled run")
        ticks = [pd.Timestamp(run["data_interval_end"]) for run in runs]
        return {
            "runs": [(run["run_type"], run["state"], run["data_interval_end"], run["start_date"]) for run in runs],
            "are_neighbours": [later - tick == SLOT for tick, later in pairwise(ticks)],
            "expected": scene.expected(ticks),
            "told": scene.headlines(),
            "faults": Ledger(home / "alerts.db").verify(),
        }


def problems(seen: dict[str, Any]) -> list[str]:
    """Return all that is not as promised, in words."""
    promised = {
        "two runs are scheduled and succeed": [run[:2] for run in seen["runs"]] == [("scheduled", "success")] * 2,
        "they are of neighbouring slots": seen["are_neighbours"] == [True],
        "there are messages to tell": len(seen["expected"]) > 0,
        "messages are exactly those expected": seen["told"] == seen["expected"],
        "the ledger is sound": seen["faults"] == [],
    }
    return [name for name, held in promised.items() if not held]


def main() -> int:
    """Print what was seen, and what is not as promised."""
    made = environment("airflow")
    seen = waited(made)
    return summed_up(made, seen, problems(seen))


if __name__ == "__main__":
    raise SystemExit(main())
