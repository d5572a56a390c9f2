"""What a chart shows, before anything is drawn: arrays, limits of axes, words and numbers.

Bottom room of pictures, without matplotlib. Charts call this; it calls `errors`.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from anomalert.errors import InvalidPanelError

__all__ = [
    "ENGLISH",
    "RUSSIAN",
    "ChartWords",
    "Course",
    "alone",
    "checked_index",
    "hours_of_day",
    "limits",
    "local_period",
    "moment",
    "roomiest",
    "short",
]

COLUMNS = ("value", "expected", "lower", "upper", "is_anomaly")

LARGEST = 1e300
"""Larger numbers are not drawn, nor told from 0 when they are 1 / LARGEST: the arithmetic of axes could overflow."""
HEADROOM = 0.08
MOST_BAND = 1.35
"""A band may reach this many times the largest value before it is cut off: it must not flatten the course itself."""

UNITS = ((1e12, 1e12, "T"), (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))
"""From which size on numbers are told in a unit, the unit, its letter."""


@dataclass(frozen=True)
class ChartWords:
    """The words that are drawn, and the form of a date for `strftime`."""

    value: str = "value"
    today: str = "today"
    expected: str = "expected"
    usual: str = "usual range"
    anomaly: str = "anomaly"
    no_data: str = "no data"
    date: str = "%Y-%m-%d"
    months: tuple[str, ...] = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


ENGLISH = ChartWords()
RUSSIAN = ChartWords(
    value="значение",
    today="сегодня",
    expected="ожидалось",
    usual="обычный диапазон",
    anomaly="аномалия",
    no_data="нет данных",
    date="%d.%m.%Y",
    months=("янв", "фев", "мар", "апр", "мая", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"),
)


@dataclass(frozen=True)
class Course:
    """What is drawn, as arrays of one length: places on the x axis and the columns of a frame, NaN where unknown."""

    x: Any
    value: Any
    expected: Any
    lower: Any
    upper: Any
    is_anomaly: Any

    @classmethod
    def of(cls, x: Any, frame: pd.DataFrame) -> "Course":
        """Return the course of a frame whose rows lie at `x`; where x runs back, as clocks may, it is interrupted."""
        back = np.flatnonzero(np.diff(x) <= 0) + 1
        columns = np.insert(frame[list(COLUMNS)].to_numpy(dtype=float), back, np.nan, axis=0)
        value, expected, lower, upper, anomalous = np.clip(columns, -LARGEST, LARGEST).T
        value, expected = (np.where(np.abs(column) < LARGEST, column, np.nan) for column in (value, expected))
        return cls(np.insert(x, back, np.nan), value, expected, lower, upper, (anomalous == 1) & ~np.isnan(value))


def checked_index(frame: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the index of a frame from which a chart can be drawn."""
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise InvalidPanelError(f"`frame` lacks the columns {', '.join(missing)}: charts need {', '.join(COLUMNS)}")
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex):
        raise InvalidPanelError(f"`frame` has an index of {type(index).__name__}: charts need a DatetimeIndex")
    if not index.is_monotonic_increasing:
        raise InvalidPanelError("the index of `frame` runs back or holds NaT: charts need increasing times")
    return index


def hours_of_day(index: pd.DatetimeIndex) -> Any:
    """Return the wall-clock hours since midnight of an index within one local day."""
    local = index.tz_localize(None)
    if len(local) and local[0].date() != local[-1].date():
        raise InvalidPanelError(f"the index of `frame` goes from {local[0]} to {local[-1]}: give it one local day")
    return ((local - local.normalize()) / pd.Timedelta("1h")).to_numpy(dtype=float)


def limits(course: Course, *, from_zero: bool) -> tuple[float, float]:
    """Return where the y axis begins and ends: wide enough for the course, and never flattened by the band.

    Parameters
    ----------
    course : Course
        What is drawn.
    from_zero : bool
        Whether 0 is shown even if all that is drawn lies in the upper half of what the axis would then span.
    """
    known = np.concatenate([course.value, course.expected])
    known = known[~np.isnan(known)]
    size = float(np.abs(known).max(initial=0))
    if size < 1 / LARGEST:
        return 0.0, 1.0
    bounds = np.concatenate([course.lower, course.upper])
    bounds = np.clip(bounds[np.abs(bounds) < LARGEST], -MOST_BAND * size, MOST_BAND * size)
    low, high = (float(edge(np.append(bounds, known))) for edge in (np.min, np.max))
    if not from_zero and high > low > high / 2:
        room = HEADROOM * (high - low)
        return low - room, high + room
    # A band may reach below 0 where no value can: only values below 0 open the axis downwards.
    return low * (1 + HEADROOM) if known.min() < 0 else 0.0, max(high * (1 + HEADROOM), 0.0)


def alone(x: Any, *columns: Any) -> list[Any]:
    """Return `x` and `columns` where all are known, and not all of them in a neighbouring row: a line shows nothing."""
    known = np.concatenate([[False], ~np.isnan(np.sum([x, *columns], axis=0)), [False]])
    single = known[1:-1] & ~known[:-2] & ~known[2:]
    return [array[single] for array in (x, *columns)]


def roomiest(points: Any, size: tuple[float, float], box: Any) -> tuple[float, float]:
    """Return how far from (0, 0) a text is written so that it covers the fewest points and stays near.

    Parameters
    ----------
    points : array of shape (n, 2)
        What had better not be covered; rows with NaN do not count.
    size : tuple of float
        Width and height of the text.
    box : array of shape (2, 2)
        Lower left and upper right corner of where it may be.

    Returns
    -------
    tuple of float
        Across, to the text's beginning if positive, else to its end; and up, to its middle.
    """
    width, height = size
    (left, bottom), (right, top) = box

    def cost(spot: tuple[float, float]) -> tuple[float, float]:
        start = spot[0] if spot[0] > 0 else spot[0] - width
        inside = left <= start <= right - width and bottom + height / 2 <= spot[1] <= top - height / 2
        near = np.abs(points - (start + width / 2, spot[1])) < ((width + height) / 2, height * 0.8)
        return float(near.all(axis=1).sum()) if inside else np.inf, math.hypot(*spot)

    spots = product((24.0, -24.0, 60.0, -60.0, -100.0, -140.0), np.arange(-240.0, 241.0, 10).tolist())
    return min(spots, key=cost)


def local_period(index: pd.DatetimeIndex, words: ChartWords, slot: pd.Timestamp | None = None) -> str:
    """Return from when to when `index` goes, or only its `slot`, and in which zone.

    Examples
    --------
    >>> local_period(pd.date_range("2026-11-01 10:00", periods=3, freq="15min", tz="Europe/Moscow"), ENGLISH)
    '2026-11-01 10:00–10:45, Europe/Moscow'
    """
    if not len(index):
        return ""
    start, last = (index[0], index[-1]) if slot is None else (slot, slot)
    end = last + (index[1:] - index[:-1]).min() if len(index) > 1 else last
    zone = "" if index.tz is None else f", {getattr(index.tz, 'key', None) or index.tz}"
    eve = end - pd.Timedelta(1)
    if start == start.normalize() and end == end.normalize() > start:
        return f"{start:{words.date}}" + (f"–{eve:{words.date}}" if eve.date() > start.date() else "") + zone
    # The end of a day is told as its 00:00, without the date of the next.
    until = f"{end:%H:%M}" if eve.date() <= start.date() else f"{end:{words.date} %H:%M}"
    return f"{start:{words.date} %H:%M}" + (f"–{until}" if end > start else "") + zone


def moment(local: datetime, words: ChartWords) -> str:
    """Return a tick of a time axis: the hour, at midnight the day, at New Year the year."""
    if local.hour or local.minute:
        return f"{local:%H:%M}"
    return f"{local.day} {words.months[local.month - 1]}" if (local.day, local.month) != (1, 1) else str(local.year)


def short(value: float, beside: float = 0.0) -> str:
    """Return a number as it is read at a glance; on an axis in the unit of the largest number `beside` it.

    Examples
    --------
    >>> [short(value) for value in (0.18412, 61, 812.4, 12_345, 4.5e6)]
    ['0.184', '61', '812', '12.3k', '4.5M']
    >>> [short(tick, beside=15_000) for tick in (0, 5_000, 12_500)]
    ['0', '5k', '12.5k']
    """
    told = value if beside or 100 <= abs(value) < 1e4 else float(f"{value:.3g}")
    largest = beside or abs(told)
    unit, letter = next(((unit, letter) for size, unit, letter in UNITS if size <= largest < 1e15), (1.0, ""))
    whole = unit == 1.0 and 100 <= abs(told) < 1e15
    digits = ".6g" if beside else ".0f" if whole else ".3g"
    return (f"{told / unit:{digits}}{letter}" if told else "0").replace("-", "−")
