"""The example for Prefect, served by Prefect to a server of its own, and what its chat shows.

``python -m tests.schedulers.prefect`` builds Prefect's environment if need be (see `environments`), starts a server and
the example as it is meant to be started, has five slots run that are planned for the past, of which one is killed while
it sends and planned again, then one of them once more, and at last a run that nobody gave an instant.
"""

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import requests

from anomalert import Ledger
from tests.schedulers.environments import ROOT, Environment, environment, summed_up
from tests.schedulers.processes import free_port, running, until
from tests.schedulers.scene import STOPPED, Scene, kill_the_sender, marked, set_scene

__all__ = ["Figures", "tried"]

EXAMPLES = ROOT / "examples"
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
SECONDS = 180.0


@dataclass
class Figures:
    """What was seen."""

    states: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    told_again: int = 0
    told_by_hand: int = 0
    tries_of_a_mistake: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Server:
    """What is asked of a Prefect server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.deployment = ""

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make one request, again while the server says that its database is busy, and return its answer."""

        def answered() -> requests.Response | None:
            answer = requests.request(method, f"{self.url}/{path}", json=body, timeout=60)
            return None if answer.status_code == requests.codes.service_unavailable else answer

        answer = until(answered, 60.0, f"answer to {method} {path}")
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        return answer.json() if answer.content else None

    def is_up(self) -> bool | None:
        """Whether it answers."""
        try:
            return requests.get(f"{self.url}/health", timeout=10).ok or None
        except requests.RequestException:
            return None

    def is_served(self) -> bool | None:
        """Whether the example has made itself known."""
        found = requests.get(f"{self.url}/deployments/name/social-alerts/every-slot", timeout=60)
        if not found.ok:
            return None
        self.deployment = found.json()["id"]
        return True

    def stop_schedule(self) -> None:
        """Plan no further runs by itself: a slot that ends meanwhile is none of the test's."""
        for schedule in self.ask("GET", f"deployments/{self.deployment}/schedules"):
            self.ask("PATCH", f"deployments/{self.deployment}/schedules/{schedule['id']}", {"active": False})

    def run(self, at: pd.Timestamp | None = None) -> dict[str, Any]:
        """Plan a run for an instant, or for now, and return it when it has ended."""
        details = {} if at is None else {"state_details": {"scheduled_time": at.isoformat()}}
        body = {"state": {"type": "SCHEDULED", **details}, "idempotency_key": str(uuid.uuid4())}
        made = self.ask("POST", f"deployments/{self.deployment}/create_flow_run", body)

        def found() -> dict[str, Any] | None:
            run: dict[str, Any] = self.ask("GET", f"flow_runs/{made['id']}")
            return run if run["state"]["type"] in ENDED else None

        return until(found, SECONDS, "end of a flow run")


def tried(made: Environment) -> Figures:
    """Run every case, and return what was seen."""
    begun, figures = time.monotonic(), Figures()
    with tempfile.TemporaryDirectory() as folder, set_scene() as scene:
        home, port = Path(folder), free_port()
        for name in ("social_alerts.py", "prefect/social_alerts_flow.py"):
            shutil.copy(EXAMPLES / name, home)
        server = Server(f"http://127.0.0.1:{port}/api")
        settings = {**os.environ, **scene.environment(home / "alerts.db"), **_settings(made, home, server.url)}
        start = [str(made.bin / "prefect"), "server", "start", "--port", str(port), "--no-ui"]
        with running(start, settings, home / "server.log"):
            until(server.is_up, SECONDS, "answer of Prefect's server")
            serve = [str(made.python), "-P", str(home / "social_alerts_flow.py")]
            with running(serve, settings, home / "served.log"):
                until(server.is_served, SECONDS, "deployment")
                server.stop_schedule()
                _tried(server, scene, figures)
            figures.tries_of_a_mistake = _mistaken(server, made, settings)
        figures.faults = Ledger(home / "alerts.db").verify()
    figures.seconds = time.monotonic() - begun
    return figures


def _tried(server: Server, scene: Scene, figures: Figures) -> None:
    scene.troubles = {STOPPED: kill_the_sender}
    for tick in scene.ticks:
        figures.states.append(server.run(tick)["state"]["type"])
        if figures.states[-1] != "COMPLETED":
            figures.states.append(server.run(tick)["state"]["type"])
    told = len(scene.headlines())
    server.run(scene.ticks[1])
    figures.told_again = len(scene.headlines()) - told
    by_hand = server.run()
    figures.told = scene.headlines()
    figures.told_by_hand = len(figures.told) - told - figures.told_again
    headlines = scene.expected([*scene.ticks, pd.Timestamp(by_hand["expected_start_time"])])
    figures.expected = [*headlines, marked(next(each for each in headlines if STOPPED in each))]


def _mistaken(server: Server, made: Environment, settings: Mapping[str, str]) -> int:
    """Run the flow with a chat that is none, and return how often its task was tried."""
    command = [str(made.python), "-c", "from social_alerts_flow import social_alerts; social_alerts()"]
    mistaken = {**settings, "TELEGRAM_CHAT": "no chat at all"}
    failed = subprocess.run(command, env=mistaken, check=False, capture_output=True, text=True)
    if "ConfigurationError" not in failed.stderr + failed.stdout:
        raise RuntimeError(f"the mistake is not told: {failed.stderr[-2000:]}")
    (newest,) = server.ask("POST", "task_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": 1})
    return int(newest["run_count"])


def _settings(made: Environment, home: Path, url: str) -> dict[str, str]:
    return {
        "PATH": f"{made.bin}:{os.environ['PATH']}",
        "PYTHONPATH": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": url,
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
        "DO_NOT_TRACK": "1",
    }


def problems(figures: Figures) -> list[str]:
    """Return all that is not as promised, in words."""
    promised = {
        "there are messages to tell": len(figures.expected) == 6,
        "messages are exactly those expected": Counter(figures.told) == Counter(figures.expected),
        "one run is killed, the others succeed": Counter(figures.states) == Counter(COMPLETED=5, CRASHED=1),
        "what was judged is not told again": figures.told_again == 0,
        "a run by hand tells what is new": figures.told_by_hand >= 2,
        "a mistake is not tried again": figures.tries_of_a_mistake == 1,
        "the ledger is sound": figures.faults == [],
    }
    return [name for name, held in promised.items() if not held]


def main() -> int:
    """Print the figures, and what is not as promised."""
    made = environment("prefect")
    figures = tried(made)
    return summed_up(made, asdict(figures), problems(figures))


if __name__ == "__main__":
    raise SystemExit(main())
