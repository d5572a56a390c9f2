"""The history a tuner works on: read once, and cut into an older part and an untouched one.

Part of `anomalert.tuning`; calls `monitor` and `settings`.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace

import pandas as pd

from anomalert.errors import ConfigurationError
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.panel import as_duration, local_instant, slot_length
from anomalert.sources import FrameSource
from anomalert.tuning.settings import Search

__all__ = ["History", "history_of"]


@dataclass(frozen=True)
class History:
    """What is tuned, and on what.

    Parameters
    ----------
    monitor : Monitor
        Over a frame that was read once.
    panel : pandas.DataFrame
        What it shows, as `Monitor.panel` gives it.
    start, split, end : pandas.Timestamp
        UTC: the first slot that every candidate can judge, the first of the untouched part, and the first that is not
        judged.
    """

    monitor: Monitor
    panel: pd.DataFrame
    start: pd.Timestamp
    split: pd.Timestamp
    end: pd.Timestamp


def history_of(
    target: Metric | Monitor,
    history: pd.DataFrame | None,
    start: str | pd.Timestamp | None,
    end: str | pd.Timestamp | None,
    search: Search,
) -> History:
    """Read what there is, and cut it; see `anomalert.tune` for the parameters.

    Raises
    ------
    ConfigurationError
        If it is not clear what to read, or there is too little.
    SourceError
        If the source could not be read.
    """
    monitor = _over(target, history)
    length, zone = monitor.slot_length, monitor.timezone
    begin, stop = (_edge(value, name, history, zone) for value, name in ((start, "start"), (end, "end")))
    begin, stop = begin.ceil(length), stop.ceil(length)
    first = begin + search.lookback + max(n for _, n in search.persist) * length
    first = first.ceil(length)
    split = _split(first, stop, length, search)
    panel = monitor.panel(begin, stop)
    over = replace(monitor, source=FrameSource(panel, name=monitor.name), name=monitor.name)
    return History(over, panel, first, split, stop)


def _split(first: pd.Timestamp, last: pd.Timestamp, length: pd.Timedelta, search: Search) -> pd.Timestamp:
    """Return where the untouched part begins, if there is enough before it."""
    holdout = as_duration(search.holdout, "holdout")
    split = (last - holdout).floor(length)
    if split - first < search.folds * pd.Timedelta("2D"):
        left = max(split - first, pd.Timedelta(0))
        raise ConfigurationError(
            f"the history is too short: after the lookback of the candidates ({search.lookback}) and before the "
            f"untouched part ({holdout}) {left} are left, and {search.folds} folds need two days each: give more "
            "history, a shorter `Search.holdout`, or candidates that look back less"
        )
    return split


def _over(target: Metric | Monitor, history: pd.DataFrame | None) -> Monitor:
    """Return a monitor that reads `history`, if there is one."""
    if not isinstance(target, Monitor | Metric):
        raise ConfigurationError(f"`target` is a {type(target).__name__}: pass a Metric or a Monitor")
    if history is None:
        if isinstance(target, Metric):
            raise ConfigurationError(f"metric {target.name!r} alone has no source: pass `history`, or a Monitor")
        return target
    index = _checked_index(history)
    if isinstance(target, Monitor):
        return replace(target, source=FrameSource(history, name=target.name), name=target.name)
    return Monitor(FrameSource(history, name="history"), [target], slot=slot_length(index), timezone=str(index.tz))


def _checked_index(history: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the slots of a history, once there are some and their time zone is known."""
    if not isinstance(history, pd.DataFrame) or not isinstance(history.index, pd.DatetimeIndex):
        raise ConfigurationError("`history` is to be a DataFrame over slot starts: a column for every metric")
    if not len(history):
        raise ConfigurationError("`history` has no rows")
    if history.index.tz is None:
        raise ConfigurationError(
            "`history` has no time zone: `history.tz_localize('Europe/Moscow')`, or whatever zone its times are in"
        )
    return history.index


def _edge(value: str | pd.Timestamp | None, name: str, history: pd.DataFrame | None, zone: str) -> pd.Timestamp:
    """Return an edge in UTC; without a zone it is a local time of the monitor."""
    if value is not None:
        return local_instant(value, name, zone)
    if history is None:
        raise ConfigurationError(f"`{name}` is needed to read the monitor's source")
    edge: Hashable = history.index[0] if name == "start" else history.index[-1]
    # Just after the last slot's start: its end, once it is on the grid.
    return local_instant(edge, name, zone) + pd.Timedelta(0 if name == "start" else 1)
