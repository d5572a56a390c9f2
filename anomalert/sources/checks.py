"""What every source promises, checked in one place: whole windows in, panels that keep the contract out.

Called by the sources of this room and by monitors; calls `panel`, `errors` and `foreign`.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import AnomalertError, ConfigurationError, LedgerError, SourceError, raised
from anomalert.foreign import ends_the_run
from anomalert.interfaces import Source
from anomalert.panel import as_instant

__all__ = ["as_window", "asked", "checked_panel", "utc_index"]


def as_window(start: pd.Timestamp, end: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return both ends of a half-open window in UTC.

    Raises
    ------
    ConfigurationError
        If an end has no time zone, or `end` is before `start`.

    Examples
    --------
    >>> as_window(pd.Timestamp("2026-11-01T03:00+03:00"), pd.Timestamp("2026-11-02T00:00Z"))[0]
    Timestamp('2026-11-01 00:00:00+0000', tz='UTC')
    """
    first, last = as_instant(start, "start"), as_instant(end, "end")
    if last < first:
        raise ConfigurationError(f"`end` is {last}, before `start`, {first}: a window is [start, end)")
    return first, last


def asked(source: Source, name: str, start: pd.Timestamp, end: pd.Timestamp) -> object:
    """Return what a source gives for ``[start, end)``; whatever it raises is an error of the tree.

    Raises
    ------
    SourceError
        For everything but an error of the tree, which passes, and what is meant to end the process.
    """
    try:
        return source.read(start, end)
    except BaseException as error:
        # A ledger's error of a source's own would pass for one of the pipeline's ledger.
        if ends_the_run(error) or (isinstance(error, AnomalertError) and not isinstance(error, LedgerError)):
            raise
        raise raised(SourceError, f"source {name!r}", error) from error


def checked_panel(frame: pd.DataFrame, source: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Return `frame` as the panel that a source gives for ``[start, end)``.

    Parameters
    ----------
    frame : pandas.DataFrame
        Index: aware slot starts; columns: numbers. Without rows, index and types may be anything.
    source : str
        Names the source in errors.
    start, end : pandas.Timestamp
        The window that was asked for, in UTC.

    Returns
    -------
    pandas.DataFrame
        A new frame: UTC index in nanoseconds, float64 columns. NaN is unknown. Infinite values pass: only the
        monitor knows which of them are ratios of nothing.

    Raises
    ------
    SourceError
        Naming the source, and the column or timestamp that breaks the contract.

    Examples
    --------
    >>> index = pd.to_datetime(["2026-11-01T03:15+03:00"])
    >>> window = as_window(pd.Timestamp("2026-11-01T00:00Z"), pd.Timestamp("2026-11-02T00:00Z"))
    >>> checked_panel(pd.DataFrame({"likes": [7]}, index), "feed", *window)
                               likes
    2026-11-01 00:15:00+00:00    7.0
    """
    _check_names(frame.columns, source)
    if not len(frame):
        nowhere = pd.DatetimeIndex([], dtype="datetime64[ns, UTC]")
        return pd.DataFrame(index=nowhere, columns=frame.columns, dtype=np.float64)
    index = utc_index(frame.index, source)
    _check_order(index, source)
    outside = index[(index < start) | (index >= end)]
    if len(outside):
        raise SourceError(
            f"source {source!r} gives timestamp {outside[0]}, which lies outside the window [{start}, {end}) that was "
            "asked for: restrict its rows to it, and let slots begin where the window does"
        )
    if (frame.dtypes == np.float64).all():
        # In one piece: column by column, a thousand of them take longer than to judge them.
        return pd.DataFrame(frame.to_numpy(copy=True), index, frame.columns)
    columns = {name: _floats(frame[name], source, name) for name in frame.columns}
    return pd.DataFrame(columns, index=index, columns=frame.columns)


def utc_index(index: pd.Index, source: str) -> pd.DatetimeIndex:
    """Return an index of aware timestamps in UTC; any other is a SourceError that says what it is."""
    if not isinstance(index, pd.DatetimeIndex):
        raise SourceError(
            f"source {source!r} gives an index of {index.dtype}, not of timestamps: make the slot starts its "
            "DatetimeIndex"
        )
    if index.tz is None:
        raise SourceError(
            f"source {source!r} gives timestamps without a time zone, such as {index[0]}: say which zone they are in, "
            "as in frame.tz_localize('UTC')"
        )
    if index.hasnans:
        missing = int(np.count_nonzero(index.isna()))
        raise SourceError(f"source {source!r} lacks the timestamp of {missing} rows (NaT): drop or mend them")
    return index.tz_convert("UTC").as_unit("ns").rename(None)


def _check_names(columns: pd.Index, source: str) -> None:
    if not columns.is_unique:
        twice = columns[columns.duplicated()][0]
        raise SourceError(f"source {source!r} gives column {twice!r} twice: every metric needs a name of its own")


def _check_order(index: pd.DatetimeIndex, source: str) -> None:
    if not index.is_unique:
        twice = index[index.duplicated()]
        count = int((index == twice[0]).sum())
        raise SourceError(
            f"source {source!r} gives timestamp {twice[0]} {count} times (rows too many in all: {len(twice)}): there "
            "is one row per slot, so aggregate them"
        )
    if not index.is_monotonic_increasing:
        late = int(np.argmax(np.diff(index.asi8) < 0)) + 1
        raise SourceError(
            f"source {source!r} gives unsorted timestamps: {index[late]} follows {index[late - 1]}; sort them, in SQL "
            "by ORDER BY ts"
        )


def _floats(column: pd.Series, source: str, name: object) -> NDArray[np.float64]:
    dtype = column.dtype
    if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_complex_dtype(dtype):
        raise SourceError(
            f"source {source!r} gives column {name!r} as {dtype}, not as numbers: convert it, as with pd.to_numeric"
        )
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
