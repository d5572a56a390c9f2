"""A query on a ClickHouse as a source: read whole, in time, and without its secrets in any text.

One of the sources; called through the seam `Source`. Calls `clickhouse_query` for the SQL, a client for the answers,
`checks` for the contract.
"""

import logging
import math
import queue
import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

import pandas as pd

from anomalert.errors import ConfigurationError, SourceError
from anomalert.interfaces import plugin_name
from anomalert.panel import as_duration
from anomalert.sources.checks import as_window, checked_panel
from anomalert.sources.clickhouse_clients import PandahouseClient
from anomalert.sources.clickhouse_query import check_query, describe_sql, filled, gather_sql, metric_names, unpacked
from anomalert.sources.clickhouse_seam import READONLY, UNEXPECTED_NULL, ClickHouseClient, Masked, QueryError

__all__ = ["ClickHouseSource"]

_LOGGER = logging.getLogger(__name__)

Result = TypeVar("Result")


class ClickHouseSource:
    """Give the rows of a SQL query: one per slot, one column per metric.

    The query returns ``ts``, the start of the slot as a DateTime (or Date: midnight in the server's zone), sorted by
    ``ORDER BY ts``, and one numeric column per metric; NULL and NaN mean unknown. Each read first asks for the query's
    columns, which scans no table, and then runs it once, wrapped so that only numbers travel and a cut is noticed.

    Parameters
    ----------
    query : str
        With ``{start}`` and ``{end}``, for which the instants of the window are put in as DateTime, and optionally
        ``{db}``, for the connection's database. Other braces stay as they are.
    connection : mapping, optional
        As pandahouse takes it: host, database, user, password. Either this or `client`.
    client : ClickHouseClient, optional
        Another way to the database: `ChdbClient`, `ClickHouseConnectClient`, or one's own.
    name : str, optional
        Names the source in errors; by default its class does.
    deadline : str or Timedelta, default "30s"
        For a whole read. The server is told to give up then, too.
    max_rows : int, default 1_000_000
        More rows are an error; they are counted on the server and do not travel.

    Raises
    ------
    ConfigurationError
        If the query lacks a placeholder, or a parameter makes no sense.

    Notes
    -----
    A query has no ``FORMAT`` of its own. Compare ``{start}`` and ``{end}`` with a DateTime, and a Date with
    ``toDate({start})``: servers of 2018 compare a Date with a DateTime as bare numbers. Integers above 2**53 lose
    digits. A scalar subquery is run for the columns, too.

    Examples
    --------
    >>> query = '''
    ... SELECT toStartOfFifteenMinutes(time) AS ts, countIf(action = 'like') AS likes
    ... FROM {db}.feed_actions
    ... WHERE time >= {start} AND time < {end}
    ... GROUP BY ts
    ... ORDER BY ts
    ... '''
    >>> connection = {"host": "http://localhost:8123", "database": "social", "user": "alerts", "password": "secret"}
    >>> ClickHouseSource(query, connection, name="feed")
    ClickHouseSource('feed', PandahouseClient('http://localhost:8123', database='social'))
    """

    def __init__(
        self,
        query: str,
        connection: Mapping[str, str | None] | None = None,
        client: ClickHouseClient | None = None,
        *,
        name: str | None = None,
        deadline: str | pd.Timedelta = "30s",
        max_rows: int = 1_000_000,
    ) -> None:
        connection = None if connection is None else Masked(connection)
        check_query(query)
        if max_rows < 1:
            raise ConfigurationError(f"`max_rows` is {max_rows}: 1 or more is needed")
        self.query = query
        self.name = name
        self.deadline = as_duration(deadline, "deadline")
        self.max_rows = max_rows
        self.client = _one_client(connection, client)
        self._may_set = True

    def __repr__(self) -> str:
        return f"{type(self).__name__}({plugin_name(self)!r}, {self.client!r})"

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Return the rows of ``[start, end)``; see `Source.read`.

        Raises
        ------
        SourceError
            If there is no whole answer within the deadline, or its rows break the contract. It has no cause, since
            a driver's exception could hold the password.
        """
        start, end = as_window(start, end)
        sql = filled(self.query, start, end, self.client.database)
        rows = _within(self.deadline, lambda: self._rows(sql))
        if isinstance(rows, SourceError):
            raise SourceError(f"source {plugin_name(self)!r}: {rows}")
        return checked_panel(rows, plugin_name(self), start, end)

    def _rows(self, sql: str) -> pd.DataFrame:
        metrics = metric_names(self._ask(describe_sql(sql)))
        try:
            answer = self._ask(gather_sql(sql, metrics, self.max_rows))
        except QueryError as error:
            hint = "; is there a `ts` that is NULL?" if error.code == UNEXPECTED_NULL else ""
            raise QueryError(f"{error}{hint}", error.code) from None
        return unpacked(answer, metrics, self.max_rows)

    def _ask(self, sql: str) -> pd.DataFrame:
        settings = {"max_execution_time": math.ceil(self.deadline.total_seconds())} if self._may_set else {}
        try:
            return self.client.query(sql, settings)
        except QueryError as error:
            if error.code != READONLY or not settings:
                raise
        answer = self.client.query(sql, {})
        self._may_set = False
        _LOGGER.warning(
            "source %r: its user may change no settings (readonly), so a query that is given up runs on at the server",
            plugin_name(self),
        )
        return answer


def _one_client(connection: Masked | None, client: ClickHouseClient | None) -> ClickHouseClient:
    if connection is not None and client is None:
        return PandahouseClient(connection)
    if client is None or connection is not None:
        raise ConfigurationError("give either `connection` or `client`, one of the two")
    if not isinstance(client, ClickHouseClient):
        raise ConfigurationError(f"`client` is {client!r}, which lacks `database` or `query`: take ChdbClient()")
    return client


def _within(deadline: pd.Timedelta, work: Callable[[], Result]) -> Result | SourceError:
    """Return what `work` gives, or why it gave nothing in time; it goes on in a daemon thread if it must.

    No driver has a limit for a whole answer, only for the next byte of it.
    """
    outcome: queue.SimpleQueue[Result | SourceError] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(work())
        except SourceError as error:
            # A new one: the frames of the old one's traceback hold what the driver was given.
            outcome.put(SourceError(str(error)))
        except BaseException as error:  # noqa: BLE001 - a client that breaks its contract; its text may hold anything
            outcome.put(SourceError(f"{type(error).__name__} in the client, which should have been a QueryError"))

    threading.Thread(target=run, name="anomalert-source", daemon=True).start()
    try:
        return outcome.get(timeout=deadline.total_seconds())
    except queue.Empty:
        return SourceError(f"no whole answer within `deadline`, {deadline}")
