"""`FrameSource`: frames and functions, cut to windows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalert.errors import SourceError
from anomalert.interfaces import Source
from anomalert.sources import FrameSource
from anomalert.testing import check_source
from tests.sources.samples import END, START, sample_panel

SLOT = pd.Timedelta("15min")


@given(cuts=st.lists(st.integers(-2, 12), min_size=3, max_size=3).map(sorted))
def test_windows_add_up(cuts: list[int]) -> None:
    """Two neighbouring windows give together what the one over both gives, as plain slicing of the rows does."""
    panel = sample_panel(10)
    source = FrameSource(panel)
    a, b, c = (START + cut * SLOT for cut in cuts)
    parts = pd.concat([source.read(a, b), source.read(b, c)])
    pd.testing.assert_frame_equal(parts, source.read(a, c))
    wanted = panel[[a <= slot < c for slot in panel.index]]
    pd.testing.assert_frame_equal(source.read(a, c), wanted)


@pytest.mark.parametrize("is_function", [False, True])
def test_it_keeps_the_contract_of_sources(*, is_function: bool) -> None:
    """With a frame and with a function it passes the checks that any source has to pass."""
    panel = sample_panel(40).tz_convert("Europe/Moscow")
    source = FrameSource((lambda start, end: panel.loc[start:end]) if is_function else panel)
    check_source(source, START, END, broken=FrameSource(panel.tz_localize(None)))


def test_a_function_is_asked_for_the_window_and_cut_to_it() -> None:
    """A function gets both ends in UTC, and what it gives beyond them is left out."""
    asked = []

    def rows(start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        asked.append((start, end))
        return sample_panel(10)

    read = FrameSource(rows).read(START.tz_convert("Europe/Moscow"), START + 4 * SLOT)
    pd.testing.assert_frame_equal(read, sample_panel(10).iloc[:4])
    assert asked == [(START, START + 4 * SLOT)]
    assert str(asked[0][0].tz) == "UTC"


def test_bad_rows_outside_of_the_window_do_no_harm() -> None:
    """Only the rows that were asked for are judged, so that one old fault does not stop today."""
    panel = sample_panel(10)
    doubled = pd.concat([panel.iloc[:2], panel])
    assert len(FrameSource(doubled).read(START + 4 * SLOT, END)) == 6
    with pytest.raises(SourceError, match="2 times"):
        FrameSource(doubled).read(START, END)


def test_what_a_function_raises_is_chained_and_not_quoted() -> None:
    """The text goes to messages and reports, so a foreign exception is told by its type and chained for logs."""

    def fails(start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        raise OSError(f"no route to http://me:canary@server for {start} {end}")

    with pytest.raises(SourceError, match="source 'warehouse': its function raised OSError") as caught:
        FrameSource(fails, name="warehouse").read(START, END)
    assert "canary" not in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_source_error_of_a_function_passes() -> None:
    """A function that says itself what is wrong is quoted."""

    def fails(start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        raise SourceError(f"nothing between {start} and {end}")

    with pytest.raises(SourceError, match=r"^nothing between"):
        FrameSource(fails).read(START, END)


@pytest.mark.parametrize("data", [{"likes": [1]}, pd.Series([1.0], [START]), lambda start, end: [start, end]])
def test_what_is_no_frame_is_refused(data: object) -> None:
    """Dicts, Series and lists are told by their type."""
    with pytest.raises(SourceError, match=r"gives a (dict|Series|list): a DataFrame is needed"):
        FrameSource(data).read(START, END)  # type: ignore[arg-type]


def test_it_is_a_source_and_shows_its_name_only() -> None:
    """It has the seam's shape, and its repr is short however much data it holds."""
    source = FrameSource(pd.DataFrame({"likes": np.ones(9)}), name="feed")
    assert isinstance(source, Source)
    assert repr(source) == "FrameSource(name='feed')"
