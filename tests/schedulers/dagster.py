"""The example for Dagster, its partitions really materialized, and what their chat shows.

``python -m tests.schedulers.dagster`` builds Dagster's environment if need be (see `environments`), asks the schedule
what it starts, materializes five slots in order by Dagster's command line, of which one is killed while it sends and
started again, then one of them once more, and an older one as a back-fill would.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from anomalert import Ledger
from tests.schedulers.environments import ROOT, Environment, environment, summed_up
from tests.schedulers.scene import SLOT, STOPPED, Scene, kill_the_sender, marked, set_scene

__all__ = ["Figures", "tried"]

EXAMPLES = ROOT / "examples"
PIPELINES = (("feed",), ("messages",))
STEP_EVENTS = ("STEP_START", "STEP_FAILURE", "STEP_UP_FOR_RETRY", "STEP_RESTARTED")


@dataclass
class Figures:
    """What was seen."""

    scheduled: dict[str, Any] = field(default_factory=dict)
    newest: str = ""
    expected: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    told_again: int = 0
    mistake: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


def tried(made: Environment) -> Figures:
    """Run every case, and return what was seen."""
    begun, figures = time.monotonic(), Figures()
    with tempfile.TemporaryDirectory() as folder, set_scene() as scene:
        home = Path(folder)
        for name in ("social_alerts.py", "dagster/definitions.py"):
            shutil.copy(EXAMPLES / name, home)
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
        environment = {**os.environ, **scene.environment(home / "alerts.db"), "DAGSTER_HOME": folder}
        environment |= {"PATH": f"{made.bin}:{os.environ['PATH']}", "PYTHONPATH": folder}
        figures.scheduled = _scheduled(made, home, environment, scene.now)
        figures.newest = _partition(scene.now)
        scene.troubles = {STOPPED: kill_the_sender}
        for tick in scene.ticks:
            if not _materialized(home, environment, tick):
                figures.failed.append(_partition(tick))
                _materialized(home, environment, tick)
        figures.expected = _with_repeat(scene)
        told = len(scene.headlines())
        for tick in (scene.ticks[1], scene.ticks[0] - 4 * SLOT):
            if not _materialized(home, environment, tick):
                raise RuntimeError(f"partition {_partition(tick)} could not be materialized again")
        figures.mistake = _mistaken(home, environment, scene.ticks[1])
        figures.told = scene.headlines()
        figures.told_again = len(figures.told) - told
        figures.faults = Ledger(home / "alerts.db").verify()
    figures.seconds = time.monotonic() - begun
    return figures


def _scheduled(made: Environment, home: Path, environment: dict[str, str], tick: pd.Timestamp) -> dict[str, Any]:
    script = ROOT / "tests" / "schedulers" / "dagster_tick.py"
    command = [str(made.python), "-P", str(script), str(home / "definitions.py"), tick.isoformat()]
    answer = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return found


def _materialized(home: Path, environment: dict[str, str], tick: pd.Timestamp) -> bool:
    """Materialize both assets of the slot that ends at `tick`; return whether that succeeded."""
    options = ["-f", str(home / "definitions.py"), "--select", "*", "--partition", _partition(tick)]
    command = ["dagster", "asset", "materialize", *options]
    with (home / "materialized.log").open("ab") as log:
        return subprocess.run(command, env=environment, cwd=home, stdout=log, stderr=log, check=False).returncode == 0


def _mistaken(home: Path, environment: dict[str, str], tick: pd.Timestamp) -> dict[str, int]:
    """Materialize with a chat that is none; return what Dagster has noted about the steps, and how often."""
    if _materialized(home, {**environment, "TELEGRAM_CHAT": "no chat at all"}, tick):
        raise RuntimeError("a run with a chat that is none has succeeded")
    # Its own record of the run: on its console the lines of a step that ends are sometimes missing.
    newest = max((home / "history" / "runs").glob("*-*.db"), key=lambda path: path.stat().st_mtime)
    with closing(sqlite3.connect(newest)) as record:
        noted = record.execute("SELECT dagster_event_type FROM event_logs").fetchall()
    return dict(Counter(kind for (kind,) in noted if kind in STEP_EVENTS))


def _partition(tick: pd.Timestamp) -> str:
    return f"{tick - SLOT:%Y-%m-%d-%H:%M}"


def _with_repeat(scene: Scene) -> list[str]:
    headlines = scene.expected(scene.ticks, PIPELINES)
    return [*headlines, marked(next(each for each in headlines if STOPPED in each))]


def problems(figures: Figures) -> list[str]:
    """Return all that is not as promised, in words."""
    promised = {
        "there are messages to tell": len(figures.expected) == 4,
        "messages are exactly those expected": Counter(figures.told) == Counter(figures.expected),
        "a killed run repeats one message": sum(marked("") in each for each in figures.told) == 1,
        "what was judged is not told again": figures.told_again == 0,
        "the schedule starts the slot that has just ended": figures.scheduled["partitions"] == [figures.newest],
        "the file loads nothing heavy": figures.scheduled["loaded"] == [],
        "a mistake is not tried again": figures.mistake == {"STEP_START": 2, "STEP_FAILURE": 2},
        "the ledger is sound": figures.faults == [],
    }
    return [name for name, held in promised.items() if not held]


def main() -> int:
    """Print the figures, and what is not as promised."""
    made = environment("dagster")
    figures = tried(made)
    return summed_up(made, asdict(figures), problems(figures))


if __name__ == "__main__":
    raise SystemExit(main())
