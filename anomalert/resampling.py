"""How sure figures of a few weeks are: what they would be had other weeks like these come together.

`standing` and comparisons call this; it calls nothing of the package. The bootstrap (Efron, The Annals of Statistics 7
(1979)) over whole weeks, since what happens within a week belongs together.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

__all__ = ["WEEK", "Tallies", "Weeks", "interval"]

WEEK = pd.Timedelta("7D")
SLACK = pd.Timedelta("12h")

RESAMPLES = 2000
SEED = 0
"""The same weeks are drawn for everybody, so that differences are paired."""


@dataclass(frozen=True)
class Weeks:
    """A span cut into as many equal parts as it holds whole weeks, one at least: what is left over stretches them.

    Half a day may be missing, since lookbacks leave room for a clock change.

    Parameters
    ----------
    start, end : pandas.Timestamp
        Aware.

    Examples
    --------
    >>> weeks = Weeks(pd.Timestamp("2026-11-01", tz="UTC"), pd.Timestamp("2026-11-17", tz="UTC"))
    >>> weeks.counted(pd.Series(pd.to_datetime(["2026-11-01T00:00Z", "2026-11-08T23:59Z", "2026-11-09T00:00Z"])))
    array([2, 1])
    """

    start: pd.Timestamp
    end: pd.Timestamp

    @property
    def count(self) -> int:
        """How many parts there are."""
        return max(int((self.end - self.start + SLACK) // WEEK), 1)

    def counted(self, instants: pd.Series) -> Integers:
        """Return how many instants lie in each part; what began before the span lies in the first."""
        length = (self.end - self.start) / self.count
        edges = pd.DatetimeIndex([self.start + length * part for part in range(1, self.count)], tz="UTC")
        parts = edges.searchsorted(pd.DatetimeIndex(instants), side="right")
        return np.bincount(parts, minlength=self.count).astype(np.int64)


def _none() -> Integers:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Tallies:
    """What one setting did in each week: arrays of shape ``(n_weeks,)``.

    Parameters
    ----------
    messages : ndarray of int
        Sent to each channel.
    weeks : float
        How long the span is: no whole number if something is left over.
    alerts, right, events, caught : ndarray of int, optional
        Alerts and those that are right, events and those that are caught; empty without labels.
    """

    messages: Integers
    weeks: float
    alerts: Integers = field(default_factory=_none)
    right: Integers = field(default_factory=_none)
    events: Integers = field(default_factory=_none)
    caught: Integers = field(default_factory=_none)

    @property
    def precision(self) -> float:
        """Share of the alerts that are right."""
        return float(_ratio(self.right.sum(), self.alerts.sum()))

    @property
    def recall(self) -> float:
        """Share of the events that are caught."""
        return float(_ratio(self.caught.sum(), self.events.sum()))

    @property
    def f1(self) -> float:
        """Harmonic mean of the two; 0 if nothing is right, NaN without any event and alert."""
        return float(_f1(self.right.sum(), self.alerts.sum(), self.caught.sum(), self.events.sum()))

    @property
    def figure(self) -> float:
        """What settings are sorted by: `f1`, or without labels the messages a week."""
        return self.f1 if len(self.events) else float(self.messages.sum() / self.weeks)

    @cached_property
    def messages_resampled(self) -> Floats:
        """Messages a week, had other weeks like these come together; empty where there are not two."""
        messages: Floats = self._drawn(self.messages).sum(axis=1) / self.weeks
        return messages

    @cached_property
    def f1_resampled(self) -> Floats:
        """The same of `f1`."""
        drawn = (self._drawn(counts).sum(axis=1) for counts in (self.right, self.alerts, self.caught, self.events))
        return _f1(*drawn)

    def ties_with(self, best: "Tallies") -> bool | None:
        """Whether the 95 % interval of the paired difference of their figures holds 0; None if that is not known.

        Equal figures are a tie however few weeks there are; where there are not two weeks, more is not known.
        """
        if self is best or self.figure == best.figure:
            return True
        ours, theirs = ((each.f1_resampled if len(each.events) else each.messages_resampled) for each in (self, best))
        low, high = interval(ours - theirs)
        return None if np.isnan(low) else low <= 0 <= high

    def _drawn(self, counts: Integers) -> Integers:
        n_weeks = len(counts)
        if n_weeks < 2:
            return np.zeros((0, n_weeks), dtype=np.int64)
        picks = np.random.default_rng(SEED).integers(0, n_weeks, (RESAMPLES, n_weeks))
        return counts[picks]


def interval(resampled: Floats) -> tuple[float, float]:
    """Return the 95 % interval of a figure; NaN where there are no weeks to draw from.

    Percentiles of what was drawn. Of few weeks (less than about six) it is narrower than it should be.

    Examples
    --------
    >>> interval(np.arange(0.0, 101.0))
    (2.5, 97.5)
    """
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def _ratio(part: Any, whole: Any) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.divide(part, whole), dtype=np.float64)


def _f1(right: Any, alerts: Any, caught: Any, events: Any) -> Floats:
    """Return F1, where one of precision and recall may be undefined: then nothing was right."""
    precision, recall = np.nan_to_num(_ratio(right, alerts)), np.nan_to_num(_ratio(caught, events))
    f1 = np.nan_to_num(_ratio(2 * precision * recall, precision + recall))
    return np.where((np.asarray(alerts) == 0) & (np.asarray(events) == 0), np.nan, f1)
