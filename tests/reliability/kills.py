"""Runs are killed with SIGKILL and started again, and what people got is counted: the proof of the promise.

``python -m tests.reliability.kills --points --pairs --random 1000`` prints the figures: a kill at every crash point, a
kill at every point and another one at every point of the run that follows, and kills at random times. Real processes,
real sockets, a real ledger. `test_kills` runs every point, some pairs and some random kills for every change.
"""

import argparse
import random
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from os import getpid, kill
from pathlib import Path
from unittest.mock import patch
from zoneinfo import available_timezones

import pandas as pd

from anomalert import Ledger
from anomalert.errors import LedgerDamagedError, RejectedError
from tests.reliability.children import Child, Point, counted, forking, started
from tests.reliability.messenger import accepted, running_messenger
from tests.reliability.places import DamagedPlaces, Places, places
from tests.reliability.printing import print_figures
from tests.reliability.story import CHANNELS, LOST, NEXT, NOW, SPARE, TextNotifier, pipeline, told_in
from tests.reliability.tally import Case, Figures

__all__ = ["Stage", "all_pairs", "all_points", "random_times", "some_pairs", "staged"]

FORGOTTEN = {"✔ Back to usual: comments"}
"""What is told to both channels, and only because of what was before."""

When = Point | float
"""Where a run is killed: at a crash point, or after so many seconds."""


@dataclass
class Stage:
    """Where stories are lived through.

    Parameters
    ----------
    places : Places
        Of the ledgers.
    port : int
        Of the messenger.
    again_at : pandas.Timestamp
        What the runs after a kill are started for: the same slot as a scheduler's retry does, or the next one.
    has_fallback : bool
        Whether `mail` refuses everything, so that a fallback has to get it.
    """

    places: Places
    port: int
    again_at: pd.Timestamp = NOW
    has_fallback: bool = False
    _cases: int = 0

    @property
    def refusing(self) -> tuple[str, ...]:
        """The channels that take nothing."""
        return ("mail",) if self.has_fallback else ()

    @property
    def is_damaged(self) -> bool:
        """Whether the ledger is damaged before the first run, so that a new one is begun."""
        return isinstance(self.places, DamagedPlaces)

    def owing(self) -> Case:
        """Return a case in which nobody was told anything yet."""
        if self.is_damaged:
            # What came before is forgotten, and that is told.
            return Case({name: {LOST, *(told_in("chat") & told_in("mail") - FORGOTTEN)} for name in CHANNELS})
        return Case({SPARE if name in self.refusing else name: told_in(name) for name in CHANNELS})

    def case(self) -> str:
        """Give a name that no case had."""
        self._cases += 1
        return f"case{self._cases}"

    def run(self, place: str, case: str, at: pd.Timestamp = NOW, wait: str = "60s") -> Callable[[], int]:
        """Return a run that builds its pipeline itself."""

        def run() -> int:
            chat, mail = (TextNotifier(name, self.port, case, refused=name in self.refusing) for name in CHANNELS)
            spare = TextNotifier(SPARE, self.port, case) if self.has_fallback else None
            report = pipeline(place, [chat, mail], wait, spare).run(at)
            excused = (RejectedError, LedgerDamagedError) if self.is_damaged else RejectedError
            return int(not all(isinstance(error, excused) for error in report.errors))

        return run

    def points(self) -> list[Point]:
        """Return every crash point of a run that nothing happens to."""
        child = started(self.run(self.places.fresh(), self.case())).ended()
        assert child.code == 0, child
        return counted(child.log)

    def seconds(self) -> float:
        """Return how long a run takes."""
        times = []
        for _ in range(5):
            child = started(self.run(self.places.fresh(), self.case()))
            begun = time.monotonic()
            child.ended()
            times.append(time.monotonic() - begun)
        return statistics.median(times)

    def lived(self, kills: Sequence[When]) -> Case:
        """Kill a run, and then as many of its successors as there are kills; let one through, and one more."""
        place, name, case = self.places.fresh(), self.case(), self.owing()
        for number, when in enumerate(kills):
            case.hit(_killed(self.run(place, name, self.again_at if number else NOW), when).ended())
            # A damaged one is whole when a run got through.
            case.faults += [] if self.is_damaged else Ledger(place).verify()
        case.failed += started(self.run(place, name, self.again_at)).ended().code != 0
        self.settle(case, place, name)
        return case

    def branching(self, first: Point) -> Callable[[Point], Case]:
        """Kill a run at a point, once; return what kills its successor at another, each time from where that left off.

        What a first run leaves behind is the same each time, so that the runs after it are half of what pairs cost.
        """
        place, name, begun = self.places.fresh(), self.case(), self.owing()
        begun.hit(_killed(self.run(place, name), first).ended())
        begun.faults += Ledger(place).verify()
        told = accepted(self.port, name)
        self.places.keep(place)

        def lived(second: Point) -> Case:
            place, name = self.places.kept(), self.case()
            case = replace(begun, flights=[*begun.flights], faults=[*begun.faults])
            case.hit(_killed(self.run(place, name, self.again_at), second).ended())
            case.faults += Ledger(place).verify()
            case.failed += started(self.run(place, name, self.again_at)).ended().code != 0
            self.settle(case, place, name)
            case.accepted = [*told, *case.accepted]
            return case

        return lived

    def settle(self, case: Case, place: str, name: str) -> None:
        """Run once more, which has to say nothing, and note what people got by then."""
        told = len(accepted(self.port, name))
        case.failed += started(self.run(place, name, self.again_at)).ended().code != 0
        case.accepted = accepted(self.port, name)
        case.afterwards = len(case.accepted) - told
        case.faults += Ledger(place).verify()


def all_points(stage: Stage, step: int = 1) -> Figures:
    """Kill a run at every crash point, or at every `step`-th."""
    figures = Figures()
    for point in stage.points()[::step]:
        figures.add(str(point), stage.lived([point]))
    return figures


def all_pairs(stage: Stage, part: int = 1, parts: int = 1) -> Figures:
    """Kill a run at every crash point, and the one that follows at every point that it reaches.

    Of `parts`, only `part` is done, counted from 1: so that several machines can share the work.
    """
    figures, points = Figures(), stage.points()
    threads = dict.fromkeys(point.thread for point in points)
    for first in points[part - 1 :: parts]:
        lived = stage.branching(first)
        for thread in threads:
            for number in range(1, len(points) + 1):
                case = lived(Point(thread, number))
                if case.kills < 2:
                    # The second run has no such point: the one that got through was a run after one kill.
                    break
                figures.add(f"{first}, then {thread} {number}", case)
    return figures


def some_pairs(stage: Stage, count: int, seed: int) -> Figures:
    """Kill a run at a random crash point, and its successor at another, if it gets there; `count` times."""
    figures, points, choose = Figures(), stage.points(), random.Random(seed)
    while figures.cases < count:
        first, second = choose.choice(points), choose.choice(points)
        case = stage.lived([first, second])
        if case.kills == 2:
            figures.add(f"{first}, then {second}", case)
    return figures


def random_times(stage: Stage, count: int, seed: int) -> Figures:
    """Kill a run at a random time, before its beginning and after its end included; `count` times."""
    figures, choose, longest = Figures(), random.Random(seed), 1.1 * stage.seconds()
    for _ in range(count):
        after = choose.uniform(0, longest)
        figures.add(f"after {after:.4f} s", stage.lived([after]))
    return figures


@contextmanager
def staged(engine: str = "sqlite", again_at: pd.Timestamp = NOW, *, has_fallback: bool = False) -> Iterator[Stage]:
    """Set a stage: a messenger that listens, and a ledger with a history."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_messenger() as port,
        places(engine, Path(folder)) as of_ledgers,
    ):
        stage = Stage(of_ledgers, port, again_at, has_fallback)
        with patch("zoneinfo.available_timezones", cache(available_timezones)):
            # What a process does only once is then done, and the list of zones read: half of the time of a forked run.
            pipeline(of_ledgers.fresh(), []).run(NOW, dry_run=True)
            with forking():
                stage.lived([])
                yield stage


def _killed(run: Callable[[], int], when: When) -> Child:
    if isinstance(when, Point):
        return started(run, when, lambda: kill(getpid(), signal.SIGKILL))
    child = started(run)
    time.sleep(when)
    child.signalled(signal.SIGKILL)
    return child


def main() -> None:
    """Print the figures that are asked for, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", action="store_true", help="every crash point")
    parser.add_argument("--pairs", type=int, nargs="?", const=0, metavar="N", help="every pair of points, or N of them")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="of every pair, do the K-th of N parts")
    parser.add_argument("--random", type=int, metavar="N", help="N random times")
    parser.add_argument("--step", type=int, default=1, help="of the points, take every N-th (default: %(default)s)")
    parser.add_argument(
        "--engine",
        default="sqlite",
        help="sqlite, damaged (SQLite that cannot be read), postgres, or the address of a PostgreSQL ledger",
    )
    parser.add_argument("--next-slot", action="store_true", help="after a kill the next slot is run, and not the same")
    parser.add_argument(
        "--fallback", action="store_true", help="one channel refuses everything, and a fallback gets it"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="a line of JSON for each")
    options = parser.parse_args()
    again_at = NEXT if options.next_slot else NOW
    with staged(options.engine, again_at, has_fallback=options.fallback) as stage:
        asked: dict[str, Callable[[], Figures]] = {}
        if options.points:
            asked["every point"] = lambda: all_points(stage, options.step)
        if options.pairs:
            asked[f"{options.pairs} pairs, seed {options.seed}"] = lambda: some_pairs(
                stage, options.pairs, options.seed
            )
        if options.pairs == 0:
            part, parts = map(int, options.part.split("/"))
            asked[f"every pair, part {options.part}"] = lambda: all_pairs(stage, part, parts)
        if options.random:
            asked[f"random times, seed {options.seed}"] = lambda: random_times(stage, options.random, options.seed)
        for name, figures in asked.items():
            begun = time.monotonic()
            found = figures()
            print_figures(name, found, as_json=options.json, begun=begun)


if __name__ == "__main__":
    main()
