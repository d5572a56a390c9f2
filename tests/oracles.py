"""Slow and obvious: what the kernels and detectors should say, slot by slot, in exact fractions and loops.

Nothing here is taken from the package but the settings of the detectors. Local times come from `zoneinfo`.
"""

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from anomalert.detector import Detector
from anomalert.detectors import IQR, DayLagRatio, RollingSigma, WeeklyAverage

__all__ = [
    "Expected",
    "Past",
    "as_float",
    "bounds",
    "deviation",
    "local_slot",
    "mean",
    "quantile",
    "ratio_bounds",
    "same_wall_clock_row",
    "score",
    "standard_deviation",
    "status",
]

LARGEST_SCORE = 1e6


class Expected(NamedTuple):
    """What a slot should have been, and the usual range; all NaN where there is not enough baseline.

    `level` is the largest size in the sample, what the rounding of a result is to be compared with.
    """

    expected: float
    lower: float
    upper: float
    level: float = 0.0


UNKNOWN = Expected(math.nan, math.nan, math.nan)


def as_float(exact: Fraction) -> float:
    """Return the nearest float, an infinite one beyond the largest."""
    try:
        return float(exact)
    except OverflowError:
        return math.copysign(math.inf, exact)


def mean(values: Sequence[float]) -> Fraction:
    """Return the exact mean of at least one value."""
    return sum(map(Fraction, values), Fraction(0)) / len(values)


def standard_deviation(values: Sequence[float]) -> float:
    """Return the standard deviation, ddof=1, of at least two values: exact until the root is taken."""
    centre = mean(values)
    variance = sum(((Fraction(value) - centre) ** 2 for value in values), Fraction(0)) / (len(values) - 1)
    # The root of a fraction of any size, to 30 bits more than a float holds.
    shift = 2 * max(90 - (variance.numerator.bit_length() - variance.denominator.bit_length()) // 2, 0)
    root = math.isqrt((variance.numerator << shift) // variance.denominator)
    return as_float(Fraction(root, 1 << (shift // 2)))


def quantile(values: Sequence[float], share: Fraction) -> Fraction:
    """Return the quantile that lies on the straight line between the two order statistics around it."""
    ordered = sorted(map(Fraction, values))
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def ratio_bounds(expected: float, threshold: float) -> Expected:
    """Return the bounds outside which values at or above 0 have ``1 - min / max > threshold``."""
    share = 1 - Fraction(threshold)
    edges = sorted([Fraction(expected) * share, Fraction(expected) / share])
    return Expected(expected, as_float(edges[0]), as_float(edges[1]))


def deviation(value: float, expected: float) -> float:
    """Return the signed relative difference."""
    if math.isnan(value) or math.isnan(expected):
        return math.nan
    level = max(abs(Fraction(value)), abs(Fraction(expected)))
    return float((Fraction(value) - Fraction(expected)) / level) if level else 0.0


def score(value: float, slot: Expected) -> float:
    """Return the distance from what was expected in units of the distance to the bound on that side."""
    if any(map(math.isnan, (value, *slot[:3]))) or math.isinf(value) or math.isinf(slot.expected):
        return math.nan
    bound = slot.upper if value >= slot.expected else slot.lower
    if math.isinf(bound):
        return 0.0
    distance = abs(Fraction(value) - Fraction(slot.expected))
    width = abs(Fraction(bound) - Fraction(slot.expected))
    if not width:
        equal = distance <= 8 * Fraction(math.ulp(max(abs(value), abs(slot.expected))))
        return 0.0 if equal else LARGEST_SCORE
    return float(min(distance / width, Fraction(LARGEST_SCORE)))


def status(value: float, slot: Expected) -> str:
    """Return what is said of a slot; outside its bounds it is an anomaly, within 8 ulp of equality it is not."""
    if math.isnan(value) or math.isinf(value):
        return "no_data"
    if math.isnan(slot.expected):
        return "warming_up"
    outside = not slot.lower <= value <= slot.upper
    return "anomaly" if outside and score(value, slot) > 0 else "ok"


@dataclass(frozen=True)
class Past:
    """A series, and for each local slot the row of its first occurrence: None where that row is missing."""

    index: pd.DatetimeIndex
    numbers: list[float]
    slot: pd.Timedelta
    first: dict[tuple[dt.date, int], int | None]

    @classmethod
    def of(cls, series: pd.Series, slot: pd.Timedelta) -> "Past":
        """Read the wall clock in every slot from the first row to the last."""
        index = pd.DatetimeIndex(series.index)
        rows = {instant: row for row, instant in enumerate(index)}
        first: dict[tuple[dt.date, int], int | None] = {}
        instant = index[0] if rows else None
        while instant is not None and instant <= index[-1]:
            first.setdefault(local_slot(instant, slot), rows.get(instant))
            instant += slot
        return cls(index, [float(value) for value in series], slot, first)


def bounds(detector: Detector, series: pd.Series, slot: pd.Timedelta) -> Iterator[Expected]:
    """Yield what `detector` should expect in each row of `series`, from the rows before it."""
    past = Past.of(series, slot)
    for row in range(len(series)):
        yield _bounds_of_row(detector, past, row)


def same_wall_clock_row(past: Past, row: int, days: int) -> int | None:
    """Return the first row whose local date lies `days` days before and whose local time is in the same slot."""
    date, position = local_slot(past.index[row], past.slot)
    return past.first.get((date - dt.timedelta(days=days), position))


def _bounds_of_row(detector: Detector, past: Past, row: int) -> Expected:
    if isinstance(detector, DayLagRatio):
        known = _season(past, row, [detector.days])
        return ratio_bounds(known[0], detector.threshold) if known else UNKNOWN
    if isinstance(detector, WeeklyAverage):
        known = _season(past, row, range(1, detector.days + 1))
        if len(known) < detector.min_count:
            return UNKNOWN
        return ratio_bounds(as_float(mean(known)), detector.threshold)._replace(level=_largest(known))
    assert isinstance(detector, IQR | RollingSigma)
    known, possible = _sample(detector, past, row)
    least = 1 if isinstance(detector, IQR) else 2
    wanted = math.ceil(possible / 2) if detector.min_count is None else detector.min_count
    if len(known) < max(wanted, least):
        return UNKNOWN
    return _fences(detector, known) if isinstance(detector, IQR) else _sigmas(detector, known)


def _fences(detector: IQR, known: list[float]) -> Expected:
    first, median, third = (quantile(known, Fraction(quarter, 4)) for quarter in (1, 2, 3))
    reach = Fraction(detector.k) * (third - first)
    return Expected(as_float(median), as_float(first - reach), as_float(third + reach), _largest(known))


def _sigmas(detector: RollingSigma, known: list[float]) -> Expected:
    centre, reach = mean(known), Fraction(detector.sigmas) * Fraction(standard_deviation(known))
    return Expected(as_float(centre), as_float(centre - reach), as_float(centre + reach), _largest(known))


def _sample(detector: IQR | RollingSigma, past: Past, row: int) -> tuple[list[float], int]:
    """Return the known values of the sample, and how many there could be."""
    window = pd.Timedelta(detector.window)
    if detector.season is None:
        rows = [other for other in range(row) if past.index[other] >= past.index[row] - window]
        return _known(past, rows), window // past.slot
    days = range(pd.Timedelta(detector.season).days, window.days + 1, pd.Timedelta(detector.season).days)
    return _season(past, row, days), len(days)


def _season(past: Past, row: int, days: Sequence[int]) -> list[float]:
    rows = (same_wall_clock_row(past, row, day) for day in days)
    return _known(past, [other for other in rows if other is not None])


def _known(past: Past, rows: Sequence[int]) -> list[float]:
    return [past.numbers[row] for row in rows if math.isfinite(past.numbers[row])]


def _largest(known: list[float]) -> float:
    return max(map(abs, known))


def local_slot(instant: pd.Timestamp, slot: pd.Timedelta) -> tuple[dt.date, int]:
    """Return the local date of an instant, and the number of its slot in that day."""
    local = instant.to_pydatetime()
    if local.tzinfo is not None:
        local = local.astimezone(ZoneInfo(str(instant.tz)))
    since_midnight = dt.timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
    return local.date(), since_midnight // slot.to_pytimedelta()
