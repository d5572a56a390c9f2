"""Settings side by side in one picture: a strip for each, what each tells marked, legible for few and for many."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text

from anomalert import charts
from anomalert.errors import InvalidPanelError

ZONE = "Europe/Berlin"
SPANS = {"two hours": 8, "a day": 96, "a month": 2880, "a year": 35_040}


def strip(slots: int, every: int = 100) -> pd.DataFrame:
    """Return so many slots with a daily course, of which every so many is told."""
    index = pd.date_range("2026-01-05", periods=slots, freq="15min", tz=ZONE)
    expected = 400 + 300 * np.sin(np.arange(slots) / 96 * 2 * np.pi)
    told = np.arange(slots) % every == 3
    columns = {"value": np.where(told, expected * 0.2, expected), "expected": expected}
    return pd.DataFrame({**columns, "lower": expected / 2, "upper": expected * 2}, index).assign(is_anomaly=told)


def events_at(frame: pd.DataFrame, *rows: int) -> pd.DataFrame:
    """Return events of an hour from these rows on."""
    starts = pd.DatetimeIndex(frame.index[list(rows)])
    return pd.DataFrame({"start": starts, "end": starts + pd.Timedelta("1h")})


def marked(axes: Axes) -> list[float]:
    """Return the values of the slots that are marked as told, dots or diamonds."""
    (diamonds,) = [each for each in axes.get_lines() if each.get_marker() == "D"]
    dots = [each for each in axes.get_lines() if str(each.get_label()).startswith("anomaly")]
    values = [np.asarray(each.get_ydata(), dtype=float) for each in (diamonds, *dots)]
    return sorted(np.concatenate(values).tolist())


def names_of(figure: Figure) -> list[str]:
    """Return the names beside the strips, from above."""
    beside = [each for axes in figure.axes for each in axes.texts if each.get_horizontalalignment() == "right"]
    return [each.get_text() for each in beside]


@pytest.mark.parametrize("slots", SPANS.values(), ids=SPANS)
def test_each_strip_marks_what_its_setting_tells(slots: int) -> None:
    """Every told slot is marked once on its own value, whether the picture shows slots or columns of them."""
    strips = {
        "often": strip(slots, 50),
        "seldom": strip(slots, 1000),
        "never": strip(slots, 10**6).assign(is_anomaly=False),
    }
    figure = charts.draw_multiples(strips, "likes")
    assert names_of(figure) == list(strips)
    for axes, frame in zip(figure.axes, strips.values(), strict=True):
        assert marked(axes) == sorted(frame["value"][frame["is_anomaly"]].tolist())


def test_a_told_slot_without_a_value_is_not_marked() -> None:
    """Where nothing is known there is no place for a mark."""
    frame = strip(2880)
    frame.loc[frame.index[3], "value"] = np.nan
    assert len(marked(charts.draw_multiples({"one": frame}, "likes").axes[0])) == frame["is_anomaly"].sum() - 1


def test_strips_stand_below_one_another_over_the_same_time() -> None:
    """They do not overlap, are equally high, share their left and right edges, and only the last has times."""
    figure = charts.draw_multiples({name: strip(960) for name in "abcd"}, "likes")
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(boxes))
    assert len({round(box.height, 9) for box in boxes}) == len({(box.x0, box.x1) for box in boxes}) == 1
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    shown = [any(label.get_visible() and label.get_text() for label in axes.get_xticklabels()) for axes in figure.axes]
    assert shown == [False, False, False, True]


def test_known_events_are_shaded_in_every_strip() -> None:
    """Each event once in each strip."""
    frame = strip(960)
    figure = charts.draw_multiples({"one": frame, "other": frame}, "likes", events_at(frame, 100, 500))
    for axes in figure.axes:
        assert len([each for each in axes.patches if isinstance(each, Rectangle | Polygon)]) == 2


@pytest.mark.parametrize("slots", SPANS.values(), ids=SPANS)
@pytest.mark.parametrize(
    "names", [["one"], ["week", "a rather long name of one", "$x_2$ & <b>"], [f"no. {n}" for n in range(9)]]
)
def test_every_picture_is_legible(slots: int, names: list[str]) -> None:
    """No text lies on another or is cut off, names are shown as they are, and the picture is 1280 pixels wide."""
    frame = strip(slots)
    figure = charts.draw_multiples(dict.fromkeys(names, frame), "likes", events_at(frame, 2))
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    assert names_of(figure) == names
    assert figure.get_figwidth() * figure.dpi == 1280
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_visible() and text.get_text()]
    boxes = {id(text): text.get_window_extent() for text in texts}
    for text in texts:
        box = boxes.pop(id(text))
        assert 0 <= box.x0 < box.x1 <= 1280, text.get_text()
        assert 0 <= box.y0 < box.y1 <= figure.get_figheight() * figure.dpi, text.get_text()
        assert not any(box.padded(-2).overlaps(other) for other in boxes.values()), text.get_text()


def test_the_same_strips_give_the_same_picture() -> None:
    """Byte for byte; another setting gives another."""
    one, again, other = (charts.draw_multiples({"one": strip(960, every)}, "likes") for every in (100, 100, 90))
    assert charts.to_png(one) == charts.to_png(again) != charts.to_png(other)


def test_strips_without_slots_are_refused() -> None:
    """An index that is none of slots is refused as in every picture."""
    with pytest.raises(InvalidPanelError):
        charts.draw_multiples({"one": strip(8).reset_index()}, "likes")
