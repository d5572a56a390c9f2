"""Runs whose ledger fails on the way, for a moment or from then on, and what people got.

``python -m tests.reliability.faults`` prints the figures of a failure at every point inside a transaction or right
after it, on a SQLite file or, with ``--engine postgres``, on a server, where the line can also be cut at every crash
point. `test_faults` does the same at some of the points for every change.
"""

import argparse
import time
from collections.abc import Callable

from anomalert import crashpoints
from anomalert.errors import LedgerError
from tests.reliability.children import Point, started
from tests.reliability.kills import Stage, staged
from tests.reliability.places import cut_lines
from tests.reliability.printing import print_figures
from tests.reliability.tally import Figures

__all__ = ["cut_off", "fails_for_good", "fails_once"]

OUTSIDE = ("run: ", "delivery: ", "messenger: ")
"""How the names of points begin at which no ledger can fail."""


def fails_once(stage: Stage, step: int = 1) -> Figures:
    """Have a statement fail, or its answer get lost, at every `step`-th point; run the slot again, and once more."""
    return _failing(stage, _points_of_the_ledger(stage)[::step], lambda _: _fail())


def cut_off(stage: Stage, step: int = 1) -> Figures:
    """Cut the line to a server at every `step`-th crash point; run the slot again, and once more."""
    return _failing(stage, stage.points()[::step], cut_lines)


def fails_for_good(stage: Stage, step: int = 1) -> Figures:
    """Have every transaction fail from every `step`-th point on; run the slot again with a ledger that works.

    The first run tells what it knows from memory, marked; the second cannot know that it did. So there are repeats.
    """
    return _failing(stage, _points_of_the_ledger(stage)[::step], lambda _: crashpoints.observers.append(_fail_inside))


def _failing(stage: Stage, points: list[Point], act: Callable[[str], None]) -> Figures:
    figures = Figures()
    for point in points:
        place, name, case = stage.places.fresh(), stage.case(), stage.owing()
        started(stage.run(place, name), point, lambda place=place: act(place)).ended()  # type: ignore[misc]
        case.failed += started(stage.run(place, name)).ended().code != 0
        stage.settle(case, place, name)
        figures.add(str(point), case)
    return figures


def _points_of_the_ledger(stage: Stage) -> list[Point]:
    names = started(stage.run(stage.places.fresh(), stage.case())).ended().log
    numbers: dict[str, int] = {}
    points = []
    for thread, name in names:
        numbers[thread] = numbers.get(thread, 0) + 1
        if not name.startswith(OUTSIDE):
            points.append(Point(thread, numbers[thread]))
    return sorted(points)


def _fail() -> None:
    raise LedgerError("the disk is full for a moment")


def _fail_inside(name: str) -> None:
    if not name.startswith(OUTSIDE):
        raise LedgerError("the disk is full")


def main() -> None:
    """Print the figures of every fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="sqlite", help="sqlite, postgres, or the address of a PostgreSQL ledger")
    parser.add_argument("--step", type=int, default=1, help="take every N-th point (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each")
    options = parser.parse_args()
    with staged(options.engine) as stage:
        scenes = {"fails once": fails_once, "fails for good": fails_for_good}
        if options.engine != "sqlite":
            scenes["cut off"] = cut_off
        for name, measure in scenes.items():
            begun = time.monotonic()
            found = measure(stage, options.step)
            print_figures(name, found, as_json=options.json, begun=begun)


if __name__ == "__main__":
    main()
