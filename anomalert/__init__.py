"""anomalert: tells a team within one slot that a product metric left its usual course."""

from anomalert.backtesting import Backtest, backtest
from anomalert.comparison import Comparison, compare
from anomalert.detection import Detection
from anomalert.detector import Baseline, Bounds, Detector
from anomalert.detectors import IQR, DayLagRatio, RollingSigma, WeeklyAverage
from anomalert.injection import Injected, inject, noise_of, usual_of
from anomalert.interfaces import Alert, Delivery, Message, Notifier, RunReport, Source
from anomalert.ledger import Ledger
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.notifiers import ConsoleNotifier, TelegramNotifier
from anomalert.pipeline import Pipeline
from anomalert.policy import Policy
from anomalert.sensitivity import Sensitivity, detectable
from anomalert.sources import ClickHouseSource, FrameSource
from anomalert.tuning import Tuned, tune

__all__ = [
    "IQR",
    "Alert",
    "Backtest",
    "Baseline",
    "Bounds",
    "ClickHouseSource",
    "Comparison",
    "ConsoleNotifier",
    "DayLagRatio",
    "Delivery",
    "Detection",
    "Detector",
    "FrameSource",
    "Injected",
    "Ledger",
    "Message",
    "Metric",
    "Monitor",
    "Notifier",
    "Pipeline",
    "Policy",
    "RollingSigma",
    "RunReport",
    "Sensitivity",
    "Source",
    "TelegramNotifier",
    "Tuned",
    "WeeklyAverage",
    "backtest",
    "compare",
    "detectable",
    "inject",
    "noise_of",
    "tune",
    "usual_of",
]
