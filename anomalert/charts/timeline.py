"""The picture of a stretch of history: a metric's course, what was told of it, and what kept the rest from being told.

Part of `anomalert.charts`; backtests call this. It calls `envelope`, `canvas`, `courses` and `chartdata`.
"""

from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert import chartdata
from anomalert.chartdata import ENGLISH, Course
from anomalert.charts import canvas as sheet
from anomalert.charts.courses import mark_times
from anomalert.charts.envelope import Envelope, column_starts, enveloped, merged, runs
from anomalert.errors import InvalidPanelError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

__all__ = ["MARKS", "days_of", "draw_course", "draw_timeline", "shade"]

COURSE, ROW, ROW_GAP, ROW_TEXT = 4.1, 0.42, 0.35, 16
"""Heights of the course and of a row of the strip, and the distance between them, in inches; size of its text."""

PIXELS = 1100
"""About how wide the axes are."""

NARROWEST, MARK_CELL = 3, 6
"""Pixels: what is shorter is drawn so wide; of marks of one kind, so near to each other, the first is drawn."""

CLOSE = 400
"""More slots than this stand closely."""

MARKS: dict[str, tuple[str, str, float]] = {
    "opened": ("D", sheet.ANOMALY, 14),
    "worsened": ("v", "#aa4499", 16),
    "reminder": ("s", "#e69f00", 13),
    "resolved": ("o", "#009e73", 14),
    "no data": ("X", sheet.TEXT, 15),
    "data back": ("P", sheet.TEXT, 15),
}
"""What may be told: marker, colour and size in points."""

EVENT = "#f0e442"


def draw_timeline(
    frame: pd.DataFrame,
    title: str,
    *,
    marks: pd.DataFrame,
    rows: pd.DataFrame,
    events: pd.DataFrame | None = None,
) -> "Figure":
    """Draw a stretch of slots, what was told in it, and below it a strip with a row for each reason and its slots.

    Where there are more slots than pixels, columns of slots are drawn: the mean of value and expected, from the least
    to the largest value, and the farthest bounds.

    Parameters
    ----------
    frame : pandas.DataFrame
        As for `draw_band`: ``value, expected, lower, upper, is_anomaly``; times are shown in the zone of its index.
    title : str
        Plain text; one line is made of it.
    marks : pandas.DataFrame
        What was told: ``slot`` (an instant) and ``kind``, a key of `MARKS`.
    rows : pandas.DataFrame of bool
        Over the index of `frame`; each column, at least one, is a row of the strip, with the number of its slots.
    events : pandas.DataFrame, optional
        Stretches to be shaded: ``start`` and ``end``, half-open.

    Returns
    -------
    matplotlib.figure.Figure
        1280 pixels wide, and as high as strip and legend need; it shows itself in a notebook.

    Raises
    ------
    InvalidPanelError
        If a column is missing, or the index is of another kind.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=3, freq="15min", tz="UTC")
    >>> columns = {"value": [9.0, 2.0, 1.0], "expected": 9.0, "lower": 5.0, "upper": 18.0}
    >>> frame = pd.DataFrame(columns, index).assign(is_anomaly=[False, True, True])
    >>> rows = pd.DataFrame({"persist": [False, True, False], "told": [False, False, True]}, index)
    >>> marks = pd.DataFrame({"slot": index[2:], "kind": ["opened"]})
    >>> figure = draw_timeline(frame, "likes", marks=marks, rows=rows)
    >>> [label.get_text() for label in figure.axes[1].get_yticklabels()]
    ['persist: 1', 'told: 1']
    """
    index = chartdata.checked_index(frame)
    if not index.is_unique:
        raise InvalidPanelError(f"the index of `frame` holds {index[index.duplicated()][0]} twice: one row is a slot")
    course = Course.of(days_of(index), frame)
    starts = column_starts(index)
    figure, axes = sheet.canvas(title, chartdata.local_period(index, ENGLISH))
    axes.set_ylim(*chartdata.limits(course, from_zero=False))
    draw_course(axes, enveloped(course, starts), is_whole=len(starts) == len(index))
    if len(index):
        mark_times(axes, course.x, index.tz or UTC, ENGLISH)
    if np.isnan(course.value).all():
        axes.text(
            0.5, 0.5, ENGLISH.no_data, transform=axes.transAxes, ha="center", va="center", fontsize=sheet.BIG,
            color=sheet.ANOMALY, fontweight="bold", family=sheet.FONT, bbox=sheet.PLATE, parse_math=False, zorder=8,
        )  # fmt: skip
    _draw_marks(axes, course, marks)
    strip = figure.add_axes((0, 0, 1, 1), sharex=axes, facecolor="white")
    _draw_rows(strip, index, rows, starts)
    for each, label in ((axes, "known event"), (strip, "_")):
        shade(each, events, label)
    sheet.finish(figure, axes)
    _arrange(figure, axes, strip, rows)
    return figure


def days_of(instants: pd.DatetimeIndex) -> Floats:
    """Return where instants lie on a time axis; without their zone they are those of UTC."""
    from matplotlib.dates import date2num

    numbers: Floats = np.asarray(date2num(instants.to_numpy("datetime64[us]")), dtype=np.float64)  # type: ignore[no-untyped-call]
    return numbers


def draw_course(axes: "Axes", envelope: Envelope, *, is_whole: bool) -> None:
    """Draw value, expected and the usual range; `is_whole` if every column is one slot."""
    mean, fine = envelope.mean, float(np.clip(400 / max(len(envelope.low), 1), 0.4, 1))
    x, words = mean.x, ENGLISH if is_whole else replace(ENGLISH, value="mean value", expected="mean expected")
    lower, upper = np.clip(mean.lower, *axes.get_ylim()), np.clip(mean.upper, *axes.get_ylim())
    axes.fill_between(x, lower, upper, label=words.usual, color=sheet.BAND, linewidth=0, zorder=1)
    if not is_whole:
        axes.fill_between(
            x, envelope.low, envelope.high, label="least to largest", color=sheet.VALUE, alpha=0.3, linewidth=0,
            zorder=2,
        )  # fmt: skip
    axes.plot(
        x, mean.expected, label=words.expected, color=sheet.EXPECTED, linewidth=2.4 * max(fine, 0.6),
        linestyle=sheet.DASHES, marker="", zorder=2,
    )  # fmt: skip
    axes.plot(x, mean.value, "-", label=words.value, color=sheet.VALUE, linewidth=3.6 * fine, zorder=3)
    axes.plot(*chartdata.alone(x, mean.value), "o", color=sheet.VALUE, markersize=6 * max(fine, 0.6), zorder=3)
    shown = mean.is_anomaly & is_whole
    if shown.any():
        axes.plot(
            x[shown], mean.value[shown], "o", label="anomaly", color=sheet.ANOMALY, markersize=7 * max(fine, 0.7),
            zorder=4, clip_on=False,
        )  # fmt: skip


def _draw_marks(axes: "Axes", course: Course, marks: pd.DataFrame) -> None:
    """Mark what was told on the value it was told with."""
    if not len(marks) or not len(course.x):
        return
    cell, bottom = MARK_CELL * _pixel(axes), axes.get_ylim()[0]
    # Where marks stand closely they are smaller, and what came first lies on what came of it.
    fine = 1.0 if len(course.x) <= CLOSE else 0.8
    for order, (kind, (marker, colour, size)) in enumerate(MARKS.items()):
        of_kind = marks.loc[marks["kind"] == kind, "slot"]
        if not len(of_kind):
            continue
        x = np.sort(days_of(pd.DatetimeIndex(of_kind)))
        row = np.clip(course.x.searchsorted(x, side="right") - 1, 0, None)
        y = np.where(np.isnan(course.value[row]), course.expected[row], course.value[row])
        _, first = np.unique(np.floor(x / cell), return_index=True)
        axes.plot(
            x[first], np.where(np.isnan(y), bottom, y)[first], marker, label=f"{kind}: {len(x)}", color=colour,
            markersize=size * fine, markeredgecolor="white", markeredgewidth=1.6, linestyle="", zorder=7 - order / 10,
            clip_on=False,
        )  # fmt: skip


def _draw_rows(strip: "Axes", index: pd.DatetimeIndex, rows: pd.DataFrame, starts: Any) -> None:
    places = np.arange(len(rows.columns))
    if len(index):
        narrowest = NARROWEST * _pixel(strip)
        x = days_of(index)
        last = x[-1] + (np.diff(x).min() if len(x) > 1 else narrowest)
        edges = np.append(x[starts], last)
        for place, name in zip(places, rows.columns, strict=True):
            spans = edges[runs(merged(rows[name].to_numpy(dtype=bool), starts))]
            colour = sheet.ANOMALY if name == rows.columns[-1] else sheet.EXPECTED
            bars = [_widened(float(start), float(end), narrowest) for start, end in spans]
            strip.broken_barh(bars, (place - 0.32, 0.64), facecolors=colour, linewidth=0, zorder=3)
    strip.set_ylim(len(places) - 0.5, -0.5)
    strip.set_yticks(places, _row_names(rows))


def _row_names(rows: pd.DataFrame) -> list[str]:
    return [f"{name}: {int(rows[name].sum())}" for name in rows.columns]


def shade(axes: "Axes", events: pd.DataFrame | None, label: str) -> None:
    """Shade the events (``start, end``) that lie within the limits of the axes, wide enough to be seen."""
    left, right = axes.get_xlim()
    narrowest = NARROWEST * _pixel(axes)
    for row in range(0 if events is None else len(events)):
        start, end = days_of(pd.DatetimeIndex([events["start"].iloc[row], events["end"].iloc[row]]))  # type: ignore[index]
        if end > left and start < right:
            first, length = _widened(float(start), float(end), narrowest)
            axes.axvspan(
                max(first, left), min(first + length, right), color=EVENT, alpha=0.45, linewidth=0, zorder=0.5,
                label=label,
            )  # fmt: skip
            # Events are one word in the legend.
            label = "_"


def _pixel(axes: "Axes") -> float:
    """Return how many days a pixel is wide."""
    left, right = axes.get_xlim()
    return (right - left) / PIXELS


def _widened(start: float, end: float, narrowest: float) -> tuple[float, float]:
    """Return where a bar begins and how wide it is, so that it can be seen."""
    more = max(narrowest - (end - start), 0.0)
    return start - more / 2, end - start + more


def _arrange(figure: "Figure", axes: "Axes", strip: "Axes", rows: pd.DataFrame) -> None:
    """Put the strip below the course, with the times below it, and give the figure the height for both."""
    place = axes.get_position()
    strip_height = ROW * len(rows.columns)
    bottom, above = place.y0 * sheet.HEIGHT, (1 - sheet.TOP) * sheet.HEIGHT
    foot = bottom + strip_height + ROW_GAP
    height = foot + COURSE + above
    names = max(sheet.text_width(name, ROW_TEXT) for name in _row_names(rows))
    left = max(place.x0, (names + 24) / (sheet.WIDTH * 72))
    figure.set_size_inches(sheet.WIDTH, height)
    strip.set_position((left, bottom / height, sheet.RIGHT - left, strip_height / height))
    axes.set_position((left, foot / height, sheet.RIGHT - left, COURSE / height))
    axes.tick_params(axis="x", labelbottom=False)
    strip.tick_params(axis="both", length=0, labelcolor=sheet.QUIET, labelfontfamily=sheet.FONT, pad=12)
    strip.tick_params(axis="x", labelsize=sheet.SMALL, labelbottom=True)
    strip.tick_params(axis="y", labelsize=ROW_TEXT, labelleft=True, labelright=False)
    strip.grid(visible=False, which="both")
    strip.set_axisbelow(True)
    for side, spine in strip.spines.items():
        spine.set(visible=side in {"bottom", "top"}, color=sheet.GRID, linewidth=1.2)
