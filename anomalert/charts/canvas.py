"""The sheet that every picture is drawn on: title, axes, legend, and the bytes of a PNG.

Part of `anomalert.charts`, whose drawings call it; calls `chartdata`.
"""

import io
import math
import threading
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from anomalert import chartdata

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["canvas", "drawable", "finish", "picture", "text_width", "to_png"]

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
    try:
        FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
    finally:
        _let_go_of_fonts()
    return buffer.getvalue()


def _let_go_of_fonts() -> None:
    """Close the fonts of a thread that may not draw again.

    matplotlib keeps fonts open for each thread, 64 in all: in a process that draws in ever new threads they grow to a
    few hundred megabytes and as many open files. Without them a picture takes some milliseconds longer.
    """
    from matplotlib import font_manager

    known = getattr(font_manager, "_get_font", None)
    if known is not None and threading.current_thread() is not threading.main_thread():
        known.cache_clear()


@cache
def _figure_class() -> "type[Figure]":
    from matplotlib.figure import Figure

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            return to_png(self)

    return Picture


def picture() -> "Figure":
    """Return an empty picture of 1280 x 720 pixels, which shows itself in a notebook."""
    figure = _figure_class()(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
    figure.set_layout_engine("none")
    return figure


def canvas(title: str, period: str) -> "tuple[Figure, Axes]":
    """Return an empty sheet with its title, and below it the period, or whatever says what is drawn."""
    figure = picture()
    axes = figure.add_axes((0, 0, 1, 1), facecolor="white", xticks=[])
    headline = drawable(title)
    size = next((size for size in TITLE_SIZES if text_width(headline, size, "bold") < TITLE_ROOM), TITLE_SIZES[-1])
    axes.set_title(
        _cut(headline, size, TITLE_ROOM), loc="left", y=1, pad=52, fontsize=size, fontweight="bold", color=TEXT,
        family=FONT, parse_math=False,
    )  # fmt: skip
    axes.annotate(
        drawable(period), (0, 1), xytext=(0, 20), xycoords="axes fraction", textcoords="offset points", fontsize=SMALL,
        color=QUIET, family=FONT, parse_math=False,
    )  # fmt: skip
    return figure, axes


def finish(figure: "Figure", axes: "Axes") -> None:
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
    left = (max(text_width(number, SMALL) for number in numbers) + 28) / (WIDTH * 72)
    low = BOTTOM + (_legend_rows(figure, axes) - 1) * LEGEND_ROW
    axes.set_position((left, low, RIGHT - left, TOP - low))


def _legend_rows(figure: "Figure", axes: "Axes") -> int:
    """Draw the legend below the axes, where it covers nothing, and return in how many rows."""
    handles, words = axes.get_legend_handles_labels()
    labels = [_cut(drawable(word), SMALL, LABEL_ROOM) for word in words]
    columns = _legend_columns(labels)
    legend = figure.legend(
        handles, labels, loc="lower center", ncols=columns, frameon=False, labelcolor=TEXT,
        prop={"family": FONT, "size": SMALL}, handlelength=1.6, handletextpad=0.5, columnspacing=1.4, numpoints=1,
        labelspacing=0.5, borderpad=0.4, borderaxespad=0.5, markerscale=1,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)
    return math.ceil(len(labels) / columns)


def _legend_columns(labels: list[str]) -> int:
    """Return in how many columns a legend is as wide as the picture at most; it is filled column by column."""
    widths = [text_width(label, SMALL) + LEGEND_GAP for label in labels]
    for rows in range(1, len(labels)):
        columns = math.ceil(len(labels) / rows)
        if sum(max(column) for column in np.array_split(widths, columns)) < WIDTH * 72:
            return columns
    return 1


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return how wide `text` is drawn, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=FONT, weight=weight, size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def _cut(text: str, size: float, room: float) -> str:
    """Return `text` with as much left out of its middle as `room`, in points, asks for: a number at its end stays."""
    if text_width(text, size, "bold") <= room:
        return text
    end = text[-TITLE_END:]
    kept = next(
        (n for n in range(min(len(text), 200), 0, -1) if text_width(f"{text[:n]}…{end}", size, "bold") <= room), 0
    )
    return f"{text[:kept]}…{end}"


def drawable(text: str) -> str:
    """Return `text` on one line and without what the font cannot draw, such as emoji and control characters."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties(family=FONT)))
    letters = (letter for letter in " ".join(text.split()) if letter.isprintable() and font.get_char_index(ord(letter)))
    return " ".join("".join(letters).split())
