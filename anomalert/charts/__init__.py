"""Pictures: frames in, figures out. The only room that knows matplotlib, and it knows no domain object.

A notebook's plot and an alert's picture are one drawing. Nothing of pyplot is used, and no setting of matplotlib is
changed or relied on, so that threads may draw side by side, figures are freed and a notebook's style changes nothing.
`courses` draws metrics over time, `timeline` what was told of them, `multiples` several settings at once, `curves` what
came of trials, `canvas` the sheet around them. Whoever has something to show calls this; it calls `chartdata`.
"""

from anomalert.chartdata import ENGLISH, RUSSIAN, ChartWords
from anomalert.charts.canvas import to_png
from anomalert.charts.courses import draw_band, draw_day
from anomalert.charts.curves import draw_recall
from anomalert.charts.multiples import draw_multiples
from anomalert.charts.timeline import draw_timeline

__all__ = [
    "ENGLISH",
    "RUSSIAN",
    "ChartWords",
    "draw_band",
    "draw_day",
    "draw_multiples",
    "draw_recall",
    "draw_timeline",
    "to_png",
]
