"""Draws the pictures of the documentation from code: each detector on the same days, in which the same goes wrong."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from anomalert import IQR, DayLagRatio, Detector, RollingSigma, WeeklyAverage, charts
from anomalert.testing import synthetic_panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DETECTORS: dict[str, Detector] = {
    "day-lag-ratio": DayLagRatio(),
    "weekly-average": WeeklyAverage(),
    "iqr": IQR(),
    "rolling-sigma": RollingSigma(),
}


def falling_views() -> pd.Series:
    """Return three weeks of a metric that falls to 35 % for two hours on the last afternoon."""
    views = synthetic_panel(days=21, seed=3)["views"]
    views.iloc[-36:-28] *= 0.35
    return views


def two_days_of(detector: Detector) -> "Figure":
    """Draw what a detector says of the last two days."""
    views = falling_views()
    figure = detector.detect(views, start=views.index[-192]).plot("views")
    figure.axes[0].set_title(repr(detector), loc="left", fontsize=18)
    return figure


def first_detection() -> "Figure":
    """Draw what the first block of the page for beginners plots."""
    panel = synthetic_panel(days=21, seed=1)
    panel.iloc[-4:] *= 0.3
    return WeeklyAverage(days=7, threshold=0.5).detect(panel, start=panel.index[-192]).plot("views")


PICTURES: dict[str, "Callable[[], Figure]"] = {
    "first-detection": first_detection,
    **{name: partial(two_days_of, detector) for name, detector in DETECTORS.items()},
}
"""What is drawn, by the name of its file."""


def draw_all(folder: Path) -> None:
    """Write every picture into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        (folder / f"{name}.png").write_bytes(charts.to_png(draw()))
