"""The SQL that is put around a user's query, and what is read out of its answer: texts and frames, no connection.

The answer holds numbers only, since every client carries those alike, and proves by itself that it is whole. Called
by `clickhouse`; calls `errors`. All of it runs on ClickHouse 18.16 and on today's.
"""

import re

import numpy as np
import pandas as pd

from anomalert.errors import ConfigurationError, SourceError

__all__ = ["check_query", "describe_sql", "filled", "gather_sql", "metric_names", "unpacked"]

SEAL = 10**18
"""Stands before the count of rows, so that it has 19 digits always: a count cut short is recognised."""

_END = "anomalert_end"
_PLACEHOLDER = re.compile(r"\{(start|end|db)\}")
_WRAPPER_TYPE = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)", re.DOTALL)
_NUMBER_TYPE = re.compile(r"U?Int\d+|B?Float\d+|Decimal\d*\(.*\)|Bool|Nothing")
_TIME_TYPE = re.compile(r"Date|Date32|DateTime(\(.*\))?|DateTime64\(.*\)")


def check_query(query: str) -> None:
    """Raise a ConfigurationError unless `query` says which window it reads."""
    for placeholder in ("{start}", "{end}"):
        if placeholder not in query:
            raise ConfigurationError(
                f"`query` lacks {placeholder}: restrict its rows to the window, as in "
                "WHERE time >= {start} AND time < {end}"
            )


def filled(query: str, start: pd.Timestamp, end: pd.Timestamp, database: str) -> str:
    """Return `query` with its three placeholders filled; all other braces stay as they are.

    Parameters
    ----------
    query : str
        With ``{start}`` and ``{end}``, and ``{db}`` where it likes.
    start, end : pandas.Timestamp
        Instants in UTC, whole seconds from 1970 to 2106.
    database : str
        Put in back quotes.

    Examples
    --------
    >>> day = pd.Timestamp("2025-12-01T00:00Z"), pd.Timestamp("2025-12-02T00:00Z")
    >>> filled("SELECT '{x}' FROM {db}.likes WHERE time >= {start} AND time < {end}", *day, "social")
    "SELECT '{x}' FROM `social`.likes WHERE time >= toDateTime(1764547200) AND time < toDateTime(1764633600)"
    """
    values = {"start": _date_time(start), "end": _date_time(end), "db": _quoted(database)}
    return _PLACEHOLDER.sub(lambda found: values[found[1]], query.rstrip("; \t\r\n"))


def describe_sql(query: str) -> str:
    """Return the statement that tells the columns of `query` without reading its rows.

    A last column of our own shows that the list is whole.
    """
    return f"DESCRIBE (\nSELECT *, 1 AS {_END} FROM (\n{query}\n))"


def metric_names(described: pd.DataFrame) -> list[str]:
    """Return the columns of a query other than ``ts``, as its `describe_sql` told them.

    Raises
    ------
    SourceError
        If the list is cut, or a column is missing, doubled, or of a type that is no number or, for ``ts``, no time.
    """
    names, types = _columns(described)
    if names.count("ts") != 1:
        raise SourceError(f"the query gives no column 'ts' with the start of the slot; it gives {names}")
    metrics = [name for name in names if name != "ts"]
    if not metrics:
        raise SourceError("the query gives only the column 'ts': one column per metric is needed beside it")
    for name, kind in zip(names, types, strict=True):
        if names.count(name) > 1:
            raise SourceError(f"the query gives column {name!r} twice: every metric needs a name of its own")
        if name == "ts" and not _TIME_TYPE.fullmatch(_bare(kind)):
            raise SourceError(f"column 'ts' has type {kind}, which is no time: convert it, as in toDateTime(ts)")
        if name != "ts" and not _NUMBER_TYPE.fullmatch(_bare(kind)):
            raise SourceError(f"column {name!r} has type {kind}, which is no number: convert it, as in toFloat64(...)")
    return metrics


def gather_sql(query: str, metrics: list[str], max_rows: int) -> str:
    """Return the statement that reads `query` once and gives numbers and a proof of completeness.

    Columns of its answer: ``ts`` in unix seconds; for every metric ``value<i>`` and ``gap<i>``, 1 where the value is
    unknown; ``seal``, which is `SEAL` plus the count of all rows, last in every row. Without rows there is one of
    zeros. Above `max_rows` as well, so that what is too large never travels.
    """
    cells = ["CAST(toUnixTimestamp(toDateTime(ts)) AS UInt32)"]
    shown = ["ts"]
    for number, metric in enumerate(metrics):
        cells += _value_and_gap(metric)
        shown += [f"value{number}", f"gap{number}"]
    listed = ",\n    ".join(f"tupleElement(anomalert_row, {at}) AS {name}" for at, name in enumerate(shown, start=1))
    return f"""SELECT
    {listed},
    {SEAL} + anomalert_count AS seal
FROM (
SELECT
    count() AS anomalert_count,
    groupArray({max_rows})(tuple({", ".join(cells)})) AS anomalert_rows
FROM (
{query}
))
LEFT ARRAY JOIN
    if(anomalert_count > {max_rows}, arraySlice(anomalert_rows, 1, 0), anomalert_rows) AS anomalert_row"""  # noqa: S608 - the user's own query is what is run


def unpacked(answer: pd.DataFrame, metrics: list[str], max_rows: int) -> pd.DataFrame:
    """Return the rows of the user's query out of the answer to `gather_sql`: UTC index, NaN where unknown.

    Raises
    ------
    SourceError
        If the answer is not whole, or the query has more than `max_rows` rows.
    """
    pairs = [f"{part}{number}" for number in range(len(metrics)) for part in ("value", "gap")]
    if list(answer.columns) != ["ts", *pairs, "seal"]:
        raise SourceError(f"the answer is not whole: it has the columns {list(answer.columns)}")
    count = _sealed_count(answer["seal"], max_rows)
    rows = answer.iloc[:count]
    columns = {
        metric: np.where(rows[f"gap{number}"] == 0, rows[f"value{number}"], np.nan)
        for number, metric in enumerate(metrics)
    }
    index = pd.DatetimeIndex(pd.to_datetime(rows["ts"].to_numpy(), unit="s", utc=True))
    return pd.DataFrame(columns, index=index, columns=metrics, dtype=np.float64)


def _sealed_count(seals: pd.Series, max_rows: int) -> int:
    """Return how many rows the query has, if the answer holds all of them."""
    counts = {int(seal) - SEAL for seal in seals.unique()}
    count = counts.pop() if len(counts) == 1 else -1
    if count > max_rows:
        raise SourceError(
            f"the query gives {count} rows, more than `max_rows`, {max_rows}: aggregate it to one row per slot, or "
            "raise the limit"
        )
    if count < 0 or len(seals) != max(count, 1):
        raise SourceError(f"the answer is not whole: {len(seals)} rows came, and their count does not agree")
    return count


def _columns(described: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return names and types of the user's columns, if the list ends with our own."""
    if not {"name", "type"} <= set(described.columns):
        raise SourceError(f"the description of the query is not whole: it has the columns {list(described.columns)}")
    names, types = described["name"].tolist(), described["type"].tolist()
    if names[-1:] != [_END]:
        raise SourceError(f"the description of the query is not whole: it ends after {len(names)} columns")
    return names[:-1], types[:-1]


def _bare(kind: str) -> str:
    while wrapped := _WRAPPER_TYPE.fullmatch(kind):
        kind = wrapped[1]
    return kind


def _value_and_gap(metric: str) -> tuple[str, str]:
    column = _quoted(metric)
    # Without the outer CASTs, Nullable and LowCardinality would reach the client.
    number = f"ifNull(toFloat64({column}), nan)"
    gap = f"isNaN({number})"
    return f"CAST(if({gap}, 0, {number}) AS Float64)", f"CAST({gap} AS UInt8)"


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _date_time(instant: pd.Timestamp) -> str:
    seconds = instant.timestamp()
    if not (seconds.is_integer() and 0 <= seconds < 2**32):
        raise ConfigurationError(f"{instant} cannot be asked for: a DateTime has whole seconds, from 1970 to 2106")
    # A number and no text: it is the same instant whatever the zone of the server or the column.
    return f"toDateTime({int(seconds)})"
