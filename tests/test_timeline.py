"""Timelines: what the figures hold, for a day as for a year, and that columns of slots lose no extent."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.path import Path
from matplotlib.text import Text
from numpy.typing import NDArray

from anomalert import charts
from anomalert.chartdata import Course
from anomalert.charts.envelope import column_starts, enveloped, merged, runs
from anomalert.charts.timeline import MARKS
from anomalert.errors import InvalidPanelError

Array = NDArray[Any]

ZONE = "Europe/Berlin"
SPANS = {"an hour": 4, "a day": 96, "a month": 2880, "a year": 35_040}


def stretch(slots: int, zone: str | None = ZONE) -> pd.DataFrame:
    """Return so many slots of a metric with a daily course that falls out of its range every hundredth slot."""
    index = pd.date_range("2026-01-05", periods=slots, freq="15min", tz=zone)
    expected = 400 + 300 * np.sin(np.arange(slots) / 96 * 2 * np.pi)
    value = np.where(np.arange(slots) % 100 == 3, expected * 0.2, expected * 1.01)
    frame = pd.DataFrame({"value": value, "expected": expected, "lower": expected / 2, "upper": expected * 2}, index)
    return frame.assign(is_anomaly=frame["value"] < frame["lower"])


def reasons(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a strip: every second anomaly is held back, the others are told."""
    anomalies = np.flatnonzero(frame["is_anomaly"])
    held = np.zeros(len(frame), dtype=bool)
    held[anomalies[::2]] = True
    return pd.DataFrame({"persist": held, "told": frame["is_anomaly"] & ~held}, frame.index)


def told(frame: pd.DataFrame, *kinds: str) -> pd.DataFrame:
    """Return marks of these kinds, one a slot from the third on."""
    return pd.DataFrame({"slot": frame.index[3 : 3 + len(kinds)], "kind": list(kinds)})


def drawn(frame: pd.DataFrame, *kinds: str, events: pd.DataFrame | None = None) -> Figure:
    """Draw a frame with its reasons."""
    return charts.draw_timeline(frame, "likes", marks=told(frame, *kinds), rows=reasons(frame), events=events)


def line(axes: Axes, label: str) -> Line2D:
    """Return the line whose label begins so."""
    (found,) = [each for each in axes.get_lines() if str(each.get_label()).startswith(label)]
    return found


def bars_of(strip: Axes) -> list[Array]:
    """Return the bars of each row as an array of beginnings and ends, in days."""
    rows = [each for each in strip.collections if isinstance(each, PolyCollection)]
    return [np.array([spread(path)[0] for path in row.get_paths()]).reshape(-1, 2) for row in rows]


def spread(path: Path) -> Array:
    """Return from where to where a shape reaches: across, and up."""
    corners = np.asarray(path.vertices, dtype=float)
    return np.array([corners.min(axis=0), corners.max(axis=0)]).T


def test_a_day_shows_every_slot_of_its_course() -> None:
    """Value and expected are the frame's numbers; anomalous slots are dots; the zone and the day are told."""
    frame = stretch(96)
    axes = drawn(frame).axes[0]
    np.testing.assert_array_equal(line(axes, "value").get_ydata(), frame["value"])
    np.testing.assert_array_equal(line(axes, "expected").get_ydata(), frame["expected"])
    np.testing.assert_array_equal(line(axes, "anomaly").get_ydata(), frame["value"][frame["is_anomaly"]])
    assert axes.texts[0].get_text() == "2026-01-05, Europe/Berlin"


def test_what_was_told_is_marked_on_its_value_by_a_shape_of_its_kind() -> None:
    """Every kind has a marker of its own, on the value of the slot, and its number in the legend."""
    frame = stretch(96)
    figure = drawn(frame, *MARKS)
    found = {kind: line(figure.axes[0], kind) for kind in MARKS}
    assert len({mark.get_marker() for mark in found.values()}) == len(MARKS)
    for place, mark in enumerate(found.values()):
        assert list(np.asarray(mark.get_ydata())) == [frame["value"].iloc[3 + place]]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [f"{kind}: 1" for kind in MARKS] == [text for text in legend if text.endswith(": 1")]


def test_a_mark_without_a_value_lies_on_what_was_expected() -> None:
    """What is told of a slot without a value stands on what was expected; without that, at the bottom."""
    frame = stretch(96)
    frame.loc[frame.index[3:5], "value"] = np.nan
    frame.loc[frame.index[4], ["expected", "lower", "upper"]] = np.nan
    axes = drawn(frame, "no data", "data back").axes[0]
    assert list(np.asarray(line(axes, "no data").get_ydata())) == [frame["expected"].iloc[3]]
    assert list(np.asarray(line(axes, "data back").get_ydata())) == [axes.get_ylim()[0]]


def test_the_strip_says_which_step_held_back_which_slots() -> None:
    """Each reason is a row with the number of its slots, and its bars reach from the slot's start to its end."""
    frame = stretch(220)
    strip = drawn(frame).axes[1]
    assert [label.get_text() for label in strip.get_yticklabels()] == ["persist: 2", "told: 1"]
    days = (
        pd.DatetimeIndex(frame.index)
        .tz_convert("UTC")
        .tz_localize(None)
        .to_numpy()
        .astype("datetime64[us]")
        .astype(float)
        / 86_400e6
    )
    for bars, rows in zip(bars_of(strip), ([3, 203], [103]), strict=True):
        np.testing.assert_allclose(bars[:, 0], days[rows], atol=1e-9)
        np.testing.assert_allclose(bars[:, 1] - bars[:, 0], 1 / 96, atol=1e-9)


def test_known_events_are_shaded_over_course_and_strip() -> None:
    """An event within the stretch is shaded on both, one word in the legend; one outside is not."""
    frame = stretch(96)
    starts = pd.DatetimeIndex([frame.index[8], frame.index[40], frame.index[0] + pd.Timedelta("9D")])
    events = pd.DataFrame({"start": starts, "end": starts + pd.Timedelta("1h")})
    figure = drawn(frame, events=events)
    for axes in figure.axes[:2]:
        shaded = [each for each in axes.patches if isinstance(each, Rectangle | Polygon)]
        assert len(shaded) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()].count("known event") == 1


@pytest.mark.parametrize("slots", SPANS.values(), ids=SPANS)
@pytest.mark.parametrize("known", [0, 1, 40])
def test_every_span_is_legible(slots: int, known: int) -> None:
    """No text lies on another or is cut off, and few points are drawn, however long the stretch."""
    frame = stretch(slots)
    starts = pd.DatetimeIndex(frame.index[:: max(slots // 40, 1)][:known])
    events = pd.DataFrame({"start": starts, "end": starts + pd.Timedelta("1h")})
    kinds = list(MARKS) * (slots // 12)
    figure = drawn(frame, *kinds, events=events)
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_visible() and text.get_text()]
    height = figure.get_figheight() * 100
    boxes = {id(text): text.get_window_extent() for text in texts}
    for text in texts:
        box = boxes.pop(id(text))
        assert 0 <= box.x0 < box.x1 <= 1280, text.get_text()
        assert 0 <= box.y0 < box.y1 <= height, text.get_text()
        assert not any(box.padded(-2).overlaps(other) for other in boxes.values()), text.get_text()
    points = sum(len(np.asarray(each.get_xdata())) for axes in figure.axes[:2] for each in axes.get_lines())
    assert points < 4000


def test_a_year_shows_how_low_it_fell() -> None:
    """A slot that falls for a quarter of an hour is seen in a picture of a year: the extent of its day reaches it."""
    frame = stretch(35_040)
    fallen = frame.index[20_000]
    frame.loc[fallen, "value"] = -500.0
    axes = drawn(frame).axes[0]
    (extent,) = [each for each in axes.collections if each.get_label() == "least to largest"]
    assert spread(extent.get_paths()[0])[1, 0] == -500.0
    assert len(np.asarray(line(axes, "mean value").get_xdata())) == 365


def test_a_short_incident_of_a_year_has_a_bar_that_can_be_seen() -> None:
    """No bar of the strip is narrower than three pixels."""
    strip = drawn(stretch(35_040)).axes[1]
    left, right = strip.get_xlim()
    narrowest = min(float((bars[:, 1] - bars[:, 0]).min()) for bars in bars_of(strip))
    assert narrowest / (right - left) * 1100 > 2.9


def test_an_empty_stretch_draws() -> None:
    """Without slots, or without a value, the picture says that there is no data; with little there is a picture."""
    for frame in (stretch(96).iloc[:0], stretch(96).assign(value=np.nan, is_anomaly=False)):
        figure = drawn(frame)
        assert "no data" in [text.get_text() for text in figure.axes[0].texts]
        charts.to_png(figure)
    figure = drawn(stretch(2))
    assert "no data" not in [text.get_text() for text in figure.axes[0].texts]
    charts.to_png(figure)


def test_a_slot_that_stands_twice_is_refused() -> None:
    """Columns are made of slots: an index that holds one twice is refused by name."""
    frame = stretch(4)
    twice = pd.concat([frame.iloc[:2], frame.iloc[1:]])
    with pytest.raises(InvalidPanelError, match="2026-01-05 00:15:00"):
        charts.draw_timeline(twice, "likes", marks=told(twice), rows=reasons(twice))


def slow_columns(course: Course, starts: list[int]) -> dict[str, list[float]]:
    """Return what `enveloped` gives, one column at a time."""
    columns: dict[str, list[float]] = {name: [] for name in ("low", "high", "value", "expected", "lower", "upper")}
    for first, last in pairwise([*starts, len(course.x)]):
        known = [float(number) for number in course.value[first:last] if not np.isnan(number)]
        columns["low"].append(min(known, default=np.nan))
        columns["high"].append(max(known, default=np.nan))
        columns["value"].append(sum(known) / len(known) if known else np.nan)
        expected = [float(number) for number in course.expected[first:last] if not np.isnan(number)]
        columns["expected"].append(sum(expected) / len(expected) if expected else np.nan)
        columns["lower"].append(min((float(n) for n in course.lower[first:last] if not np.isnan(n)), default=np.nan))
        columns["upper"].append(max((float(n) for n in course.upper[first:last] if not np.isnan(n)), default=np.nan))
    return columns


NUMBERS = st.floats(-1e6, 1e6) | st.just(float("nan"))


@settings(deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 40), st.just(4)), elements=NUMBERS), st.data())
def test_columns_agree_with_a_slow_obvious_version(numbers: Array, data: st.DataObject) -> None:
    """Extent, means and bounds of columns are those of their slots, whatever is unknown."""
    cuts = data.draw(st.lists(st.integers(1, max(len(numbers) - 1, 1)), unique=True)) if len(numbers) > 1 else []
    starts = [0, *sorted(cuts)]
    value, expected, lower, upper = numbers.T
    flags = value > 0
    course = Course(np.arange(float(len(value))), value, expected, lower, upper, flags)
    found = enveloped(course, np.array(starts))
    slow = slow_columns(course, starts)
    for name, numbers_of in {"low": found.low, "high": found.high}.items():
        np.testing.assert_array_equal(numbers_of, slow[name])
    for name in ("value", "expected", "lower", "upper"):
        np.testing.assert_allclose(getattr(found.mean, name), slow[name], rtol=1e-9, atol=1e-6)
    any_flag = [any(flags[first:last]) for first, last in pairwise([*starts, len(flags)])]
    np.testing.assert_array_equal(merged(flags, np.array(starts)), any_flag)


@given(arrays(np.bool_, st.integers(0, 30)))
def test_runs_are_where_flags_are_set(flags: Array) -> None:
    """Runs cover exactly the flagged rows, and no two of them touch."""
    found = runs(flags)
    covered = np.zeros(len(flags), dtype=bool)
    for start, end in found:
        covered[start:end] = True
    np.testing.assert_array_equal(covered, flags)
    assert all(one[1] < other[0] for one, other in pairwise(found.tolist()))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 80_000), st.sampled_from(["1min", "15min", "1h"]), st.sampled_from([None, "UTC", ZONE]))
def test_there_are_never_more_columns_than_pixels(slots: int, slot: str, zone: str | None) -> None:
    """Columns begin with the first row, go on, and are at most as many as fit, over clock changes too."""
    index = pd.date_range("2026-01-05", periods=slots, freq=slot, tz=zone)
    starts = column_starts(index)
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert len(starts) <= 1110


def test_columns_of_a_year_are_local_days() -> None:
    """Also the days on which the clocks change are one column each."""
    index = pd.date_range("2026-01-01", "2027-01-01", freq="15min", tz=ZONE, inclusive="left")
    starts = index[column_starts(index)]
    assert list(starts) == list(pd.date_range("2026-01-01", periods=365, freq="D", tz=ZONE))
