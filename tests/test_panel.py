"""What a panel is: every broken rule has its sentence, the grid has every slot, the wall clock is that of the zone."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert.errors import ConfigurationError, InvalidPanelError
from anomalert.panel import WallClock, as_duration, as_instant, as_panel, as_slot, on_grid, slot_length, slot_of
from tests import oracles

INDEX = pd.date_range("2026-11-01", periods=3, freq="15min")


@pytest.mark.parametrize(
    "duration", ["2h", "PT2H", pd.Timedelta("2h"), dt.timedelta(hours=2), np.timedelta64(2, "h"), pd.offsets.Hour(2)]
)
def test_durations_are_read_in_every_spelling(duration: object) -> None:
    """Texts, Timedeltas, timedeltas and offsets of a fixed length are durations."""
    assert as_duration(duration, "window") == pd.Timedelta("2h")


@pytest.mark.parametrize("number", [7, 7.5, np.int64(7), np.float32(7), "7", " 7.0 ", "1e3", True])
def test_bare_numbers_are_no_durations(number: object) -> None:
    """A number has no unit, also as a text: pandas would read it as nanoseconds."""
    with pytest.raises(ConfigurationError, match=r"`window` is the bare number .*: write a duration with its unit"):
        as_duration(number, "window")


@pytest.mark.parametrize("text", ["seven days", "1M", "1y", "", [], pd.offsets.MonthEnd(1)])
def test_what_has_no_fixed_length_is_no_duration(text: object) -> None:
    """A word, a month or a year is refused, with the name of the setting."""
    with pytest.raises(ConfigurationError, match="`season` is "):
        as_duration(text, "season")


@pytest.mark.parametrize("duration", ["0s", "-1h", "NaT", None])
def test_durations_are_above_zero(duration: object) -> None:
    """Nothing, and a negative length, are refused."""
    with pytest.raises(ConfigurationError, match="a duration above 0 is needed"):
        as_duration(duration, "window")


@pytest.mark.parametrize(("text", "slots"), [("15min", 96), ("1h", 24), ("1D", 1), ("90s", 960)])
def test_a_slot_divides_a_day(text: str, slots: int) -> None:
    """Slots that divide a day are taken, others refused."""
    assert pd.Timedelta("1D") / as_slot(text) == slots
    with pytest.raises(ConfigurationError, match="does not divide a day"):
        as_slot("7min")


@pytest.mark.parametrize(
    "instant",
    ["2026-11-01T13:00+03:00", pd.Timestamp("2026-11-01T10:00Z"), dt.datetime(2026, 11, 1, 10, tzinfo=dt.UTC)],
)
def test_instants_become_utc(instant: object) -> None:
    """An aware instant in any zone is the same instant in UTC."""
    assert as_instant(instant, "at") == pd.Timestamp("2026-11-01T10:00Z")
    assert str(as_instant(instant, "at").tz) == "UTC"


@pytest.mark.parametrize(
    ("instant", "found"),
    [
        ("2026-11-01", "without a time zone"),
        (pd.Timestamp("2026-11-01"), "without a time zone"),
        (pd.NaT, "without a time zone"),
        (None, "without a time zone"),
        ("yesterday noon", "which is no instant"),
    ],
)
def test_naive_instants_are_refused(instant: object, found: str) -> None:
    """No zone is guessed, and what is no instant is named."""
    with pytest.raises(ConfigurationError, match=f"`at` is .*{found}"):
        as_instant(instant, "at")


def test_slots_are_floored_in_utc() -> None:
    """The slot that holds an instant starts at a multiple of its length in UTC."""
    instant = pd.Timestamp("2026-11-01T10:14:59.999", tz="Asia/Kathmandu")
    assert slot_of(instant, pd.Timedelta("15min")) == pd.Timestamp("2026-11-01T10:00", tz="Asia/Kathmandu")
    assert slot_of(instant, pd.Timedelta("1h")) == pd.Timestamp("2026-11-01T04:00Z")


def test_series_and_frames_are_panels() -> None:
    """A Series is a column with its name, whole and nullable numbers are floats, infinite ones are unknown."""
    assert as_panel(pd.Series([1, 2, 3], INDEX)).columns.tolist() == ["value"]
    assert as_panel(pd.Series([1, 2, 3], INDEX, name="likes")).columns.tolist() == ["likes"]
    frame = pd.DataFrame(
        {
            "whole": [1, 2, 3],
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "flag": [True, False, True],
            "infinite": [1.0, np.inf, -np.inf],
        },
        index=INDEX,
    )
    panel = as_panel(frame)
    assert set(panel.dtypes) == {np.dtype("float64")}
    assert panel.isna().to_numpy().tolist() == [[False] * 4, [False, True, False, True], [False, False, False, True]]
    assert frame["infinite"].iloc[1] == np.inf


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ([1.0, 2.0, 3.0], "a panel is a pandas Series or DataFrame, not a list"),
        (pd.Series([1.0, 2, 3]), "the index is a RangeIndex, not a DatetimeIndex"),
        (pd.Series([1.0, 2, 3], INDEX[[0, 2, 1]]), "the slots are not in order: use `sort_index"),
        (pd.Series([1.0, 2, 3], INDEX[[0, 1, 1]]), "slot 2026-11-01 00:15:00 stands twice"),
        (pd.Series([1.0, 2, 3], pd.DatetimeIndex(["2026-11-01", None, "2026-11-02"])), "a missing timestamp"),
        (pd.DataFrame([[1.0, 2]] * 3, INDEX, ["a", "a"]), "column 'a' stands twice"),
        (pd.Series(["1", "2", "3"], INDEX, name="likes"), "column 'likes' has dtype .*, not numbers"),
        (pd.Series([Decimal(1)] * 3, INDEX, name="likes"), "column 'likes' has dtype object, not numbers"),
        (pd.Series([1j] * 3, INDEX, name="likes"), "column 'likes' has dtype complex128"),
        (pd.Series([pd.Timedelta("1h")] * 3, INDEX, name="delay"), "column 'delay' has dtype timedelta64"),
    ],
)
def test_broken_panels_are_named(data: pd.Series, found: str) -> None:
    """Each broken rule is told with the column or slot that breaks it."""
    with pytest.raises(InvalidPanelError, match=found):
        as_panel(data)


@given(order=st.permutations(range(8)))
@settings(deadline=None)
def test_sorting_mends_any_order(order: list[int]) -> None:
    """Shuffled rows are refused, and sorted ones are the same panel."""
    panel = pd.DataFrame({"likes": np.arange(8.0)}, pd.date_range("2026-11-01", periods=8, freq="15min"))
    shuffled = panel.iloc[order]
    if order != sorted(order):
        with pytest.raises(InvalidPanelError, match="not in order"):
            as_panel(shuffled)
    pd.testing.assert_frame_equal(as_panel(shuffled.sort_index()), panel, check_freq=False)


def test_the_slot_is_the_frequency_or_the_smallest_step() -> None:
    """A regular index says its slot itself; else the smallest step is it; one row fits any grid."""
    regular = pd.date_range("2026-11-01", periods=5, freq="15min", tz="America/New_York")
    assert slot_length(regular) == pd.Timedelta("15min")
    assert slot_length(regular[[0, 1, 4]]) == pd.Timedelta("15min")
    assert slot_length(regular[:1]) == pd.Timedelta("15min")
    assert slot_length(regular[[0]]) == pd.Timedelta("1min")
    assert slot_length(pd.date_range("2026-11-01", periods=5, freq="1D")) == pd.Timedelta("1D")
    with pytest.raises(InvalidPanelError, match="the rows are 0 days 00:07:00 apart, which does not divide a day"):
        slot_length(pd.date_range("2026-11-01", periods=5, freq="7min"))


def test_the_grid_has_every_slot_across_a_clock_change() -> None:
    """Missing rows come back as NaN, in absolute time: a day of 25 hours has 25 slots of an hour."""
    whole = pd.date_range("2026-11-01", "2026-11-02", freq="1h", tz="America/New_York", inclusive="left")
    panel = pd.DataFrame({"likes": 1.0}, whole)[[True, True] + 22 * [False] + [True]]
    grid = on_grid(panel, pd.Timedelta("1h"))
    assert grid.index.equals(whole)
    assert len(grid) == 25
    assert grid["likes"].notna().sum() == 3


def test_rows_off_the_grid_are_named() -> None:
    """A row that starts no slot is named; local days of 23 or 25 hours get the hint that helps."""
    index = INDEX.append(pd.DatetimeIndex(["2026-11-01T00:40"]))
    with pytest.raises(InvalidPanelError, match="row 2026-11-01 00:40:00 is off the grid of 0 days 00:15:00"):
        on_grid(pd.DataFrame({"likes": 1.0}, index), pd.Timedelta("15min"))
    days = pd.date_range("2026-10-31", periods=4, freq="D").tz_localize("America/New_York")
    with pytest.raises(InvalidPanelError, match=r"or drop the zone with `tz_localize\(None\)`"):
        on_grid(pd.DataFrame({"likes": 1.0}, days), pd.Timedelta("1D"))


CLOCKS = [
    ("America/New_York", "2026-03-07", "15min"),  # skips two to three
    ("America/New_York", "2026-10-31", "15min"),  # repeats one to two
    ("Australia/Lord_Howe", "2026-04-04", "15min"),  # half an hour
    ("Antarctica/Troll", "2026-03-28", "30min"),  # two hours
    ("Antarctica/Casey", "2023-03-08", "15min"),  # three hours
    ("Africa/Cairo", "2026-04-23", "15min"),  # has no midnight
    ("America/Asuncion", "2023-03-25", "15min"),  # repeats the last hour of the day
    ("America/St_Johns", "2010-11-06", "15min"),  # falls back at 00:01, so a day begins, ends and begins again
    ("Pacific/Apia", "2011-12-28", "1h"),  # skips a whole day
    ("Asia/Kathmandu", "2026-10-31", "1h"),  # slots begin at a quarter to
]


@pytest.mark.parametrize(("zone", "day", "slot"), CLOCKS)
def test_the_same_slot_on_another_day_is_found_by_the_wall_clock(zone: str, day: str, slot: str) -> None:
    """Every row finds the row that a loop over local times finds, a repeated slot its first, a skipped one none."""
    step = pd.Timedelta(slot)
    index = pd.date_range(f"{day}T00:00", periods=int(pd.Timedelta("4D") / step), freq=step, tz="UTC").tz_convert(zone)
    past = oracles.Past.of(pd.Series(0.0, index), step)
    rows = WallClock(index, step).rows(slice(0, len(index)), [1, 2, -1, -3])
    for row in range(len(index)):
        for days, found in zip((1, 2, -1, -3), rows[:, row], strict=True):
            right = oracles.same_wall_clock_row(past, row, days)
            assert found == (-1 if right is None or (days > 0 and right >= row) else right)


def test_a_day_that_begins_twice_is_one_day() -> None:
    """A panel may begin in the minute before a clock is put back to the day before."""
    index = pd.date_range("2010-11-07T02:30", periods=200, freq="15min", tz="UTC").tz_convert("America/St_Johns")
    assert index[0].day > index[1].day
    rows = WallClock(index, pd.Timedelta("15min")).rows(slice(0, 200), [1])[0]
    past = oracles.Past.of(pd.Series(0.0, index), pd.Timedelta("15min"))
    right = [oracles.same_wall_clock_row(past, row, 1) for row in range(200)]
    assert rows.tolist() == [-1 if row is None else row for row in right]


@given(first=st.integers(0, 100), days=st.lists(st.integers(1, 9), min_size=1, max_size=3))
@settings(max_examples=30, deadline=None)
def test_naive_time_has_no_clock_changes(first: int, days: list[int]) -> None:
    """In a naive index the same slot is a whole number of days of 24 hours away."""
    index = pd.date_range("2026-10-28", periods=150, freq="3h")
    rows = WallClock(index, pd.Timedelta("3h")).rows(slice(first, 150), days)
    right = np.arange(first, 150)[None, :] - 8 * np.array(days)[:, None]
    np.testing.assert_array_equal(rows, np.where(right >= 0, right, -1))
