"""Several settings over the same slots: a strip for each, alike but for what each takes for usual.

Part of `anomalert.charts`; comparisons call it; it calls `canvas`, `envelope` and `timeline`.
"""

from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from anomalert import chartdata
from anomalert.chartdata import ENGLISH, Course
from anomalert.charts import canvas as sheet
from anomalert.charts.courses import mark_times
from anomalert.charts.envelope import column_starts, enveloped
from anomalert.charts.timeline import days_of, draw_course, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_multiples"]

STRIP, HEAD, FOOT = 1.9, 1.5, 1.1
"""Inches: of a strip, above the first and below the last one."""

GAP = 0.16
"""Of a strip's height, left between two."""


def draw_multiples(strips: Mapping[str, pd.DataFrame], title: str, events: pd.DataFrame | None = None) -> "Figure":
    """Draw one metric once for each setting: value, usual range, and what is told.

    Parameters
    ----------
    strips : mapping of str to DataFrame
        By the name of the setting: as for `draw_band`, the same slots in each; `is_anomaly` marks what is told.
    title : str
        Plain text.
    events : DataFrame, optional
        ``start, end``, aware: shaded.

    Returns
    -------
    matplotlib.figure.Figure
        1280 pixels wide, 190 high for every strip.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=3, freq="15min", tz="UTC")
    >>> columns = {"value": [9.0, 2.0, 9.0], "expected": 9.0, "lower": 5.0, "upper": 18.0}
    >>> frame = pd.DataFrame(columns, index).assign(is_anomaly=[False, True, False])
    >>> len(draw_multiples({"one": frame, "other": frame}, "likes").axes)
    2
    """
    index = chartdata.checked_index(next(iter(strips.values())))
    figure, first = sheet.canvas(title, chartdata.local_period(index, ENGLISH))
    height = HEAD + FOOT + STRIP * len(strips)
    figure.set_size_inches(sheet.WIDTH, height)
    widest = max(sheet.text_width(sheet.drawable(name), sheet.SMALL) for name in strips) + 30
    left = min(widest / (sheet.WIDTH * 72), 0.32)
    for number, (name, frame) in enumerate(strips.items()):
        low = (FOOT + STRIP * (len(strips) - number - 1)) / height
        axes = first if number == 0 else figure.add_axes((0, 0, 1, 1), facecolor="white")
        axes.set_position((left, low, sheet.RIGHT - left, STRIP * (1 - GAP) / height))
        _draw_strip(axes, frame, events)
        _name_strip(axes, name, is_last=number == len(strips) - 1)
    return figure


def _draw_strip(axes: "Axes", frame: pd.DataFrame, events: pd.DataFrame | None) -> None:
    index = pd.DatetimeIndex(frame.index)
    course, starts = Course.of(days_of(index), frame), column_starts(index)
    axes.set_ylim(*chartdata.limits(course, from_zero=False))
    is_whole = len(starts) == len(index)
    draw_course(axes, enveloped(course, starts), is_whole=is_whole)
    told = course.is_anomaly & ~np.isnan(course.value) & (not is_whole)
    axes.plot(course.x[told], course.value[told], "D", color=sheet.ANOMALY, markersize=6, markeredgecolor="white")
    mark_times(axes, course.x, index.tz or UTC, ENGLISH)
    shade(axes, events, "")


def _name_strip(axes: "Axes", name: str, *, is_last: bool) -> None:
    axes.text(
        -0.012, 0.5, sheet.drawable(name), transform=axes.transAxes, ha="right", va="center", fontsize=sheet.SMALL,
        color=sheet.TEXT, family=sheet.FONT, parse_math=False, clip_on=False,
    )  # fmt: skip
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.tick_params(
        length=0, labelsize=sheet.SMALL, labelcolor=sheet.QUIET, labelfontfamily=sheet.FONT, pad=10,
        labelbottom=is_last,
    )  # fmt: skip
    for side, spine in axes.spines.items():
        spine.set(visible=side == "bottom", color=sheet.QUIET, linewidth=1)
