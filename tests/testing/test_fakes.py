"""The fakes keep what they get and fail when they are told to."""

from itertools import repeat

import pandas as pd
import pytest

from anomalert.errors import NotSentError, SourceError, UnknownOutcomeError
from anomalert.interfaces import Message, Notifier, Source
from anomalert.testing import FakeNotifier, FakeSource, synthetic_panel

MESSAGE = Message("likes-1", alerts=(), headline="likes: 812, usually 2110")
NOON, ONE = pd.Timestamp("2026-10-05T12:00Z"), pd.Timestamp("2026-10-05T13:00Z")


def test_a_notifier_raises_its_errors_in_turn_and_accepts_the_rest() -> None:
    """Errors come in their order, None is an accepted send, and after the last error all are accepted."""
    lost = UnknownOutcomeError("no answer")
    notifier = FakeNotifier([NotSentError("no network"), None, lost], name="pager")
    with pytest.raises(NotSentError, match="no network"):
        notifier.send(MESSAGE)
    assert notifier.send(MESSAGE) == "1"
    with pytest.raises(UnknownOutcomeError) as raised:
        notifier.send(MESSAGE)
    assert raised.value is lost
    assert notifier.send(MESSAGE) == "2"
    assert (notifier.messages, notifier.attempts) == ([MESSAGE] * 2, [MESSAGE] * 4)
    assert isinstance(notifier, Notifier)
    assert repr(notifier) == "FakeNotifier(name='pager', 2 of 4 sends accepted)"


def test_a_notifier_can_fail_for_ever() -> None:
    """An endless iterable of errors is a channel that never works."""
    notifier = FakeNotifier(repeat(NotSentError("no network")))
    for _ in range(5):
        with pytest.raises(NotSentError):
            notifier.send(MESSAGE)
    assert notifier.messages == []


def test_a_source_reads_half_open_ranges_in_utc() -> None:
    """The rows of [start, end) come as float64 in UTC, a copy; every read is noted."""
    panel = synthetic_panel(2, timezone="Europe/Moscow").astype("int64")
    source = FakeSource(panel)
    rows = source.read(NOON, ONE)
    assert rows.index.equals(pd.date_range(NOON, ONE, freq="15min", inclusive="left"))
    assert rows.dtypes.astype(str).tolist() == ["float64", "float64"]
    rows.iloc[:, :] = -1.0
    assert (panel > 0).all(axis=None)
    assert source.reads == [(NOON, ONE)]
    assert isinstance(source, Source)
    assert repr(source) == "FakeSource(name='fake', 192 rows, 1 reads)"


def test_a_source_shows_rows_that_arrive_late() -> None:
    """Its panel may change between reads, as a database does."""
    source = FakeSource(synthetic_panel(1))
    source.panel.loc[NOON, "likes"] = 7.0
    assert source.read(NOON, ONE)["likes"].iloc[0] == 7.0


def test_a_source_raises_its_errors_in_turn() -> None:
    """Reads fail as told, and are noted too."""
    source = FakeSource(synthetic_panel(1), [SourceError("connection refused")])
    with pytest.raises(SourceError, match="connection refused"):
        source.read(NOON, ONE)
    assert len(source.read(NOON, ONE)) == 4
    assert len(source.reads) == 2
