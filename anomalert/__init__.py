"""anomalert: tells a team within one slot that a product metric left its usual course."""

from anomalert.detection import Detection, Detector
from anomalert.detectors import IQR, DayLagRatio, RollingSigma, WeeklyAverage

__all__ = ["IQR", "DayLagRatio", "Detection", "Detector", "RollingSigma", "WeeklyAverage"]
