"""Pictures: frames in, figures out. The only room that knows matplotlib, and it knows no domain object.

A notebook's plot and an alert's picture are one drawing. Nothing of pyplot is used, and no setting of matplotlib is
changed or relied on, so that threads may draw side by side, figures are freed and a notebook's style changes nothing.
Detection and scenes call this; it calls `chartdata`.
"""

import io
import math
from dataclasses import replace
from datetime import UTC, tzinfo
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from anomalert import chartdata
from anomalert.chartdata import ENGLISH, RUSSIAN, ChartWords, Course

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ENGLISH", "RUSSIAN", "ChartWords", "draw_band", "draw_day", "to_png"]

WIDTH, HEIGHT, DPI = 12.8, 7.2, 100
RIGHT, TOP, BOTTOM, LEGEND_ROW = 0.955, 0.80, 0.17, 0.055

# Sizes in points; the picture is read on a phone, where it is a quarter as wide.
FONT = "DejaVu Sans"
TITLE_SIZES, BIG, SMALL = (32, 28, 24, 21), 30, 20
TITLE_ROOM, TITLE_END, LABEL_ROOM, LEGEND_GAP = 790, 12, 400, 60
TEXT, QUIET, GRID = "#1a1a1a", "#56606d", "#dfe3e8"
# Blue and vermilion of Okabe and Ito: told apart by colour-blind readers; in grey, the diamonds tell.
VALUE, EXPECTED, BAND, ANOMALY = "#0072b2", "#56606d", "#cfdae6", "#d55e00"
DASHES, DOTS = (0, (4, 2)), (0, (1, 2))
PLATE = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 3}


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
    figure, axes = _canvas(title, chartdata.local_period(index, words))
    axes.set_ylim(*chartdata.limits(course, from_zero=False))
    _draw(axes, course, words)
    if len(index):
        _mark_times(axes, course.x, index.tz or UTC, words)
    _finish(figure, axes)
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
    figure, axes = _canvas(title, chartdata.local_period(index, words, None if judged is pd.NaT else judged))
    axes.set_ylim(*chartdata.limits(course, from_zero=True))
    _draw(axes, course, replace(words, value=words.today, expected=_drawable(baseline) or words.expected))
    axes.set_xlim(0, 24)
    axes.set_xticks(range(0, 25, 3), [f"{hour:02d}:00" for hour in range(0, 25, 3)])
    _finish(figure, axes)
    if not np.isnan(course.value).all():
        _mark_newest(axes, course)
    return figure


def to_png(figure: "Figure") -> bytes:
    """Return the bytes of a figure as PNG; the same figure gives the same bytes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> to_png(Figure())[1:4]
    b'PNG'
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    # Not `savefig`, which would ask matplotlib's settings for margins and colours.
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return buffer.getvalue()


@cache
def _figure_class() -> "type[Figure]":
    from matplotlib.figure import Figure

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            return to_png(self)

    return Picture


def _canvas(title: str, period: str) -> "tuple[Figure, Axes]":
    figure = _figure_class()(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1), facecolor="white", xticks=[])
    headline = _drawable(title)
    size = next((size for size in TITLE_SIZES if _width(headline, size, "bold") < TITLE_ROOM), TITLE_SIZES[-1])
    axes.set_title(
        _cut(headline, size, TITLE_ROOM), loc="left", y=1, pad=52, fontsize=size, fontweight="bold", color=TEXT,
        family=FONT, parse_math=False,
    )  # fmt: skip
    axes.annotate(
        _drawable(period), (0, 1), xytext=(0, 20), xycoords="axes fraction", textcoords="offset points", fontsize=SMALL,
        color=QUIET, family=FONT, parse_math=False,
    )  # fmt: skip
    return figure, axes


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


def _mark_times(axes: "Axes", x: Any, zone: tzinfo, words: ChartWords) -> None:
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
    across, up = chartdata.roomiest(points, (_width(text, BIG, "bold"), BIG), box)
    axes.annotate(
        text, (x, y), xytext=(across, up), textcoords="offset points", ha="left" if across > 0 else "right",
        va="center", fontsize=BIG, fontweight="bold", color=colour, family=FONT, bbox=PLATE, zorder=7,
    )  # fmt: skip


def _finish(figure: "Figure", axes: "Axes") -> None:
    """Draw what stands around the course, and make as much room for it as it needs."""
    from matplotlib.ticker import MaxNLocator

    bottom, top = axes.get_ylim()
    ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(bottom, top)
    ticks = [tick for tick in ticks if bottom <= tick <= top]
    numbers = [chartdata.short(tick, max(abs(bottom), abs(top))) for tick in ticks]
    axes.set_yticks(ticks, numbers)
    axes.tick_params(
        which="both", length=0, labelsize=SMALL, labelcolor=QUIET, labelfontfamily=FONT, pad=12, labelbottom=True,
        labelleft=True, labeltop=False, labelright=False,
    )  # fmt: skip
    axes.grid(visible=False, which="both")
    axes.grid(visible=True, axis="y", color=GRID, linewidth=1.2, linestyle="-", alpha=1)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set(visible=side == "bottom", color=QUIET, linewidth=1.2, zorder=8)
    left = (max(_width(number, SMALL) for number in numbers) + 28) / (WIDTH * 72)
    low = BOTTOM + (_legend_rows(figure, axes) - 1) * LEGEND_ROW
    axes.set_position((left, low, RIGHT - left, TOP - low))


def _legend_rows(figure: "Figure", axes: "Axes") -> int:
    """Draw the legend below the axes, where it covers nothing, and return in how many rows."""
    handles, words = axes.get_legend_handles_labels()
    labels = [_cut(_drawable(word), SMALL, LABEL_ROOM) for word in words]
    rows = 1 if sum(_width(label, SMALL) + LEGEND_GAP for label in labels) < WIDTH * 72 else 2
    legend = figure.legend(
        handles, labels, loc="lower center", ncols=math.ceil(len(labels) / rows), frameon=False, labelcolor=TEXT,
        prop={"family": FONT, "size": SMALL}, handlelength=1.6, handletextpad=0.5, columnspacing=1.4, numpoints=1,
        labelspacing=0.5, borderpad=0.4, borderaxespad=0.5, markerscale=1,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)
    return rows


def _width(text: str, size: float, weight: str = "normal") -> float:
    """Return how wide `text` is drawn, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=FONT, weight=weight, size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def _cut(text: str, size: float, room: float) -> str:
    """Return `text` with as much left out of its middle as `room`, in points, asks for: a number at its end stays."""
    if _width(text, size, "bold") <= room:
        return text
    end = text[-TITLE_END:]
    kept = next((n for n in range(min(len(text), 200), 0, -1) if _width(f"{text[:n]}…{end}", size, "bold") <= room), 0)
    return f"{text[:kept]}…{end}"


def _drawable(text: str) -> str:
    """Return `text` on one line and without what the font cannot draw, such as emoji and control characters."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties(family=FONT)))
    letters = (letter for letter in " ".join(text.split()) if letter.isprintable() and font.get_char_index(ord(letter)))
    return " ".join("".join(letters).split())
