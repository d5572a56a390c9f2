"""What a metric usually shows in a slot, and how far it scatters around that.

Part of `anomalert.injection`; calls `panel` and `kernels`. Unlike a detector this looks back on a whole history, so a
slot is compared with the days after it too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert import kernels
from anomalert.panel import WallClock, as_panel, on_grid, slot_length

Floats = NDArray[np.float64]

__all__ = ["Course", "noise_of", "usual_of"]

WEEKS = (7, -7, 14, -14, 21, -21, 28, -28)
DAYS = (1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6)
"""How many days before a slot those lie that it is compared with; below 0, after it."""

ONE_SIGMA = 0.682689492137
"""The share of a normal distribution within one standard deviation of its middle."""

LEAST_PAIRS = 50
MOST_GROUPS = 10


def usual_of(data: pd.Series | pd.DataFrame) -> pd.DataFrame:
    """Return the usual course of every metric: the median of the same slot on other days.

    The median of the same wall-clock slot one to four weeks before and after, without the slot itself. Where none of
    these is known, of the same slot up to six days before and after; where none is either, of the whole metric.

    Parameters
    ----------
    data : Series or DataFrame
        A panel, as `Detector.detect` takes it.

    Returns
    -------
    pandas.DataFrame
        Rows and columns of the panel, in the metric's unit; NaN only for a metric that is never known.

    Raises
    ------
    InvalidPanelError
        If the data breaks the contract of a panel.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=22, freq="1D")
    >>> series = pd.Series(100.0, index).mask(index == "2026-11-08", 20.0)
    >>> float(usual_of(series)["value"].loc["2026-11-08"])
    100.0
    """
    return _of_every_metric(data, lambda course: course.usual)


def noise_of(data: pd.Series | pd.DataFrame) -> pd.DataFrame:
    """Return how far every metric scatters in each slot by itself: about one standard deviation, in its own unit.

    Counts scatter more at noon than at night, so the noise depends on the level. Each slot is paired with the same
    wall-clock slot a week earlier, which takes away what day and week do, and the difference of a pair is divided by
    the square root of 2. By the usual course of their slot (`usual_of`, here without the pair) the differences are
    parted into up to ten groups of about equal size; the noise of a group is the quantile 0.683 of the distances of
    its differences from their median: one standard deviation if they are normal, and hardly moved by a few incidents.
    Between the median levels of the groups it is interpolated.

    Parameters
    ----------
    data : Series or DataFrame
        A panel, as `Detector.detect` takes it.

    Returns
    -------
    pandas.DataFrame
        Rows and columns of the panel, in the metric's unit, 0 or more; NaN for a metric without a single pair.

    Raises
    ------
    InvalidPanelError
        If the data breaks the contract of a panel.

    Notes
    -----
    Panels with fewer than 50 pairs a week apart are paired with the day before, so that weekends that differ count
    as noise. Where two thirds of a group's differences are equal, as for a metric that is mostly 0, the quantile is 0;
    the root of the mean square stands in its place, 0 only where nothing ever changes.
    Counts of about one event a slot have few different differences, so their noise is known to a third only.

    References
    ----------
    Scale from differences: J. Rice, "Bandwidth choice for nonparametric regression", Annals of Statistics 12 (1984).
    Scale as a function of the level: M. Davidian and R. J. Carroll, "Variance function estimation", JASA 82 (1987).

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=28 * 96, freq="15min")
    >>> counts = np.random.default_rng(0).poisson(np.where(index.hour < 12, 100, 900), len(index))
    >>> noise = noise_of(pd.Series(counts, index))["value"]
    >>> noise.groupby(index.hour < 12).median().round(-1).to_dict()  # about the roots of 900 and 100
    {False: 30.0, True: 10.0}
    """
    return _of_every_metric(data, lambda course: course.noise)


@dataclass(frozen=True)
class Course:
    """One metric on the grid of its slots, with what is derived from it once it is asked for.

    Parameters
    ----------
    name : str
        For messages.
    numbers : ndarray of shape (n_slots,)
        Its values, NaN where unknown.
    clock : WallClock
        Of the same slots.
    """

    name: str
    numbers: Floats
    clock: WallClock

    @cached_property
    def usual(self) -> Floats:
        """See `usual_of`."""
        usual = usual_course(self.numbers, self.clock)
        known = self.numbers[~np.isnan(self.numbers)]
        return np.where(np.isnan(usual), np.median(known), usual) if len(known) else usual

    @cached_property
    def noise(self) -> Floats:
        """See `noise_of`."""
        return noise_course(self.numbers, self.usual, self.clock)

    @cached_property
    def is_never_negative(self) -> bool:
        """Whether no known value is below 0: then no incident makes one."""
        return not (self.numbers < 0).any()

    @cached_property
    def is_count(self) -> bool:
        """Whether every known value is a whole number, 0 or more: then so is what an incident makes of it."""
        known = self.numbers[~np.isnan(self.numbers)]
        return self.is_never_negative and bool((known == np.rint(known)).all())


def usual_course(values: Floats, clock: WallClock) -> Floats:
    """Return the median of the same slot on the weeks around, else on the days around; NaN where none is known."""
    by_week, by_day = (_median_at(values, clock, days) for days in (WEEKS, DAYS))
    return np.where(np.isnan(by_week), by_day, by_week)


def noise_course(values: Floats, usual: Floats, clock: WallClock) -> Floats:
    """Return the noise at the level `usual`, from pairs of the same slot a week apart, or else a day."""
    differences, levels = _pairs(values, usual, clock, WEEKS)
    if len(levels) < LEAST_PAIRS:
        differences, levels = _pairs(values, usual, clock, DAYS)
    if not len(levels):
        return np.full(len(values), np.nan)
    groups = _groups(levels)
    middles = [float(np.median(levels[group])) for group in groups]
    scales = [_scale(differences[group]) for group in groups]
    return np.asarray(np.interp(usual, middles, scales), dtype=np.float64)


def _groups(levels: Floats) -> list[NDArray[np.intp]]:
    """Return which levels belong together, from the lowest: about equal in size, equal levels in one."""
    parts = min(max(len(levels) // LEAST_PAIRS, 1), MOST_GROUPS)
    edges = np.unique(np.quantile(levels, np.arange(1, parts) / parts))
    member = np.searchsorted(edges, levels, side="right")
    groups = [np.flatnonzero(member == group) for group in range(len(edges) + 1)]
    # Below many equal levels a few may be left, too few for a scale.
    return [group for group in groups if len(group) >= LEAST_PAIRS // 2] or [np.arange(len(levels))]


def _scale(differences: Floats) -> float:
    distances = np.abs(differences - np.median(differences))
    scale = float(np.quantile(distances, ONE_SIGMA))
    return scale if scale > 0 else float(np.sqrt(np.mean(distances**2)))


def _pairs(values: Floats, usual: Floats, clock: WallClock, days: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return the difference of every known pair of slots ``days[0]`` days apart, over the root of 2, and its level."""
    rows = clock.rows(slice(0, len(values)), days[:1])[0]
    differences = (values - np.where(rows < 0, np.nan, values[np.maximum(rows, 0)])) / np.sqrt(2)
    # By a level that holds neither of the two: it would choose pairs by how far they are apart.
    others = _median_at(values, clock, days[1:])
    levels = np.where(np.isnan(others), usual, others)
    known = ~np.isnan(differences)
    return differences[known], levels[known]


def _median_at(values: Floats, clock: WallClock, days: tuple[int, ...]) -> Floats:
    rows = clock.rows(slice(0, len(values)), days)
    sample = np.where(rows < 0, np.nan, values[np.maximum(rows, 0)])
    return kernels.quantiles(sample, [0.5])[0]


def _of_every_metric(data: pd.Series | pd.DataFrame, part: Callable[[Course], Floats]) -> pd.DataFrame:
    panel = as_panel(data)
    slot = slot_length(pd.DatetimeIndex(panel.index))
    grid = on_grid(panel, slot)
    index = pd.DatetimeIndex(grid.index)
    clock, rows = WallClock(index, slot), index.get_indexer(pd.DatetimeIndex(panel.index))
    columns = {name: part(Course(str(name), grid[name].to_numpy(), clock))[rows] for name in panel.columns}
    return pd.DataFrame(columns, index=panel.index, columns=panel.columns, dtype=np.float64)
