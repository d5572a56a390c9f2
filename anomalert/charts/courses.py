"""Metrics over time: a stretch of slots, or one local day against its baseline.

Part of `anomalert.charts`; calls `canvas` and `chartdata`.
"""

from dataclasses import replace
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from anomalert import chartdata
from anomalert.chartdata import ENGLISH, ChartWords, Course
from anomalert.charts.canvas import (
    ANOMALY,
    BAND,
    BIG,
    DASHES,
    DOTS,
    DPI,
    EXPECTED,
    FONT,
    PLATE,
    VALUE,
    canvas,
    drawable,
    finish,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_band", "draw_day", "mark_times"]


def draw_band(frame: pd.DataFrame, title: str, *, words: ChartWords = ENGLISH) -> "Figure":
    """Draw a stretch of slots: value, expected, the usual range, and the anomalous slots.

    The y axis begins at 0, except for values that all lie in the upper half of what it would span.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``value, expected, lower, upper`` (float; NaN is a gap, bounds may be infinite) and ``is_anomaly`` (bool) over
        an increasing DatetimeIndex; times are shown in its zone.
    title : str
        Plain text; one line is made of it.
    words : ChartWords
        What the legend says.

    Returns
    -------
    matplotlib.figure.Figure
        1280 x 720 pixels; it shows itself in a notebook.

    Raises
    ------
    InvalidPanelError
        If a column is missing, or the index is of another kind.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=3, freq="15min")
    >>> columns = {"value": [9.0, 2.0, 9.0], "expected": 9.0, "lower": 5.0, "upper": 18.0}
    >>> figure = draw_band(pd.DataFrame(columns, index).assign(is_anomaly=[False, True, False]), "likes")
    >>> figure.axes[0].get_title(loc="left")
    'likes'
    """
    from matplotlib.dates import date2num

    index = chartdata.checked_index(frame)
    # Without their zone the instants are those of UTC.
    course = Course.of(date2num(index.to_numpy("datetime64[us]")), frame)  # type: ignore[no-untyped-call]
    figure, axes = canvas(title, chartdata.local_period(index, words))
    axes.set_ylim(*chartdata.limits(course, from_zero=False))
    _draw(axes, course, words)
    if len(index):
        mark_times(axes, course.x, index.tz or UTC, words)
    finish(figure, axes)
    return figure


def draw_day(frame: pd.DataFrame, title: str, *, words: ChartWords = ENGLISH, baseline: str = "") -> "Figure":
    """Draw one local day against its baseline over the hours of the day, from 0.

    Parameters
    ----------
    frame : pandas.DataFrame
        As for `draw_band`, over the slots of one local day; value is NaN after the slot that was judged, which is
        marked with its value, while expected and bounds may cover the whole day.
    title, words
        As for `draw_band`.
    baseline : str, optional
        How `expected` is made, such as ``"mean of 7 days"``: the legend says it in place of ``words.expected``.

    Returns
    -------
    matplotlib.figure.Figure
        As of `draw_band`.

    Raises
    ------
    InvalidPanelError
        If a column is missing, the index is of another kind, or more than one local day is given.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=4, freq="6h")
    >>> columns = {"value": [9.0, 2.0, None, None], "expected": 9.0, "lower": 5.0, "upper": 18.0}
    >>> figure = draw_day(pd.DataFrame(columns, index).assign(is_anomaly=[False, True, False, False]), "likes")
    >>> figure.axes[0].texts[-1].get_text()
    '2'
    """
    index = chartdata.checked_index(frame)
    course = Course.of(chartdata.hours_of_day(index), frame)
    judged = frame.index[frame["value"].notna()].max()
    figure, axes = canvas(title, chartdata.local_period(index, words, None if judged is pd.NaT else judged))
    axes.set_ylim(*chartdata.limits(course, from_zero=True))
    _draw(axes, course, replace(words, value=words.today, expected=drawable(baseline) or words.expected))
    axes.set_xlim(0, 24)
    axes.set_xticks(range(0, 25, 3), [f"{hour:02d}:00" for hour in range(0, 25, 3)])
    finish(figure, axes)
    if not np.isnan(course.value).all():
        _mark_newest(axes, course)
    return figure


def _draw(axes: "Axes", course: Course, words: ChartWords) -> None:
    x, value, expected = course.x, course.value, course.expected
    lower, upper = np.clip(course.lower, *axes.get_ylim()), np.clip(course.upper, *axes.get_ylim())
    # Months in a notebook need finer lines than a day on a phone.
    fine = float(np.clip(400 / max(len(x), 1), 0.3, 1))
    diamond = 11 * max(fine, 0.6)
    axes.plot(x, value, "-", label=words.value, color=VALUE, linewidth=4 * fine, clip_on=False, zorder=3)
    axes.plot(x, expected, label=words.expected, color=EXPECTED, linewidth=2.4 * fine, linestyle=DASHES, marker="")
    axes.fill_between(x, lower, upper, label=words.usual, color=BAND, linewidth=0, zorder=1)
    # A line needs two points: what stands between two gaps is drawn on its own.
    axes.plot(*chartdata.alone(x, value), "o", color=VALUE, markersize=8 * fine, clip_on=False, zorder=3)
    axes.plot(*chartdata.alone(x, expected), "_", color=EXPECTED, markersize=16, markeredgewidth=2.4)
    axes.vlines(*chartdata.alone(x, lower, upper), color=BAND, linewidth=14, zorder=1)
    if course.is_anomaly.any():
        axes.plot(
            x[course.is_anomaly], value[course.is_anomaly], "D", label=words.anomaly, color=ANOMALY,
            markersize=diamond, markeredgecolor="white", markeredgewidth=diamond / 8, zorder=5, clip_on=False,
        )  # fmt: skip
    if np.isnan(value).all():
        axes.text(
            0.5, 0.5, words.no_data, transform=axes.transAxes, ha="center", va="center", fontsize=BIG, color=ANOMALY,
            fontweight="bold", family=FONT, bbox=PLATE, parse_math=False, zorder=6,
        )  # fmt: skip


def mark_times(axes: "Axes", x: Any, zone: tzinfo, words: ChartWords) -> None:
    """Let the x axis, in days, reach as far as `x`, and tell its ticks in local time."""
    from matplotlib.dates import AutoDateLocator, num2date

    first, last = np.nanmin(x), np.nanmax(x)
    room = 0.02 * (last - first) or 1 / 24
    axes.set_xlim(first - room, last + room)
    axes.xaxis.set_major_locator(AutoDateLocator(zone, minticks=3, maxticks=8))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(lambda days, _: chartdata.moment(num2date(days, zone), words))  # type: ignore[no-untyped-call]


def _mark_newest(axes: "Axes", course: Course) -> None:
    """Mark the newest value, and write it where it covers least of the course."""
    newest = np.flatnonzero(~np.isnan(course.value))[-1]
    x, y, anomalous = course.x[newest], course.value[newest], course.is_anomaly[newest]
    colour, text = ANOMALY if anomalous else VALUE, chartdata.short(float(y))
    axes.axvline(x, color=colour, linewidth=1.6, linestyle=DOTS, marker="", zorder=2)
    axes.plot(
        [x], [y], "D" if anomalous else "o", color=colour, markersize=18, markeredgecolor="white", markeredgewidth=2,
        zorder=6, clip_on=False,
    )  # fmt: skip
    # Rather what was expected is covered than what was: the course counts twice.
    lines = [np.column_stack([course.x, column]) for column in (course.value, course.value, course.expected)]
    origin, scale = axes.transData.transform((x, y)), 72 / DPI
    points = (axes.transData.transform(np.concatenate(lines)) - origin) * scale
    box = (axes.transAxes.transform([(0, 0), (1, 1)]) - origin) * scale
    across, up = chartdata.roomiest(points, (text_width(text, BIG, "bold"), BIG), box)
    axes.annotate(
        text, (x, y), xytext=(across, up), textcoords="offset points", ha="left" if across > 0 else "right",
        va="center", fontsize=BIG, fontweight="bold", color=colour, family=FONT, bbox=PLATE, zorder=7,
    )  # fmt: skip
