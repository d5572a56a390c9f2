"""Pictures: frames in, figures out. The only room that knows matplotlib, and it knows no object of ours.

A notebook's plot and an alert's picture are one drawing. Nothing of pyplot is used and no setting of matplotlib is
changed, so that threads may draw side by side and figures are freed. Detection and scenes call this; it calls nothing.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ENGLISH", "RUSSIAN", "ChartWords", "draw_band", "draw_day", "to_png"]

WIDTH, HEIGHT, DPI = 12.8, 7.2, 100

FONT = "DejaVu Sans"
TEXT, QUIET, GRID = "#1a1a1a", "#5f6b7a", "#e3e6ea"
# Blue and vermilion of Okabe and Ito: told apart by colour-blind readers, and in grey.
VALUE, EXPECTED, BAND, ANOMALY = "#0072b2", "#5f6b7a", "#d9e2ec", "#d55e00"

HEADROOM = 1.12
MOST_BAND = 1.8
"""A band may reach this many times the largest value before it is cut off: it must not flatten the course itself."""


@dataclass(frozen=True)
class ChartWords:
    """The words that are drawn."""

    value: str = "value"
    today: str = "today"
    expected: str = "expected"
    usual: str = "usual range"
    anomaly: str = "anomaly"
    no_data: str = "no data"


ENGLISH = ChartWords()
RUSSIAN = ChartWords(
    value="значение",
    today="сегодня",
    expected="ожидалось",
    usual="обычный диапазон",
    anomaly="аномалия",
    no_data="нет данных",
)


def draw_band(frame: pd.DataFrame, title: str, *, words: ChartWords = ENGLISH) -> "Figure":
    """Draw a stretch of slots: value, expected, the usual range, and the anomalous slots.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``value, expected, lower, upper`` (float; NaN is a gap, bounds may be infinite) and ``is_anomaly`` (bool) over
        a DatetimeIndex; times are shown in its zone.
    title : str
        Plain text, one line.
    words : ChartWords
        What the legend says.

    Returns
    -------
    matplotlib.figure.Figure
        1280 x 720 pixels; it shows itself in a notebook.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=3, freq="15min")
    >>> columns = {"value": [9.0, 2.0, 9.0], "expected": 9.0, "lower": 5.0, "upper": 18.0}
    >>> figure = draw_band(pd.DataFrame(columns, index).assign(is_anomaly=[False, True, False]), "likes")
    >>> figure.axes[0].get_title(loc="left")
    'likes'
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    index = pd.DatetimeIndex(frame.index)
    local = index.tz_localize(None) if index.tz is not None else index
    figure, axes = _canvas(title)
    _draw(axes, local.to_numpy(), frame, words, words.value)
    locator = AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.xaxis.get_offset_text().set(fontsize=14, color=QUIET, family=FONT)
    _finish(figure, axes)
    return figure


def draw_day(frame: pd.DataFrame, title: str, *, words: ChartWords = ENGLISH) -> "Figure":
    """Draw one local day against its baseline over the hours of the day, from 0.

    Parameters
    ----------
    frame : pandas.DataFrame
        As for `draw_band`, over the slots of one local day; value is NaN after the slot that was judged, which is
        marked with its value, while expected and bounds may cover the whole day.
    title : str
        Plain text, one line.
    words : ChartWords
        What the legend says.

    Returns
    -------
    matplotlib.figure.Figure
        1280 x 720 pixels; it shows itself in a notebook.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=4, freq="6h")
    >>> columns = {"value": [9.0, 2.0, None, None], "expected": 9.0, "lower": 5.0, "upper": 18.0}
    >>> figure = draw_day(pd.DataFrame(columns, index).assign(is_anomaly=[False, True, False, False]), "likes")
    >>> figure.axes[0].get_xlim()
    (np.float64(0.0), np.float64(24.0))
    """
    index = pd.DatetimeIndex(frame.index)
    local = index.tz_localize(None) if index.tz is not None else index
    hours = np.asarray((local - local[0].normalize()) / pd.Timedelta("1h"), dtype=float)
    figure, axes = _canvas(title)
    _draw(axes, hours, frame, words, words.today)
    _mark_newest(axes, hours, frame)
    axes.set_xlim(0, 24)
    axes.set_xticks(range(0, 25, 3), [f"{hour:02d}:00" for hour in range(0, 25, 3)])
    _finish(figure, axes)
    return figure


def to_png(figure: "Figure") -> bytes:
    """Return the bytes of a figure as PNG; the same figure gives the same bytes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> to_png(Figure())[1:4]
    b'PNG'
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _canvas(title: str) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            return to_png(self)

    figure = Picture(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0.075, 0.16, 0.88, 0.72), facecolor="white")
    axes.set_title(
        _drawable(title), loc="left", fontsize=26, fontweight="bold", color=TEXT, family=FONT, pad=18, parse_math=False
    )
    return figure, axes


def _draw(axes: "Axes", x: Any, frame: pd.DataFrame, words: ChartWords, course: str) -> None:
    value, expected = frame["value"].to_numpy(dtype=float), frame["expected"].to_numpy(dtype=float)
    bottom, top = _limits(frame)
    lower, upper = (np.clip(frame[name].to_numpy(dtype=float), bottom, top) for name in ("lower", "upper"))
    # A line needs two points: what stands alone between gaps is drawn as a dot.
    alone = "o" if np.count_nonzero(np.isfinite(value)) < 2 else ""
    axes.fill_between(x, lower, upper, color=BAND, linewidth=0, label=words.usual)
    axes.plot(x, expected, color=EXPECTED, linewidth=2.2, linestyle=(0, (4, 2)), label=words.expected)
    axes.plot(x, value, color=VALUE, linewidth=3.6, solid_capstyle="round", marker=alone, label=course)
    anomalous = frame["is_anomaly"].to_numpy(dtype=bool) & np.isfinite(value)
    if anomalous.any():
        axes.plot(
            x[anomalous], value[anomalous], "o", color=ANOMALY, markersize=12, markeredgecolor="white",
            markeredgewidth=1.5, label=words.anomaly, zorder=5, clip_on=False,
        )  # fmt: skip
    if not np.isfinite(value).any():
        axes.text(
            0.5, 0.5, words.no_data, transform=axes.transAxes, ha="center", va="center", fontsize=30, color=ANOMALY,
            family=FONT,
        )  # fmt: skip
    axes.set_ylim(bottom, top)


def _mark_newest(axes: "Axes", hours: Any, frame: pd.DataFrame) -> None:
    """Write the newest value beside its slot, on the side where there is room."""
    known = np.flatnonzero(np.isfinite(frame["value"].to_numpy(dtype=float)))
    if not len(known):
        return
    newest = known[-1]
    value, hour = float(frame["value"].iloc[newest]), float(hours[newest])
    colour = ANOMALY if frame["is_anomaly"].iloc[newest] else VALUE
    axes.axvline(hour, color=colour, linewidth=1.2, linestyle=(0, (1, 2)), zorder=1)
    left = hour > 20
    axes.annotate(
        _short(value), (hour, value), xytext=(-14 if left else 14, 14), textcoords="offset points",
        ha="right" if left else "left", fontsize=24, fontweight="bold", color=colour, family=FONT, zorder=6,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 2},
    )  # fmt: skip


def _limits(frame: pd.DataFrame) -> tuple[float, float]:
    """Return where the y axis begins and ends: at 0 unless something lies below, and never flattened by the band."""
    course = frame[["value", "expected"]].to_numpy(dtype=float)
    course = course[np.isfinite(course)]
    if not len(course):
        return 0.0, 1.0
    low, high = float(course.min()), float(course.max())
    bounds = frame[["lower", "upper"]].to_numpy(dtype=float)
    bounds = bounds[np.isfinite(bounds)]
    size = max(abs(low), abs(high))
    if len(bounds):
        high = max(high, min(float(bounds.max()), MOST_BAND * size))
        low = min(low, max(float(bounds.min()), -MOST_BAND * size))
    # A band may reach below 0 where no value can: only values below 0 open the axis downwards.
    bottom = 0.0 if float(course.min()) >= 0 else low * HEADROOM
    top = high * HEADROOM if high > 0 else 0.0
    return (bottom, top) if top > bottom else (bottom - 0.5, bottom + 1.0)


def _finish(figure: "Figure", axes: "Axes") -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.grid(visible=True, axis="y", color=GRID, linewidth=1)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    axes.tick_params(length=0, labelsize=17, labelcolor=QUIET, labelfontfamily=FONT, pad=8)
    figure.legend(
        *axes.get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False, labelcolor=TEXT,
        prop={"family": FONT, "size": 17},
    )  # fmt: skip


def _short(value: float) -> str:
    """Return a number as it is read at a glance: 0.184, 61, 812, 12.3k, 4.5M."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _drawable(text: str) -> str:
    """Return `text` without what the font cannot draw, such as emoji and control characters."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties(family=FONT)))
    return "".join(letter for letter in text if letter.isprintable() and font.get_char_index(ord(letter)))
