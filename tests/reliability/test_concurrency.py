"""The share of `concurrency` for every change: 25 rounds of 2 and of 8 processes on either engine.

The whole is ``python -m tests.reliability.concurrency --rounds 1000``.
"""

from typing import Any

import pytest

from tests.reliability.harness import printed
from tests.reliability.test_kills import kept

ROUNDS = 25


def check(figures: dict[str, dict[str, Any]]) -> None:
    """Hold rounds of 2 and of 8 processes to the promise, which has no repeats where nobody dies."""
    assert [name.split(", ")[1] for name in figures] == ["2 processes", "8 processes"]
    for found in figures.values():
        kept(found)
        assert (found["cases"], found["repeats"]) == (ROUNDS, 0)


def test_processes_that_run_one_slot_at_once_tell_it_once_sqlite() -> None:
    """The kernel's lock lets one through, and the others find nothing left to say."""
    check(printed("concurrency", "--rounds", str(ROUNDS), "--engines", "sqlite"))


@pytest.mark.postgres
def test_processes_that_run_one_slot_at_once_tell_it_once_postgres(postgres_url: str) -> None:
    """The server's lock does, for hosts that share nothing else."""
    check(printed("concurrency", "--rounds", str(ROUNDS), "--engines", postgres_url))
