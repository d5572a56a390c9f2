"""Monitors: from the rows of a source to the panel that is judged, in every zone, and to the verdicts of a run."""

import datetime as dt
import math
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from anomalert import (
    IQR,
    DayLagRatio,
    Detector,
    FrameSource,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    RollingSigma,
    WeeklyAverage,
)
from anomalert.episodes import State
from anomalert.errors import ConfigurationError, SourceError
from anomalert.intake import NoMemory, read, task_of
from anomalert.testing import FakeSource, synthetic_panel

QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking, which would take minutes where an example is a day of runs."""

NAN, INF = math.nan, math.inf
SLOT = pd.Timedelta("15min")
FIRST = pd.Timestamp("2026-11-02T10:00Z")
COLUMNS = ("likes", "latency", "ctr", "views")


def metrics() -> list[Metric]:
    """Return a count, a measurement, and a ratio whose denominator is no metric."""
    return [
        Metric("likes", DayLagRatio(), absent="zero"),
        Metric("latency", DayLagRatio()),
        Metric("ctr", DayLagRatio(), denominator="views"),
    ]


def monitor(rows: pd.DataFrame, **settings: Any) -> Monitor:
    """Return a monitor of the three metrics."""
    return Monitor(FakeSource(rows, name="feed"), settings.pop("metrics", None) or metrics(), **settings)


def rows_of(*rows: tuple[float, ...] | None, start: pd.Timestamp = FIRST) -> pd.DataFrame:
    """Return the rows of slots from `start` on; None is a slot without one."""
    kept = {start + number * SLOT: row for number, row in enumerate(rows) if row is not None}
    return pd.DataFrame.from_dict(kept, orient="index", columns=list(COLUMNS)).set_index(pd.DatetimeIndex(list(kept)))


GONE = None
TABLE = {
    # The row as the source gives it (likes, latency, ctr, views): what is judged if empty="no_data", if "zero".
    "no row at all": (GONE, (NAN, NAN, NAN, NAN), (0.0, NAN, NAN, NAN)),
    "a row of nothing but unknowns": ((NAN, NAN, NAN, NAN), (NAN, NAN, NAN, NAN), (0.0, NAN, NAN, NAN)),
    "a value beside an absent count": ((NAN, 12.0, NAN, NAN), (0.0, 12.0, NAN, NAN), (0.0, 12.0, NAN, NAN)),
    "only the denominator is there": ((NAN, NAN, NAN, 40.0), (0.0, NAN, NAN, 40.0), (0.0, NAN, NAN, 40.0)),
    "a denominator of 0, the ratio infinite": ((3.0, NAN, INF, 0.0), (3.0, NAN, NAN, 0.0), (3.0, NAN, NAN, 0.0)),
    "a denominator of 0, the ratio unknown": ((3.0, NAN, NAN, 0.0), (3.0, NAN, NAN, 0.0), (3.0, NAN, NAN, 0.0)),
    "a denominator of 0, the ratio called 0": ((3.0, NAN, 0.0, 0.0), (3.0, NAN, NAN, 0.0), (3.0, NAN, NAN, 0.0)),
    "a ratio of 0 of many": ((0.0, 1.0, 0.0, 9.0), (0.0, 1.0, 0.0, 9.0), (0.0, 1.0, 0.0, 9.0)),
    "a ratio of an unknown number": ((5.0, 1.0, 0.3, NAN), (5.0, 1.0, 0.3, NAN), (5.0, 1.0, 0.3, NAN)),
}


@pytest.mark.parametrize("empty", ["no_data", "zero"])
@pytest.mark.parametrize("case", TABLE)
def test_what_is_absent(case: str, empty: str) -> None:
    """Each metric's `absent` applies where its source has anything, and `empty` decides where it has nothing."""
    given_row, by_no_data, by_zero = TABLE[case]
    around = (7.0, 7.0, 0.5, 14.0)
    panel = monitor(rows_of(around, given_row, around), empty=empty).panel(FIRST, FIRST + 3 * SLOT)
    assert list(panel.columns) == list(COLUMNS)
    wanted = by_no_data if empty == "no_data" else by_zero
    np.testing.assert_array_equal(panel.to_numpy(), [around, wanted, around])


@pytest.mark.parametrize(("empty", "is_told"), [("no_data", True), ("zero", False)])
def test_only_a_slot_of_nothing_is_empty(empty: str, is_told: bool) -> None:
    """A slot is empty if its source gave nothing for it, not if only some of it is missing."""
    watched = monitor(rows_of((7.0, 7.0, 0.5, 14.0), None, (NAN, NAN, NAN, 40.0)), empty=empty)
    panel = watched.panel(FIRST, FIRST + 3 * SLOT)
    assert watched.is_empty(panel).tolist() == [False, is_told, False]


def test_a_ratio_whose_denominator_is_a_count_follows_it() -> None:
    """Where a count is filled with 0, the ratio over it is a gap and not a division by it."""
    both = [Metric("ctr", DayLagRatio(), denominator="views"), Metric("views", DayLagRatio(), absent="zero")]
    rows = rows_of((1.0, 1.0, 0.5, NAN), (1.0, 1.0, 0.5, 8.0))
    panel = monitor(rows, metrics=both).panel(FIRST, FIRST + 2 * SLOT)
    np.testing.assert_array_equal(panel.to_numpy(), [[NAN, 0.0], [0.5, 8.0]])


@pytest.mark.parametrize("empty", ["no_data", "zero"])
def test_a_part_of_the_metrics_is_completed_as_all_are(empty: str) -> None:
    """Alone or among all, a metric gets one column: absent or empty is told by all rows, a ratio by its chain."""
    chain = [
        Metric("likes", DayLagRatio(), absent="zero"),
        Metric("ctr", DayLagRatio(), denominator="latency"),
        Metric("latency", DayLagRatio(), denominator="views"),
    ]
    rng = np.random.default_rng(11)
    rows = pd.DataFrame(rng.choice([NAN, 0.0, 3.0], (400, 4)), columns=list(COLUMNS))
    watched = monitor(rows.set_index(pd.date_range(FIRST, periods=len(rows), freq=SLOT)), metrics=chain, empty=empty)
    given_rows = watched.read(FIRST, FIRST + len(rows) * SLOT)
    whole = watched.completed(given_rows)
    assert watched.is_empty(given_rows).any() == (empty == "no_data")
    np.testing.assert_array_equal(watched.is_empty(given_rows), watched.is_empty(whole))
    wanted = {"likes": ["likes"], "ctr": ["ctr", "latency", "views"], "latency": ["latency", "views"]}
    for metric in chain:
        part = watched.completed(given_rows, [metric])
        assert list(part.columns) == wanted[metric.name]
        pd.testing.assert_frame_equal(part, whole[wanted[metric.name]])


@pytest.mark.parametrize("value", [INF, -INF])
@pytest.mark.parametrize("column", [0, 1, 2, 3])
def test_an_infinite_value_is_refused_by_metric_and_slot(column: int, value: float) -> None:
    """No infinite value is judged, wherever its denominator is not 0; the error names metric and slot."""
    row = [7.0, 7.0, 0.5, 14.0]
    row[column] = value
    watched = monitor(rows_of((7.0, 7.0, 0.5, 14.0), tuple(row)))
    with pytest.raises(SourceError) as caught:
        watched.panel(FIRST, FIRST + 2 * SLOT)
    assert f"source 'feed' gives an infinite value for '{COLUMNS[column]}' at {FIRST + SLOT}" in str(caught.value)


def frame(**columns: Any) -> pd.DataFrame:
    """Return two rows with the columns that the metrics need, some of them changed."""
    index = columns.pop("index", pd.DatetimeIndex([FIRST, FIRST + SLOT]))
    known: dict[str, Any] = {"likes": [1.0, 2.0], "latency": [1.0, 2.0], "ctr": [0.1, 0.2], "views": [5.0, 6.0]}
    return pd.DataFrame({**known, **columns}, index=index)


class Gives:
    """A source of other people: it gives what it is told to, also what breaks the contract."""

    name = "feed"

    def __init__(self, what: Any) -> None:
        self.what = what

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> Any:
        """Return it."""
        assert start < end
        return self.what


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (
            frame().drop(columns="latency"),
            "gives no column 'latency' for its metric; it gives ['likes', 'ctr', 'views']",
        ),
        (frame().drop(columns="views"), "gives no column 'views'"),
        (frame(likes=["1", "2"]), "gives column 'likes' as "),
        (frame(index=pd.DatetimeIndex([FIRST, FIRST + SLOT / 3])), f"gives {FIRST + SLOT / 3}, which is no start of a"),
        (frame(index=pd.DatetimeIndex([FIRST, FIRST])), "2 times"),
        (frame(index=pd.DatetimeIndex([FIRST + SLOT, FIRST])), "unsorted"),
        (frame(index=pd.DatetimeIndex([FIRST, FIRST + 9 * SLOT])), "outside the window"),
        (frame(index=pd.date_range("2026-11-02T10:00", periods=2, freq="15min")), "without a time zone"),
        (frame(index=[0, 1]), "not of timestamps"),
        (None, "gives a NoneType: a DataFrame is needed"),
        ({"likes": [1.0]}, "gives a dict: a DataFrame is needed"),
    ],
)
def test_rows_that_break_the_contract_are_refused(what: Any, text: str) -> None:
    """What a source of other people gives is judged only if it is what the seam promises; the error names the fault."""
    with pytest.raises(SourceError) as caught:
        Monitor(Gives(what), metrics()).panel(FIRST, FIRST + 2 * SLOT)
    assert "source 'feed'" in str(caught.value)
    assert text in str(caught.value)


def test_columns_that_nobody_asked_for_do_no_harm() -> None:
    """A source may give more than is watched, texts included."""
    watched = Monitor(Gives(frame(os=["iOS", "Android"])), metrics())
    assert list(watched.panel(FIRST, FIRST + 2 * SLOT).columns) == list(COLUMNS)


def test_a_panel_has_a_row_for_every_slot_in_the_zone_of_the_monitor() -> None:
    """Holes become rows of unknowns, the index is local, and the instants are those that were asked for."""
    rows = rows_of((7.0, 7.0, 0.5, 14.0), None, None, (8.0, 8.0, 0.5, 16.0))
    panel = monitor(rows, timezone="Asia/Kolkata").panel("2026-11-02T15:30+05:30", FIRST + 4 * SLOT)
    assert str(pd.DatetimeIndex(panel.index).tz) == "Asia/Kolkata"
    assert list(pd.DatetimeIndex(panel.index).tz_convert("UTC")) == [FIRST + number * SLOT for number in range(4)]
    assert panel["likes"].isna().tolist() == [False, True, True, False]


@pytest.mark.parametrize(("start", "end"), [("2026-11-02T10:07Z", FIRST + SLOT), (FIRST, "2026-11-02T10:20Z")])
def test_a_panel_off_the_grid_is_refused(start: Any, end: Any) -> None:
    """Windows that begin or end within a slot would hold part of one."""
    with pytest.raises(
        ConfigurationError, match=r"`(start|end)` is .*, which is no start of a slot of 0 days 00:15:00"
    ):
        monitor(rows_of((7.0, 7.0, 0.5, 14.0))).panel(start, end)


@settings(deadline=None)
@given(
    at=st.integers(0, 3 * 86_400),
    slot=st.sampled_from(["30s", "5min", "15min", "1h", "6h", "1D"]),
    settle=st.sampled_from(["0s", "1s", "2min", "15min", "40min", "25h"]),
)
def test_the_newest_slot_is_the_last_that_is_complete_and_settled(at: int, slot: str, settle: str) -> None:
    """At any second it is the last slot with ``end + settle <= at``, and never the running one."""
    instant = FIRST + pd.Timedelta(seconds=at)
    watched = monitor(rows_of((7.0, 7.0, 0.5, 14.0)), slot=slot, settle=settle)
    length = pd.Timedelta(slot).total_seconds()
    latest = (instant - pd.Timedelta(settle)).timestamp() - length
    newest = watched.newest_slot(instant).timestamp()
    assert newest % length == 0
    assert newest <= latest < newest + length


def test_a_slot_is_judged_from_the_very_instant_at_which_it_is_settled() -> None:
    """A nanosecond before, it is the slot before it."""
    watched = monitor(rows_of((7.0, 7.0, 0.5, 14.0)), settle="2min")
    due = FIRST + SLOT + pd.Timedelta("2min")
    assert watched.newest_slot(due) == FIRST
    assert watched.newest_slot(due - pd.Timedelta(1, unit="ns")) == FIRST - SLOT
    with pytest.raises(ConfigurationError, match=r"`at` is .* without a time zone"):
        watched.newest_slot(pd.Timestamp("2026-11-02T10:17"))


CLOCK_CHANGES = [
    ("Europe/Berlin", "2026-10-25T12:00Z", 25),
    ("Europe/Berlin", "2026-03-29T12:00Z", 23),
    ("America/Sao_Paulo", "2018-11-04T12:00Z", 23),  # No midnight: the day begins at one.
    ("Africa/Cairo", "2023-04-28T12:00Z", 23),  # No midnight.
    ("Atlantic/Azores", "2026-10-25T12:00Z", 25),  # The hour after midnight is repeated.
    ("America/Havana", "2026-11-01T12:00Z", 25),
    ("Australia/Lord_Howe", "2026-04-05T02:00Z", 24.5),
    ("Australia/Lord_Howe", "2026-10-04T02:00Z", 23.5),
    ("Pacific/Apia", "2011-12-29T12:00Z", 24),  # The day after it never was.
    ("Pacific/Apia", "2011-12-30T12:00Z", 24),
    ("Asia/Kathmandu", "2026-11-01T12:00Z", 24),
]


def hand_counted_day(slot: pd.Timestamp, zone: str) -> list[pd.Timestamp]:
    """Return the quarters within three days that `zoneinfo` puts on the local date of `slot`."""
    tz = ZoneInfo(zone)
    quarters = [slot.to_pydatetime() + number * dt.timedelta(minutes=15) for number in range(-288, 288)]
    date = slot.to_pydatetime().astimezone(tz).date()
    return [pd.Timestamp(quarter) for quarter in quarters if quarter.astimezone(tz).date() == date]


@pytest.mark.parametrize(("zone", "noon", "hours"), CLOCK_CHANGES)
def test_a_local_day_has_the_hours_it_has(zone: str, noon: str, hours: float) -> None:
    """Every slot of a local day is in it once, however many there are, and each of them gives the same day."""
    watched = monitor(rows_of((7.0, 7.0, 0.5, 14.0)), timezone=zone)
    wanted = hand_counted_day(pd.Timestamp(noon), zone)
    assert len(wanted) == hours * 4
    for slot in (pd.Timestamp(noon), wanted[0], wanted[-1]):
        day = watched.local_day(slot)
        assert list(day.tz_convert("UTC")) == wanted
        assert str(day.tz) == zone


@settings(deadline=None, max_examples=60)
@given(
    zone=st.sampled_from(
        ["Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Antarctica/Troll", "Asia/Gaza"]
    ),
    quarter=st.integers(0, 10 * 365 * 96),
)
def test_local_days_agree_with_zoneinfo(zone: str, quarter: int) -> None:
    """Whatever the zone and the slot, its local day is what counting quarters by `zoneinfo` gives."""
    slot = pd.Timestamp("2015-06-01T00:00Z") + quarter * SLOT
    watched = monitor(rows_of((7.0, 7.0, 0.5, 14.0)), timezone=zone)
    assert list(watched.local_day(slot).tz_convert("UTC")) == hand_counted_day(slot, zone)


def test_a_notebook_sees_the_panel_of_a_run() -> None:
    """`panel` over the window of a run is what the run judges by, also where rows, values and counts are missing."""
    panel = synthetic_panel(days=12, gaps=0.1).tz_convert("UTC")
    panel = panel.drop(panel.index[[1000, 1001, 1002]])
    watched = Monitor(
        FakeSource(panel, name="feed"),
        [Metric("views", WeeklyAverage(), absent="zero"), Metric("likes", DayLagRatio())],
        timezone="America/New_York",
        settle="2min",
    )
    at = pd.Timestamp("2026-10-15T17:09Z")
    task = task_of(watched, at, NoMemory())
    seen, readings = read(watched, task, NoMemory(), State())
    shown = watched.panel(seen.index[0], task.newest + SLOT)
    pd.testing.assert_frame_equal(shown, seen)
    assert len(readings) == len(seen)
    midnight = pd.Timestamp("2026-10-15", tz="America/New_York")
    assert seen.index[0] <= midnight - watched.lookback


ZONES = [("Europe/Berlin", "2026-10-21"), ("Australia/Lord_Howe", "2026-03-31"), ("Asia/Kolkata", "2026-10-05")]
"""Zones, and first days from which ten days reach over a change of their clocks."""


@st.composite
def watched_panels(draw: st.DrawFn) -> tuple[Monitor, pd.DataFrame]:
    """Return a monitor and the rows of its source: ten days with gaps, holes, spikes, drops and zeros."""
    zone, start = draw(st.sampled_from(ZONES))
    panel = synthetic_panel(10, draw(st.integers(0, 99)), start=start, slot="1h", timezone=zone, gaps=0.1)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    panel *= rng.choice([0.0, 0.1, 1.0, 5.0], size=panel.shape, p=[0.05, 0.15, 0.7, 0.1])
    rows = panel[rng.random(len(panel)) > draw(st.sampled_from([0.0, 0.1]))].tz_convert("UTC")
    detectors: list[Detector] = [DayLagRatio(2), WeeklyAverage(5, min_count=2), IQR("5D"), RollingSigma("6h")]
    watched = [Metric("views", draw(st.sampled_from(detectors)), absent="zero", policy=draw(policies()))]
    watched.append(Metric("likes", draw(st.sampled_from(detectors)), denominator="views", policy=draw(policies())))
    empty: Any = draw(st.sampled_from(["no_data", "zero"]))
    return Monitor(FrameSource(rows, name="feed"), watched, slot="1h", timezone=zone, empty=empty), rows


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Return policies of all kinds."""
    return Policy(
        direction=draw(st.sampled_from(["both", "down"])),
        min_change=draw(st.sampled_from([0.0, 0.6])),
        min_volume=draw(st.sampled_from([0.0, 100.0])),
        persist=draw(st.sampled_from([(1, 1), (2, 3), (3, 3)])),
    )


@settings(deadline=None, max_examples=8, phases=QUICK)
@given(watched_panels(), st.integers(0, 24))
def test_a_run_gives_the_verdicts_of_a_notebook(drawn: tuple[Monitor, pd.DataFrame], skipped: int) -> None:
    """Slot by slot, a run judges as one call over the whole panel does: the same rows, to the last digit."""
    watched, rows = drawn
    pipeline = Pipeline([watched])
    first = rows.index[0].floor("1h") + watched.lookback.ceil("1h") + skipped * pd.Timedelta("1h")
    slots = pd.date_range(first, periods=24, freq="1h")
    whole = watched.judge(watched.panel(rows.index[0].floor("1h"), slots[-1] + pd.Timedelta("1h")), first)
    reports = [pipeline.run(at=slot + pd.Timedelta("1h")) for slot in slots]
    assert [error for report in reports for error in report.errors] == []
    live = pd.concat([report.judgements for report in reports]).sort_values(["metric", "slot"], ignore_index=True)
    pd.testing.assert_frame_equal(live, whole.sort_values(["metric", "slot"], ignore_index=True), check_exact=True)


@pytest.mark.parametrize(
    ("zone", "day", "count"), [("Europe/Berlin", "2026-10-25", 50), ("Europe/Berlin", "2026-03-29", 46)]
)
def test_every_slot_of_a_day_is_judged_once(zone: str, day: str, count: int) -> None:
    """Runs somewhere within each slot judge every slot of the day exactly once, also where the clocks change."""
    start = pd.Timestamp(day) - pd.Timedelta("8D")
    panel = synthetic_panel(10, start=f"{start:%Y-%m-%d}", slot="30min", timezone=zone)
    length = pd.Timedelta("30min")
    watched = Monitor(
        FrameSource(panel), [Metric("views", WeeklyAverage())], slot="30min", timezone=zone, settle="1min"
    )
    slots = watched.local_day(pd.Timestamp(day, tz=zone) + pd.Timedelta("12h")).tz_convert("UTC")
    late = np.random.default_rng(1).integers(60, 1800, len(slots))
    runs = [slot + length + pd.Timedelta(seconds=int(wait)) for slot, wait in zip(slots, late, strict=True)]
    judged = [slot for at in runs for slot in Pipeline([watched]).run(at).judgements["slot"]]
    assert len(slots) == count
    assert judged == list(slots)
    assert {"ok"} == {status for at in runs[:1] for status in Pipeline([watched]).run(at).judgements["status"]}


@pytest.mark.parametrize(
    ("settings_", "text"),
    [
        ({"slot": "7min"}, "`slot` is 0 days 00:07:00, which does not divide a day"),
        ({"slot": 15}, "`slot` is the bare number 15"),
        ({"timezone": "Europe/Moskau"}, "monitor 'feed': `timezone` is 'Europe/Moskau', no zone like 'Europe/Moscow'"),
        ({"settle": "-1min"}, "`settle` is '-1min'"),
        ({"settle": 120}, "`settle` is the bare number 120"),
        ({"settle": "soon"}, "`settle` is 'soon', which is no duration"),
        ({"empty": "maybe"}, "monitor 'feed': `empty` is 'maybe': take 'no_data' or 'zero'"),
        ({"metrics": []}, "monitor 'feed' has no metrics: name at least one"),
        ({"metrics": metrics() + metrics()[:1]}, "monitor 'feed': metric 'likes' stands twice"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings_: dict[str, Any], text: str) -> None:
    """The error names monitor, setting and rule."""
    with pytest.raises(ConfigurationError) as caught:
        Monitor(**{"source": Gives(None), "metrics": metrics(), **settings_})
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: Metric("likes", "iqr"), "metric 'likes': `detector` is 'iqr', no Detector"),  # type: ignore[arg-type]
        (lambda: Metric("likes", IQR(), absent="none"), "metric 'likes': `absent` is 'none'"),  # type: ignore[arg-type]
        (lambda: Metric("ctr", IQR(), absent="zero", denominator="views"), "metric 'ctr' is a ratio"),
        (lambda: Monitor({"password": "canary"}, metrics(), name="feed"), "`source` is a dict, which has no `read`"),  # type: ignore[arg-type]
    ],
)
def test_parts_that_do_not_fit_are_refused(build: Any, text: str) -> None:
    """Metrics without a detector, ratios that are filled with 0 and sources that cannot be read are told by name."""
    with pytest.raises(ConfigurationError) as caught:
        build()
    assert text in str(caught.value)


@pytest.mark.parametrize("settle", ["0s", "0min", pd.Timedelta(0), dt.timedelta(0)])
def test_not_to_wait_is_allowed(settle: Any) -> None:
    """A settle time of nothing, however it is written, judges a slot as soon as it is over."""
    assert monitor(rows_of((7.0, 7.0, 0.5, 14.0)), settle=settle).newest_slot(FIRST + SLOT) == FIRST
