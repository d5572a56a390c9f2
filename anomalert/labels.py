"""Labelled events: what people say went wrong, as a frame of ``metric, start, end``, and how to read it from elsewhere.

Half-open, `[start, end)`, instants aware or naive as the panel they belong to. The measures and notebooks call this; it
calls `panel` and `errors`, and knows of no detector, monitor or pipeline.
"""

import json
from collections.abc import Hashable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError
from anomalert.panel import as_duration, as_panel, slot_length

__all__ = ["as_labels", "labels_from_points", "read_nab_labels"]

COLUMNS = ["metric", "start", "end"]


def as_labels(frame: pd.DataFrame, *, name: str = "labels") -> pd.DataFrame:
    """Return events as they are used everywhere: checked, with times as instants, in the order of their starts.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per event. ``metric`` is the name of a column of the panel; ``start`` and ``end`` are instants or texts
        in ISO 8601, half-open: `end` is the first instant that no longer belongs to the event. Both in one time zone,
        or both without any. Other columns are kept. Events may overlap; each counts as one.
    name : str, default "labels"
        What the frame is called in errors.

    Returns
    -------
    pandas.DataFrame
        ``metric, start, end``, then the other columns; sorted by start and end, with a new index.

    Raises
    ------
    ConfigurationError
        If a column is missing, a metric or an instant is missing, an event ends before it has begun, or the zones of
        the instants differ.

    Examples
    --------
    >>> as_labels(pd.DataFrame({"metric": ["likes"], "start": ["2026-11-01 10:00"], "end": ["2026-11-01 10:45"]}))
      metric               start                 end
    0  likes 2026-11-01 10:00:00 2026-11-01 10:45:00
    """
    if not isinstance(frame, pd.DataFrame):
        raise ConfigurationError(f"`{name}` is a {type(frame).__name__}: a DataFrame of metric, start, end is needed")
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise ConfigurationError(f"`{name}` lacks {', '.join(missing)}: a row is an event with metric, start and end")
    if frame["metric"].isna().any():
        raise ConfigurationError(f"`{name}` has a row without a metric: name the column of the panel it belongs to")
    start, end = (_instants(frame[column], f"{name}[{column!r}]") for column in ("start", "end"))
    if len(frame) and str(start.dt.tz) != str(end.dt.tz):
        raise ConfigurationError(
            f"in `{name}` starts have the time zone {start.dt.tz}, ends {end.dt.tz}: convert them to one"
        )
    wrong = np.flatnonzero(nanoseconds(end) <= nanoseconds(start))
    if len(wrong):
        row = frame.iloc[wrong[0]]
        raise ConfigurationError(
            f"`{name}`: the event of {row['metric']!r} from {row['start']} to {row['end']} ends before it has lasted: "
            f"`end` is the first instant after the event"
        )
    others = [column for column in frame.columns if column not in COLUMNS]
    events = frame.assign(metric=frame["metric"].astype(object), start=start, end=end)[COLUMNS + others]
    return events.sort_values(["start", "end"], kind="stable", ignore_index=True)


def labels_from_points(
    points: pd.Series | pd.DataFrame, *, slot: str | pd.Timedelta | None = None, gap: int = 1
) -> pd.DataFrame:
    """Return events from labels of single slots, 1 where something is wrong and 0 where not.

    Parameters
    ----------
    points : Series or DataFrame
        Over slot starts, one column per metric; 0, 1 or a truth value, NaN counts as 0.
    slot : str or Timedelta, optional
        Length of a slot; by default the smallest step of the index, which then has to divide a day.
    gap : int, default 1
        Events of a metric with at most this many slots between them are one, as labels flicker; 0 keeps them apart.

    Returns
    -------
    pandas.DataFrame
        Events as of `as_labels`; each ends with the slot of its last 1.

    Raises
    ------
    ConfigurationError
        If there are other numbers than 0 and 1, or a setting makes no sense.
    InvalidPanelError
        If `points` is no panel.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=8, freq="15min")
    >>> labels_from_points(pd.Series([0, 1, 1, 0, 1, 0, 0, 1], index, name="likes"))
      metric               start                 end
    0  likes 2026-11-01 00:15:00 2026-11-01 01:15:00
    1  likes 2026-11-01 01:45:00 2026-11-01 02:00:00
    """
    panel = as_panel(points)
    index = pd.DatetimeIndex(panel.index)
    length = slot_length(index) if slot is None else as_duration(slot, "slot")
    if isinstance(gap, bool) or not isinstance(gap, int) or gap < 0:
        raise ConfigurationError(f"`gap` is {gap!r}: a whole number of slots, 0 or more, is needed")
    times = nanoseconds(index)
    rows = [_runs(panel[metric].to_numpy(), times, (gap + 1) * length.value, metric) for metric in panel.columns]
    first, last = (np.concatenate([np.zeros(0, np.int64), *(each[end] for each in rows)]) for end in (0, 1))
    names = [metric for metric, each in zip(panel.columns, rows, strict=True) for _ in each[0]]
    return as_labels(pd.DataFrame({"metric": names, "start": index[first], "end": index[last] + length}))


def read_nab_labels(path: str | Path, file: str, *, slot: str | pd.Timedelta, metric: str = "value") -> pd.DataFrame:
    """Return the labelled windows of one series of the Numenta Anomaly Benchmark.

    NAB writes for each of its files a list of pairs of timestamps, the first and the **last row** of a window: its ends
    are inclusive. An event here ends one slot later, where the slot of that last row does.

    Parameters
    ----------
    path : str or Path
        The JSON file, such as NAB's ``labels/combined_windows.json``.
    file : str
        Which of its series, such as ``"realKnownCause/nyc_taxi.csv"``.
    slot : str or Timedelta
        How far the rows of that series are apart; most of NAB's have 5 minutes, its taxis 30.
    metric : str, default "value"
        What the metric is called in the panel.

    Returns
    -------
    pandas.DataFrame
        Events as of `as_labels`, without a time zone, as NAB's timestamps are.

    Raises
    ------
    ConfigurationError
        If the file is not NAB's JSON or does not name the series.

    References
    ----------
    Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark, ICMLA 2015,
    arXiv 1510.03336; https://github.com/numenta/NAB.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     windows = Path(folder, "combined_windows.json")
    ...     _ = windows.write_text('{"taxi.csv": [["2014-10-30 15:30:00.000000", "2014-11-03 22:30:00.000000"]]}')
    ...     read_nab_labels(windows, "taxi.csv", slot="30min", metric="rides")
      metric               start                 end
    0  rides 2014-10-30 15:30:00 2014-11-03 23:00:00
    """
    try:
        windows = json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"`path` is {path}, which is no JSON ({error}): pass combined_windows.json") from error
    if not isinstance(windows, dict) or file not in windows:
        known = ", ".join(list(windows)[:3]) if isinstance(windows, dict) else "no series at all"
        raise ConfigurationError(f"`file` is {file!r}, which {path} does not name; it has {known} ...")
    pairs = windows[file]
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise ConfigurationError(f"{path} has no list of [first, last] for {file!r}: pass NAB's combined_windows.json")
    events = pd.DataFrame(pairs, columns=["start", "end"]).assign(metric=[metric] * len(pairs))
    last = _instants(events["end"], f"{file}: last")
    return as_labels(events.assign(end=last + as_duration(slot, "slot")))


def nanoseconds(times: pd.Series | pd.DatetimeIndex) -> NDArray[np.int64]:
    """Return instants as nanoseconds since 1970 in UTC, of naive ones as if they were in UTC; shape (n,).

    Examples
    --------
    >>> nanoseconds(pd.DatetimeIndex(["1970-01-01T01:00:01+01:00"]))
    array([1000000000])
    """
    return np.asarray(pd.DatetimeIndex(times).as_unit("ns").asi8, dtype=np.int64)


def _instants(column: pd.Series, name: str) -> pd.Series:
    if not len(column) and not pd.api.types.is_datetime64_any_dtype(column.dtype):
        return pd.Series(pd.DatetimeIndex([]), index=column.index)  # An empty column has any dtype.
    if pd.api.types.is_numeric_dtype(column.dtype):
        raise ConfigurationError(f"`{name}` holds numbers: convert them, as with `pd.to_datetime(..., unit='s')`")
    instants = column if pd.api.types.is_datetime64_any_dtype(column.dtype) else _parsed(column, name)
    if instants.isna().any():
        raise ConfigurationError(f"`{name}` has a missing instant (NaT): an event that goes on needs an end, too")
    return instants


def _parsed(column: pd.Series, name: str) -> pd.Series:
    """Return texts or single instants as a column; one by one, since pandas 2 lets zones mix in a column of objects."""
    try:
        instants = [pd.to_datetime(value, format="ISO8601") for value in column]
    except (ValueError, TypeError) as error:
        said = str(error).partition("\n")[0]
        raise ConfigurationError(f"`{name}` are no instants in ISO 8601: {said}") from error
    zones = sorted({str(instant.tz) for instant in instants if not pd.isna(instant)})
    if len(zones) > 1:
        raise ConfigurationError(f"`{name}` are in the time zones {', '.join(zones)}: convert them to one")
    return pd.Series(pd.DatetimeIndex(instants), index=column.index)


def _runs(
    column: NDArray[np.float64], times: NDArray[np.int64], apart: int, metric: Hashable
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and the last row of each event of a column: a next one begins more than `apart` later."""
    strange = ~np.isin(column, [0.0, 1.0]) & ~np.isnan(column)
    if strange.any():
        raise ConfigurationError(
            f"`points` of {metric!r} hold {column[strange][0]}, but a label is 0 or 1: compare with a threshold first"
        )
    rows = np.flatnonzero(column == 1.0).astype(np.int64)
    opens = np.diff(times[rows], prepend=times[rows][:1] - apart - 1) > apart
    closes = np.append(opens[1:], True)[: len(rows)]
    return rows[opens], rows[closes]
