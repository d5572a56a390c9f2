"""Draws the pictures of the documentation from code: each detector on the same days, in which the same goes wrong."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from anomalert import IQR, DayLagRatio, Detector, RollingSigma, WeeklyAverage, charts, detectable, inject
from anomalert.injection import Kind
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


KINDS: dict[Kind, str | None] = {
    "zero": None,
    "drop": "40%",
    "spike": "40%",
    "shift": "-30%",
    "drift": "-80%",
    "variance": "400%",
    "missing": None,
    "late": "60%",
}
"""What is planted side by side, and how large."""


def kinds_side_by_side() -> "Figure":
    """Draw one evening with each kind of incident: what the metric would have shown, and what it shows."""
    from anomalert.charts.canvas import ANOMALY, BAND, EXPECTED, FONT, QUIET, SMALL, TEXT, VALUE, picture

    views = synthetic_panel(days=22, seed=5)["views"]
    figure = picture()
    hours = (views.index[-48:] - views.index[-48].normalize()) / pd.Timedelta("1h")
    for position, (kind, size) in enumerate(KINDS.items()):
        across, down = position % 4, position // 4
        axes = figure.add_axes((0.03 + across * 0.245, 0.56 - down * 0.5, 0.215, 0.34))
        injected, labels = inject(
            views, kind, size=size, length=None if kind == "shift" else "3h", at=[views.index[-30]]
        )
        first, last = (
            (labels[edge][0] - views.index[-48].normalize()) / pd.Timedelta("1h") for edge in ("start", "end")
        )
        axes.axvspan(first, last, color=BAND, linewidth=0)
        axes.plot(hours, views.iloc[-48:], color=EXPECTED, linewidth=2, linestyle=(0, (1, 1)))
        axes.plot(hours, injected.iloc[-48:], color=VALUE, linewidth=3)
        changed = injected.iloc[-48:].where((injected != views).iloc[-48:])
        axes.plot(hours, changed, "o", color=ANOMALY, markersize=5, clip_on=False)
        axes.set_title(f"{kind} {size or ''}", loc="left", fontsize=SMALL, fontweight="bold", color=TEXT, family=FONT)
        axes.set_ylim(0, 11_000)
        axes.set_yticks([])
        axes.set_xticks([14, 18, 22], ["14:00", "18:00", "22:00"], fontsize=14, color=QUIET, family=FONT)
        for side, spine in axes.spines.items():
            spine.set(visible=side == "bottom", color=QUIET)
    return figure


def recall_of_drops() -> "Figure":
    """Draw how often drops of an hour are found by the weekly average."""
    return detectable(WeeklyAverage(threshold=0.3), synthetic_panel(days=28, seed=1)).plot()


PICTURES: dict[str, "Callable[[], Figure]"] = {
    "first-detection": first_detection,
    "injection-kinds": kinds_side_by_side,
    "recall-of-drops": recall_of_drops,
    **{name: partial(two_days_of, detector) for name, detector in DETECTORS.items()},
}
"""What is drawn, by the name of its file."""


def draw_all(folder: Path) -> None:
    """Write every picture into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        (folder / f"{name}.png").write_bytes(charts.to_png(draw()))
