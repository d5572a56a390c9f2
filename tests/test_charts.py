"""Charts: what the figures hold, that they are the same from every thread, and that hostile input draws too."""

import threading

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from anomalert import charts

DAY = pd.date_range("2026-11-09", periods=96, freq="15min", tz="Europe/Moscow")


def day(known: int = 42) -> pd.DataFrame:
    """Return a local day of which `known` slots have a value, the last two of them anomalous."""
    expected = 400 + 300 * np.sin((np.arange(96) / 4 - 9) / 24 * 2 * np.pi)
    value = np.where(np.arange(96) < known, expected, np.nan)
    value[max(known - 2, 0) : known] *= 0.3
    frame = pd.DataFrame({"value": value, "expected": expected, "lower": expected / 2, "upper": expected * 2}, DAY)
    return frame.assign(is_anomaly=frame["value"] < frame["lower"])


def lines(axes: Axes) -> dict[str, tuple[list[float], list[float]]]:
    """Return the labelled lines of a chart as x and y."""
    return {
        str(line.get_label()): (list(np.asarray(line.get_xdata())), list(np.asarray(line.get_ydata())))
        for line in axes.get_lines()
        if not str(line.get_label()).startswith("_")
    }


def test_a_day_shows_its_course_its_baseline_and_the_judged_slot() -> None:
    """The lines hold the frame's numbers over the hours of the local day; y begins at 0; the newest is written."""
    frame = day()
    axes = charts.draw_day(frame, "likes −70%").axes[0]
    drawn = lines(axes)
    assert drawn["today"][0][:3] == [0.0, 0.25, 0.5]
    np.testing.assert_array_equal(drawn["today"][1], frame["value"])
    np.testing.assert_array_equal(drawn["expected"][1], frame["expected"])
    assert drawn["anomaly"][0] == [10.0, 10.25]
    assert axes.get_ylim()[0] == 0.0
    assert axes.get_xlim() == (0.0, 24.0)
    assert [text.get_text() for text in axes.texts] == [f"{frame['value'].iloc[41]:.0f}"]
    assert axes.get_title(loc="left") == "likes −70%"


def test_words_are_those_of_the_language() -> None:
    """The legend of a Russian chart is Russian."""
    figure = charts.draw_day(day(), "likes", words=charts.RUSSIAN)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "обычный диапазон", "ожидалось", "сегодня", "аномалия",
    ]  # fmt: skip


@pytest.mark.parametrize("known", [0, 1, 2, 96])
def test_days_at_their_edges_draw(known: int) -> None:
    """No slot, one slot, and a whole day give a picture of 1280 x 720."""
    png = charts.to_png(charts.draw_day(day(known), "likes"))
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")) == (1280, 720)


@pytest.mark.parametrize("title", ["$x^2$", "💥 数 \x00\x1b[31m", "long " * 60, "", "<b>&"])
def test_hostile_titles_draw_without_a_warning(title: str) -> None:
    """Mathematics is text, and what the font lacks is left out."""
    figure = charts.draw_band(day(), title)
    charts.to_png(figure)
    assert "💥" not in figure.axes[0].get_title(loc="left")


@pytest.mark.parametrize(
    ("value", "lower", "upper"),
    [
        (0.0, 0.0, 0.0), (1e12, 0.0, np.inf), (-5.0, -np.inf, np.inf), (np.nan, np.nan, np.nan), (1e-9, 0.0, 1e300),
        (1e300, -1e300, 1e300),
    ],
)  # fmt: skip
def test_hostile_numbers_draw(value: float, lower: float, upper: float) -> None:
    """Nothing but zeros, huge and tiny values, infinite bounds and no value at all give a picture."""
    frame = pd.DataFrame({"value": value, "expected": value, "lower": lower, "upper": upper}, DAY)
    frame = frame.assign(is_anomaly=False)
    for drawing in (charts.draw_day, charts.draw_band):
        assert charts.to_png(drawing(frame, "metric"))


def test_a_wide_band_does_not_flatten_the_course() -> None:
    """The y axis follows the values; a band that is far wider is cut off."""
    frame = day(96).assign(upper=1e9, lower=-1e9)
    bottom, top = charts.draw_day(frame, "likes").axes[0].get_ylim()
    assert bottom == 0.0
    assert top < 3 * frame["expected"].max()


def test_threads_draw_the_same_bytes_as_one_thread() -> None:
    """Eight threads drawing at once give what one gives: nothing is shared."""
    wanted = charts.to_png(charts.draw_day(day(), "likes"))
    drawn: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: drawn.append(charts.to_png(charts.draw_day(day(), "likes")))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [wanted] * 8


def test_a_figure_shows_itself_in_a_notebook() -> None:
    """A notebook asks for `_repr_png_` and gets the picture."""
    figure = charts.draw_band(day(), "likes")
    assert figure._repr_png_() == charts.to_png(figure)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.184, "0.184"), (61.0, "61"), (812.4, "812"), (12_345.0, "12.3k"), (4.5e6, "4.5M"), (-2e9, "-2G"), (0.0, "0")],
)
def test_numbers_on_the_axis_are_short(value: float, text: str) -> None:
    """Large numbers carry a unit, ratios keep three digits."""
    assert charts._short(value) == text
