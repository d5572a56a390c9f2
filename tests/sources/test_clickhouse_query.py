"""The SQL put around a query, and the proof that an answer is whole: texts and frames, without a server."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from anomalert.errors import ConfigurationError, SourceError
from anomalert.sources.clickhouse_query import check_query, filled, gather_sql, metric_names, unpacked
from tests.sources.samples import COLUMNS, END, START, sample_panel
from tests.stubs.clickhouse_stub import described, tsv

METRICS = ["views", "ctr"]


def parsed(body: bytes) -> pd.DataFrame:
    """Read the TSV of a server, names in its first line and types in its second, as plainly as can be."""
    lines = body.decode().splitlines()
    names, rows = lines[0].split("\t"), [line.split("\t") for line in lines[2:]]
    return pd.DataFrame({name: [float(row[at]) if "value" in name else int(row[at]) for row in rows]
                         for at, name in enumerate(names)})  # fmt: skip


def description(columns: dict[str, str]) -> pd.DataFrame:
    """Return the description of a query with these columns."""
    return pd.read_csv(io.BytesIO(described(columns).body), sep="\t", skiprows=[1], keep_default_na=False)


NUMBERS = ["UInt8", "Int256", "Float32", "BFloat16", "Decimal(18, 4)", "Bool", "Nullable(Int8)", "Nullable(Nothing)"]
NO_NUMBERS = ["String", "Nullable(String)", "Date", "Array(UInt8)", "Enum8('1' = 1)", "AggregateFunction(sum, UInt8)"]
TIMES = ["Date", "Date32", "DateTime", "DateTime('Asia/Tokyo')", "DateTime64(3, 'UTC')", "Nullable(DateTime)"]
NO_TIMES = ["String", "UInt32", "Int64", "Nullable(Nothing)"]


def wrapped(kinds: list[str]) -> list[str]:
    """Return the types, and each as it is called in a column of few values."""
    return [*kinds, *(f"LowCardinality({kind})" for kind in kinds)]


@pytest.mark.parametrize("query", ["SELECT 1", "SELECT {start}", "SELECT {end}", "SELECT { start }, {end}"])
def test_a_query_without_its_window_is_refused(query: str) -> None:
    """A query that names no window would read all of the table every time."""
    with pytest.raises(ConfigurationError, match=r"`query` lacks \{(start|end)\}"):
        check_query(query)


@given(text=st.text(alphabet="{}sdtarenb :%'\\n", max_size=40))
def test_braces_survive(text: str) -> None:
    """Whatever stands in a query beside the three placeholders arrives as it was."""
    sql = filled(f"SELECT 1 /*{text}*/ {{start}}", START, END, "social")
    wanted = text.replace("{start}", "toDateTime(1764547200)").replace("{end}", "toDateTime(1764720000)")
    assert sql == f"SELECT 1 /*{wanted.replace('{db}', '`social`')}*/ toDateTime(1764547200)"


def test_a_value_is_not_filled_again() -> None:
    """What is put in for one placeholder is never taken for another."""
    assert filled("{db}{start}", START, END, "{end}") == "`{end}`toDateTime(1764547200)"


@pytest.mark.parametrize(
    ("database", "quoted"), [("social", "`social`"), ("a`; DROP", "`a\\`; DROP`"), ("a\\", "`a\\\\`")]
)
def test_the_database_cannot_leave_its_quotes(database: str, quoted: str) -> None:
    """A name with back quotes or backslashes stays one name."""
    assert filled("{db}{start}", START, END, database).startswith(quoted)


@pytest.mark.parametrize("instant", ["2025-12-01T00:00:00.5Z", "1969-12-31T23:59:59Z", "2106-02-07T06:28:16Z"])
def test_an_instant_that_no_datetime_holds_is_refused(instant: str) -> None:
    """Half seconds and years beyond 2106 would be cut or wrapped by the server."""
    with pytest.raises(ConfigurationError, match="cannot be asked for"):
        filled("{start}", pd.Timestamp(instant), END, "social")


@pytest.mark.parametrize("kind", wrapped(NUMBERS))
def test_numbers_are_metrics(kind: str) -> None:
    """Every type that holds a number passes, wrapped or not."""
    assert metric_names(description({"likes": kind, "ts": "DateTime"})) == ["likes"]


@pytest.mark.parametrize("kind", wrapped(NO_NUMBERS))
def test_a_metric_that_is_no_number_is_named(kind: str) -> None:
    """Any other type is told with the name of its column."""
    with pytest.raises(SourceError, match=r"column 'likes' has type .*, which is no number"):
        metric_names(description({"ts": "DateTime", "likes": kind}))


@pytest.mark.parametrize("kind", wrapped(TIMES))
def test_times_are_timestamps(kind: str) -> None:
    """Every type that holds a time passes as ``ts``."""
    assert metric_names(description({"ts": kind, "likes": "UInt8"})) == ["likes"]


@pytest.mark.parametrize("kind", wrapped(NO_TIMES))
def test_a_timestamp_that_is_no_time_is_refused(kind: str) -> None:
    """Numbers may be seconds or milliseconds and texts any zone's time, so neither is guessed at."""
    with pytest.raises(SourceError, match=r"column 'ts' has type .*, which is no time"):
        metric_names(description({"ts": kind, "likes": "UInt8"}))


def test_columns_that_lack_or_repeat_are_told() -> None:
    """A query without ``ts``, without metrics, or with one name twice is refused."""
    with pytest.raises(SourceError, match=r"no column 'ts' .* it gives \['time', 'likes'\]"):
        metric_names(description({"time": "DateTime", "likes": "UInt8"}))
    with pytest.raises(SourceError, match="only the column 'ts'"):
        metric_names(description({"ts": "DateTime"}))
    doubled = description({"ts": "DateTime", "likes": "UInt8"}).iloc[[0, 1, 1, 2]]
    with pytest.raises(SourceError, match="column 'likes' twice"):
        metric_names(doubled)


@given(kept=st.integers(0, 3))
def test_a_description_without_its_end_is_not_whole(kept: int) -> None:
    """A list of columns that was cut would lose metrics in silence, so it has to end with our own column."""
    with pytest.raises(SourceError, match="description of the query is not whole"):
        metric_names(description(COLUMNS).iloc[:kept])


def test_metrics_cannot_leave_their_quotes() -> None:
    """A column named like a piece of SQL stays a column."""
    assert "toFloat64(`a\\`b`)" in gather_sql("SELECT 1", ["a`b"], 10)


@given(rows=st.integers(0, 30), seed=st.integers(0, 99))
def test_a_whole_answer_gives_the_panel_back(rows: int, seed: int) -> None:
    """What a server writes about a panel is read as that panel, gaps included, also without rows."""
    panel = sample_panel(rows, seed)
    pd.testing.assert_frame_equal(unpacked(parsed(tsv(panel).body), METRICS, 30), panel, check_index_type=False)


@given(rows=st.integers(1, 15), kept=st.integers(0, 14))
def test_a_cut_on_a_border_of_lines_is_refused(rows: int, kept: int) -> None:
    """An answer that lost its last lines is refused, however many are left."""
    assume(kept < rows)
    with pytest.raises(SourceError, match="not whole"):
        unpacked(parsed(tsv(sample_panel(rows)).body).iloc[:kept], METRICS, 30)


@given(rows=st.integers(2, 15), told=st.integers(0, 15))
def test_a_count_that_is_not_that_of_the_rows_is_refused(rows: int, told: int) -> None:
    """More or fewer rows than the count tells are refused."""
    assume(told != rows)
    with pytest.raises(SourceError, match="not whole"):
        unpacked(parsed(tsv(sample_panel(rows), told).body), METRICS, 30)


@given(rows=st.integers(1, 120))
def test_a_seal_cut_anywhere_is_recognised(rows: int) -> None:
    """A count that lost digits, in the last row or in all of them, is taken for no other count."""
    answer = parsed(tsv(sample_panel(rows)).body)
    for digits in range(1, 19):
        last = answer.copy()
        last.loc[rows - 1, "seal"] = int(str(last["seal"].iloc[-1])[:digits])
        every = answer.assign(seal=last["seal"].iloc[-1])
        for cut in (last, every):
            with pytest.raises(SourceError, match="not whole"):
                unpacked(cut, METRICS, 120)


def test_a_missing_column_is_not_whole() -> None:
    """An answer with other columns than were asked for is refused."""
    answer = parsed(tsv(sample_panel()).body)
    with pytest.raises(SourceError, match="it has the columns"):
        unpacked(answer.drop(columns="gap1"), METRICS, 30)


def test_too_many_rows_are_told_with_the_limit() -> None:
    """The one row that comes in place of too many carries their count."""
    answer = parsed(tsv(sample_panel(1), count=31).body)
    with pytest.raises(SourceError, match="gives 31 rows, more than `max_rows`, 30"):
        unpacked(answer, METRICS, 30)


def test_infinite_values_pass() -> None:
    """The monitor knows which of them are ratios of nothing; a source does not."""
    panel = sample_panel(3)
    panel["ctr"] = [np.inf, -np.inf, np.nan]
    values = unpacked(parsed(tsv(panel).body), METRICS, 30)["ctr"].tolist()
    assert values[:2] == [math.inf, -math.inf]
    assert math.isnan(values[2])
