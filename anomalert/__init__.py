"""anomalert: tells a team within one slot that a product metric left its usual course."""

from anomalert.backtesting import Backtest, backtest
from anomalert.detection import Baseline, Bounds, Detection, Detector
from anomalert.detectors import IQR, DayLagRatio, RollingSigma, WeeklyAverage
from anomalert.interfaces import Alert, Delivery, Message, Notifier, RunReport, Source
from anomalert.ledger import Ledger
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.notifiers import ConsoleNotifier, TelegramNotifier
from anomalert.pipeline import Pipeline
from anomalert.policy import Policy
from anomalert.sources import ClickHouseSource, FrameSource

__all__ = [
    "IQR",
    "Alert",
    "Backtest",
    "Baseline",
    "Bounds",
    "ClickHouseSource",
    "ConsoleNotifier",
    "DayLagRatio",
    "Delivery",
    "Detection",
    "Detector",
    "FrameSource",
    "Ledger",
    "Message",
    "Metric",
    "Monitor",
    "Notifier",
    "Pipeline",
    "Policy",
    "RollingSigma",
    "RunReport",
    "Source",
    "TelegramNotifier",
    "WeeklyAverage",
    "backtest",
]
