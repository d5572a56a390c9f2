"""The ratio to the mean of the same slot over the previous days."""

from dataclasses import dataclass

import pandas as pd

from anomalert import kernels
from anomalert.detector import Baseline, Bounds, Detector
from anomalert.detectors.settings import check_days, check_min_count, check_threshold
from anomalert.errors import ConfigurationError
from anomalert.panel import CLOCK_CHANGE, DAY

__all__ = ["WeeklyAverage"]


@dataclass(frozen=True)
class WeeklyAverage(Detector):
    """Compare each slot with the mean of the same wall-clock slot over the previous `days` days.

    ``expected`` is the mean of those that are known, at least `min_count`; the bounds are
    ``expected * (1 - threshold)`` and ``expected / (1 - threshold)``. For values at or above 0, a slot is outside
    exactly when ``1 - min / max > threshold``.

    Parameters
    ----------
    days : int, default 7
        How many previous days, 1 or more.
    threshold : float, default 0.5
        The largest usual relative difference, above 0 and below 1.
    min_count : int, default 4
        How many of those days have to be known, from 1 to `days`.

    Notes
    -----
    A slot can be judged once `min_count` of the previous days hold it. An expected 0 makes any other value an anomaly
    with the largest score.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=8, freq="1D")
    >>> detection = WeeklyAverage(days=7).detect(pd.Series([90.0, 110, 100, 95, 105, 100, 100, 45], index))
    >>> detection.expected["value"].iloc[-1], detection.is_anomaly["value"].iloc[-1]
    (np.float64(100.0), np.True_)
    """

    days: int = 7
    threshold: float = 0.5
    min_count: int = 4

    def __post_init__(self) -> None:
        check_days(self.days)
        check_threshold(self.threshold)
        check_min_count(self.min_count, least=1)
        if self.min_count > self.days:
            raise ConfigurationError(
                f"`min_count` is {self.min_count} but there are only {self.days} `days`: nothing could ever be judged"
            )

    @property
    def lookback(self) -> pd.Timedelta:
        """`days` days, with room for a clock change."""
        return self.days * DAY + CLOCK_CHANGE

    @property
    def recurrence(self) -> pd.Timedelta:
        """A day."""
        return DAY

    def bounds(self, baseline: Baseline) -> Bounds:
        """Return the bounds around the mean of the same slot."""
        (expected,) = baseline.summarize(self.days * DAY, DAY, lambda sample: (kernels.mean(sample, self.min_count),))
        return Bounds(expected, *kernels.ratio_bounds(expected, self.threshold))
