"""One setting of one metric, tried on history: when it sends messages, and which incidents it tells of.

Part of `anomalert.tuning`; calls `backtesting`, and `planting` for the incidents.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.backtesting.spans import Span, judge_panel, reach_of
from anomalert.detector import Detector
from anomalert.episodes import Said, State
from anomalert.labels import nanoseconds
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.policy import Policy
from anomalert.tuning.planting import planted
from anomalert.tuning.settings import Search

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

__all__ = ["WEEK", "Ground", "Trial"]

WEEK = pd.Timedelta("7D")


@dataclass(frozen=True)
class Trial:
    """What became of one setting.

    Parameters
    ----------
    metric : Metric
        The setting.
    sent : ndarray of int
        The slots of its messages on history as it was, nanoseconds since 1970, in order.
    told : ndarray of int
        Those of them that tell of something new: an incident opens or gets worse.
    found : ndarray of bool, optional
        For every event whether a message told of it; None if nobody looked, since it is too loud to be chosen.
    """

    metric: Metric
    sent: Integers
    told: Integers
    found: Flags | None = None

    def count(self, start: pd.Timestamp, end: pd.Timestamp) -> int:
        """Return how many messages are about slots in ``[start, end)``."""
        return int(np.count_nonzero((self.sent >= start.value) & (self.sent < end.value)))


@dataclass(frozen=True)
class Ground:
    """A stretch of history of one metric, with the events that a setting should find in it.

    Parameters
    ----------
    monitor : Monitor
        With the metric alone.
    panel : pandas.DataFrame
        As `Monitor.panel` gives it, early enough for every candidate.
    start, end : pandas.Timestamp
        The first slot to judge and the first that is not, UTC.
    events : pandas.DataFrame
        ``start, end, size``: planted ones, or those that are known to have been.
    planted : pandas.DataFrame, optional
        The panel with the planted ones in it.
    """

    monitor: Monitor
    panel: pd.DataFrame
    start: pd.Timestamp
    end: pd.Timestamp
    events: pd.DataFrame
    planted: pd.DataFrame | None = None

    @classmethod
    def planting(
        cls, monitor: Monitor, panel: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp, search: Search
    ) -> "Ground":
        """Return a stretch with one incident planted in every part of it as long as ``search.every``."""
        metric = monitor.metrics[0]
        rows = slice(*(int(edge) for edge in pd.DatetimeIndex(panel.index).searchsorted([start, end])))
        kind = search.kind or ("spike" if metric.policy.direction == "up" else "drop")
        values, events = planted(panel[metric.name], rows, kind, search)
        return cls(monitor, panel, start, end, events, panel.assign(**{metric.name: values}))

    @property
    def metric(self) -> Metric:
        """The metric as it was given."""
        return self.monitor.metrics[0]

    @property
    def weeks(self) -> float:
        """How long it is."""
        return (self.end - self.start) / WEEK

    @cached_property
    def starts(self) -> Integers:
        """When the events begin, nanoseconds since 1970."""
        return nanoseconds(self.events["start"])

    @cached_property
    def ends(self) -> Integers:
        """Until when they may be told of: a slot longer than they last."""
        return nanoseconds(self.events["end"]) + self.monitor.slot_length.value

    def alerts(self, detector: Detector, policy: Policy) -> int | None:
        """Return how many runs of alerts there are before incidents mend the baseline; None if it cannot judge.

        Each is about one incident, of at least one message, and takes a hundredth of the time.
        """
        monitor = self._with(replace(self.metric, detector=detector, policy=policy))
        verdicts, errors = monitor.verdicts(self._reached(monitor, self.panel), self.start)
        if errors:
            return None
        slots = np.flatnonzero(verdicts.is_alert[:, 0])
        return int(np.count_nonzero(np.diff(slots, prepend=-policy.recover - 1) > policy.recover))

    def tried(self, detector: Detector, policy: Policy) -> Trial | None:
        """Try a setting on history as it was; None if its detector cannot judge this metric."""
        metric = replace(self.metric, detector=detector, policy=policy)
        said = self._said(metric, self.panel)
        return None if said is None else Trial(metric, _slots(said), _slots(_news(said)))

    def with_found(self, trial: Trial) -> Trial:
        """Return the trial with what it finds; of planted incidents, what it tells of without them is not found."""
        found = self._found(trial.told)
        if self.planted is not None:
            said = self._said(trial.metric, self.planted)
            found = self._found(_slots(_news(said or []))) & ~found
        return replace(trial, found=found)

    def _said(self, metric: Metric, panel: pd.DataFrame) -> list[Said] | None:
        """Return what is said of the metric; not of its source, which no setting of a metric changes."""
        monitor = self._with(metric)
        span = Span(monitor, monitor.name, (metric.name,), self.start, self.end, monitor.slot_length, State())
        reached = self._reached(monitor, panel)
        judged, said = judge_panel(span, monitor, reached, monitor.is_empty(reached))
        return None if judged.errors else said

    def _with(self, metric: Metric) -> Monitor:
        return replace(self.monitor, metrics=[metric], name=self.monitor.name)

    def _reached(self, monitor: Monitor, panel: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that a backtest would read."""
        index = pd.DatetimeIndex(panel.index)
        first, after = index.searchsorted([reach_of(monitor, self.start), self.end])
        return panel.iloc[first:after]

    def _found(self, told: Integers) -> Flags:
        """Return for every event whether something is told while it lasts, or in the slot after."""
        found: Flags = told.searchsorted(self.ends) > told.searchsorted(self.starts)
        return found


def _slots(said: list[Said]) -> Integers:
    return np.fromiter((each.slot.value for each in said), dtype=np.int64, count=len(said))


def _news(said: list[Said]) -> list[Said]:
    return [each for each in said if each.kind in ("opened", "worsened")]
