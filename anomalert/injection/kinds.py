"""What an incident does to the values of a metric: its kinds, its size, the arithmetic.

Part of `anomalert.injection`; calls `errors`, `panel` and `settings`.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError
from anomalert.injection.noise import Course
from anomalert.panel import as_duration
from anomalert.settings import is_number

Floats = NDArray[np.float64]

__all__ = ["UNSIZED", "Incident", "Kind", "Size", "Unit", "change"]

Kind = Literal["zero", "drop", "spike", "shift", "drift", "variance", "missing", "late"]
Unit = Literal["%", "noise"]

UNSIZED: tuple[Kind, ...] = ("zero", "missing")
SIGNED: tuple[Kind, ...] = ("shift", "drift")
AT_MOST_ALL: tuple[Kind, ...] = ("drop", "late")


@dataclass(frozen=True)
class Size:
    """How strong an incident is.

    Parameters
    ----------
    amount : float
        Not 0; below 0 only for a shift or a drift downwards.
    unit : {"%", "noise"}
        Percent of what the metric would have shown, or multiples of its own noise (`noise_of`).
    """

    amount: float
    unit: Unit

    @classmethod
    def of(cls, value: str | float, kind: Kind) -> "Size":
        """Return the size that ``"40%"`` or a number of noises is, once it fits the kind.

        Raises
        ------
        ConfigurationError
            If it is neither, or too small or large for the kind.
        """
        unit: Unit = "%" if isinstance(value, str) else "noise"
        amount = _percent(value) if isinstance(value, str) else value
        if not is_number(amount) or not math.isfinite(amount) or amount == 0:
            raise ConfigurationError(f"`size` is {value!r}: write a share as '40%', or a number of the metric's noises")
        if amount < 0 and kind not in SIGNED:
            raise ConfigurationError(f"`size` is {value!r}, but a {kind!r} has one direction: write it above 0")
        too_large = abs(amount) > 100 if kind in AT_MOST_ALL else amount < -100
        if unit == "%" and too_large:
            raise ConfigurationError(f"`size` is {value!r}, but a metric cannot lose more than all it has: '100%'")
        return cls(float(amount), unit)

    def __str__(self) -> str:
        return f"{self.amount:g}%" if self.unit == "%" else f"{self.amount:g}"


def _percent(text: str) -> float:
    """Return the number before the percent sign, NaN if there is no such."""
    number, sign, rest = text.partition("%")
    try:
        return float(number) if sign and not rest.strip() else math.nan
    except ValueError:
        return math.nan


@dataclass(frozen=True)
class Incident:
    """What is planted, without where.

    Parameters
    ----------
    kind : str
        See `inject`.
    size : Size or None
        None for kinds that have none.
    n_slots : int
        How many slots it lasts, 1 or more.
    """

    kind: Kind
    size: Size | None
    n_slots: int

    @classmethod
    def of(
        cls, kind: Kind, size: str | float | None, length: str | pd.Timedelta | None, slot: pd.Timedelta
    ) -> "Incident":
        """Return the incident that the arguments of `inject` describe, or raise a ConfigurationError.

        Without a `length` it lasts one slot at least, and whoever plants it says how long.
        """
        if kind not in get_args(Kind):
            raise ConfigurationError(f"`kind` is {kind!r}: it is one of {', '.join(map(repr, get_args(Kind)))}")
        if length is None and kind != "shift":
            raise ConfigurationError(f"`length` is None, but a {kind!r} ends: only a 'shift' lasts to the panel's end")
        duration = slot if length is None else as_duration(length, "length")
        if duration % slot != pd.Timedelta(0):
            raise ConfigurationError(f"`length` is {duration}, no whole number of slots of {slot}: take a multiple")
        if kind in UNSIZED and size is not None:
            raise ConfigurationError(f"`size` is {size!r}, but {kind!r} is always whole: leave it out")
        if kind not in UNSIZED and size is None:
            raise ConfigurationError(f"{kind!r} needs a `size`: a share as '40%', or a number of the metric's noises")
        return cls(kind, None if size is None else Size.of(size, kind), duration // slot)

    @property
    def n_touched(self) -> int:
        """How many slots it changes: what is late comes one slot after its end."""
        return self.n_slots + (self.kind == "late")

    def planted(self, course: Course, first: int) -> Floats:
        """Return the values of the touched slots with the incident in them, which begins at row `first`.

        Parameters
        ----------
        course : Course
            The metric.
        first : int
            Row of the first slot; all `n_touched` have to be in the course.

        Returns
        -------
        ndarray of shape (n_touched,)
        """
        rows = slice(first, first + self.n_touched)
        values = course.numbers[rows]
        changed = values + change(self.kind, values, self._step(course, rows))
        if course.is_count:
            changed = np.rint(changed)
        return np.maximum(changed, 0.0) if course.is_never_negative else changed

    def _step(self, course: Course, rows: slice) -> Floats:
        """Return the size in the metric's unit, slot by slot."""
        values = course.numbers[rows]
        if self.size is None:
            return np.zeros(len(values))
        amount = self.size.amount / 100 if self.size.unit == "%" else self.size.amount
        if self.kind == "variance":
            return amount * (values - course.usual[rows])
        step = amount * (np.abs(values) if self.size.unit == "%" else self._noise(course)[rows])
        if self.kind != "late":
            return step
        if not course.is_never_negative:
            raise ConfigurationError(f"metric {course.name!r} has values below 0: only counts come 'late'")
        step[-1] = 0.0
        return np.minimum(np.rint(step) if course.is_count else step, values)

    def _noise(self, course: Course) -> Floats:
        if not (course.noise > 0).any():
            raise ConfigurationError(
                f"`size` is {self.size}, in noises of metric {course.name!r}, which has none: write a share as '40%'"
            )
        return course.noise


def change(kind: Kind, values: Floats, step: Floats) -> Floats:
    """Return what an incident adds to each of its slots.

    Parameters
    ----------
    kind : str
        See `inject`.
    values, step : ndarray of shape (n_slots,)
        What the metric would have shown, and the size, both in its unit. Of what is late, `step` is what each slot
        gives to the next; the last gives nothing.

    Examples
    --------
    >>> change("drift", np.full(4, 100.0), np.full(4, -40.0)).tolist()
    [-10.0, -20.0, -30.0, -40.0]
    >>> change("late", np.full(4, 100.0), np.array([40.0, 40, 40, 0])).tolist()
    [-40.0, 0.0, 0.0, 40.0]
    """
    match kind:
        case "zero":
            return -values
        case "drop":
            return -step
        case "drift":
            return step * np.arange(1, len(step) + 1) / len(step)
        case "missing":
            return np.full(len(values), np.nan)
        case "late":
            return np.concatenate([[0.0], step[:-1]]) - step
        case "spike" | "shift" | "variance":
            return step
