"""Detectors with short windows, so that a drawn panel of some days warms them up."""

from anomalert.detector import Detector
from anomalert.detectors import IQR, DayLagRatio, RollingSigma, WeeklyAverage

__all__ = ["SHORT"]

SHORT: list[Detector] = [
    DayLagRatio(),
    DayLagRatio(days=2, threshold=0.3),
    WeeklyAverage(days=3, min_count=2),
    WeeklyAverage(days=2, threshold=0.9, min_count=1),
    IQR(window="3D"),
    IQR(window="4D", season="2D", k=0.5, min_count=1),
    IQR(window="12h", season=None, k=1.0),
    RollingSigma(window="20h"),
    RollingSigma(window="1D", sigmas=0.5, min_count=2),
    RollingSigma(window="3D", season="1D", sigmas=1.0),
]
