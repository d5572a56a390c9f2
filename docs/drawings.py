"""Draws the pictures of the documentation: every detector on the same week, in which the same things go wrong."""

from pathlib import Path

import pandas as pd

from anomalert import IQR, DayLagRatio, Detector, RollingSigma, WeeklyAverage, charts
from anomalert.testing import synthetic_panel

DETECTORS: dict[str, Detector] = {
    "day-lag-ratio": DayLagRatio(),
    "weekly-average": WeeklyAverage(),
    "iqr": IQR(),
    "rolling-sigma": RollingSigma(),
}


def example() -> pd.Series:
    """Return three weeks of a metric that falls to 35 % for two hours on the last afternoon."""
    views = synthetic_panel(days=21, seed=3)["views"]
    views.iloc[-36:-28] *= 0.35
    return views


def draw_all(folder: Path) -> None:
    """Write one picture per detector into `folder`: the last two days of the example."""
    folder.mkdir(parents=True, exist_ok=True)
    views = example()
    for name, detector in DETECTORS.items():
        detection = detector.detect(views, start=views.index[-192])
        figure = detection.plot("views")
        figure.axes[0].set_title(repr(detector), loc="left", fontsize=18)
        (folder / f"{name}.png").write_bytes(charts.to_png(figure))
