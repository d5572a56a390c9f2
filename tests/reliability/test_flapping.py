"""Metrics that leave their usual course and come back again and again."""

from collections import Counter

import pandas as pd
import pytest

from anomalert import DayLagRatio, FrameSource, Metric, Monitor, Policy, backtest

SLOT = pd.Timedelta("15min")


def said(half: int, recover: int = 2, remind: str | None = None) -> list[tuple[str, str]]:
    """Return kind and episode of all that a day of a square wave has to say: down for `half` slots, up for as many."""
    index = pd.date_range("2026-11-02", periods=3 * 96, freq=SLOT, tz="UTC")
    panel = pd.DataFrame({"views": 1000.0}, index=index)
    waves = index[2 * 96 :]
    panel.loc[waves[[number for number in range(96) if number // half % 2]], "views"] = 100.0
    metric = Metric("views", DayLagRatio(), policy=Policy(remind=remind, recover=recover))
    monitor = Monitor(FrameSource(panel, name="feed"), [metric])
    return [(each.kind, each.subject) for each in backtest(monitor, panel, start=waves[0], progress=False).said]


@pytest.mark.parametrize("half", range(1, 9))
def test_an_episode_is_two_messages_however_often_it_comes_back(half: int) -> None:
    """Opened and resolved, at most, for waves of one to eight slots; and quicker ones are one episode."""
    told = said(half)
    assert max(Counter(subject for _, subject in told).values()) <= 2
    assert {kind for kind, _ in told} <= {"opened", "resolved"}
    episodes = len({subject for _, subject in told})
    drops = sum(number // half % 2 and number % half == 0 for number in range(96))
    assert episodes == (1 if half < 2 else drops)


def test_a_longer_recovery_makes_one_episode_of_many() -> None:
    """What comes back before `recover` quiet slots have passed has never gone."""
    assert len({subject for _, subject in said(4, recover=5)}) == 1
    assert len({subject for _, subject in said(4, recover=4)}) == 12


@pytest.mark.parametrize("half", range(1, 9))
@pytest.mark.parametrize("recover", [2, 5, 9])
def test_reminders_are_all_that_a_longer_episode_adds(half: int, recover: int) -> None:
    """Two messages and a reminder for every three hours without a word, however often it comes and goes."""
    told = said(half, recover, remind="3h")
    for subject in {subject for _, subject in told}:
        kinds = Counter(kind for kind, each in told if each == subject)
        assert set(kinds) <= {"opened", "reminder", "resolved"}
        assert kinds["opened"] == 1
        assert kinds["resolved"] <= 1
        # A day at most, from the first drop on.
        assert kinds["reminder"] <= 8
    assert len(told) <= 2 * len({subject for _, subject in told}) + 8
