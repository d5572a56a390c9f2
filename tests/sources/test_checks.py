"""The contract of a source, checked: what passes, what does not, and what the error says."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalert.errors import ConfigurationError, SourceError
from anomalert.sources.checks import as_window, checked_panel
from tests.sources.samples import END, START


def slots(rows: int = 3, start: pd.Timestamp = START) -> pd.DatetimeIndex:
    """Return the first `rows` slots of the window."""
    return pd.date_range(start, periods=rows, freq="15min", unit="ns")


def checked(frame: pd.DataFrame) -> pd.DataFrame:
    """Check `frame` for the window of all these tests."""
    return checked_panel(frame, "feed", START, END)


@pytest.mark.parametrize(
    ("values", "floats"),
    [
        ([1, 2, 3], [1.0, 2.0, 3.0]),
        ([True, False, True], [1.0, 0.0, 1.0]),
        (pd.array([1, None, 3], dtype="Int64"), [1.0, np.nan, 3.0]),
        (pd.array([0.5, None, 3], dtype="Float64"), [0.5, np.nan, 3.0]),
        (np.array([1, 2, 3], dtype="float32"), [1.0, 2.0, 3.0]),
        ([np.inf, -np.inf, np.nan], [np.inf, -np.inf, np.nan]),
    ],
)
def test_numbers_of_every_kind_become_float64(values: Any, floats: list[float]) -> None:
    """Whatever holds numbers arrives as float64, gaps as NaN, and infinite values untouched."""
    panel = checked(pd.DataFrame({"likes": pd.Series(values, slots())}))
    np.testing.assert_array_equal(panel["likes"].to_numpy(), floats)
    assert panel["likes"].dtype == np.float64


@pytest.mark.parametrize("values", [["1", "2", "3"], [1, "2", 3], [None] * 3, [1 + 2j] * 3, list(slots())])
def test_a_column_that_is_no_number_is_named(values: list[object]) -> None:
    """Text, mixtures, complex numbers and times are refused by the name of their column and of their type."""
    frame = pd.DataFrame({"views": 1.0, "likes": pd.Series(values, slots())})
    with pytest.raises(SourceError, match=r"source 'feed' gives column 'likes' as (str|object|complex128|datetime64)"):
        checked(frame)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Moscow", "Asia/Kathmandu", "America/St_Johns"])
def test_every_zone_becomes_utc(zone: str) -> None:
    """The same instants in any zone give the same panel."""
    frame = pd.DataFrame({"likes": [1.0, 2.0, 3.0]}, slots().tz_convert(zone).rename("when"))
    panel = checked(frame)
    assert panel.index.tolist() == slots().tolist()
    assert str(panel.index.dtype) == "datetime64[ns, UTC]"
    assert panel.index.name is None


def test_naive_timestamps_are_refused() -> None:
    """A timestamp without a zone is no instant, and nobody guesses one."""
    with pytest.raises(SourceError, match="timestamps without a time zone, such as 2025-12-01 00:00:00"):
        checked(pd.DataFrame({"likes": [1.0] * 3}, slots().tz_localize(None)))


def test_an_index_of_numbers_is_refused() -> None:
    """Row numbers are no slots."""
    with pytest.raises(SourceError, match="an index of int64, not of timestamps"):
        checked(pd.DataFrame({"likes": [1.0] * 3}))


def test_a_missing_timestamp_is_refused() -> None:
    """A row that belongs to no slot is not dropped in silence."""
    index = pd.DatetimeIndex([START, pd.NaT, START + pd.Timedelta("1h")])
    with pytest.raises(SourceError, match="lacks the timestamp of 1 rows"):
        checked(pd.DataFrame({"likes": [1.0] * 3}, index))


def test_duplicates_are_counted() -> None:
    """Doubled rows are told with the first timestamp, how often it stands, and how many rows are too many."""
    frame = pd.DataFrame({"likes": 1.0}, slots().repeat(3))
    with pytest.raises(SourceError, match=r"2025-12-01 00:00:00\+00:00 3 times \(rows too many in all: 6\)"):
        checked(frame)


def test_unsorted_rows_are_refused() -> None:
    """The first row that is out of order is named with the one before it."""
    with pytest.raises(SourceError, match=r"unsorted timestamps: .* 00:15:00\S* follows .* 00:30:00"):
        checked(pd.DataFrame({"likes": [1.0, 2.0, 3.0]}, slots()[[0, 2, 1]]))


@pytest.mark.parametrize("when", [START - pd.Timedelta("1ns"), END])
def test_the_window_is_half_open(when: pd.Timestamp) -> None:
    """A row just before the start, or at the end, is outside."""
    inside = pd.DataFrame({"likes": [1.0, 2.0]}, pd.DatetimeIndex([START, END - pd.Timedelta("1ns")]))
    assert len(checked(inside)) == 2
    with pytest.raises(SourceError, match="outside the window"):
        checked(pd.DataFrame({"likes": [1.0]}, pd.DatetimeIndex([when])))


def test_a_doubled_column_is_refused() -> None:
    """Two columns of one name cannot be told apart."""
    with pytest.raises(SourceError, match="column 'likes' twice"):
        checked(pd.DataFrame([[1.0, 2.0]], slots(1), columns=["likes", "likes"]))


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(columns=["views", "likes"]),
        pd.DataFrame({"views": [], "likes": []}, pd.DatetimeIndex([])),
        pd.DataFrame({"views": ["1"], "likes": [2]}, slots(1)).iloc[:0],
    ],
)
def test_no_rows_are_an_empty_panel(frame: pd.DataFrame) -> None:
    """Where there are no rows, nothing can be wrong with them: the columns stay, as float64 in UTC."""
    panel = checked(frame)
    assert list(panel.columns) == ["views", "likes"]
    assert panel.shape == (0, 2)
    assert str(panel.index.dtype) == "datetime64[ns, UTC]"
    assert (panel.dtypes == np.float64).all()


@given(order=st.permutations(range(5)), doubled=st.booleans())
def test_only_rows_in_order_pass(order: list[int], *, doubled: bool) -> None:
    """Of all orders of the slots only one passes, and none with a row that stands twice."""
    rows = [*order, order[-1]] if doubled else order
    frame = pd.DataFrame({"likes": np.array(rows, dtype=float)}, slots(5)[rows])
    if rows == sorted(set(rows)):
        assert checked(frame)["likes"].tolist() == [0, 1, 2, 3, 4]
    else:
        with pytest.raises(SourceError, match="unsorted" if not doubled else "2 times"):
            checked(frame)


def test_the_frame_is_not_changed() -> None:
    """What is handed in stays as it was, and what comes out is no view of it."""
    frame = pd.DataFrame({"likes": [1.0, 2.0, 3.0]}, slots().tz_convert("Europe/Moscow"))
    before = frame.copy()
    panel = checked(frame)
    panel.loc[:, "likes"] = 9.0
    pd.testing.assert_frame_equal(frame, before)


def test_a_window_has_aware_ends_in_order() -> None:
    """Ends without a zone or in the wrong order are refused, equal ends are an empty window."""
    assert as_window(START.tz_convert("Asia/Tokyo"), START) == (START, START)
    with pytest.raises(ConfigurationError, match=r"`start` is .* without a time zone"):
        as_window(START.tz_localize(None), END)
    with pytest.raises(ConfigurationError, match="before `start`"):
        as_window(END, START)
