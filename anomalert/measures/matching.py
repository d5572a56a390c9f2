"""Which alerts are right and which events are caught: the overlap rule that every measure of events shares.

An alert is right if one of its stretches shares an instant with `[start, end + tolerance)` of an event of its metric;
an event is caught if any stretch does. `events` calls this; it calls `labels`, `intervals` and `scored`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError
from anomalert.labels import as_labels, nanoseconds
from anomalert.measures.intervals import count_meeting
from anomalert.measures.scored import same_clock
from anomalert.panel import as_duration

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Span = tuple[str | pd.Timestamp, str | pd.Timestamp]

__all__ = ["Matching", "Span", "as_span", "as_tolerance", "match"]


@dataclass(frozen=True)
class Matching:
    """What became of every alert and of every event.

    Parameters
    ----------
    right : ndarray of bool, shape (n_alerts,)
        Whether the alert meets an event.
    caught : ndarray of bool, shape (n_events,)
        Whether a stretch meets the event.
    delays : ndarray of int, shape (n_caught,)
        Nanoseconds from the start of each caught event to the first instant of it that is flagged.
    n_metrics : int
        How many metrics alerts and events name.
    """

    right: Booleans
    caught: Booleans
    delays: Integers
    n_metrics: int

    @property
    def precision(self) -> float:
        """Share of the alerts that are right; NaN if there is none."""
        return float(self.right.mean()) if len(self.right) else float("nan")

    @property
    def recall(self) -> float:
        """Share of the events that are caught; NaN if there is none."""
        return float(self.caught.mean()) if len(self.caught) else float("nan")


def match(found: pd.DataFrame, labels: pd.DataFrame, tolerance: str | pd.Timedelta, span: Span | None) -> Matching:
    """Return which alerts are right and which events are caught, of those that meet `span`."""
    late = as_tolerance(tolerance).value
    stretches, events = _alerts(found), as_labels(labels)
    if len(stretches):
        same_clock(events, stretches["start"].dt.tz is not None, "the alerts")
    if span is not None:
        alert = stretches["alert"]
        stretches = stretches[alert.isin(alert[_meets_span(stretches, span, "`found`")])]
        events = events[_meets_span(events, span, "`labels`")]
    met, caught = np.zeros(len(stretches), np.bool_), np.zeros(len(events), np.bool_)
    delays = [np.zeros(0, dtype=np.int64)]
    metrics = pd.unique(pd.concat([stretches["metric"], events["metric"]], ignore_index=True))
    for metric in metrics:
        ours, theirs = (frame["metric"].to_numpy() == metric for frame in (stretches, events))
        begin, end = nanoseconds(stretches["start"][ours]), nanoseconds(stretches["end"][ours])
        start, over = nanoseconds(events["start"][theirs]), nanoseconds(events["end"][theirs]) + late
        met[ours] = count_meeting(begin, end, start, over) > 0
        caught[theirs] = count_meeting(start, over, begin, end) > 0
        delays.append(_delays(begin, end, start[caught[theirs]]))
    numbers, names = pd.factorize(stretches["alert"])
    right = np.bincount(numbers, weights=met, minlength=len(names)) > 0
    return Matching(right, caught, np.concatenate(delays), len(metrics))


def as_span(span: Span) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return start and end of a half-open span as Timestamps, both in a time zone or both without one."""
    try:
        start, end = (pd.Timestamp(edge) for edge in span)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"`span` is {span!r}: a pair of instants is needed, start and end") from error
    if pd.isna(start) or pd.isna(end) or (start.tzinfo is None) != (end.tzinfo is None) or not start < end:
        raise ConfigurationError(
            f"`span` is {span!r}: its end has to be later than its start, both aware or both naive"
        )
    return start, end


def as_tolerance(value: str | pd.Timedelta) -> pd.Timedelta:
    """Return a tolerance as a Timedelta, which may be 0."""
    none = pd.Timedelta(0)
    if isinstance(value, str | pd.Timedelta) and pd.to_timedelta(value, errors="coerce") == none:
        return none
    return as_duration(value, "tolerance")


def _alerts(found: pd.DataFrame) -> pd.DataFrame:
    stretches = as_labels(found, name="found")
    if "alert" not in stretches.columns:
        return stretches.assign(alert=np.arange(len(stretches)))
    if stretches["alert"].isna().any():
        raise ConfigurationError("`found` has a row without its `alert`: number every stretch, or drop the column")
    return stretches


def _meets_span(events: pd.DataFrame, span: Span, name: str) -> Booleans:
    start, end = as_span(span)
    if len(events):
        same_clock(events, start.tzinfo is not None, "`span`", name)
    first, after = nanoseconds(pd.DatetimeIndex([start])), nanoseconds(pd.DatetimeIndex([end]))
    return (nanoseconds(events["start"]) < after) & (nanoseconds(events["end"]) > first)


def _delays(begin: Integers, end: Integers, start: Integers) -> Integers:
    """Return how long after each start something is flagged: a stretch goes on there, or the next one begins later."""
    none = np.zeros_like(start)
    flagged = count_meeting(start, start + 1, begin, end) > 0
    following = np.searchsorted(begin, start, side="left")
    later = np.append(begin, np.iinfo(np.int64).max)[following]
    return np.where(flagged, none, later - start)
