"""Quiet times: every minute of a fortnight against a loop, and what an incident in them becomes."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert import DayLagRatio, FrameSource, Metric, Monitor, Policy, backtest
from anomalert.quiet_hours import DAYS, are_quiet, as_quiet_times
from anomalert.testing import synthetic_panel

ZONES = ("UTC", "Europe/Berlin", "America/New_York")


def slow(slot: pd.Timestamp, days: list[str], start: tuple[int, int] | None, end: tuple[int, int] | None) -> bool:
    """Say whether a slot is quiet, by going through the days on which a quiet time may have begun."""
    clock = (slot.hour, slot.minute)
    today, yesterday = slot.strftime("%a"), (slot.tz_localize(None) - pd.Timedelta("1D")).strftime("%a")
    if start is None or end is None:
        return today in days
    if start < end:
        return today in days and start <= clock < end
    return (today in days and clock >= start) or (yesterday in days and clock < end)


times = st.tuples(st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 6), st.integers(1, 7), st.one_of(st.none(), st.tuples(times, times)))
def test_slots_are_quiet_by_the_wall_clock(
    zone: str, first: int, count: int, clock: tuple[tuple[int, int], tuple[int, int]] | None
) -> None:
    """Days, hours, hours over midnight and over the week's end, and on the days on which the clocks change."""
    days = [DAYS[(first + number) % 7] for number in range(count)]
    words = days[0] if count == 1 else f"{days[0]}-{days[-1]}"
    start, end = clock or (None, None)
    if start is not None and end is not None:
        words += f" {start[0]:02d}:{start[1]:02d}-{end[0]:02d}:{end[1]:02d}"
    slots = pd.date_range("2026-10-24", "2026-11-03", freq="15min", tz=zone)
    found = are_quiet(slots, as_quiet_times(words))
    assert found.tolist() == [slow(slot, days, start, end) for slot in slots]


@pytest.mark.parametrize(("until", "kinds"), [("2026-10-12 06:00", []), ("2026-10-12 08:00", ["opened", "resolved"])])
def test_what_begins_at_night_is_told_in_the_morning_if_it_lasts(until: str, kinds: list[str]) -> None:
    """A drop at four that is over at six tells nobody; one that lasts until eight is told at seven."""
    panel = synthetic_panel(days=9, seed=1, timezone="Europe/Berlin")[["views"]]
    panel[(panel.index >= "2026-10-12 04:00") & (panel.index < until)] *= 0.2
    policy = Policy(quiet="22:00-07:00", persist=(2, 3))
    watched = Monitor(FrameSource(panel), [Metric("views", DayLagRatio(), policy=policy)], timezone="Europe/Berlin")
    found = backtest(watched, panel, progress=False)
    assert found.messages["kind"].tolist() == kinds
    assert found.messages["slot"].tolist()[:1] == [pd.Timestamp("2026-10-12 07:00", tz="Europe/Berlin")][: len(kinds)]
    assert found.held["quiet"].tolist()[0] >= 7
