"""One stretch of history of one monitor: read from its source, judged as runs would have judged it.

Whoever has the time calls this: the runner in its own process, or a worker in another one or on another machine. It
calls `telling`, `monitor` and `walk`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.backtesting.telling import tell
from anomalert.episodes import Replacement, Said, State
from anomalert.errors import AnomalertError
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.pipeline import Pipeline
from anomalert.sources import FrameSource
from anomalert.verdicts import Verdicts
from anomalert.walk import baseline_of

__all__ = ["Judged", "Span", "judge_panel", "judge_span", "reach_of"]


@dataclass(frozen=True)
class Span:
    """What is to be judged.

    Parameters
    ----------
    monitor : Monitor, or a function that makes a Pipeline
        A function is called where the span is judged, so that no password has to travel.
    name : str
        Of the monitor.
    metrics : tuple of str
        Of the monitor's metrics, those to judge.
    start, end : pandas.Timestamp
        UTC, on the grid of slots.
    shortest : pandas.Timedelta
        The shortest slot of the pipeline.
    state : State
        What is known at `start`.
    """

    monitor: Monitor | Callable[[], Pipeline]
    name: str
    metrics: tuple[str, ...]
    start: pd.Timestamp
    end: pd.Timestamp
    shortest: pd.Timedelta
    state: State

    def among(self, monitor: Monitor) -> list[Metric]:
        """Return the metrics of a monitor that are to be judged."""
        wanted = set(self.metrics)
        return [metric for metric in monitor.metrics if metric.name in wanted]

    def narrowed(self) -> "Span":
        """Return the span with as little data as will do, if its source is a frame: it may have to travel."""
        if not isinstance(self.monitor, Monitor) or not isinstance(self.monitor.source, FrameSource):
            return self
        source = self.monitor.source
        if not isinstance(source.data, pd.DataFrame):
            return self
        first = reach_of(self.monitor, self.start)
        index = pd.DatetimeIndex(source.data.index)
        data = source.data.loc[(index >= first) & (index < self.end)]
        return replace(self, monitor=replace(self.monitor, source=replace(source, data=data), name=self.name))


@dataclass(frozen=True)
class Judged:
    """What a span gave: verdicts, what is known at its end, and the errors of detectors that failed."""

    verdicts: Verdicts
    state: State
    errors: tuple[AnomalertError, ...]


def judge_span(span: Span) -> Judged:
    """Judge a span: all its slots at once, and again from the next midnight on where an incident changes a baseline.

    Raises
    ------
    SourceError
        If the source could not be read.
    """
    monitor = _monitor_of(span)
    return judge_panel(span, monitor, *_read(span, monitor))[0]


def judge_panel(
    span: Span, monitor: Monitor, panel: pd.DataFrame, is_empty: NDArray[np.bool_]
) -> tuple[Judged, list[Said]]:
    """Judge a span whose panel is here already; return also what there is to say of the incidents in it.

    Parameters
    ----------
    span : Span
        Its source is not read.
    monitor : Monitor
        That of the span.
    panel : pandas.DataFrame
        As `Monitor.completed` gives it for the metrics of the span, from `reach_of` the first slot to the end.
    is_empty : ndarray of bool
        For each row of the panel whether the source has nothing, also of metrics that are not in the panel.
    """
    metrics = span.among(monitor)
    judged, failures = monitor.verdicts(panel, span.start, metrics=metrics)
    verdicts = replace(judged, is_empty=is_empty[len(panel) - len(judged.slots) :])
    if not failures and not verdicts.is_alert.any() and not span.state.episodes and not span.state.replaced:
        return Judged(verdicts, span.state, ()), []
    alone = replace(monitor, metrics=metrics, name=span.name)
    judging, state, said = _Judging(alone, panel, verdicts), span.state, list[Said]()
    for rows in _local_days(verdicts.slots, monitor.timezone):
        judging.begin_day(rows, state)
        is_quiet = not (state.episodes or state.outages)
        if is_quiet and not (verdicts.is_alert[rows].any() or verdicts.is_empty[rows].any()):
            continue  # As `tell` would find: such days leave the state as it is.
        told = tell([alone], {span.name: [verdicts.rows(rows)]}, state, span.shortest)
        state = told.state
        said += [each for each in told.said if each.about]
    return Judged(verdicts, state, tuple(judging.errors)), said


@dataclass
class _Judging:
    """Verdicts of a span, kept up with the incidents that become known day by day."""

    monitor: Monitor
    panel: pd.DataFrame
    verdicts: Verdicts
    errors: list[AnomalertError] = field(default_factory=list)
    _known: dict[str, pd.Timestamp] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = zip(self.verdicts.metrics, self.verdicts.is_judged.T, strict=True)
        self._failing = {name for name, is_judged in columns if not is_judged.all()}

    def begin_day(self, rows: slice, state: State) -> None:
        """Judge anew what the incidents that were known at midnight change: the day, and the days that look back."""
        if not self._failing and not state.replaced:
            return
        first, last = self.verdicts.slots[rows.start], self.verdicts.slots[rows.stop - 1]
        if not self._failing and not self._changed(state, first):
            return  # Then nothing has changed at midnight either, which takes longer to find.
        midnight = self.monitor.local_day(first)[0]
        changed = self._changed(state, midnight)
        self._known.update(changed)
        metrics = [metric for metric in self._metrics() if metric.name in changed]
        until = max([last, *(slot + self.monitor.lookback for slot in changed.values())])
        if metrics and self._judge(metrics, first, until, midnight, state):
            self._failing |= set(changed)
        # Day by day, since what fails on one day need not fail on others.
        failing = [metric for metric in self.monitor.metrics if metric.name in self._failing]
        if failing:
            self.errors += self._judge(failing, first, last, midnight, state)

    def _changed(self, state: State, before: pd.Timestamp) -> dict[str, pd.Timestamp]:
        """Return the metrics of whose incidents something new is known, each with the newest slot `before` then."""
        newest = {metric.name: _newest_known(state.replaced.get(metric.name), before) for metric in self._metrics()}
        return {name: slot for name, slot in newest.items() if slot is not None and slot != self._known.get(name)}

    def _metrics(self) -> list[Metric]:
        return [metric for metric in self.monitor.metrics if metric.name not in self._failing]

    def _judge(
        self,
        metrics: Sequence[Metric],
        first: pd.Timestamp,
        last: pd.Timestamp,
        midnight: pd.Timestamp,
        state: State,
    ) -> list[AnomalertError]:
        """Judge some metrics from `first` to `last` by what is known at `midnight`; return what failed."""
        known = self.panel.loc[reach_of(self.monitor, first) : last]
        verdicts, errors = self.monitor.verdicts(known, first, baseline_of(metrics, known, state, midnight), metrics)
        self.verdicts.put(verdicts)
        return errors


def _newest_known(replaced: Mapping[pd.Timestamp, Replacement] | None, midnight: pd.Timestamp) -> pd.Timestamp | None:
    """Return the newest slot of a known incident before `midnight`: slots are added in order."""
    return next((slot for slot in reversed(list(replaced or ())) if slot < midnight), None)


def _read(span: Span, monitor: Monitor) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Return the panel of the metrics to judge, and which of its slots are empty, which takes all columns to know."""
    rows = monitor.read(reach_of(monitor, span.start), span.end)
    return monitor.completed(rows, span.among(monitor)), monitor.is_empty(rows)


def _monitor_of(span: Span) -> Monitor:
    if isinstance(span.monitor, Monitor):
        return span.monitor
    return next(monitor for monitor in span.monitor().monitors if monitor.name == span.name)


def reach_of(monitor: Monitor, first: pd.Timestamp) -> pd.Timestamp:
    """Return from where on rows are needed to judge the slot `first`."""
    return (first - monitor.lookback).floor(monitor.slot_length)


def _local_days(slots: pd.DatetimeIndex, timezone: str) -> Iterator[slice]:
    """Give the rows of each local day; where a clock goes back over midnight, those of a day come in two parts."""
    days = slots.tz_convert(timezone).tz_localize(None).floor("D").asi8
    edges: Sequence[int] = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(slots)]
    for start, stop in pairwise(edges):
        if stop > start:
            yield slice(start, stop)
