"""What an outside watcher hears of runs that are killed: that they began, and never that they went well.

``python -m tests.reliability.pulses`` prints the figures of a kill at every crash point of a run with a heartbeat, with
the run that completes it. `test_pulses` does the same at some of the points for every change.
"""

import argparse
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from tests.reliability.children import Ended, Point, counted, started
from tests.reliability.kills import Stage, staged
from tests.reliability.messenger import accepted
from tests.reliability.printing import print_figures
from tests.reliability.story import CHANNELS, NOW, TextNotifier, pipeline

__all__ = ["PulseFigures", "killed_while_watched"]

STARTED, WENT_WELL = "/start", ""
"""What stands behind the URL of a heartbeat."""


@dataclass
class PulseFigures:
    """What the watcher heard."""

    kills: int = 0
    starts_of_killed_runs: int = 0
    successes_of_killed_runs: int = 0
    failures_of_killed_runs: int = 0
    completed: int = 0
    """Runs after a kill of which it heard that they began and went well."""

    def __str__(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(self).items())


def killed_while_watched(stage: Stage, step: int = 1) -> PulseFigures:
    """Kill a run at every `step`-th point, and let the next one through."""
    figures = PulseFigures()
    for point in _points(stage)[::step]:
        place, name = stage.places.fresh(), stage.case()
        killed = started(_run(stage, place, name), point, lambda: os.kill(os.getpid(), signal.SIGKILL)).ended()
        heard = _heard(stage, name)
        figures.kills += killed.was_cut_short
        figures.starts_of_killed_runs += heard.count(STARTED)
        figures.successes_of_killed_runs += heard.count(WENT_WELL)
        figures.failures_of_killed_runs += heard.count("/fail")
        after = started(_run(stage, place, name)).ended()
        figures.completed += _heard(stage, name)[len(heard) :] == [STARTED, WENT_WELL] and after.code == 0
    return figures


def _points(stage: Stage) -> list[Point]:
    whole: Ended = started(_run(stage, stage.places.fresh(), stage.case())).ended()
    assert whole.code == 0, whole
    return counted(whole.log)


def _run(stage: Stage, place: str, name: str) -> Callable[[], int]:
    def run() -> int:
        channels = [TextNotifier(channel, stage.port, name) for channel in CHANNELS]
        watcher = f"http://127.0.0.1:{stage.port}/{name}-pulse/watcher"
        return pipeline(place, channels, heartbeat=watcher).run(NOW).exit_code

    return run


def _heard(stage: Stage, name: str) -> list[str]:
    return [pulse.text for pulse in accepted(stage.port, f"{name}-pulse")]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=int, default=1, help="take every N-th point (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="a line of JSON")
    options = parser.parse_args()
    with staged() as stage:
        begun = time.monotonic()
        found = killed_while_watched(stage, options.step)
        print_figures("killed while watched", found, as_json=options.json, begun=begun)


if __name__ == "__main__":
    main()
