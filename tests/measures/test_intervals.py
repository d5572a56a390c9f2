"""Half-open intervals and points on a line: two searches say what comparing all with all says."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert.measures.intervals import count_meeting, opens_alert

INTERVALS = st.lists(st.tuples(st.integers(-20, 20), st.integers(1, 15)), max_size=8)


def edges(drawn: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and ends of intervals given by start and length."""
    starts = np.array([start for start, _ in drawn], dtype=np.int64)
    return starts, starts + np.array([length for _, length in drawn], dtype=np.int64)


@settings(deadline=None)
@given(INTERVALS, INTERVALS)
def test_meeting_intervals_are_counted(ours: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    """In any order and however they overlap: those that share a whole number with each interval."""
    expected = [
        sum(bool(set(range(start, start + length)) & set(range(other, other + size))) for other, size in others)
        for start, length in ours
    ]
    assert count_meeting(*edges(ours), *edges(others)).tolist() == expected


@settings(deadline=None)
@given(st.sets(st.integers(-50, 50), max_size=40), st.integers(1, 30))
def test_an_alert_opens_where_the_last_one_is_over(points: set[int], join: int) -> None:
    """A point opens an alert if it lies `join` or more behind the one that opened the last."""
    times, opened, expected = sorted(points), -1000, []
    for time in times:
        expected.append(time >= opened + join)
        opened = time if expected[-1] else opened
    assert opens_alert(np.array(times, dtype=np.int64), join).tolist() == expected
