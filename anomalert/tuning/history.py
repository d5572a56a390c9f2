"""The history a tuner works on: read once, as a frame, and cut into an older part and an untouched one.

Part of `anomalert.tuning`; calls `monitor` and `settings`.
"""

from collections.abc import Hashable
from dataclasses import replace

import pandas as pd

from anomalert.errors import ConfigurationError
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.panel import as_duration, as_instant, slot_length
from anomalert.sources import FrameSource
from anomalert.tuning.settings import Search

__all__ = ["framed", "split_of"]


def framed(
    target: Metric | Monitor,
    history: pd.DataFrame | None,
    start: str | pd.Timestamp | None,
    end: str | pd.Timestamp | None,
    search: Search,
) -> tuple[Monitor, pd.Timestamp, pd.Timestamp]:
    """Return a monitor over a frame that was read once, the first slot to judge and the first that is not."""
    monitor = _over(target, history)
    length = monitor.slot_length
    begin, stop = (_edge(value, name, history) for value, name in ((start, "start"), (end, "end")))
    panel = monitor.panel(begin.ceil(length), stop.ceil(length)).tz_convert("UTC")
    reach = search.lookback + max(n for _, n in search.persist) * length
    over = replace(monitor, source=FrameSource(panel, name=monitor.name), name=monitor.name)
    return over, (begin + reach).ceil(length), stop.ceil(length)


def split_of(first: pd.Timestamp, last: pd.Timestamp, monitor: Monitor, search: Search) -> pd.Timestamp:
    """Return where the untouched part begins, if there is enough before it."""
    holdout = as_duration(search.holdout, "holdout")
    split = (last - holdout).floor(monitor.slot_length)
    if split - first < search.folds * pd.Timedelta("2D"):
        left = max(split - first, pd.Timedelta(0))
        raise ConfigurationError(
            f"the history is too short: after the lookback of the candidates ({search.lookback}) and before the "
            f"untouched part ({holdout}) {left} are left, and {search.folds} folds need two days each: give more "
            "history, a shorter `Search.holdout`, or candidates that look back less"
        )
    return split


def _over(target: Metric | Monitor, history: pd.DataFrame | None) -> Monitor:
    if isinstance(target, Monitor):
        if history is None:
            return target
        return replace(target, source=FrameSource(history, name=target.name), name=target.name)
    if not isinstance(target, Metric):
        raise ConfigurationError(f"`target` is a {type(target).__name__}: pass a Metric or a Monitor")
    if history is None:
        raise ConfigurationError(f"metric {target.name!r} alone has no source: pass `history`, or a Monitor")
    index = pd.DatetimeIndex(history.index)
    zone = "UTC" if index.tz is None else str(index.tz)
    return Monitor(FrameSource(history, name="history"), [target], slot=slot_length(index), timezone=zone)


def _edge(value: str | pd.Timestamp | None, name: str, history: pd.DataFrame | None) -> pd.Timestamp:
    if value is not None:
        return as_instant(value, name)
    if history is None:
        raise ConfigurationError(f"`{name}` is needed to read the monitor's source")
    if not len(history):
        raise ConfigurationError("`history` has no rows")
    edge: Hashable = history.index[0] if name == "start" else history.index[-1]
    # Just after the last slot's start: its end, once it is on the grid.
    return as_instant(edge, name) + pd.Timedelta(0 if name == "start" else 1)
