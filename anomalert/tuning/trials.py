"""One setting of one metric, tried on history: when it sends messages, and which incidents it tells of.

Part of `anomalert.tuning`; calls `backtesting` and `injection`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.backtesting import backtest
from anomalert.detection import Detector
from anomalert.injection import inject
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.policy import Policy
from anomalert.sources import FrameSource
from anomalert.tuning.settings import Search

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

__all__ = ["Ground", "Trial", "nanoseconds"]


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
        Those of them that tell of something new: an incident opens, or a metric joins or gets worse.
    found : ndarray of bool
        For every event whether a message told of it.
    """

    metric: Metric
    sent: Integers
    told: Integers
    found: Flags

    def count(self, start: pd.Timestamp, end: pd.Timestamp) -> int:
        """Return how many messages are about slots in ``[start, end)``."""
        return int(np.count_nonzero((self.sent >= start.value) & (self.sent < end.value)))


@dataclass(frozen=True)
class Ground:
    """A stretch of history of one metric, with the events that a setting should find in it.

    Parameters
    ----------
    monitor : Monitor
        With the metric alone, over a frame.
    start, end : pandas.Timestamp
        The first slot to judge and the first that is not, UTC.
    events : pandas.DataFrame
        ``start, end, size``: planted ones, or those that are known to have been.
    planted : pandas.DataFrame, optional
        The frame with the planted ones in it.
    """

    monitor: Monitor
    start: pd.Timestamp
    end: pd.Timestamp
    events: pd.DataFrame
    planted: pd.DataFrame | None = None

    @property
    def metric(self) -> Metric:
        """The metric as it was given."""
        return self.monitor.metrics[0]

    @cached_property
    def starts(self) -> Integers:
        """When the events begin, nanoseconds since 1970."""
        return nanoseconds(self.events["start"])

    @cached_property
    def ends(self) -> Integers:
        """Until when they may be told of: a slot longer than they last."""
        return nanoseconds(self.events["end"]) + self.monitor.slot_length.value

    def with_planted(self, search: Search) -> "Ground":
        """Return the same with one incident planted in every stretch of ``search.every``, of all sizes in turn."""
        frame = _data_of(self.monitor)
        kind = search.kind or ("spike" if self.metric.policy.direction == "up" else "drop")
        length = pd.Timedelta(search.length or 4 * self.monitor.slot_length)
        planted, labels = frame[self.metric.name], []
        for size, places in self._places(frame, search, length):
            planted, label = inject(planted, kind, size=size, length=length, at=places)
            labels.append(label)
        events = pd.concat(labels, ignore_index=True) if labels else pd.DataFrame(columns=["start", "end", "size"])
        return replace(self, events=events, planted=frame.assign(**{self.metric.name: planted}))

    def tried(self, detector: Detector, policy: Policy) -> Trial | None:
        """Try a setting on history as it was; None if its detector cannot judge this metric."""
        metric = replace(self.metric, detector=detector, policy=policy)
        sent = self._sent(metric, _data_of(self.monitor))
        return None if sent is None else Trial(metric, *sent, found=self._found(sent[1]))

    def with_found(self, trial: Trial) -> Trial:
        """Return the trial with what it finds of the planted incidents; what it tells of without them is not found."""
        if self.planted is None:
            return trial
        sent = self._sent(trial.metric, self.planted)
        return trial if sent is None else replace(trial, found=self._found(sent[1]) & ~trial.found)

    def _sent(self, metric: Metric, frame: pd.DataFrame) -> tuple[Integers, Integers] | None:
        """Return the slots of all messages, and of those that tell of something new."""
        monitor = replace(self.monitor, metrics=[metric], source=FrameSource(frame, name=self.monitor.name))
        result = backtest(monitor, start=self.start, end=self.end, progress=False)
        if result.errors:
            return None
        slots = nanoseconds(result.messages["slot"])
        return slots, slots[result.messages["kind"].isin(["opened", "worsened"]).to_numpy()]

    def _found(self, told: Integers) -> Flags:
        """Return for every event whether something is told while it lasts, or in the slot after."""
        found: Flags = told.searchsorted(self.ends) > told.searchsorted(self.starts)
        return found

    def _places(
        self, frame: pd.DataFrame, search: Search, length: pd.Timedelta
    ) -> Iterator[tuple[str, Sequence[pd.Timestamp]]]:
        """Give for each size where incidents of it begin: where the metric is known and there is something to lose."""
        slot = self.monitor.slot_length
        values, index = frame[self.metric.name].to_numpy(), pd.DatetimeIndex(frame.index)
        steps, room = length // slot, pd.Timedelta(search.every) // slot
        rng = np.random.default_rng(search.seed)
        first, last = index.searchsorted(self.start), index.searchsorted(self.end) - steps
        rows = np.arange(first, last - room, room)
        rows = rows + rng.integers(0, max(room - 2 * steps, 1), len(rows))
        whole = [row for row in rows if (values[row : row + steps + 1] > 0).all()]
        order = rng.permutation(len(whole))
        for number, size in enumerate(search.sizes):
            chosen = np.sort(order[number :: len(search.sizes)])
            if len(chosen):
                yield size, [index[whole[place]] for place in chosen]


def _data_of(monitor: Monitor) -> pd.DataFrame:
    assert isinstance(monitor.source, FrameSource)  # noqa: S101 - the tuner makes it so
    assert isinstance(monitor.source.data, pd.DataFrame)  # noqa: S101
    return monitor.source.data


def nanoseconds(instants: pd.Series) -> Integers:
    """Return instants as nanoseconds since 1970."""
    aware = pd.DatetimeIndex(pd.to_datetime(instants, utc=True))
    return np.asarray(aware.as_unit("ns").asi8, dtype=np.int64)
