"""What a picture can show of more slots than it has pixels: columns of slots, each with its extent and its mean.

Part of `anomalert.charts`, without matplotlib. The timeline calls this; it calls `chartdata`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.chartdata import Course

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]

__all__ = ["Envelope", "column_starts", "enveloped", "merged", "runs"]

COLUMNS = 1100
"""About as many pixels as the axes are wide."""

WIDTHS = tuple(pd.Timedelta(width) for width in ("5min", "15min", "30min", "1h", "2h", "3h"))
"""How long the columns of a short stretch may be."""

LONGEST_IN_HOURS = 70
"""Days: over a longer stretch, day and night would be told apart by a few pixels, and columns are days."""

DAY = pd.Timedelta("1D")


@dataclass(frozen=True)
class Envelope:
    """Columns of slots, as arrays of one length; the extent of a column that is one slot is that slot.

    Parameters
    ----------
    mean : Course
        The mean of value and expected, the farthest bounds, and whether any slot is anomalous.
    low, high : ndarray of float
        The least and the largest value.
    """

    mean: Course
    low: Floats
    high: Floats


def column_starts(index: pd.DatetimeIndex) -> Integers:
    """Return in which rows the columns begin: one a slot if that fits, else one a stretch of hours or local days.

    Parameters
    ----------
    index : pandas.DatetimeIndex
        The slots, increasing; days are those of its zone.

    Returns
    -------
    ndarray of int, shape (n_columns,)
        The first is 0; at most about `COLUMNS`.

    Examples
    --------
    >>> column_starts(pd.date_range("2026-11-01", periods=2880, freq="15min"))[:3]
    array([0, 4, 8])
    """
    if len(index) <= COLUMNS:
        return np.arange(len(index), dtype=np.int64)
    span = index[-1] - index[0]
    width = next((width for width in WIDTHS if span / width <= COLUMNS), DAY)
    if span > LONGEST_IN_HOURS * DAY:
        width = DAY * max(int(np.ceil(span / DAY / COLUMNS)), 1)
    local = index.tz_localize(None).as_unit("ns").asi8
    return np.flatnonzero(np.diff(local // width.value, prepend=np.iinfo(np.int64).min)).astype(np.int64)


def enveloped(course: Course, starts: Integers) -> Envelope:
    """Return a course in columns that begin in the rows `starts`; what is unknown in a column does not count.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=4, freq="15min")
    >>> columns = {"value": [9.0, 2.0, None, 8.0], "expected": 9.0, "lower": 5.0, "upper": 18.0}
    >>> frame = pd.DataFrame(columns, index).assign(is_anomaly=[False, True, False, False])
    >>> columns = enveloped(Course.of(np.arange(4.0), frame), np.array([0, 2]))
    >>> columns.low, columns.high, columns.mean.value
    (array([2., 8.]), array([9., 8.]), array([5.5, 8. ]))
    """
    value, expected, lower, upper = (
        np.asarray(column, dtype=np.float64) for column in (course.value, course.expected, course.lower, course.upper)
    )
    mean = Course(
        x=_mean(np.asarray(course.x, dtype=np.float64), starts),
        value=_mean(value, starts),
        expected=_mean(expected, starts),
        lower=np.fmin.reduceat(lower, starts) if len(starts) else lower,
        upper=np.fmax.reduceat(upper, starts) if len(starts) else upper,
        is_anomaly=merged(np.asarray(course.is_anomaly, dtype=bool), starts),
    )
    if not len(starts):
        return Envelope(mean, value, value)
    return Envelope(mean, np.fmin.reduceat(value, starts), np.fmax.reduceat(value, starts))


def merged(flags: Flags, starts: Integers) -> Flags:
    """Return for each column whether any of its rows is flagged."""
    return np.logical_or.reduceat(flags, starts) if len(starts) else flags


def runs(flags: Flags) -> Integers:
    """Return where stretches of flagged rows begin and end, half-open, as an array of shape ``(n_runs, 2)``.

    Examples
    --------
    >>> runs(np.array([True, False, True, True])).tolist()
    [[0, 1], [2, 4]]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2).astype(np.int64)


def _mean(column: Floats, starts: Integers) -> Floats:
    """Return the mean of what is known in each column, NaN where nothing is."""
    if not len(starts):
        return column
    known = ~np.isnan(column)
    counts = np.add.reduceat(known.astype(np.float64), starts)
    # Divided before they are added: the largest numbers must not overflow.
    share = np.repeat(np.maximum(counts, 1), np.diff(np.append(starts, len(column))))
    sums = np.add.reduceat(np.where(known, column, 0.0) / share, starts)
    return np.where(counts > 0, sums, np.nan)
