"""What a panel is: one row per slot, one float column per metric, NaN where a value is unknown.

Here it is checked, laid on the grid of its slots, and read by the wall clock ("the same slot yesterday"). Sources,
detection and monitors call this; it calls nothing but `errors`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError, InvalidPanelError

__all__ = [
    "CLOCK_CHANGE",
    "WallClock",
    "as_duration",
    "as_instant",
    "as_panel",
    "as_slot",
    "local_instant",
    "on_grid",
    "slot_length",
    "slot_of",
]

DAY = pd.Timedelta("1D")
MINUTE = pd.Timedelta("1min")

CLOCK_CHANGE = pd.Timedelta("3h")
"""The largest jump of a zone's clock since 2012 (Antarctica/Casey); lookbacks leave room for it."""

Integers = NDArray[np.int64]


def as_duration(value: object, name: str) -> pd.Timedelta:
    """Return `value` ("15min", "7D") as a Timedelta above 0, or raise a ConfigurationError that names `name`.

    Examples
    --------
    >>> as_duration("2h", "window")
    Timedelta('0 days 02:00:00')
    """
    if _is_number(value):
        raise ConfigurationError(f"`{name}` is the bare number {value!r}: write a duration with its unit, as '2h'")
    try:
        duration = pd.Timedelta(value)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"`{name}` is {value!r}, which is no duration: write it as '15min' or '7D'") from error
    if not duration > pd.Timedelta(0):
        raise ConfigurationError(f"`{name}` is {value!r}: a duration above 0 is needed")
    return duration


def _is_number(value: Any) -> bool:
    """Say whether `value` is a number, also as a text: pandas would read it as nanoseconds."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def as_slot(value: str | pd.Timedelta) -> pd.Timedelta:
    """Return the length of a slot as a Timedelta; it has to divide a day."""
    slot = as_duration(value, "slot")
    if DAY % slot != pd.Timedelta(0):
        raise ConfigurationError(f"`slot` is {slot}, which does not divide a day: take '15min', '1h' or the like")
    return slot


def as_instant(value: object, name: str) -> pd.Timestamp:
    """Return an aware instant as a UTC Timestamp; naive ones are refused, since no zone can be guessed.

    Examples
    --------
    >>> as_instant("2026-11-01T10:00+03:00", "at")
    Timestamp('2026-11-01 07:00:00+0000', tz='UTC')
    """
    try:
        instant = pd.Timestamp(value)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"`{name}` is {value!r}, which is no instant: pass an aware datetime") from error
    if pd.isna(instant) or instant.tzinfo is None:
        raise ConfigurationError(
            f"`{name}` is {value!r}, without a time zone: pass an aware datetime, such as one in UTC"
        )
    return instant.tz_convert("UTC")


def local_instant(value: object, name: str, zone: str) -> pd.Timestamp:
    """Return an instant as a UTC Timestamp; one without a zone is a local time of `zone`.

    Examples
    --------
    >>> local_instant("2026-11-01 10:00", "start", "Europe/Moscow")
    Timestamp('2026-11-01 07:00:00+0000', tz='UTC')
    """
    try:
        instant = pd.Timestamp(value)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return as_instant(value, name)
    if pd.isna(instant) or instant.tzinfo is not None:
        return as_instant(instant, name)
    try:
        return instant.tz_localize(zone).tz_convert("UTC")
    except ValueError as error:
        raise ConfigurationError(
            f"`{name}` is '{instant}', a local time that is not, or twice: name its zone"
        ) from error


def slot_of(instant: pd.Timestamp, slot: pd.Timedelta) -> pd.Timestamp:
    """Return the start of the slot that holds `instant`; slots start at multiples of their length in UTC."""
    return instant.tz_convert("UTC").floor(slot)


def as_panel(data: pd.Series | pd.DataFrame) -> pd.DataFrame:
    """Return `data` as a frame of float64 columns over a sorted, unique DatetimeIndex; infinite values are NaN.

    Parameters
    ----------
    data : Series or DataFrame
        A Series becomes a frame with one column, called as the Series is, or ``"value"``.

    Raises
    ------
    InvalidPanelError
        Naming the column or the timestamp that breaks the contract.
    """
    if isinstance(data, pd.Series):
        data = data.to_frame("value" if data.name is None else data.name)
    if not isinstance(data, pd.DataFrame):
        raise InvalidPanelError(f"a panel is a pandas Series or DataFrame, not a {type(data).__name__}")
    _check_index(data.index)
    if not data.columns.is_unique:
        twice = data.columns[data.columns.duplicated()][0]
        raise InvalidPanelError(f"column {twice!r} stands twice: every metric needs a name of its own")
    columns = {column: _as_float(data[column], column) for column in data.columns}
    return pd.DataFrame(columns, index=data.index, columns=data.columns, dtype=np.float64)


def _check_index(index: pd.Index) -> None:
    if not isinstance(index, pd.DatetimeIndex):
        raise InvalidPanelError(
            f"the index is a {type(index).__name__}, not a DatetimeIndex of slot starts: use `set_index`"
        )
    if index.hasnans:
        raise InvalidPanelError("the index has a missing timestamp (NaT): drop or mend that row")
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise InvalidPanelError(f"slot {twice} stands twice: there is one row per slot, so aggregate first")
    if not index.is_monotonic_increasing:
        raise InvalidPanelError("the slots are not in order: use `sort_index()`")


def _as_float(column: pd.Series, name: object) -> NDArray[np.float64]:
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_complex_dtype(column.dtype):
        raise InvalidPanelError(
            f"column {name!r} has dtype {column.dtype}, not numbers: convert it with `pd.to_numeric`"
        )
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def slot_length(index: pd.DatetimeIndex) -> pd.Timedelta:
    """Return the length of the slots of `index`: its fixed `freq`, or else its smallest step.

    Raises
    ------
    InvalidPanelError
        If that does not divide a day.
    """
    if isinstance(index.freq, pd.offsets.Tick):
        slot = pd.Timedelta(index.freq)
    elif len(index) < 2:
        slot = MINUTE  # One row alone has nothing before it: any grid holds it, and a fine one fits any window.
    else:
        slot = pd.Timedelta(int(np.diff(_nanoseconds(index)).min()), unit="ns")
    if DAY % slot != pd.Timedelta(0):
        raise InvalidPanelError(f"the rows are {slot} apart, which does not divide a day: resample to a slot that does")
    return slot


def on_grid(panel: pd.DataFrame, slot: pd.Timedelta) -> pd.DataFrame:
    """Return `panel` with a row for every slot from its first to its last, NaN where there was none.

    Raises
    ------
    InvalidPanelError
        If a row stands off the grid.
    """
    index = pd.DatetimeIndex(panel.index)
    if not len(index):
        return panel
    # In absolute time: across a clock change local times are no regular grid.
    offsets = _nanoseconds(index) - _nanoseconds(index)[0]
    off_grid = offsets % slot.value != 0
    if off_grid.any():
        raise InvalidPanelError(
            f"row {index[int(np.argmax(off_grid))]} is off the grid of {slot} that starts at {index[0]}: resample first"
            + (", or drop the zone with `tz_localize(None)`" if slot == DAY and index.tz is not None else "")
        )
    if len(index) == offsets[-1] // slot.value + 1:
        return panel
    return panel.reindex(pd.date_range(index[0], index[-1], freq=slot))


def _nanoseconds(index: pd.DatetimeIndex) -> Integers:
    return np.asarray(index.as_unit("ns").asi8, dtype=np.int64)


@dataclass(frozen=True)
class WallClock:
    """Which row of a panel is the same wall-clock slot on an earlier day, in the zone of the panel's index.

    A wall-clock slot that a clock change repeats is represented by its first occurrence; where a change skips it,
    that day has none. A naive index is wall-clock time without changes.

    Parameters
    ----------
    index : pandas.DatetimeIndex
        A regular grid, as `on_grid` gives.
    slot : pandas.Timedelta
        Its step.
    """

    index: pd.DatetimeIndex
    slot: pd.Timedelta

    def rows(self, judged: slice, days: Sequence[int]) -> Integers:
        """Return the row of the same wall-clock slot `days` days before each judged row, or -1 if there is none.

        Parameters
        ----------
        judged : slice
            Of rows; step 1.
        days : sequence of int
            Each 1 or more; below 0 it is a later day, for those who look back on a whole history.

        Returns
        -------
        ndarray of int, shape (len(days), n_judged)
        """
        day, slot = self._day[judged], self._slot_of_day[judged]
        earlier = day[None, :] - np.asarray(days, dtype=np.int64)[:, None]
        last = len(self._table) - 1
        inside = (earlier >= 0) & (earlier <= last)
        return np.where(inside, self._table[np.clip(earlier, 0, last), slot[None, :]], -1)

    @cached_property
    def _local(self) -> Integers:
        return _nanoseconds(self.index.tz_localize(None))

    @cached_property
    def _day(self) -> Integers:
        days = self._local // DAY.value
        # Not the first row's: a clock put back at midnight returns to the day before.
        return days - days.min(initial=days[0]) if len(days) else days

    @cached_property
    def _slot_of_day(self) -> Integers:
        return (self._local % DAY.value) // self.slot.value

    @cached_property
    def _table(self) -> Integers:
        """Rows by day and slot of the day: of a repeated slot its first."""
        slots = DAY.value // self.slot.value
        cell = self._day * slots + self._slot_of_day
        # Assigning twice to one cell would keep either row: numpy promises no order.
        first = np.flatnonzero(~pd.Index(cell).duplicated())
        table = np.full((int(self._day.max(initial=0)) + 1) * slots, -1, dtype=np.int64)
        table[cell[first]] = first
        return table.reshape(-1, slots)
