"""`ClickHouseSource` itself: what it accepts, and what it makes of clients that break their contract."""

import time
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from anomalert.errors import ConfigurationError, SourceError
from anomalert.interfaces import Source
from anomalert.sources import ClickHouseSource, QueryError
from tests.sources.samples import COLUMNS, END, QUERY, START, sample_panel
from tests.stubs.clickhouse_stub import answers, described, stub_server, tsv


class FakeClient:
    """A client that raises what it is given, and remembers what it was asked."""

    database = "social"

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.asked: list[tuple[str, Mapping[str, int]]] = []

    def query(self, sql: str, settings: Mapping[str, int]) -> pd.DataFrame:
        """Raise the error."""
        self.asked.append((sql, settings))
        raise self.error


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "either `connection` or `client`"),
        ({"connection": {}, "client": FakeClient(OSError())}, "either `connection` or `client`"),
        ({"client": object()}, "lacks `database` or `query`"),
        ({"connection": {}, "max_rows": 0}, "`max_rows` is 0"),
        ({"connection": {}, "deadline": 30}, "`deadline` is the bare number 30"),
        ({"connection": {}, "deadline": "0s"}, "`deadline` is '0s'"),
        ({"connection": {"host": "localhost"}}, "`host` of `connection` is no address"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(options: dict[str, Any], told: str) -> None:
    """A wrong parameter is told where the source is built, and not in the night when it is read."""
    with pytest.raises(ConfigurationError, match=told):
        ClickHouseSource(QUERY, **options)


def test_a_read_asks_for_columns_and_then_once_for_rows() -> None:
    """One read is two statements with the same window, and only the second one reads rows."""
    panel = sample_panel()
    with stub_server(answers(described(COLUMNS), tsv(panel))) as stub:
        source = ClickHouseSource(QUERY, {"host": stub.url})
        pd.testing.assert_frame_equal(source.read(START.tz_convert("Asia/Tokyo"), END), panel)
    asked = QUERY.format(start="toDateTime(1764547200)", end="toDateTime(1764720000)").encode()
    assert [request.count(asked) for request in stub.requests] == [1, 1]
    assert isinstance(source, Source)


@pytest.mark.parametrize("drift", [{"views": "UInt64"}, {**COLUMNS, "ctr": "String"}, {**COLUMNS, "likes": "UInt8"}])
def test_a_schema_that_drifts_between_reads_is_noticed(drift: dict[str, str]) -> None:
    """Columns are learnt anew for each read: one that goes, comes or changes its type is never read as another."""
    panel = sample_panel()
    with stub_server(answers(described(COLUMNS), tsv(panel))) as stub:
        source = ClickHouseSource(QUERY, {"host": stub.url})
        source.read(START, END)
        stub.respond = answers(described(drift), tsv(panel))
        with pytest.raises(SourceError, match=r"column 'ctr' has type String|no column 'ts'|is not whole"):
            source.read(START, END)


def test_a_clients_unforeseen_exception_is_told_by_its_type() -> None:
    """A client of one's own may raise anything, and its text may hold anything, so the text is not passed on."""
    with pytest.raises(SourceError, match="source 'feed': OSError in the client") as caught:
        ClickHouseSource(QUERY, client=FakeClient(OSError("canary")), name="feed").read(START, END)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_settings_are_left_out_only_where_they_are_forbidden() -> None:
    """A statement is asked again without settings for one error alone, and then only once."""
    forbidden = FakeClient(QueryError("Code: 164. DB::Exception: Cannot modify 'max_execution_time' setting"))
    with pytest.raises(SourceError, match="Code: 164"):
        ClickHouseSource(QUERY, client=forbidden, deadline="90.5s").read(START, END)
    assert [settings for _, settings in forbidden.asked] == [{"max_execution_time": 91}, {}]
    other = FakeClient(QueryError("Code: 241. DB::Exception: Memory limit"))
    with pytest.raises(SourceError, match="Code: 241"):
        ClickHouseSource(QUERY, client=other).read(START, END)
    assert len(other.asked) == 1


def test_the_deadline_is_for_all_of_a_read() -> None:
    """Two statements that are each in time, but not together, are too late."""

    class Slow(FakeClient):
        def query(self, sql: str, settings: Mapping[str, int]) -> pd.DataFrame:
            self.asked.append((sql, settings))
            time.sleep(0.25)
            return pd.DataFrame({"name": ["ts", "views", "anomalert_end"], "type": ["DateTime", "UInt8", "UInt8"]})

    slow = Slow(OSError())
    began = time.monotonic()
    with pytest.raises(SourceError, match="no whole answer within `deadline`"):
        ClickHouseSource(QUERY, client=slow, deadline="400ms").read(START, END)
    assert time.monotonic() - began < 1.4
    assert len(slow.asked) == 2


@pytest.mark.parametrize("zone", ["UTC", "Europe/Moscow", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"])
def test_the_zone_of_this_machine_does_not_matter(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answer is the same panel, and the same window the same statement, wherever the program runs."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        with stub_server(answers(described(COLUMNS), tsv(sample_panel()))) as stub:
            read = ClickHouseSource(QUERY, {"host": stub.url}).read(START, END)
    finally:
        monkeypatch.undo()
        time.tzset()
    pd.testing.assert_frame_equal(read, sample_panel())
    assert b">= toDateTime(1764547200) AND" in stub.requests[1]


def test_a_naive_window_is_refused() -> None:
    """A window without a zone is asked of no server."""
    client = FakeClient(OSError())
    with pytest.raises(ConfigurationError, match="without a time zone"):
        ClickHouseSource(QUERY, client=client).read(START.tz_localize(None), END)
    assert client.asked == []
