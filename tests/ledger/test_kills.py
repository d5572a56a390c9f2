"""A run that is killed at any point leaves a sound ledger that holds all it noted, and nothing by halves."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MANY = 120
"""More than there are points."""


TRANSACTIONS = [
    "migrate",
    *["commit"] * 2,
    *["claim", "record"] * 2,
    "told unsure",
    "queue",
    "fold",
    "prune",
]


def killed_at(chosen: str, places: list[str]) -> list[dict[str, Any]]:
    """Return what `tests.ledger.dying` says of every point whose name ends so, and of a run that got through."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.ledger.dying", chosen, *places],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(children: list[dict[str, Any]], chosen: str, is_made_in_place: bool) -> None:
    """Hold that what is kept depends on the transactions that ended, and on nothing else."""
    through = children[-1]
    chosen_points = [point for point in through["points"] if point.endswith(chosen)]
    assert [child["killed"] for child in children] == [True] * len(chosen_points) + [False]
    kept: dict[int, str] = {}
    for child in children:
        ended = [point for point in child["points"] if point.endswith(": ended")]
        if "make: in place" not in child["points"] and not is_made_in_place:
            assert child["content"] is None, child
            continue
        assert not child["content"].startswith(("faults", "Ledger")), child
        # The next run makes what is not there yet, so that before the first transaction is as after it.
        assert child["content"] == kept.setdefault(max(len(ended), 1), child["content"]), child["points"][-1]
    assert [point.split(":")[0] for point in through["points"] if point.endswith(": ended")] == TRANSACTIONS
    assert len(set(kept.values())) == len(kept) == len(TRANSACTIONS)


def test_sqlite_survives_a_kill_at_every_point(memory_folder: Path) -> None:
    """The next run opens it, it is sound, and it holds each transaction whole or not at all."""
    check(killed_at("", [str(memory_folder / f"{number}.db") for number in range(MANY)]), "", is_made_in_place=False)


@pytest.mark.postgres
def test_postgres_survives_a_kill_before_and_after_every_commit(postgres_server: Any) -> None:
    """The next run opens it, it is sound, and it holds each transaction whole or not at all."""
    places = [postgres_server.new_ledger() for _ in range(3 * len(TRANSACTIONS))]
    for chosen in ("to end", "ended"):
        check(killed_at(chosen, places[: len(TRANSACTIONS) + 1]), chosen, is_made_in_place=True)
        del places[: len(TRANSACTIONS) + 1]
