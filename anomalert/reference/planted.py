"""Incidents planted into events on purpose, each with the label that says where it is.

Part of `anomalert.reference`, called by `events`; calls nothing but `errors`. Planting draws no random number:
who is hit follows from the user's id, so events outside of an incident are those of a quiet day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from anomalert.errors import ConfigurationError

__all__ = ["IncidentKind", "PlantedIncident", "Table", "plant", "planted_labels"]

Table = Literal["feed_actions", "message_actions"]
IncidentKind = Literal[
    "drop_to_zero", "partial_drop", "spike", "level_shift", "slow_drift", "late_events", "missing_slots"
]

SLOT_SECONDS = 900
PLATFORM_HIT = "iOS"

_COUNTS: dict[Table, tuple[str, ...]] = {
    "feed_actions": ("users_feed", "views", "likes"),
    "message_actions": ("users_message", "sent_message"),
}
# Each kind's usual size, and the open range it may lie in (a share of users is at most 1, which is inside).
_SIZES: dict[IncidentKind, tuple[float, float, float]] = {
    "partial_drop": (0.9, 0.0, 1.0),
    "spike": (2.0, 0.0, 10.0),
    "level_shift": (1.5, -1.0, 10.0),
    "slow_drift": (0.7, 0.0, 1.0),
    "late_events": (0.9, 0.0, 1.0),
}


@dataclass(frozen=True)
class PlantedIncident:
    """One thing that goes wrong with one table.

    ================= ============================================================== =========================
    kind              what happens in ``[start, end)``; `size`                       metrics touched
    ================= ============================================================== =========================
    ``drop_to_zero``  likes stop, views go on (feed only); takes no size             likes, ctr
    ``partial_drop``  `size` (0.9) of the users on iOS, two thirds of all, are gone  the table's counts
    ``spike``         `size` (2.0) times the users come on top, for a short time     the table's counts
    ``level_shift``   the level changes by `size` (1.5; -0.6 loses 60 %), for days   the table's counts
    ``slow_drift``    the share of users lost grows evenly from 0 to `size` (0.7)    the table's counts
    ``late_events``   events of `size` (0.9) of the users arrive 20-90 minutes late  the table's counts
    ``missing_slots`` the table has no row at all; takes no size                     all of the table
    ================= ============================================================== =========================

    Parameters
    ----------
    kind : str
        One of the table above.
    start, end : pandas.Timestamp
        Aware, half-open, on the 15-minute grid.
    table : {"feed_actions", "message_actions"}
        Where it happens. What hits both tables is two incidents.
    size : float, optional
        How strong it is; the kind's usual size if not given. Shares of users are in (0, 1], other changes
        relative and at most 10.

    Raises
    ------
    ConfigurationError
        If a field does not fit the others or the rules above.

    Examples
    --------
    >>> start = pd.Timestamp("2026-09-10 12:00", tz="Europe/Moscow")
    >>> PlantedIncident("drop_to_zero", start, start + pd.Timedelta("1h"), "feed_actions").metrics
    ('likes', 'ctr')
    """

    kind: IncidentKind
    start: pd.Timestamp
    end: pd.Timestamp
    table: Table
    size: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(IncidentKind):
            raise ConfigurationError(f"`kind` is {self.kind!r}; it must be one of {get_args(IncidentKind)}")
        if self.table not in _COUNTS:
            raise ConfigurationError(f"`table` is {self.table!r}; it must be one of {tuple(_COUNTS)}")
        if self.kind == "drop_to_zero" and self.table != "feed_actions":
            raise ConfigurationError("drop_to_zero stops likes: its `table` must be 'feed_actions'")
        self._check_times()
        self._check_size()

    def _check_times(self) -> None:
        for name, instant in (("start", self.start), ("end", self.end)):
            if instant.tzinfo is None or instant.timestamp() % SLOT_SECONDS:
                raise ConfigurationError(f"`{name}` is {instant}; it must be aware and on the 15-minute grid")
        if self.start >= self.end:
            raise ConfigurationError(f"`start` {self.start} is not before `end` {self.end}")

    def _check_size(self) -> None:
        if self.size is None:
            return
        if self.kind not in _SIZES:
            raise ConfigurationError(f"{self.kind} is always whole: leave `size` out, it is {self.size}")
        _, low, high = _SIZES[self.kind]
        if not low < self.size <= high or self.size == 0:
            raise ConfigurationError(
                f"`size` of {self.kind} is {self.size}; it must be above {low}, at most {high}, and not 0"
            )

    @property
    def strength(self) -> float:
        """`size`, or the kind's usual one; 1.0 for kinds that are always whole."""
        return _SIZES.get(self.kind, (1.0, 0.0, 1.0))[0] if self.size is None else self.size

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that show it."""
        if self.kind == "drop_to_zero":
            return ("likes", "ctr")
        ratio = ("ctr",) if self.kind == "missing_slots" and self.table == "feed_actions" else ()
        return (*_COUNTS[self.table], *ratio)


def planted_labels(incidents: Sequence[PlantedIncident]) -> pd.DataFrame:
    """Return the labels of `incidents`: one row per incident and metric it touches.

    Returns
    -------
    pandas.DataFrame
        Columns `metric`, `start`, `end` (UTC, half-open), `kind`; ordered by start, then metric.
    """
    rows = [
        (metric, incident.start.tz_convert("UTC"), incident.end.tz_convert("UTC"), incident.kind)
        for incident in incidents
        for metric in incident.metrics
    ]
    labels = pd.DataFrame(rows, columns=["metric", "start", "end", "kind"])
    labels = labels.astype({"metric": str, "start": "datetime64[s, UTC]", "end": "datetime64[s, UTC]", "kind": str})
    return labels.sort_values(["start", "metric"], kind="stable", ignore_index=True)


def plant(events: pd.DataFrame, table: Table, incidents: Sequence[PlantedIncident]) -> pd.DataFrame:
    """Return the events of `table` with its incidents planted one after another, in the order of time.

    Parameters
    ----------
    events : pandas.DataFrame
        Rows of `table`, as `generate_events` makes them.
    table : {"feed_actions", "message_actions"}
        Incidents of the other table are left out.
    incidents : sequence of PlantedIncident
        They may overlap.
    """
    own = [incident for incident in incidents if incident.table == table]
    for incident in own:
        events = _plant_one(events, incident)
    return events.sort_values("time", kind="stable", ignore_index=True) if own else events


def _plant_one(events: pd.DataFrame, incident: PlantedIncident) -> pd.DataFrame:
    inside = ((events["time"] >= incident.start) & (events["time"] < incident.end)).to_numpy()
    rows = events[inside]
    place = _place(rows)
    size = incident.strength
    match incident.kind:
        case "missing_slots":
            changed = rows.iloc[:0]
        case "drop_to_zero":
            changed = rows[rows["action"] != "like"]
        case "partial_drop":
            changed = rows[(rows["os"] != PLATFORM_HIT) | (place >= size)]
        case "slow_drift":
            progress = (rows["time"] - incident.start) / (incident.end - incident.start)
            changed = rows[place >= size * progress.to_numpy()]
        case "late_events":
            minutes = pd.to_timedelta(np.where(place < size, 20 + np.floor(place / size * 70), 0), unit="min")
            changed = rows.assign(arrived=rows["arrived"] + minutes.as_unit("s"))
        case "spike" | "level_shift":
            changed = _with_more_users(rows, place, size) if size > 0 else rows[place >= -size]
    return pd.concat([events[~inside], changed])


def _place(events: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return each row's place in [0, 1) by its user: a share of the places is that share of the users."""
    # Multiplying by the golden ratio spreads consecutive numbers evenly (Knuth, TAOCP 3, 6.4).
    scattered = events["user_id"].to_numpy(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (scattered >> np.uint64(40)).astype(np.float64) / 2.0**24


def _with_more_users(rows: pd.DataFrame, place: npt.NDArray[np.float64], size: float) -> pd.DataFrame:
    """Return `rows` and copies of them by new users: `size` times as many, at other seconds of the same slot."""
    parts = [rows]
    for copy in range(int(np.ceil(size))):
        chosen = place < size - copy
        parts.append(_copied(rows[chosen], place[chosen], copy + 1))
    return pd.concat(parts)


def _copied(rows: pd.DataFrame, place: npt.NDArray[np.float64], number: int) -> pd.DataFrame:
    seconds = rows["time"].astype("int64").to_numpy()
    slot = seconds - seconds % SLOT_SECONDS
    shift = np.floor((place + number * 0.37) * SLOT_SECONDS).astype(np.int64)
    moved = (slot + (seconds + shift) % SLOT_SECONDS).astype("datetime64[s]")
    time = pd.Series(pd.DatetimeIndex(moved, tz="UTC"), rows.index)
    user_id = (rows["user_id"] + number * 1_000_000).astype(np.uint32)
    return rows.assign(user_id=user_id, time=time, arrived=time + (rows["arrived"] - rows["time"]))
