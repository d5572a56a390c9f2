"""Scores beside labels: for every metric its rows, their scores, and which of them each event covers.

`points`, `vus`, `nab`, `sweep` and `alerts` call this; it calls `labels`, `panel` and `errors`.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError
from anomalert.labels import as_labels, nanoseconds
from anomalert.panel import as_duration, as_panel, slot_length

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

__all__ = ["Column", "ScoredMetric", "Scores", "columns_of", "same_clock", "scored_metrics"]

Scores: TypeAlias = pd.Series | pd.DataFrame | Mapping[str, pd.Series]
"""Over slot starts: one column per metric, or a mapping from metrics to Series where each has slots of its own."""


@dataclass(frozen=True)
class Column:
    """A column of scores with its slots: what a metric was judged on.

    Parameters
    ----------
    metric : hashable
        Its name.
    index : pandas.DatetimeIndex
        The starts of its slots.
    scores : ndarray of float, shape (n_slots,)
        Above the threshold is an anomaly, NaN is not judged.
    slot : pandas.Timedelta
        The length of a slot.
    """

    metric: Hashable
    index: pd.DatetimeIndex
    scores: Floats
    slot: pd.Timedelta


@dataclass(frozen=True)
class ScoredMetric:
    """The slots of one metric, their scores, and its events, both as times and as rows.

    Parameters
    ----------
    starts : ndarray of int, shape (n_slots,)
        Starts of the slots in nanoseconds.
    ranks : ndarray of float, shape (n_slots,)
        The scores, ``-inf`` where a slot was not judged: it is flagged last.
    judged : int
        How many slots have a score.
    slot : int
        Length of a slot in nanoseconds.
    event_starts, event_ends : ndarray of int, shape (n_events,)
        The events that meet the range from the first slot to the end of the last.
    """

    starts: Integers
    ranks: Floats
    judged: int
    slot: int
    event_starts: Integers
    event_ends: Integers

    def rows(self, tolerance: int = 0) -> tuple[Integers, Integers]:
        """Return the first row and the row after the last that each `[start, end + tolerance)` meets."""
        first = np.searchsorted(self.starts, self.event_starts - self.slot, side="right")
        after = np.searchsorted(self.starts, self.event_ends + tolerance, side="left")
        return first.astype(np.int64), after.astype(np.int64)

    def labelled(self, tolerance: int = 0) -> NDArray[np.bool_]:
        """Return which slots meet an event; shape (n_slots,)."""
        first, after = self.rows(tolerance)
        changes = np.zeros(len(self.starts) + 1, dtype=np.int64)
        np.add.at(changes, first, 1)
        np.add.at(changes, after, -1)
        return np.cumsum(changes[:-1]) > 0


def scored_metrics(found: Scores, labels: pd.DataFrame, slot: str | pd.Timedelta | None = None) -> list[ScoredMetric]:
    """Return the metrics of `found`, each with the events of `labels` that fall into its range.

    Raises
    ------
    ConfigurationError
        If an event is of a metric that has no scores, or only one of the two has a time zone.
    InvalidPanelError
        If `found` is no panel.
    """
    columns = list(columns_of(found, slot))
    events = as_labels(labels)
    strange = [metric for metric in events["metric"] if metric not in {column.metric for column in columns}]
    if strange:
        known = ", ".join(repr(column.metric) for column in columns)
        raise ConfigurationError(f"`labels` name {strange[0]!r}, but there are scores of {known}: rename or drop those")
    for column in columns:
        same_clock(events, column.index.tz is not None, "the scores")
    return [_scored(column, events[events["metric"] == column.metric]) for column in columns]


def columns_of(found: Scores, slot: str | pd.Timedelta | None = None) -> Iterator[Column]:
    """Yield the columns of scores one by one; infinite scores stay what they are."""
    given = found.items() if isinstance(found, Mapping) else [(None, found)]
    for name, scores in given:
        if name is not None and not isinstance(scores, pd.Series):
            raise ConfigurationError(f"`found` maps {name!r} to a {type(scores).__name__}: a Series is needed")
        panel = as_panel(scores)
        raw = scores.to_frame() if isinstance(scores, pd.Series) else scores
        index = pd.DatetimeIndex(panel.index)
        length = slot_length(index) if slot is None else as_duration(slot, "slot")
        for position, metric in enumerate(panel.columns):
            values = raw.iloc[:, position].to_numpy(dtype=np.float64, na_value=np.nan)
            yield Column(metric if name is None else name, index, values, length)


def same_clock(events: pd.DataFrame, aware: bool, what: str, name: str = "`labels`") -> None:
    """Raise unless the events, called `name`, have a time zone exactly if `what` they are compared with has one."""
    if len(events) and (events["start"].dt.tz is not None) != aware:
        has = ("none", "a time zone") if aware else ("a time zone", "none")
        raise ConfigurationError(
            f"{name} have {has[0]}, {what} {has[1]}: localize the one, or drop the zone of the other, `dt.tz_localize`"
        )


def _scored(column: Column, events: pd.DataFrame) -> ScoredMetric:
    starts, slot = nanoseconds(column.index), column.slot.value
    event_starts, event_ends = nanoseconds(events["start"]), nanoseconds(events["end"])
    inside = np.zeros(len(events), dtype=np.bool_)
    if len(starts):
        inside = (event_ends > starts[0]) & (event_starts < starts[-1] + slot)
    known = ~np.isnan(column.scores)
    ranks = np.where(known, column.scores, -np.inf)
    return ScoredMetric(starts, ranks, int(known.sum()), slot, event_starts[inside], event_ends[inside])
