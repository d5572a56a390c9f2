"""The ratio to the same slot some days earlier."""

from dataclasses import dataclass

import pandas as pd

from anomalert import kernels
from anomalert.detector import Baseline, Bounds, Detector
from anomalert.detectors.settings import check_days, check_threshold
from anomalert.panel import CLOCK_CHANGE, DAY

__all__ = ["DayLagRatio"]


@dataclass(frozen=True)
class DayLagRatio(Detector):
    """Compare each slot with the same wall-clock slot `days` days earlier.

    ``expected`` is that slot's value; the bounds are ``expected * (1 - threshold)`` and ``expected / (1 - threshold)``.
    For values at or above 0, a slot is outside exactly when ``1 - min / max > threshold``.

    Parameters
    ----------
    days : int, default 1
        How many days earlier, 1 or more.
    threshold : float, default 0.5
        The largest usual relative difference, above 0 and below 1.

    Notes
    -----
    A slot can be judged once the panel reaches `days` days back. An expected 0 makes any other value an anomaly with
    the largest score. Cheap and quick to explain, but one unusual day is an unusual baseline `days` days later.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=4, freq="12h")
    >>> detection = DayLagRatio(days=1, threshold=0.5).detect(pd.Series([100.0, 80.0, 40.0, 90.0], index))
    >>> detection.status["value"].tolist()
    ['warming_up', 'warming_up', 'anomaly', 'ok']
    """

    days: int = 1
    threshold: float = 0.5

    def __post_init__(self) -> None:
        check_days(self.days)
        check_threshold(self.threshold)

    @property
    def lookback(self) -> pd.Timedelta:
        """`days` days, with room for a clock change."""
        return self.days * DAY + CLOCK_CHANGE

    def bounds(self, baseline: Baseline) -> Bounds:
        """Return the bounds around the value `days` days earlier."""
        expected = baseline.same_slot([self.days])[0]
        return Bounds(expected, *kernels.ratio_bounds(expected, self.threshold))
