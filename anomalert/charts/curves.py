"""How often incidents of a size are found, with the intervals of those shares.

Part of `anomalert.charts`; calls `canvas`, `chartdata` and `errors`.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert import chartdata
from anomalert.charts.canvas import BAND, DASHES, EXPECTED, VALUE, canvas, finish
from anomalert.errors import InvalidPanelError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_recall"]

COLUMNS = ("size", "recall", "low", "high")


def draw_recall(frame: pd.DataFrame, title: str, *, subtitle: str, goal: float = 0.9) -> "Figure":
    """Draw recall against size, both edges of its interval, and the recall that is aimed at.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``size`` (in any unit), ``recall, low, high`` (in [0, 1]), one row per size.
    title, subtitle : str
        Plain text; one line is made of each. The subtitle names the unit.
    goal : float, default 0.9
        A recall, drawn as a line across.

    Returns
    -------
    matplotlib.figure.Figure
        1280 x 720 pixels; it shows itself in a notebook.

    Raises
    ------
    InvalidPanelError
        If a column is missing, or there is no row.

    Examples
    --------
    >>> frame = pd.DataFrame({"size": [10.0, 50.0], "recall": [0.1, 0.9], "low": [0.0, 0.7], "high": [0.4, 1.0]})
    >>> draw_recall(frame, "drop", subtitle="recall in % by size in %").axes[0].get_title(loc="left")
    'drop'
    """
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing or not len(frame):
        raise InvalidPanelError(
            f"`frame` lacks {', '.join(missing) or 'rows'}: give {', '.join(COLUMNS)} for each size"
        )
    size, recall, low, high = (frame[name].to_numpy(dtype=float) for name in COLUMNS)
    figure, axes = canvas(title, subtitle)
    axes.set_ylim(0, 104)
    axes.plot(size, 100 * recall, "o-", label="found", color=VALUE, linewidth=4, markersize=12, clip_on=False, zorder=3)
    axes.fill_between(size, 100 * low, 100 * high, label="95 % interval", color=BAND, linewidth=0, zorder=1)
    axes.axhline(100 * goal, label=f"{100 * goal:g} %", color=EXPECTED, linewidth=2.4, linestyle=DASHES, marker="")
    _mark_sizes(axes, size)
    finish(figure, axes)
    return figure


def _mark_sizes(axes: "Axes", size: NDArray[np.float64]) -> None:
    """Write the axis of sizes; where sizes lie closer than their numbers are wide, some go without."""
    from matplotlib.ticker import MaxNLocator

    low, high = min(float(size.min()), 0.0), max(float(size.max()), 0.0)
    room = 0.02 * (high - low) or 1.0
    axes.set_xlim(low - room, high + room)
    ticks = [tick for tick in MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high) if low <= tick <= high]
    axes.set_xticks(ticks, [chartdata.short(tick, max(abs(low), abs(high))) for tick in ticks])
