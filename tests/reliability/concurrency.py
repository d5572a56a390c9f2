"""Several processes run the same slot at once, and what people got is counted.

``python -m tests.reliability.concurrency --rounds 1000`` prints the figures for 2 and for 8 processes that start within
100 ms of each other, on a SQLite file and on a PostgreSQL server. `test_concurrency` runs 25 rounds of each for every
change.
"""

import argparse
import random
import time

from tests.reliability.children import started
from tests.reliability.kills import Stage, staged
from tests.reliability.printing import print_figures
from tests.reliability.tally import Figures

__all__ = ["SPREAD", "crowded"]

SPREAD = 0.1
"""Seconds within which processes start: 50 ms around a schedule's instant."""


def crowded(stage: Stage, processes: int, rounds: int, seed: int = 1) -> Figures:
    """Have processes run one slot at once, and one more run after them; count over so many rounds."""
    figures, choose = Figures(), random.Random(seed)
    for number in range(rounds):
        place, name, case = stage.places.fresh(), stage.case(), stage.owing()
        delays = [choose.uniform(0, SPREAD) for _ in range(processes)]
        children = [started(stage.run(place, name), delay=delay) for delay in delays]
        case.failed = sum(child.ended().code != 0 for child in children)
        stage.settle(case, place, name)
        figures.add(f"round {number}", case)
    return figures


def main() -> None:
    """Print the figures for every engine and number of processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 8])
    parser.add_argument(
        "--engines",
        nargs="+",
        default=["sqlite", "postgres"],
        help="sqlite, postgres, or the address of a PostgreSQL ledger (default: sqlite postgres)",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="a line of JSON for each")
    options = parser.parse_args()
    for engine in options.engines:
        with staged(engine) as stage:
            for processes in options.processes:
                begun = time.monotonic()
                found = crowded(stage, processes, options.rounds, options.seed)
                name = f"{engine.partition(':')[0]}, {processes} processes, seed {options.seed}"
                print_figures(name, found, as_json=options.json, begun=begun)


if __name__ == "__main__":
    main()
