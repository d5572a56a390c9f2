"""The events that the reference configuration is held to: 36 days with incidents of every kind, and edge cases."""

from functools import cache
from typing import NamedTuple

import pandas as pd

from anomalert.reference.events import TIMEZONE, generate_events
from anomalert.reference.planted import IncidentKind, PlantedIncident, Table

START = pd.Timestamp("2026-09-01", tz=TIMEZONE)
DAYS = 36
QUIET_DAYS = 9
SEED = 20260901

# Slots at the rule's edges; `planted_incidents` brings the last three about.
WITHOUT_VIEWS = pd.Timestamp("2026-09-15 08:00", tz=TIMEZONE)
TOO_FEW_DAYS = pd.Timestamp("2026-09-18 04:00", tz=TIMEZONE)
ZERO_AS_EXPECTED = pd.Timestamp("2026-10-05 05:00", tz=TIMEZONE)
MORE_THAN_ZERO = pd.Timestamp("2026-10-06 05:00", tz=TIMEZONE)


class ParityData(NamedTuple):
    """Events of ``[start, end)``, and what was planted into them."""

    feed: pd.DataFrame
    messages: pd.DataFrame
    incidents: tuple[PlantedIncident, ...]
    start: pd.Timestamp
    end: pd.Timestamp


@cache
def parity_data() -> ParityData:
    """Return the data set; callers share it and must not change it."""
    incidents = planted_incidents()
    feed, messages = generate_events(START, DAYS, SEED, incidents)
    start, end = START.tz_convert("UTC"), (START + pd.DateOffset(days=DAYS)).tz_convert("UTC")
    return ParityData(_without_views(feed), messages, incidents, start, end)


def planted_incidents() -> tuple[PlantedIncident, ...]:
    """Return at least one incident of every kind for both tables, the first after `QUIET_DAYS`."""
    feed: Table = "feed_actions"
    messages: Table = "message_actions"
    short = (
        _planted("drop_to_zero", "09-10 12:00", "09-10 13:30", feed),
        _planted("spike", "09-11 20:00", "09-11 20:45", messages),
        _planted("partial_drop", "09-12 19:00", "09-12 21:00", feed),
        _planted("partial_drop", "09-13 09:00", "09-13 11:00", messages),
        _planted("spike", "09-14 03:00", "09-14 03:45", feed),
        _planted("missing_slots", "09-16 10:00", "09-16 11:00", feed),
        _planted("missing_slots", "09-16 10:30", "09-16 11:30", messages),
        _planted("drop_to_zero", "09-18 23:30", "09-19 00:30", feed),
        _planted("late_events", "09-20 15:00", "09-20 16:00", feed),
        _planted("late_events", "09-21 15:00", "09-21 16:00", messages),
    )
    long = (
        _planted("level_shift", "09-22 00:00", "09-25 00:00", feed),
        _planted("level_shift", "09-23 00:00", "09-26 00:00", messages, -0.6),
        _planted("slow_drift", "09-27 00:00", "10-02 00:00", messages),
        _planted("slow_drift", "09-28 06:00", "10-04 00:00", feed),
    )
    # Four missing days leave three of seven: too few to judge by. Seven days without likes make 0 the norm.
    gaps = _nightly("missing_slots", TOO_FEW_DAYS - pd.Timedelta("4D"), 4, messages)
    zeros = _nightly("drop_to_zero", ZERO_AS_EXPECTED - pd.Timedelta("7D"), 8, feed)
    return (*short, *long, *gaps, *zeros)


def _planted(kind: IncidentKind, start: str, end: str, table: Table, size: float | None = None) -> PlantedIncident:
    first, last = pd.Timestamp(f"2026-{start}", tz=TIMEZONE), pd.Timestamp(f"2026-{end}", tz=TIMEZONE)
    return PlantedIncident(kind, first, last, table, size)


def _nightly(kind: IncidentKind, first: pd.Timestamp, days: int, table: Table) -> list[PlantedIncident]:
    nights = pd.date_range(first, periods=days, freq="D")
    return [PlantedIncident(kind, night, night + pd.Timedelta("30min"), table) for night in nights]


def _without_views(feed: pd.DataFrame) -> pd.DataFrame:
    """Turn the views of two slots into an action that no metric counts: likes have nothing to be a share of."""
    inside = (feed["time"] >= WITHOUT_VIEWS) & (feed["time"] < WITHOUT_VIEWS + pd.Timedelta("30min"))
    action = feed["action"].cat.add_categories(["open"])
    return feed.assign(action=action.mask(inside & (action == "view"), "open"))
