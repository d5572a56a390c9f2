"""What is replayed: the pipeline of a target, the history in place of its sources, and the range of slots.

The runner calls this; it calls `pipeline` and what lies below.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from anomalert.errors import ConfigurationError
from anomalert.monitor import Monitor
from anomalert.panel import as_instant, local_instant
from anomalert.pipeline import Pipeline
from anomalert.sources import FrameSource

__all__ = ["Target", "over", "pipeline_of", "range_of"]

Target = Pipeline | Monitor | Callable[[], Pipeline]


def pipeline_of(target: Target) -> Pipeline:
    """Return the pipeline that is, holds or is made by a target."""
    if isinstance(target, Monitor):
        return Pipeline([target])
    if isinstance(target, Pipeline):
        return target
    if not callable(target):
        raise ConfigurationError(
            f"`target` is a {type(target).__name__}: pass a Pipeline, a Monitor, or a function that returns a Pipeline"
        )
    made = target()
    if not isinstance(made, Pipeline):
        raise ConfigurationError(f"`target` gives a {type(made).__name__}, not a Pipeline")
    return made


def over(monitor: Monitor, history: pd.DataFrame | Mapping[str, pd.DataFrame] | None) -> Monitor:
    """Return a monitor of the same name that reads `history`."""
    if history is None:
        return monitor
    frame = history
    if not isinstance(frame, pd.DataFrame):
        if monitor.name not in frame:
            raise ConfigurationError(f"`history` has no frame for monitor {monitor.name!r}; it has {list(frame)}")
        frame = frame[monitor.name]
    missing = [column for column in monitor.columns if column not in frame.columns]
    if missing:
        raise ConfigurationError(
            f"`history` has no column {missing[0]!r} for monitor {monitor.name!r}; it has {list(frame.columns)}"
        )
    # A name of its own, since without one a monitor is called as its source is.
    return replace(monitor, source=FrameSource(frame[monitor.columns], name=monitor.name), name=monitor.name)


def range_of(
    monitors: Sequence[Monitor],
    history: pd.DataFrame | Mapping[str, pd.DataFrame] | None,
    start: str | pd.Timestamp | None,
    end: str | pd.Timestamp | None,
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first slot to judge and the first that is not, in UTC."""
    longest = max(monitor.slot_length for monitor in monitors)
    if history is None and (start is None or end is None):
        raise ConfigurationError("`start` and `end` are needed: what is in the sources is not known beforehand")
    held = [] if history is None else [history] if isinstance(history, pd.DataFrame) else list(history.values())
    if any(not len(frame) for frame in held):
        raise ConfigurationError("`history` has no rows")
    if start is None:
        lookback = max(monitor.lookback for monitor in monitors)
        first = (max(as_instant(frame.index[0], "start") for frame in held) + lookback).ceil(longest)
    else:
        first = _instant(start, "start", monitors)
    if end is None:
        last = (max(as_instant(frame.index[-1], "end") for frame in held) + pd.Timedelta(1)).ceil(longest)
    else:
        last = _instant(end, "end", monitors)
    for name, instant in (("start", first), ("end", last)):
        if instant != instant.floor(longest):
            raise ConfigurationError(f"`{name}` is {instant}, which is no start of a slot of {longest}")
    if first >= last:
        raise ConfigurationError(
            f"there is nothing to judge from {first} to {last}"
            + ("" if start is not None else ": the history is no longer than the lookback of the detectors")
        )
    return first, last


def _instant(value: str | pd.Timestamp, name: str, monitors: Sequence[Monitor]) -> pd.Timestamp:
    """Return an instant in UTC; one without a zone is a local time of the monitors."""
    try:
        instant = pd.Timestamp(value)
    except (TypeError, ValueError):
        return as_instant(value, name)
    zones = {monitor.timezone for monitor in monitors}
    if pd.isna(instant) or instant.tzinfo is not None:
        return as_instant(instant, name)
    if len(zones) > 1:
        raise ConfigurationError(
            f"`{name}` is {value!r}, without a time zone, and the monitors have several: {', '.join(sorted(zones))}"
        )
    return local_instant(instant, name, zones.pop())
