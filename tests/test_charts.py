"""Charts: what the figures hold, that they are the same from every thread and style, and that hostile input draws."""

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.dates import num2date
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from anomalert import charts
from anomalert.chartdata import COLUMNS, MOST_BAND
from anomalert.charts.canvas import ANOMALY, VALUE
from anomalert.errors import InvalidPanelError

DAY = pd.date_range("2026-11-09", periods=96, freq="15min", tz="Europe/Moscow")
DRAWINGS: tuple[Callable[..., Figure], ...] = (charts.draw_day, charts.draw_band)


def day(known: int = 42) -> pd.DataFrame:
    """Return a local day of which `known` slots have a value, the last two of them anomalous."""
    expected = 400 + 300 * np.sin((np.arange(96) / 4 - 9) / 24 * 2 * np.pi)
    value = np.where(np.arange(96) < known, expected, np.nan)
    value[max(known - 2, 0) : known] *= 0.3
    frame = pd.DataFrame({"value": value, "expected": expected, "lower": expected / 2, "upper": expected * 2}, DAY)
    return frame.assign(is_anomaly=frame["value"] < frame["lower"])


def level(index: pd.DatetimeIndex, **columns: Any) -> pd.DataFrame:
    """Return a frame of one level all along, but for `columns`."""
    steady = {"value": 100.0, "expected": 100.0, "lower": 50.0, "upper": 200.0, "is_anomaly": False}
    return pd.DataFrame({**steady, **columns}, index)


def lines(axes: Axes) -> dict[str, Line2D]:
    """Return the labelled lines of a chart."""
    return {str(line.get_label()): line for line in axes.get_lines() if not str(line.get_label()).startswith("_")}


def texts(figure: Figure) -> dict[str, Text]:
    """Return every text of a drawn chart that is not empty."""
    drawn = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_visible()]
    return {text.get_text(): text for text in drawn if text.get_text()}


def test_a_day_shows_its_course_its_baseline_and_the_judged_slot() -> None:
    """The lines hold the frame's numbers over the hours of the local day; y begins at 0; the judged slot is told."""
    frame = day()
    axes = charts.draw_day(frame, "likes −70%").axes[0]
    drawn = lines(axes)
    np.testing.assert_array_equal(drawn["today"].get_xdata(), np.arange(96) / 4)
    np.testing.assert_array_equal(drawn["today"].get_ydata(), frame["value"])
    np.testing.assert_array_equal(drawn["expected"].get_ydata(), frame["expected"])
    np.testing.assert_array_equal(drawn["anomaly"].get_xdata(), [10.0, 10.25])
    assert axes.get_ylim()[0] == 0.0
    assert axes.get_xlim() == (0.0, 24.0)
    assert [label.get_text() for label in axes.get_xticklabels()][::4] == ["00:00", "12:00", "24:00"]
    assert axes.get_title(loc="left") == "likes −70%"
    period, newest = [text.get_text() for text in axes.texts]
    assert period == "2026-11-09 10:15–10:30, Europe/Moscow"
    assert newest == f"{frame['value'].iloc[41]:.0f}"


def test_the_judged_slot_stands_out() -> None:
    """The newest value has the largest marker of all, in the colour of an anomaly if it is one."""
    for frame, colour in ((day(), ANOMALY), (day().assign(is_anomaly=False), VALUE)):
        axes = charts.draw_day(frame, "likes").axes[0]
        largest = max((line for line in axes.get_lines() if line.get_marker() in {"o", "D"}), key=Line2D.get_markersize)
        np.testing.assert_array_equal(largest.get_xdata(), [10.25])
        assert largest.get_color() == axes.texts[-1].get_color() == colour


def test_a_stretch_shows_instants_in_the_zone_of_its_index() -> None:
    """Each slot lies at its instant; ticks and period are told in local time; anomalies are marked."""
    frame = day()
    axes = charts.draw_band(frame, "likes").axes[0]
    value = lines(axes)["value"]
    assert [pd.Timestamp(num2date(x)) for x in np.asarray(value.get_xdata())] == list(DAY)  # type: ignore[no-untyped-call]
    np.testing.assert_array_equal(lines(axes)["anomaly"].get_ydata(), frame["value"].iloc[40:42])
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert {"9 Nov", "12:00", "10 Nov"} <= set(ticks)
    assert axes.texts[0].get_text() == "2026-11-09, Europe/Moscow"


def test_words_are_those_of_the_language() -> None:
    """The legend, the date and the months of a Russian chart are Russian."""
    figure = charts.draw_band(day(), "likes", words=charts.RUSSIAN)
    figure.draw_without_rendering()
    words = ["значение", "ожидалось", "обычный диапазон", "аномалия"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == words
    assert {"09.11.2026, Europe/Moscow", "9 ноя"} <= set(texts(figure))


def test_the_legend_says_how_the_baseline_is_made() -> None:
    """What a caller says of the baseline stands in the legend instead of the general word, taken literally."""
    figure = charts.draw_day(day(), "likes", baseline="mean of $7$ days")
    drawn = figure.legends[0].get_texts()
    assert [text.get_text() for text in drawn] == ["today", "mean of $7$ days", "usual range", "anomaly"]
    assert not any(text.get_parse_math() for text in drawn)


def test_gaps_stay_gaps_and_what_stands_alone_is_a_dot() -> None:
    """A value between two gaps, of which a line shows nothing, is drawn as a dot; no gap is bridged."""
    frame = day(96)
    frame.loc[frame.index[10:20], "value"] = np.nan
    frame.loc[frame.index[15], "value"] = 77.0
    axes = charts.draw_band(frame, "likes").axes[0]
    assert np.isnan(np.asarray(lines(axes)["value"].get_ydata(), dtype=float)).sum() == 9
    dots = [line for line in axes.get_lines() if line.get_marker() == "o" and len(np.asarray(line.get_xdata()))]
    assert [list(np.asarray(dot.get_ydata())) for dot in dots] == [[77.0]]


def test_a_single_row_shows_value_expected_and_band() -> None:
    """One slot alone shows all that a line and an area cannot show of it."""
    figure = charts.draw_band(day().iloc[41:42], "likes")
    axes = figure.axes[0]
    shown = {line.get_marker() for line in axes.get_lines() if len(np.asarray(line.get_xdata()))}
    assert {"D", "_"} <= shown
    bands = [each.get_segments() for each in axes.collections if isinstance(each, LineCollection)]
    row = day().iloc[41]
    assert len(bands) == 1
    np.testing.assert_allclose(np.asarray(bands[0])[0, :, 1], [row["lower"], row["expected"] * MOST_BAND * 1.08])


def test_an_hour_that_is_repeated_is_drawn_twice_without_a_line_back() -> None:
    """Where clocks are set back the lines are interrupted: 100 slots, one of which the hours run back to."""
    index = pd.date_range("2026-10-25", "2026-10-26", freq="15min", tz="Europe/Berlin", inclusive="left")
    value = lines(charts.draw_day(level(index), "likes").axes[0])["today"]
    hours = np.asarray(value.get_xdata(), dtype=float)
    assert (len(index), len(hours)) == (100, 101)
    assert list(hours[11:14]) == pytest.approx([2.75, np.nan, 2.0], nan_ok=True)


def test_a_day_begins_at_0_and_a_stretch_near_what_it_shows() -> None:
    """Far from 0 a day keeps its 0, so that its height tells its size; a stretch shows its band instead."""
    frame = level(DAY, value=1000.0, expected=1005.0, lower=995.0, upper=1015.0)
    assert charts.draw_day(frame, "likes").axes[0].get_ylim()[0] == 0.0
    assert charts.draw_band(frame, "likes").axes[0].get_ylim() == pytest.approx((993.4, 1016.6))


def test_a_wide_band_does_not_flatten_the_course() -> None:
    """The y axis follows the values; a band that is far wider is cut off."""
    frame = day(96).assign(upper=1e9, lower=-1e9)
    for draw in DRAWINGS:
        bottom, top = draw(frame, "likes").axes[0].get_ylim()
        assert bottom == 0.0
        assert top < 2 * frame["expected"].max()


@pytest.mark.parametrize("known", [0, 1, 2, 95, 96])
@pytest.mark.parametrize("words", [charts.ENGLISH, charts.RUSSIAN], ids=["en", "ru"])
@pytest.mark.parametrize(
    "title", ["likes −70%", "average_session_seconds_of_returning_users_in_kazakhstan " * 3 + "−65%"]
)
def test_nothing_is_cut_off_and_no_text_lies_on_another(known: int, words: charts.ChartWords, title: str) -> None:
    """Every text lies within the picture, and none on another: title, period, legend, ticks, the newest value."""
    scale = 10.0 ** (3 * (known % 5))
    frame = day(known)
    frame[list(COLUMNS[:4])] *= scale
    figure = charts.draw_day(frame, title, words=words, baseline="среднее того же слота за 7 дней" * (known % 2))
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    boxes = {name: text.get_window_extent() for name, text in texts(figure).items()}
    assert len(boxes) > 15
    for name, box in boxes.items():
        assert 0 <= box.x0 < box.x1 <= 1280, name
        assert 0 <= box.y0 < box.y1 <= 720, name
        # The word of an empty chart lies on the chart; all others keep apart.
        overlapped = [other for other, there in boxes.items() if other != name and box.padded(-2).overlaps(there)]
        assert overlapped == []
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(label.get_window_extent()) for label in figure.axes[0].get_xticklabels())


def test_a_long_title_keeps_the_number_at_its_end() -> None:
    """What does not fit is left out of the middle."""
    title = charts.draw_day(day(), "a_very_long_name_" * 20 + " −65%").axes[0].get_title(loc="left")
    assert title.startswith("a_very_long_name_a_very")
    assert title.endswith("_ −65%")
    assert "…" in title


@pytest.mark.parametrize(
    ("title", "drawn"),
    [
        ("$x^2$ and $5", "$x^2$ and $5"),
        ("💥 数 likes \x00\x1b[31m", "likes [31m"),
        ("two\nlines\tand  more", "two lines and more"),
        ("", ""),
        ("<b>&</b> \\frac{1}{2} %s {0}", "<b>&</b> \\frac{1}{2} %s {0}"),
        ("Метрика «likes» ▼ −65 % ё", "Метрика «likes» ▼ −65 % ё"),
    ],
)
def test_hostile_titles_draw_without_a_warning(title: str, drawn: str) -> None:
    """Mathematics is text, a title is one line, and what the font lacks is left out."""
    figure = charts.draw_band(day(), title)
    assert figure.axes[0].get_title(loc="left") == drawn
    assert not any(text.get_parse_math() for text in texts(figure).values() if "$" in text.get_text())
    charts.to_png(figure)


@settings(max_examples=25, deadline=None)
@given(
    numbers=st.lists(st.lists(st.floats(), min_size=4, max_size=4), min_size=1, max_size=5),
    band=st.booleans(),
    title=st.text(max_size=40),
)
def test_any_numbers_and_any_title_draw(numbers: list[list[float]], band: bool, title: str) -> None:
    """Infinite, unknown, huge, tiny and contradictory numbers give a picture, and no warning."""
    frame = pd.DataFrame(numbers, DAY[: len(numbers)], columns=list(COLUMNS[:4]))
    frame = frame.assign(is_anomaly=~(frame["value"] <= frame["upper"]))
    assert charts.to_png(DRAWINGS[band](frame, title)).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "span",
    ["1s", "15min", "3h", "1D", "2D", "9D", "30D", "70D", "91D", "200D", "370D", "800D", "1700D", "4000D", "30000D"],
)
@pytest.mark.parametrize("zone", [None, "UTC", "America/Sao_Paulo", "Australia/Lord_Howe", "+05:45"])
def test_time_axes_are_readable_over_every_span(span: str, zone: str | None) -> None:
    """From seconds to a lifetime there are some ticks and not too many, each with a text, and none lies on another."""
    end = pd.Timestamp("2026-10-31 17:10", tz=zone)
    figure = charts.draw_band(level(pd.DatetimeIndex([end - pd.Timedelta(span), end])), "likes")
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    left, right = figure.axes[0].get_xlim()
    places, labels = figure.axes[0].get_xticks(), figure.axes[0].get_xticklabels()
    shown = [label for place, label in zip(places, labels, strict=True) if left <= place <= right]
    assert 2 <= len(shown) <= 10
    boxes = sorted((label.get_window_extent() for label in shown), key=lambda box: float(box.x0))
    assert all(label.get_text() for label in shown)
    assert all(box.x1 < following.x0 for box, following in pairwise(boxes))


@pytest.mark.parametrize("draw", DRAWINGS)
def test_an_empty_frame_says_so(draw: Callable[..., Figure]) -> None:
    """A frame without rows, or without a known value, gives a picture that says that there is no data."""
    for frame in (day().iloc[:0], day(0)):
        figure = draw(frame, "likes", words=charts.RUSSIAN)
        assert "нет данных" in texts(figure)
        charts.to_png(figure)


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (day().drop(columns=["lower", "is_anomaly"]), "lower, is_anomaly"),
        (day().reset_index(drop=True), "RangeIndex"),
        (day()[::-1], "increasing"),
        (day().set_index(pd.DatetimeIndex([pd.NaT, *DAY[1:]])), "increasing"),
    ],
)
def test_a_frame_that_is_none_is_refused(draw: Callable[..., Figure], frame: pd.DataFrame, said: str) -> None:
    """What cannot be drawn is refused with the column or index that is wrong."""
    with pytest.raises(InvalidPanelError, match=said):
        draw(frame, "likes")


def test_a_day_chart_refuses_two_days() -> None:
    """Hours of two days on one axis would lie on each other."""
    with pytest.raises(InvalidPanelError, match="2026-11-08 23:45:00 to 2026-11-09"):
        charts.draw_day(level(DAY - pd.Timedelta("15min")), "likes")


def test_frames_are_left_as_they_were() -> None:
    """Drawing changes nothing of what it is given."""
    frame = day().assign(upper=np.inf)
    before = frame.copy()
    for draw in DRAWINGS:
        draw(frame, "likes")
    pd.testing.assert_frame_equal(frame, before)


def chunks(png: bytes) -> list[bytes]:
    """Return the kinds of chunks a PNG consists of."""
    kinds, place = [], 8
    while place < len(png):
        kinds.append(png[place + 4 : place + 8])
        place += 12 + int.from_bytes(png[place : place + 4], "big")
    return kinds


def test_a_png_is_1280_x_720_and_tells_nothing_else() -> None:
    """The bytes hold the picture: neither the name of a program nor a date, and the same each time."""
    png = charts.to_png(charts.draw_day(day(), "likes"))
    assert (int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")) == (1280, 720)
    assert set(chunks(png)) == {b"IHDR", b"pHYs", b"IDAT", b"IEND"}
    assert charts.to_png(charts.draw_day(day(), "likes")) == png
    assert len(png) < 200_000


def test_threads_draw_the_same_bytes_as_one_thread() -> None:
    """Eight threads drawing different pictures at once give what one thread gives: nothing is shared."""
    jobs = [(draw, known) for draw in DRAWINGS for known in (1, 30, 60, 96)]
    wanted = [charts.to_png(draw(day(known), f"likes {known}")) for draw, known in jobs]
    drawn: dict[int, bytes] = {}

    def work(number: int) -> None:
        draw, known = jobs[number]
        drawn[number] = charts.to_png(draw(day(known), f"likes {known}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [drawn[number] for number in range(len(jobs))] == wanted


STYLES: dict[str, Any] = {
    "dark": {"axes.facecolor": "black", "figure.facecolor": "black", "text.color": "white"},
    "ticks": {"xtick.minor.visible": True, "ytick.right": True, "xtick.labeltop": True, "axes.grid": True},
    "grid": {"axes.grid": True, "axes.grid.axis": "both", "grid.linestyle": ":", "axes.axisbelow": False},
    "layout": {"figure.constrained_layout.use": True, "savefig.bbox": "tight", "savefig.dpi": 300, "figure.dpi": 50},
    "letters": {"font.family": ["serif"], "font.size": 30, "axes.titleweight": "light", "axes.titley": 0.5},
    "lines": {"lines.linewidth": 9, "lines.marker": "s", "lines.linestyle": "--", "lines.markeredgecolor": "red"},
    "frame": {"axes.spines.right": True, "axes.edgecolor": "red", "axes.linewidth": 5, "legend.frameon": True},
    "legend": {"legend.fontsize": 40, "legend.numpoints": 3, "legend.labelspacing": 3, "legend.borderpad": 4},
    "numbers": {"axes.formatter.use_locale": True, "axes.xmargin": 0.4, "timezone": "Asia/Tokyo"},
}  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("draw", DRAWINGS)
def test_the_style_of_a_notebook_changes_nothing(draw: Callable[..., Figure], style: str) -> None:
    """The same frame gives the same bytes whatever matplotlib's settings say: all that matters is said."""
    wanted = charts.to_png(draw(day(), "likes"))
    with mpl.rc_context(STYLES[style]):
        drawn = charts.to_png(draw(day(), "likes"))
    assert drawn == wanted


def test_no_setting_is_changed_and_pyplot_is_not_loaded() -> None:
    """A process that draws has neither pyplot nor other settings afterwards, and none of it before it draws."""
    program = (
        "import sys; from anomalert import charts; assert 'matplotlib' not in sys.modules\n"
        "import matplotlib as mpl, pandas as pd\n"
        "before = mpl.rcParams.copy()\n"
        "index = pd.date_range('2026-11-09', periods=4, freq='6h')\n"
        "row = dict(value=1.0, expected=1.0, lower=0.5, upper=2.0, is_anomaly=True)\n"
        "for draw in (charts.draw_day, charts.draw_band): charts.to_png(draw(pd.DataFrame(row, index), 'likes'))\n"
        "after = mpl.rcParams.copy()\n"
        "assert all(dict.__getitem__(after, name) == dict.__getitem__(before, name) for name in before)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=120)


def test_a_figure_shows_itself_in_a_notebook() -> None:
    """A notebook asks for `_repr_png_` and gets the picture."""
    figure = charts.draw_band(day(), "likes")
    assert figure._repr_png_() == charts.to_png(figure)  # type: ignore[attr-defined]


def test_figures_are_freed() -> None:
    """Nothing keeps a figure that its caller let go."""
    figures = [draw(day(), "likes") for draw in DRAWINGS]
    for figure in figures:
        charts.to_png(figure)
    kept = [weakref.ref(figure) for figure in figures]
    del figure, figures
    gc.collect()
    assert [reference() for reference in kept] == [None, None]


def resident_megabytes() -> float:
    """Return how much memory this process uses."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")
def test_memory_does_not_grow_with_charts() -> None:
    """After the first charts, 50 more need no more memory than one picture or two."""
    for _ in range(10):
        charts.to_png(charts.draw_day(day(), "likes"))
    gc.collect()
    before = resident_megabytes()
    for _ in range(50):
        charts.to_png(charts.draw_day(day(), "likes"))
    gc.collect()
    assert resident_megabytes() - before < 20
