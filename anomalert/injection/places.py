"""Where in a metric there is room for incidents: drawn by a seed, or given.

Part of `anomalert.injection`; calls `errors` and `panel`.
"""

import zlib
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError
from anomalert.injection.noise import Course

__all__ = ["drawn", "given", "instants"]


def drawn(course: Course, n_slots: int, *, first: int, apart: int, count: int, seed: int) -> list[int]:
    """Return the first rows of `count` places for incidents, in the order of time.

    A place is a run of `n_slots` known slots, not all of them 0, and a known one after it. Places are taken one after
    another, in an order that depends on the seed and the metric's name only: a larger `count` keeps the places of a
    smaller one.

    Parameters
    ----------
    course : Course
        The metric.
    n_slots : int
        How long each is.
    first : int
        The first row that a place may begin at.
    apart : int
        How many slots lie between two places at least, 1 or more: the one after what is late is in neither.
    count, seed : int
        How many, and what they are drawn from.

    Raises
    ------
    ConfigurationError
        If there is no room for as many.
    """
    n_rows = len(course.numbers)
    free = possible(course.numbers, n_slots)
    free[:first] = False
    reach = n_slots + apart
    chosen: list[int] = []
    # Of the name, so that a panel with fewer metrics keeps the places of the others.
    rng = np.random.default_rng([seed, zlib.crc32(course.name.encode())])
    for row in rng.permutation(n_rows).tolist():
        if len(chosen) == count:
            break
        if free[row]:
            chosen.append(row)
            free[max(row - reach + 1, 0) : row + reach] = False
    if len(chosen) < count:
        raise ConfigurationError(
            f"metric {course.name!r} has room for {len(chosen)} incidents of {n_slots * course.clock.slot}, not for "
            f"{count}: `count` fewer or shorter ones, or take a longer panel"
        )
    return sorted(chosen)


def possible(values: NDArray[np.float64], n_slots: int) -> NDArray[np.bool_]:
    """Return at which rows an incident may begin: it and the slot after it are known, and it has something to lose."""
    free = np.zeros(len(values), dtype=bool)
    n_starts = len(values) - n_slots
    if n_starts <= 0:
        return free
    unknown, busy = (np.concatenate([[0], np.cumsum(each)]) for each in (np.isnan(values), values != 0))
    begin = np.arange(n_starts)
    free[:n_starts] = (unknown[begin + n_slots + 1] == unknown[begin]) & (busy[begin + n_slots] > busy[begin])
    return free


def instants(at: Iterable[str | pd.Timestamp], index: pd.DatetimeIndex) -> list[int]:
    """Return the rows of the slots that begin at the instants `at`; naive ones are in the zone of the index."""
    if isinstance(at, str) or not isinstance(at, Iterable):
        raise ConfigurationError(f"`at` is {at!r}: put the instants in a list")
    rows = sorted(_row(instant, index) for instant in at)
    if not rows:
        raise ConfigurationError("`at` is empty: name an instant, or leave it out to have places drawn")
    return rows


def _row(instant: str | pd.Timestamp, index: pd.DatetimeIndex) -> int:
    try:
        when = pd.Timestamp(instant)
        if index.tz is not None and when.tzinfo is None:
            when = when.tz_localize(index.tz)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"`at` holds {instant!r}, no instant in the zone of the panel: give an aware Timestamp ({error})"
        ) from error
    if pd.isna(when) or (index.tz is None and when.tzinfo is not None):
        raise ConfigurationError(
            f"`at` holds {instant!r}, which the index of the panel, {index.tz or 'naive'}, has not"
        )
    row = int(index.get_indexer(pd.DatetimeIndex([when]))[0])
    if row < 0:
        raise ConfigurationError(f"`at` holds {instant!r}, where no slot of the panel begins")
    return row


def given(course: Course, rows: list[int], n_touched: int) -> list[int]:
    """Return `rows` once the incidents that begin there lie in the panel, on known slots, and apart."""
    for row, following in zip(rows, [*rows[1:], len(course.numbers)], strict=True):
        when = course.clock.index[row]
        if row + n_touched > following:
            what = "the end of the panel" if following == len(course.numbers) else course.clock.index[following]
            raise ConfigurationError(f"the incident `at` {when} reaches beyond {what}: shorten `length`")
        if np.isnan(course.numbers[row : row + n_touched]).any():
            raise ConfigurationError(f"metric {course.name!r} is not known throughout the incident `at` {when}")
    return rows
