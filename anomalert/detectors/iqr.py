"""Tukey's fences around the median of past values."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from anomalert import kernels
from anomalert.detector import Baseline, Bounds, Detector
from anomalert.detectors.settings import Sampling, check_min_count
from anomalert.errors import ConfigurationError
from anomalert.settings import is_number

__all__ = ["IQR"]

SIGMA = 0.741
"""A standard deviation of the normal distribution, in interquartile ranges."""


@dataclass(frozen=True)
class IQR(Detector):
    """Compare each slot with the quartiles of its past.

    ``expected`` is the median, the bounds are Tukey's fences ``q1 - k * (q3 - q1)`` and ``q3 + k * (q3 - q1)`` of the
    same wall-clock slot over the previous `window`, or of every slot in it.

    Parameters
    ----------
    window : str or Timedelta, default "14D"
        How far back the sample reaches.
    season : str or Timedelta or None, default "1D"
        Whole days: the sample holds the same wall-clock slot at multiples of `season`. None: every slot in `window`.
    k : float, default 1.5
        Width of the fences in interquartile ranges, above 0.
    min_count : int, optional
        How many known values the sample needs; by default half of those it could have.

    Notes
    -----
    A slot can be judged once its sample holds `min_count` known values. Quartiles are linear between order statistics.
    Of past values that are all equal any other value is an anomaly with the largest score.

    References
    ----------
    J. W. Tukey, Exploratory Data Analysis (1977), chapter 2.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=9, freq="1D")
    >>> detection = IQR(window="7D").detect(pd.Series([10.0, 12, 11, 10, 12, 11, 11, 30, 11], index))
    >>> detection.events()[["start", "direction"]].values.tolist()
    [[Timestamp('2026-11-08 00:00:00'), 'up']]
    """

    window: str | pd.Timedelta = "14D"
    season: str | pd.Timedelta | None = "1D"
    k: float = 1.5
    min_count: int | None = None

    def __post_init__(self) -> None:
        sampling = Sampling.of(self.window, self.season)
        if not is_number(self.k) or not 0 < self.k < float("inf"):
            raise ConfigurationError(f"`k` is {self.k!r}: a number above 0 is needed")
        check_min_count(self.min_count, 1, sampling)

    @property
    def lookback(self) -> pd.Timedelta:
        """`window`, with room for a clock change if there is a season."""
        return Sampling.of(self.window, self.season).lookback

    @property
    def recurrence(self) -> pd.Timedelta:
        """`season`; a day if there is none."""
        return Sampling.of(self.window, self.season).recurrence

    @property
    def ordinary_score(self) -> float:
        """One standard deviation where values scatter evenly to both sides, or the bound if that is nearer."""
        return min(SIGMA / (self.k + 0.5), 1.0)

    def bounds(self, baseline: Baseline) -> Bounds:
        """Return the median and Tukey's fences."""
        sampling = Sampling.of(self.window, self.season)
        min_count = sampling.min_count(self.min_count, 1, baseline.slot)
        q1, median, q3 = baseline.summarize(
            sampling.window,
            sampling.season,
            lambda sample: kernels.quantiles(sample, (0.25, 0.5, 0.75), min_count),
        )
        with np.errstate(over="ignore", invalid="ignore"):
            reach = self.k * (q3 - q1)
            return Bounds(median, q1 - reach, q3 + reach)
