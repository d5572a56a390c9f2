"""One list of every built-in plug-in, configured: each test that walks it covers all of them.

Whoever adds a detector, a source or a notifier adds it here.
"""

from anomalert.detector import Detector
from anomalert.detectors import IQR, DayLagRatio, RollingSigma, WeeklyAverage

__all__ = ["DETECTORS", "SEASONAL", "TRAILING"]

SEASONAL: list[Detector] = [
    DayLagRatio(),
    DayLagRatio(days=3, threshold=0.3),
    WeeklyAverage(),
    WeeklyAverage(days=3, threshold=0.7, min_count=1),
    IQR(),
    IQR(window="28D", season="7D", k=3.0, min_count=2),
    RollingSigma(window="7D", season="1D"),
    RollingSigma(window="21D", season="7D", sigmas=2.0),
]
"""They compare a slot with the same wall-clock slot of other days."""

TRAILING: list[Detector] = [
    IQR(window="6h", season=None, k=3.0),
    IQR(window="1D", season=None, min_count=1),
    RollingSigma(),
    RollingSigma(window="5h", sigmas=2.5, min_count=5),
]
"""They compare a slot with those right before it."""

DETECTORS = SEASONAL + TRAILING
