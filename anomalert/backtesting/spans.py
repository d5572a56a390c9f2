"""One stretch of history of one monitor: read from its source, judged as runs would have judged it.

Whoever has the time calls this: the runner in its own process, or a worker in another one or on another machine. It
calls `telling`, `monitor` and `walk`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from anomalert.backtesting.telling import tell
from anomalert.episodes import State
from anomalert.errors import AnomalertError
from anomalert.judging import Verdicts
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.pipeline import Pipeline
from anomalert.sources import FrameSource
from anomalert.walk import baseline_of

__all__ = ["Judged", "Span", "judge_span"]


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

    def narrowed(self) -> "Span":
        """Return the span with as little data as will do, if its source is a frame: it may have to travel."""
        if not isinstance(self.monitor, Monitor) or not isinstance(self.monitor.source, FrameSource):
            return self
        source = self.monitor.source
        if not isinstance(source.data, pd.DataFrame):
            return self
        first = _reach(self.monitor, self.start)
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
    """Judge a span: all its slots at once, and again, day by day, the metrics whose baseline an incident changed.

    Raises
    ------
    SourceError
        If the source could not be read.
    """
    monitor = _monitor_of(span)
    metrics = [metric for metric in monitor.metrics if metric.name in span.metrics]
    panel = monitor.panel(_reach(monitor, span.start), span.end)
    verdicts, failures = monitor.verdicts(panel, span.start, metrics=metrics)
    if not failures and not verdicts.is_alert.any() and not span.state.episodes and not span.state.replaced:
        return Judged(verdicts, span.state, ())
    judged_whole = {name for name, flags in zip(verdicts.metrics, verdicts.is_judged.T, strict=True) if flags.all()}
    failing = set(verdicts.metrics) - judged_whole
    alone = replace(monitor, metrics=metrics, name=span.name)
    state, errors = span.state, []
    for rows in _local_days(verdicts.slots, monitor.timezone):
        first, last = verdicts.slots[rows.start], verdicts.slots[rows.stop - 1]
        again = [metric for metric in metrics if metric.name in failing or _is_replaced(metric, monitor, first, state)]
        if again:
            midnight = monitor.local_day(first)[0]
            known = panel.loc[_reach(monitor, first) : last]
            day, failed = monitor.verdicts(known, first, baseline_of(again, known, state, midnight), again)
            verdicts.put(day)
            errors += failed
        state = tell([alone], {span.name: [verdicts.rows(rows)]}, state, span.shortest).state
    return Judged(verdicts, state, tuple(errors))


def _monitor_of(span: Span) -> Monitor:
    if isinstance(span.monitor, Monitor):
        return span.monitor
    return next(monitor for monitor in span.monitor().monitors if monitor.name == span.name)


def _reach(monitor: Monitor, first: pd.Timestamp) -> pd.Timestamp:
    """Return from where on rows are needed to judge the slot `first`."""
    return (first - monitor.lookback).floor(monitor.slot_length)


def _local_days(slots: pd.DatetimeIndex, timezone: str) -> Iterator[slice]:
    """Give the rows of each local day; where a clock goes back over midnight, those of a day come in two parts."""
    days = slots.tz_convert(timezone).tz_localize(None).floor("D").asi8
    edges: Sequence[int] = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(slots)]
    for start, stop in pairwise(edges):
        if stop > start:
            yield slice(start, stop)


def _is_replaced(metric: Metric, monitor: Monitor, first: pd.Timestamp, state: State) -> bool:
    """Whether a known incident lies in what the day that begins with `first` is compared with."""
    replaced = state.replaced.get(metric.name)
    if not replaced:
        return False
    reach = first - metric.detector.lookback - metric.policy.memory * monitor.slot_length
    return any(reach <= slot < first for slot in reversed(list(replaced)))
