"""The share for every change of `days`: the same scenes and bounds, smaller; the whole is a command of its own."""

from collections.abc import Callable

import pandas as pd
import pytest

from anomalert.errors import NotSentError, RejectedError, UnknownOutcomeError
from tests.reliability import days


def test_a_drop_of_three_hours_is_two_messages() -> None:
    """Four metrics that fall for twelve slots are one opening and one resolution; without memory they are 48 alerts."""
    assert days.three_hour_drop() == {"messages per channel": 2, "alerts of a stateless job": 48}


def test_finished_slots_say_nothing_when_they_are_run_again() -> None:
    """Re-runs in random order send no message and do not fail."""
    assert days.reruns(150) == {"re-runs": 150, "messages": 0, "failed": 0}


@pytest.mark.parametrize("schedule", days.SCHEDULES)
def test_a_missed_day_is_judged_whole_and_told_in_two_messages(
    schedule: Callable[[list[pd.Timestamp]], list[pd.Timestamp]],
) -> None:
    """Whatever the scheduler replays, 96 of 96 slots are judged, and a channel gets at most two messages."""
    figures = days.outage_of_a_day(schedule)
    assert figures["judged"] == figures["missed"] == 96
    assert 1 <= figures["messages per channel"] <= 2


def test_a_ledger_spares_the_source() -> None:
    """With a ledger at most 3 % of the rows are asked for, and the verdicts are equal."""
    assert days.reading(24)["share"] <= 0.03


def test_a_channel_that_hangs_delays_no_other() -> None:
    """Four channels have their message within two seconds while the fifth never answers."""
    assert days.one_of_five_hangs(1)["p99 of the other four, s"] <= 2.0


def test_channels_that_cannot_be_reached_lose_nothing() -> None:
    """After hours of refused connections everything is told in one digest."""
    figures = days.all_down_for_hours(NotSentError("refused"))
    assert figures["incidents"] >= 4
    assert figures["metrics not told of"] == 0
    assert figures["messages on return"] == 1


def test_channels_that_never_answer_get_each_message_twice_at_most() -> None:
    """Without an answer it is not known what arrived: each is tried twice, and all are in one digest on return."""
    figures = days.all_down_for_hours(UnknownOutcomeError("no answer"))
    assert figures["tries while down"] == 2 * 4
    assert figures["metrics not told of"] == 0
    assert figures["messages on return"] == 1


def test_channels_that_refuse_everything_are_told_what_they_missed_once_they_are_mended() -> None:
    """As above: nothing is asked to be sent while the channel says no, but what is new; then one digest."""
    figures = days.all_down_for_hours(RejectedError("the bot was removed"))
    assert figures["tries while down"] == 1 + 2 * 3
    assert figures["metrics not told of"] == 0
    assert figures["messages on return"] == 1


def test_a_drop_has_no_echo() -> None:
    """A detector that compares with yesterday tells nothing on the day after a drop."""
    assert days.echo(2)["messages"] == 2


def test_a_ledger_stays_small_and_sound() -> None:
    """A week of six metrics takes its share of 50 MB a year, whatever is kept for how long."""
    size = days.year(14)
    log = size["MB"] - size["MB with the log written back"]
    assert size["MB with the log written back"] * 180 / 14 + log <= 50
