"""Standard deviations around the mean of past values."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from anomalert import kernels
from anomalert.detector import Baseline, Bounds, Detector
from anomalert.detectors.settings import Sampling, check_min_count
from anomalert.errors import ConfigurationError
from anomalert.settings import is_number

__all__ = ["RollingSigma"]


@dataclass(frozen=True)
class RollingSigma(Detector):
    """Compare each slot with mean and standard deviation of its past.

    ``expected`` is the mean, the bounds are the mean plus and minus `sigmas` standard deviations (``ddof=1``) of the
    previous `window`, or of the same wall-clock slot in it when `season` is given. The judged slot is never part of it.

    Parameters
    ----------
    window : str or Timedelta, default "2h"
        How far back the sample reaches.
    season : str or Timedelta or None, default None
        Whole days: the sample holds the same wall-clock slot at multiples of `season`. None: every slot in `window`.
    sigmas : float, default 3.0
        Width of the usual range in standard deviations, above 0.
    min_count : int, optional
        How many known values the sample needs, 2 or more; by default half of those it could have.

    Notes
    -----
    A slot can be judged once its sample holds `min_count` known values. The default window is short on purpose: the
    range of a trailing day of a metric with a daily shape is so wide that even a drop to zero stays inside it.
    After equal values any other value is an anomaly with the largest score.

    References
    ----------
    W. A. Shewhart, Economic Control of Quality of Manufactured Product (1931): the three-sigma rule of control charts.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=9, freq="15min")
    >>> detection = RollingSigma().detect(pd.Series([10.0, 11, 10, 9, 10, 11, 9, 10, 20], index))
    >>> round(detection.score["value"].iloc[-1], 2)
    np.float64(4.41)
    """

    window: str | pd.Timedelta = "2h"
    season: str | pd.Timedelta | None = None
    sigmas: float = 3.0
    min_count: int | None = None

    def __post_init__(self) -> None:
        sampling = Sampling.of(self.window, self.season)
        if not is_number(self.sigmas) or not 0 < self.sigmas < float("inf"):
            raise ConfigurationError(f"`sigmas` is {self.sigmas!r}: a number above 0 is needed")
        check_min_count(self.min_count, 2, sampling)

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
        """One standard deviation, or the bound if that is nearer."""
        return min(1 / self.sigmas, 1.0)

    def bounds(self, baseline: Baseline) -> Bounds:
        """Return the mean and the range of `sigmas` standard deviations around it."""
        sampling = Sampling.of(self.window, self.season)
        min_count = sampling.min_count(self.min_count, 2, baseline.slot)
        mean, std = baseline.summarize(
            sampling.window, sampling.season, lambda sample: kernels.mean_and_std(sample, min_count)
        )
        with np.errstate(over="ignore", invalid="ignore"):
            reach = self.sigmas * std
            return Bounds(mean, mean - reach, mean + reach)
