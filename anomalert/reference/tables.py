"""The two event tables of the reference: their schema, and the fast way to fill them in an embedded ClickHouse.

Part of `anomalert.reference`, called by the demo and by tests; calls nothing but `errors`. The statements are
kept to what Debian's ClickHouse 18.16 and today's engine both understand.
"""

from collections.abc import Callable
from typing import Any, Protocol

import pandas as pd

from anomalert.errors import ConfigurationError

__all__ = ["FEED_COLUMNS", "MESSAGE_COLUMNS", "create_tables", "load_events"]

_USER_COLUMNS = {
    "os": "String",
    "source": "String",
    "country": "String",
    "city": "String",
    "gender": "Int8",
    "age": "Int16",
    "exp_group": "Int8",
}

FEED_COLUMNS = {
    "user_id": "UInt32",
    "post_id": "UInt32",
    "action": "String",
    "time": "DateTime",
    **_USER_COLUMNS,
}
"""Columns and ClickHouse types of ``feed_actions``; `action` is ``'view'`` or ``'like'``."""

MESSAGE_COLUMNS = {"user_id": "UInt32", "reciever_id": "UInt32", "time": "DateTime", **_USER_COLUMNS}
"""Columns and ClickHouse types of ``message_actions``; the spelling of `reciever_id` is the real table's."""

_TABLES = {"feed_actions": FEED_COLUMNS, "message_actions": MESSAGE_COLUMNS}


class _Session(Protocol):
    def query(self, sql: str, /) -> Any: ...


def create_tables(run: Callable[[str], object], database: str) -> None:
    """Create `database` and its two event tables where they do not exist yet.

    Parameters
    ----------
    run : callable
        Executes one statement on the server, such as the `query` of a chDB session.
    database : str
        A plain identifier.

    Raises
    ------
    ConfigurationError
        If `database` is no plain identifier.

    Examples
    --------
    >>> statements = []
    >>> create_tables(statements.append, "social")
    >>> [statement.split(" (")[0] for statement in statements]  # doctest: +NORMALIZE_WHITESPACE
    ['CREATE DATABASE IF NOT EXISTS social',
     'CREATE TABLE IF NOT EXISTS social.feed_actions',
     'CREATE TABLE IF NOT EXISTS social.message_actions']
    """
    run(f"CREATE DATABASE IF NOT EXISTS {_identifier(database)}")
    for table, columns in _TABLES.items():
        listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        run(
            f"CREATE TABLE IF NOT EXISTS {database}.{table} ({listed}) "
            "ENGINE = MergeTree() PARTITION BY toYYYYMM(time) ORDER BY (time, user_id)"
        )


def load_events(session: _Session, feed: pd.DataFrame, messages: pd.DataFrame, database: str) -> None:
    """Append events to the tables of `database` in an embedded ClickHouse, a million rows in about a second.

    Parameters
    ----------
    session : chdb.session.Session
        chDB reads the frames in place, through its table function ``Python``.
    feed, messages : pandas.DataFrame
        As `generate_events` gives them. Their column `arrived` is not stored: to see the tables as they were
        at an instant, load only the rows that had arrived by then.
    database : str
        A plain identifier; see `create_tables`.

    Raises
    ------
    ConfigurationError
        If `database` is no plain identifier.
    """
    for (table, columns), frame in zip(_TABLES.items(), (feed, messages), strict=True):
        if not frame.empty:
            _insert(session, f"{_identifier(database)}.{table}", frame[list(columns)])


def _insert(session: _Session, table: str, rows: pd.DataFrame) -> None:
    # Seconds since 1970 mean the same in every server's time zone. chDB finds the frame by this variable's name.
    seconds = rows["time"].astype("datetime64[s, UTC]").astype("int64")
    frame = rows.assign(time=seconds.astype("uint32"))
    listed = ", ".join(frame.columns)
    session.query(f"INSERT INTO {table} ({listed}) SELECT {listed} FROM Python(frame)")  # noqa: S608


def _identifier(database: str) -> str:
    if not (database.isidentifier() and database.isascii()):
        raise ConfigurationError(f"`database` is {database!r}; it must be a plain identifier such as 'social'")
    return database
