"""The share of `signals` for every change: every twelfth crash point.

The whole is ``python -m tests.reliability.signals`` and the same with ``--engine postgres``.
"""

from typing import Any

import pytest

from tests.reliability.harness import printed
from tests.reliability.signals import ASKS, MAY_TAKE, asked_while_hanging
from tests.reliability.test_kills import kept


def check(figures: dict[str, dict[str, Any]]) -> None:
    """Hold runs that were asked to end, and runs that were paused, to the promise."""
    for name in ("SIGINT", "SIGTERM", "SIGTERM, handled"):
        kept(figures[name])
        assert figures[name]["kills"] > 0
        assert figures[name]["longest_to_end"] <= MAY_TAKE
    kept(figures["paused"])
    assert figures["paused"]["repeats"] == figures["paused"]["by_the_other"] == 0


def test_signals_end_a_run_soon_and_lose_nothing_sqlite() -> None:
    """Asked to end at any point, a run ends in time and leaves what a killed one does; paused, it is not overtaken."""
    check(printed("signals", "--step", "12"))


@pytest.mark.postgres
def test_signals_end_a_run_soon_and_lose_nothing_postgres(postgres_url: str) -> None:
    """The same on PostgreSQL; and a paused run that lost its lock repeats at most what it was just sending."""
    figures = printed("signals", "--step", "12", "--engine", postgres_url)
    check(figures)
    taken_over = figures["taken over while paused"]
    for what in ("lost", "afterwards", "damaged", "failed", "neither_marked"):
        assert taken_over[what] == 0, taken_over["broken"]
    assert taken_over["most_per_channel_and_kill"] <= 1, taken_over["broken"]


@pytest.mark.parametrize("ask", ASKS)
def test_the_command_line_ends_soon_while_a_channel_hangs(ask: Any) -> None:
    """A message that was taken and is never answered holds nobody up who wants the process to end, and is noted."""
    ended = asked_while_hanging(ask)
    assert ended.seconds <= MAY_TAKE
    assert ended.code == 128 + ask
    assert ended.outcomes == ["unknown"]
