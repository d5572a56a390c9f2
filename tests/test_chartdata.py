"""Chart data: places, limits, periods and numbers, held to slow oracles; no picture is drawn here."""

import math
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anomalert import chartdata
from anomalert.chartdata import ENGLISH, RUSSIAN, Course

MAYBE = st.one_of(st.just(np.nan), st.floats(-1e6, 1e6))
UNITS = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def course(value: list[float], lower: float = np.nan, upper: float = np.nan) -> Course:
    """Return a course that is as expected, at 0, 1, 2 ..."""
    index = pd.date_range("2026-11-09", periods=len(value), freq="15min")
    columns = {"value": value, "expected": value, "lower": lower, "upper": upper, "is_anomaly": False}
    return Course.of(np.arange(len(value), dtype=float), pd.DataFrame(columns, index))


@given(st.lists(st.tuples(MAYBE, MAYBE), max_size=12))
def test_what_stands_alone_is_what_a_loop_finds(rows: list[tuple[float, float]]) -> None:
    """A row stands alone if all of it is known, and of neither neighbour all is."""
    first, second = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    known = [not (math.isnan(one) or math.isnan(other)) for one, other in rows]
    wanted = [
        place
        for place in range(len(rows))
        if known[place] and not (place and known[place - 1]) and not (place + 1 < len(rows) and known[place + 1])
    ]
    x, one, other = chartdata.alone(np.arange(len(rows), dtype=float), first, second)
    assert list(x) == wanted
    assert list(one) == [rows[place][0] for place in wanted]
    assert list(other) == [rows[place][1] for place in wanted]


def test_a_course_is_interrupted_where_x_runs_back() -> None:
    """Between two rows at places that do not increase stands a row of nothing."""
    frame = pd.DataFrame({"value": [1.0, 2.0, 3.0], "expected": 1.0, "lower": 0.0, "upper": 2.0, "is_anomaly": True})
    broken = Course.of(np.array([2.0, 3.0, 2.5]), frame)
    np.testing.assert_array_equal(broken.x, [2.0, 3.0, np.nan, 2.5])
    np.testing.assert_array_equal(broken.value, [1.0, 2.0, np.nan, 3.0])
    np.testing.assert_array_equal(broken.is_anomaly, [True, True, False, True])


def test_infinite_values_are_unknown_and_infinite_bounds_are_far() -> None:
    """A value of infinity cannot be drawn; a bound of infinity is drawn to the edge of the picture."""
    infinite = course([np.inf, 1.0], lower=-np.inf, upper=np.inf)
    np.testing.assert_array_equal(infinite.value, [np.nan, 1.0])
    assert set(infinite.upper) == {chartdata.LARGEST}
    assert set(infinite.lower) == {-chartdata.LARGEST}


@given(st.lists(MAYBE, min_size=1, max_size=8), MAYBE, MAYBE, st.booleans())
def test_limits_hold_every_value(value: list[float], lower: float, upper: float, from_zero: bool) -> None:
    """Every known value lies within the axis, which is never empty, and holds 0 where that is asked."""
    bottom, top = chartdata.limits(course(value, lower, upper), from_zero=from_zero)
    assert bottom < top
    assert math.isfinite(top - bottom)
    known = [each for each in value if not math.isnan(each) and abs(each) > 1e-290]
    assert all(bottom <= each <= top for each in known)
    if from_zero:
        assert bottom <= 0 <= top


@pytest.mark.parametrize(
    ("value", "lower", "upper", "from_zero", "wanted"),
    [
        ([0.0, 0.0], 0.0, 0.0, True, (0.0, 1.0)),
        ([np.nan], np.nan, np.nan, False, (0.0, 1.0)),
        ([10.0, 100.0], 5.0, 120.0, False, (0.0, 120 * 1.08)),
        ([10.0, 100.0], -50.0, 1e9, False, (0.0, 135 * 1.08)),
        ([10.0, 100.0], -np.inf, np.inf, True, (0.0, 100 * 1.08)),
        ([1000.0, 1010.0], 990.0, 1040.0, False, (986.0, 1044.0)),
        ([1000.0, 1010.0], 990.0, 1040.0, True, (0.0, 1040 * 1.08)),
        ([-100.0, -50.0], np.nan, np.nan, True, (-108.0, 0.0)),
        ([7.0, 7.0], 7.0, 7.0, False, (0.0, 7 * 1.08)),
    ],
)
def test_limits_in_known_cases(
    value: list[float], lower: float, upper: float, from_zero: bool, wanted: tuple[float, float]
) -> None:
    """From 0 for what is not below it; near for what is far from 0, unless asked; a wide band is cut off."""
    assert chartdata.limits(course(value, lower, upper), from_zero=from_zero) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("start", "periods", "freq", "tz", "slot", "told"),
    [
        ("2026-11-09 09:00", 30, "15min", "Europe/Moscow", None, "2026-11-09 09:00–16:30, Europe/Moscow"),
        ("2026-11-09", 96, "15min", None, None, "2026-11-09"),
        ("2026-11-09", 192, "15min", "UTC", None, "2026-11-09–2026-11-10, UTC"),
        ("2026-11-09 18:00", 24, "15min", "UTC", None, "2026-11-09 18:00–00:00, UTC"),
        ("2026-11-09 18:00", 25, "15min", "UTC", None, "2026-11-09 18:00–2026-11-10 00:15, UTC"),
        ("2026-11-09", 96, "15min", None, "2026-11-09 23:45", "2026-11-09 23:45–00:00"),
        ("2026-11-09 10:00", 1, "15min", "+03:00", None, "2026-11-09 10:00, UTC+03:00"),
        ("2026-11-09", 0, "15min", "UTC", None, ""),
    ],
)
def test_a_period_is_told_with_its_end_and_zone(
    start: str, periods: int, freq: str, tz: str | None, slot: str | None, told: str
) -> None:
    """Ends are exclusive, days are told as dates, and a date is not repeated."""
    index = pd.date_range(start, periods=periods, freq=freq, tz=tz)
    assert chartdata.local_period(index, ENGLISH, pd.Timestamp(slot) if slot else None) == told


def test_moments_are_hours_days_and_years() -> None:
    """A tick is told as short as it is clear, in the words of its language."""
    moments = [datetime(2026, 11, 9, 9, 15), datetime(2026, 11, 9), datetime(2027, 1, 1)]  # noqa: DTZ001
    assert [chartdata.moment(each, ENGLISH) for each in moments] == ["09:15", "9 Nov", "2027"]
    assert [chartdata.moment(each, RUSSIAN) for each in moments] == ["09:15", "9 ноя", "2027"]
    assert len(ENGLISH.months) == len(RUSSIAN.months) == 12


def number(text: str) -> float:
    """Return the number that a reader takes `text` for."""
    unit = UNITS.get(text[-1], 1.0)
    return float(text.replace("−", "-").rstrip("".join(UNITS))) * unit


@given(st.floats(-chartdata.LARGEST, chartdata.LARGEST))
@example(5e-324)
@example(999_999.0)
@example(9_999.7)
@example(-99.97)
@example(1e15)
@example(-0.0)
@example(0.1 + 0.2)
def test_short_numbers_are_short_and_right(value: float) -> None:
    """What is read differs from the number by half of its third digit at most, and is at most 10 signs long."""
    text = chartdata.short(value)
    assert number(text) == pytest.approx(value, rel=0.0051, abs=1e-307)
    assert len(text) <= 10
    if 0.001 <= abs(value) < 9.9e14:
        assert len(text) <= 8
        assert "e" not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.184, "0.184"), (61.0, "61"), (812.4, "812"), (3077.2, "3077"), (12_345.0, "12.3k"), (999_999.0, "1M"),
        (4.5e6, "4.5M"), (-2e9, "−2G"), (7.34e11, "734G"), (1e12, "1T"),
        (2e15, "2e+15"), (0.0, "0"), (-0.0, "0"), (2e-7, "2e−07"),
    ],
)  # fmt: skip
def test_numbers_are_told_at_a_glance(value: float, text: str) -> None:
    """Large numbers carry a unit, ratios keep three digits."""
    assert chartdata.short(value) == text


@pytest.mark.parametrize(
    ("ticks", "told"),
    [
        ([0, 5_000, 10_000, 12_500], ["0", "5k", "10k", "12.5k"]),
        ([0, 2_500, 7_500], ["0", "2500", "7500"]),
        ([0.0, 0.1, 0.2, 0.30000000000000004], ["0", "0.1", "0.2", "0.3"]),
        ([1_000_250.0, 1_000_500.0], ["1.00025M", "1.0005M"]),
        ([-1e12, -5e11, 0.0], ["−1T", "−0.5T", "0"]),
    ],
)
def test_ticks_of_one_axis_share_a_unit(ticks: list[float], told: list[str]) -> None:
    """Numbers on an axis are told in the unit of the largest, without rounding one onto another."""
    largest = max(abs(tick) for tick in ticks)
    assert [chartdata.short(tick, largest) for tick in ticks] == told


POINTS = st.lists(st.tuples(st.floats(-300, 300), st.floats(-200, 200)), max_size=40)


@given(POINTS, st.floats(20, 120), st.floats(-300, 0), st.floats(-200, 0))
def test_a_text_lies_inside_and_covers_least(points: Any, width: float, left: float, bottom: float) -> None:
    """Wherever the mark lies, its text is inside of the axes, and no spot tried covers fewer points."""
    box = np.array([[left, bottom], [left + 500, bottom + 300]])
    array = np.array(points, dtype=float).reshape(-1, 2)
    across, up = chartdata.roomiest(array, (width, 30), box)

    def start(spot: float) -> float:
        return spot if spot > 0 else spot - width

    def covered(spot: float, height: float) -> int:
        centre = start(spot) + width / 2
        return sum(abs(x - centre) < (width + 30) / 2 and abs(y - height) < 24 for x, y in points)

    assert left <= start(across) <= left + 500 - width
    assert bottom + 15 <= up <= bottom + 285
    inside = [
        (spot, height)
        for spot in (24.0, -24.0, 60.0, -60.0)
        for height in range(-240, 241, 10)
        if left <= start(spot) <= left + 500 - width and bottom + 15 <= height <= bottom + 285
    ]
    assert covered(across, up) <= min(covered(*spot) for spot in inside)
