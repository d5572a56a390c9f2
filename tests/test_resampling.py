"""The bootstrap over weeks: against loops that draw, count and sort one by one, and where there is nothing to draw."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert.resampling import RESAMPLES, SEED, Tallies, Weeks, interval

START = pd.Timestamp("2026-10-05", tz="UTC")


@st.composite
def tallies(draw: st.DrawFn, n_weeks: int) -> Tallies:
    """Draw what a setting did in some weeks: no more is right than there is."""
    counts = st.lists(st.integers(0, 6), min_size=n_weeks, max_size=n_weeks)
    messages, alerts, events = (np.array(draw(counts)) for _ in range(3))
    right, caught = (np.minimum(np.array(draw(counts)), whole) for whole in (alerts, events))
    return Tallies(messages, n_weeks + 0.5, alerts, right, events, caught)


def slow_f1(right: int, alerts: int, caught: int, events: int) -> float:
    """Return F1 from four counts, case by case."""
    if not alerts and not events:
        return math.nan
    if not right or not caught:
        return 0.0
    precision, recall = right / alerts, caught / events
    return 2 * precision * recall / (precision + recall)


def slow_draws(each: Tallies) -> list[tuple[float, float]]:
    """Return messages a week and F1 of every resample, week by week."""
    n_weeks = len(each.messages)
    found = []
    for picked in np.random.default_rng(SEED).integers(0, n_weeks, (RESAMPLES, n_weeks)).tolist():
        sums = [
            sum(int(counts[week]) for week in picked) for counts in (each.right, each.alerts, each.caught, each.events)
        ]
        found.append((sum(int(each.messages[week]) for week in picked) / each.weeks, slow_f1(*sums)))
    return found


@settings(deadline=None, max_examples=15)
@given(st.integers(2, 6).flatmap(tallies))
def test_resamples_are_those_of_an_obvious_loop(each: Tallies) -> None:
    """Every resample sums the same drawn weeks of every count."""
    slow = np.array(slow_draws(each))
    np.testing.assert_allclose(each.messages_resampled, slow[:, 0])
    np.testing.assert_allclose(each.f1_resampled, slow[:, 1])


@settings(deadline=None)
@given(st.integers(2, 6).flatmap(tallies))
def test_intervals_hold_the_figure_of_what_was_seen(each: Tallies) -> None:
    """The edges are in order, no draw lies far outside, and equal weeks leave no doubt."""
    low, high = interval(each.messages_resampled)
    assert low <= each.messages_resampled.mean() + 1e-9
    assert high >= each.messages_resampled.mean() - 1e-9
    share = np.mean((each.messages_resampled < low) | (each.messages_resampled > high))
    assert share <= 0.05
    same = Tallies(np.full(4, 3), 4.0)
    assert interval(same.messages_resampled) == (3.0, 3.0)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 5).flatmap(lambda n_weeks: st.tuples(tallies(n_weeks), tallies(n_weeks))))
def test_ties_are_paired_and_go_both_ways(pair: tuple[Tallies, Tallies]) -> None:
    """A setting ties with itself and with its equal, and with another exactly if that ties with it."""
    one, other = pair
    twin = Tallies(one.messages, one.weeks, one.alerts, one.right, one.events, one.caught)
    assert one.ties_with(one) is True
    assert math.isnan(one.figure) or one.ties_with(twin) is True
    assert one.ties_with(other) == other.ties_with(one)


def test_what_is_better_every_week_does_not_tie() -> None:
    """One message a week against nine, seen eight times, is a difference; seen in turns it is none."""
    few, many = Tallies(np.full(8, 1), 8.0), Tallies(np.full(8, 9), 8.0)
    assert many.ties_with(few) is False
    even, odd = (Tallies(np.tile(pattern, 4), 8.0) for pattern in ([0, 9], [9, 1]))
    assert odd.ties_with(even) is True


def test_pairing_sees_what_intervals_alone_do_not() -> None:
    """Weeks differ much and settings little but always in one way: their intervals overlap, and they do not tie."""
    weeks = np.array([1, 30, 4, 22, 9, 15, 2, 27])
    one, other = Tallies(weeks, 8.0), Tallies(weeks + 2, 8.0)
    assert interval(one.messages_resampled)[1] > interval(other.messages_resampled)[0]
    assert other.ties_with(one) is False


def test_one_week_tells_nothing_but_equality() -> None:
    """Without two weeks there are no intervals; equal figures tie, of others nothing is known."""
    one, same, other = (Tallies(np.array([count]), 1.2) for count in (3, 3, 90))
    assert all(map(math.isnan, interval(one.messages_resampled)))
    assert one.ties_with(same) is True
    assert one.ties_with(other) is None


def test_f1_of_nothing_at_all_is_unknown() -> None:
    """Neither alerts nor events give NaN, alerts without events 0, and labels decide what settings are sorted by."""
    none = np.zeros(2, dtype=np.int64)
    assert math.isnan(Tallies(none, 2.0, none, none, none, none).f1)
    assert Tallies(none, 2.0, none + 1, none, none, none).f1 == 0.0
    assert Tallies(none + 4, 2.0).figure == 4.0
    assert Tallies(none + 4, 2.0, none + 1, none + 1, none + 1, none + 1).figure == 1.0


@settings(deadline=None)
@given(st.integers(1, 60 * 96), st.lists(st.integers(-50, 60 * 96 - 1), max_size=30))
def test_weeks_are_equal_parts_and_none_is_short(n_slots: int, at: list[int]) -> None:
    """Every instant is counted once, in the part that an obvious search finds; parts are weeks but for half a day."""
    slot = pd.Timedelta("15min")
    weeks = Weeks(START, START + n_slots * slot)
    at = [each for each in at if each < n_slots]
    counted = weeks.counted(pd.Series([START + each * slot for each in at], dtype="datetime64[ns, UTC]"))
    edges = [START + (weeks.end - START) * part / weeks.count for part in range(weeks.count + 1)]
    slow = [0] * weeks.count
    for each in at:
        slow[max(sum(edge <= START + each * slot for edge in edges[:-1]) - 1, 0)] += 1
    assert counted.tolist() == slow
    assert weeks.count == max((n_slots + 48) // (7 * 96), 1)


@pytest.mark.parametrize("resampled", [[], [math.nan, math.nan]])
def test_an_interval_of_nothing_is_unknown(resampled: list[Any]) -> None:
    """Neither no resample nor only unknown ones give a number."""
    assert all(map(math.isnan, interval(np.array(resampled, dtype=float))))
