"""The examples for Airflow, really scheduled and run, and what their chat shows.

``python -m tests.schedulers.airflow`` builds Airflow's environment if need be (see `environments`), starts a scheduler
on SQLite, and prints figures. Five slots of the last hour are scheduled. One message is accepted by a chat that kills
its sender, and one by a chat that never answers, so that the task is timed out. Then a task is cleared, slots are
back-filled, a run is triggered by hand without a date, one with a setting that makes no sense, and the second DAG is
scheduled.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pandas as pd

from anomalert import Ledger
from tests.schedulers.airflow_server import Airflow, running_airflow
from tests.schedulers.environments import ROOT, Environment, environment, summed_up
from tests.schedulers.processes import until
from tests.schedulers.scene import DATABASE, RESOLVED, STOPPED, Scene, kill_the_sender, marked, set_scene
from tests.schedulers.warehouse import PASSWORD, USER
from tests.stubs.telegram import CHAT, TOKEN
from tests.stubs.telegram_faults import accept_then_hang

__all__ = ["DAG", "EXAMPLES", "Figures", "has_ended", "introduce", "parsed", "problems", "tried"]

EXAMPLES = ROOT / "examples" / "airflow"
DAG, TASK, MAPPED = "social_alerts", "judge_and_tell", "metric_alerts"

TIMEOUT_SECONDS = 15.0
"""Of a task: longer than a run on a slow machine, shorter than the notifier's own 20 s."""


@dataclass
class Figures:
    """What was seen."""

    parsed: dict[str, Any]
    scheduled: int = 0
    tries: list[int] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    told_by_cleared: int = 0
    backfilled: int = 0
    told_by_backfill: int = 0
    told_by_hand: int = 0
    timed_out: int = 0
    mistake: tuple[str, int] = ("", 0)
    mapped: dict[str, int] = field(default_factory=dict)
    mapped_expected: int = 0
    mapped_told: int = 0
    pictures: int = 0
    xcom_bytes: int = 0
    faults: list[str] = field(default_factory=list)
    secrets_logged: int = 0
    seconds: float = 0.0


def parsed(made: Environment) -> dict[str, Any]:
    """Return how Airflow itself parses the examples: errors, seconds a file, and what heavy modules that loads."""
    with tempfile.TemporaryDirectory() as home:
        found: dict[str, Any] = json.loads(
            subprocess.run(
                [made.python, "-P", ROOT / "tests" / "schedulers" / "airflow_parse.py", EXAMPLES],
                env={"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PATH": str(made.bin)},
                check=True,
                capture_output=True,
                text=True,
            ).stdout.splitlines()[-1]
        )
    return found


def tried(made: Environment) -> Figures:
    """Run every case on a real scheduler, and return what was seen."""
    begun, figures = time.monotonic(), Figures(parsed(made))
    with tempfile.TemporaryDirectory() as folder, set_scene() as scene:
        home = Path(folder)
        shutil.copytree(EXAMPLES, home / "dags")
        (home / "config").mkdir()
        shutil.copy(ROOT / "tests" / "schedulers" / "airflow_policy.py", home / "config" / "airflow_local_settings.py")
        extra = {
            "SCENE_START": scene.ticks[0].isoformat(),
            "SCENE_END": scene.ticks[-1].isoformat(),
            "SCENE_TIMEOUT": str(TIMEOUT_SECONDS),
        }
        with running_airflow(made, home, extra) as airflow:
            introduce(airflow, scene, home)
            _scheduled(airflow, scene, figures)
            _again(airflow, scene, figures)
            _backfilled(airflow, scene, figures)
            _by_hand(airflow, scene, figures)
            _mistaken(airflow, figures)
            _mapped(airflow, scene, figures)
            figures.secrets_logged = sum(airflow.logs().count(secret) for secret in (TOKEN, PASSWORD))
        figures.faults = Ledger(home / "alerts.db").verify()
    figures.seconds = time.monotonic() - begun
    return figures


def introduce(airflow: Airflow, scene: Scene, home: Path) -> None:
    """Tell Airflow the connections and variables that the examples ask for."""
    warehouse = {"host": "127.0.0.1", "port": scene.warehouse, "schema": DATABASE, "login": USER, "password": PASSWORD}
    airflow.ask("POST", "connections", {"connection_id": "clickhouse", "conn_type": "http", **warehouse})
    chat = {"host": str(CHAT), "password": TOKEN, "extra": json.dumps({"api_url": scene.chat.url})}
    airflow.ask("POST", "connections", {"connection_id": "telegram", "conn_type": "telegram", **chat})
    airflow.ask("POST", "variables", {"key": "alerts_ledger", "value": str(home / "alerts.db")})
    airflow.ask("POST", "variables", {"key": "alerts_pictures", "value": str(home / "pictures")})


def _scheduled(airflow: Airflow, scene: Scene, figures: Figures) -> None:
    """Let five slots be scheduled, while one sender is killed and another never answered."""
    scene.troubles = {STOPPED: kill_the_sender, RESOLVED: accept_then_hang}
    airflow.unpause(DAG)

    def all_ended() -> list[dict[str, Any]] | None:
        runs = airflow.runs(DAG)
        return runs if len(runs) == len(scene.ticks) and all(has_ended(run) for run in runs) else None

    runs = until(all_ended, 600.0, "end of the five scheduled runs")
    figures.scheduled = sum(run["run_type"] == "scheduled" and run["state"] == "success" for run in runs)
    figures.tries = [airflow.tries(DAG, run["dag_run_id"])[TASK] for run in runs]
    figures.expected = _with_repeats(scene.expected(scene.ticks))
    figures.told = scene.headlines()
    figures.timed_out = airflow.logs().count("AirflowTaskTimeout")
    report = airflow.xcom(DAG, runs[1]["dag_run_id"], TASK, "report")
    figures.xcom_bytes = len(json.dumps(report))
    receipts = [each["receipt"] for each in report["deliveries"] if each["notifier"] == "pictures"]
    links = [link for receipt in receipts for link in receipt.split()]
    figures.pictures = sum(Path(unquote(urlsplit(link).path)).read_bytes()[1:4] == b"PNG" for link in links)


def _again(airflow: Airflow, scene: Scene, figures: Figures) -> None:
    """Clear the task that told the first message, so that it runs again."""
    told = len(scene.headlines())
    first = airflow.runs(DAG)[1]["dag_run_id"]
    run = airflow.clear(DAG, first, TASK)
    if run["state"] != "success" or airflow.tries(DAG, first)[TASK] < 2:
        raise RuntimeError(f"the cleared task was not run again to success: {run}")
    figures.told_by_cleared = len(scene.headlines()) - told


def _backfilled(airflow: Airflow, scene: Scene, figures: Figures) -> None:
    """Back-fill two slots that were judged already."""
    told = len(scene.headlines())
    runs = airflow.backfill(DAG, scene.ticks[0].isoformat(), scene.ticks[1].isoformat())
    figures.backfilled = sum(run["state"] == "success" for run in runs)
    figures.told_by_backfill = len(scene.headlines()) - told


def _by_hand(airflow: Airflow, scene: Scene, figures: Figures) -> None:
    """Trigger a run without a date: it judges what is complete when it was asked for."""
    told = len(scene.headlines())
    run = airflow.trigger(DAG)
    if run["state"] != "success" or run["logical_date"] is not None:
        raise RuntimeError(f"the run by hand did not succeed, or has a date: {run}")
    asked = pd.Timestamp(run["run_after"])
    figures.expected = _with_repeats(scene.expected([*scene.ticks, asked]))
    figures.told = scene.headlines()
    figures.told_by_hand = len(figures.told) - told


def _mistaken(airflow: Airflow, figures: Figures) -> None:
    """Trigger a run with a chat that is none: trying again would not mend it."""
    telegram = airflow.ask("GET", "connections/telegram")
    airflow.ask("PATCH", "connections/telegram?update_mask=host", {**_given(telegram), "host": "no chat at all"})
    run = airflow.trigger(DAG)
    figures.mistake = (run["state"], airflow.tries(DAG, run["dag_run_id"])[TASK])
    airflow.ask("PATCH", "connections/telegram?update_mask=host", {**_given(telegram), "host": str(CHAT)})


def _mapped(airflow: Airflow, scene: Scene, figures: Figures) -> None:
    """Let the second DAG be scheduled as it stands, without catch-up: its newest slot, a task for each metric."""
    told = len(scene.headlines())
    airflow.unpause(MAPPED)

    def ended() -> dict[str, Any] | None:
        return next((run for run in airflow.runs(MAPPED) if has_ended(run)), None)

    run = until(ended, 600.0, f"end of a scheduled run of {MAPPED}")
    figures.mapped = airflow.tries(MAPPED, run["dag_run_id"])
    figures.mapped_told = len(scene.headlines()) - told
    figures.mapped_expected = scene.metrics_told(pd.Timestamp(run["data_interval_end"]))


def _given(connection: dict[str, Any]) -> dict[str, Any]:
    return {"connection_id": connection["connection_id"], "conn_type": connection["conn_type"]}


def has_ended(run: dict[str, Any]) -> bool:
    """Whether a run is over, well or badly."""
    return run["state"] in ("success", "failed")


def _with_repeats(headlines: Sequence[str]) -> list[str]:
    """Return what people see: each message that was in flight when something broke comes once more, marked."""
    for_repeat = [next(each for each in headlines if STOPPED in each and RESOLVED not in each)]
    for_repeat.append(next(each for each in headlines if RESOLVED in each))
    return [*headlines, *(marked(each) for each in for_repeat)]


def problems(figures: Figures) -> list[str]:
    """Return all that is not as promised, in words."""
    promised = {
        "both files are parsed without an error": figures.parsed["errors"] == {} and len(figures.parsed["dags"]) == 2,
        "each file is parsed within 2 s": max(figures.parsed["seconds"].values()) < 2.0,
        "parsing loads nothing heavy": figures.parsed["loaded"] == [],
        "five scheduled runs succeed": figures.scheduled == 5,
        "only those with trouble are tried twice": figures.tries == [1, 1, 2, 1, 2],
        "there are messages to tell": len(figures.expected) == 7,
        "messages are exactly those expected": Counter(figures.told) == Counter(figures.expected),
        "a cleared task says nothing": figures.told_by_cleared == 0,
        "a back-fill says nothing": (figures.backfilled, figures.told_by_backfill) == (2, 0),
        "a run by hand tells what is new": figures.told_by_hand >= 2,
        "one task is timed out": figures.timed_out >= 1,
        "a mistake is not tried again": figures.mistake == ("failed", 1),
        "every metric has its task": len(figures.mapped) == 7 and set(figures.mapped.values()) == {1},
        "mapped tasks tell their metrics": figures.mapped_told == figures.mapped_expected > 0,
        "the report links to pictures": figures.pictures > 0,
        "the report is small": figures.xcom_bytes < 20_000,
        "the ledger is sound": figures.faults == [],
        "no log shows a secret": figures.secrets_logged == 0,
    }
    return [name for name, held in promised.items() if not held]


def main() -> int:
    """Print the figures, and what is not as promised."""
    made = environment("airflow")
    figures = tried(made)
    return summed_up(made, asdict(figures), problems(figures))


if __name__ == "__main__":
    raise SystemExit(main())
