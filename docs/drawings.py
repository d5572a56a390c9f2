"""Draws the pictures of the documentation from code: each detector on the same days, in which the same goes wrong."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from anomalert import (
    IQR,
    Backtest,
    DayLagRatio,
    Detector,
    FrameSource,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    RollingSigma,
    WeeklyAverage,
    backtest,
    charts,
)
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


def replayed() -> Backtest:
    """Return the backtest that the page about backtests runs."""
    history = synthetic_panel(days=56, seed=5, timezone="Europe/Moscow")
    history.loc["2026-11-11 15:00":"2026-11-11 17:00"] *= 0.3
    history.loc["2026-11-12 06:00":"2026-11-12 06:15", "likes"] *= 0.2
    history.loc["2026-11-11 03:00":"2026-11-11 03:30", "likes"] *= 3
    drops = Policy(direction="down", persist=(2, 3))
    metrics = [Metric(name, WeeklyAverage(), absent="zero", policy=drops) for name in ("views", "likes")]
    feed = Monitor(FrameSource(history, name="feed"), metrics, timezone="Europe/Moscow")
    known = pd.DataFrame({"metric": ["likes"], "start": ["2026-11-11 15:00"], "end": ["2026-11-11 17:15"]})
    return backtest(Pipeline([feed], name="feed"), start="2026-10-26", end="2026-11-30", labels=known, progress=False)


PICTURES: dict[str, "Callable[[], Figure]"] = {
    "first-detection": first_detection,
    "backtest": lambda: replayed().plot("likes", "2026-11-11", "2026-11-13"),
    **{name: partial(two_days_of, detector) for name, detector in DETECTORS.items()},
}
"""What is drawn, by the name of its file."""


def draw_all(folder: Path) -> None:
    """Write every picture into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        (folder / f"{name}.png").write_bytes(charts.to_png(draw()))
