"""Times of the week at which nobody wants to be told, in words, and which slots lie in them.

Policies call this; it calls `errors`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError

__all__ = ["QuietTime", "are_quiet", "as_quiet_times"]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MINUTES_A_DAY = 24 * 60

_DAY = "|".join(DAYS)
_TIME = r"([01]\d|2[0-4]):([0-5]\d)"
WORDS = re.compile(rf"(?:({_DAY})(?:-({_DAY}))?)?\s*(?:{_TIME}-{_TIME})?")


@dataclass(frozen=True)
class QuietTime:
    """A stretch of the day on some days of the week.

    Parameters
    ----------
    days : tuple of int
        On which it begins, 0 for Monday.
    start, end : int
        Minutes since midnight, half-open; one that ends no later than it starts ends on the following day.
    """

    days: tuple[int, ...]
    start: int
    end: int


def as_quiet_times(words: str | Sequence[str]) -> tuple[QuietTime, ...]:
    """Return what texts such as ``"22:00-07:00"``, ``"Sat-Sun"`` or ``"Mon-Fri 12:00-13:00"`` mean.

    Examples
    --------
    >>> as_quiet_times(["Sat-Sun", "22:00-07:00"])[0]
    QuietTime(days=(5, 6), start=0, end=1440)
    """
    listed = (words,) if isinstance(words, str) else tuple(words)
    return tuple(_quiet_time(each) for each in listed)


def are_quiet(slots: pd.DatetimeIndex, times: Sequence[QuietTime]) -> NDArray[np.bool_]:
    """Return for each slot whether it begins in one of the times, by the wall clock of the index.

    Examples
    --------
    >>> slots = pd.date_range("2026-11-06 21:00", periods=4, freq="5h")  # a Friday evening
    >>> are_quiet(slots, as_quiet_times("Fri 22:00-07:00")).tolist()
    [False, True, False, False]
    """
    minutes = slots.hour.to_numpy() * 60 + slots.minute.to_numpy()
    day = slots.day_of_week.to_numpy()
    quiet = np.zeros(len(slots), dtype=bool)
    for time in times:
        begins, began = np.isin(day, time.days), np.isin((day - 1) % 7, time.days)
        if time.start < time.end:
            quiet |= begins & (minutes >= time.start) & (minutes < time.end)
        else:
            quiet |= (begins & (minutes >= time.start)) | (began & (minutes < time.end))
    return quiet


def _quiet_time(words: object) -> QuietTime:
    match = WORDS.fullmatch(words.strip()) if isinstance(words, str) and words.strip() else None
    if match is None:
        raise ConfigurationError(
            f"`quiet` holds {words!r}: write local times as '22:00-07:00', days as 'Sat-Sun', or both: "
            "'Mon-Fri 22:00-07:00'"
        )
    first, last, *clock = match.groups()
    days = tuple(range(7)) if first is None else _days(DAYS.index(first), DAYS.index(last or first))
    if clock[0] is None:
        return QuietTime(days, 0, MINUTES_A_DAY)
    hours = [int(clock[part]) * 60 + int(clock[part + 1]) for part in (0, 2)]
    if max(hours) > MINUTES_A_DAY or hours[0] == MINUTES_A_DAY:
        raise ConfigurationError(f"`quiet` holds {words!r}, and a day begins at 00:00 and ends at 24:00")
    return QuietTime(days, hours[0], hours[1])


def _days(first: int, last: int) -> tuple[int, ...]:
    """Return the days from one to another, over the weekend if need be."""
    return tuple((first + number) % 7 for number in range((last - first) % 7 + 1))
