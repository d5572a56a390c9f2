"""The share of `faults` for every change: every tenth point at which a ledger can fail, or a line can be cut.

The whole is ``python -m tests.reliability.faults`` and the same with ``--engine postgres``.
"""

from typing import Any

import pytest

from tests.reliability.harness import printed
from tests.reliability.test_kills import kept


def check(figures: dict[str, dict[str, Any]]) -> None:
    """Hold runs whose ledger failed to the promise."""
    for name in figures.keys() - {"fails for good"}:
        kept(figures[name])
        assert figures[name]["repeats"] == 0, figures[name]["broken"]
    for_good = figures["fails for good"]
    for what in ("lost", "afterwards", "damaged", "failed"):
        assert for_good[what] == 0, for_good["broken"]


def test_a_ledger_that_fails_for_a_moment_costs_nothing_sqlite() -> None:
    """Opened anew it goes on, and nothing is lost or said twice; one that stays away loses nothing."""
    check(printed("faults", "--step", "10"))


@pytest.mark.postgres
def test_a_ledger_that_fails_for_a_moment_costs_nothing_postgres(postgres_url: str) -> None:
    """The same on PostgreSQL, a server that restarts under a run included."""
    check(printed("faults", "--step", "10", "--engine", postgres_url))
