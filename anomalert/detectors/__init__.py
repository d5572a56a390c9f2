"""The detectors that come with anomalert, one file each; they call `detector`, `kernels` and `panel`."""

from anomalert.detectors.day_lag_ratio import DayLagRatio
from anomalert.detectors.iqr import IQR
from anomalert.detectors.rolling_sigma import RollingSigma
from anomalert.detectors.weekly_average import WeeklyAverage

__all__ = ["IQR", "DayLagRatio", "RollingSigma", "WeeklyAverage"]
