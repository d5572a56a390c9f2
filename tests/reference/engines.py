"""The parity data set on the two engines: embedded chDB, and a real server that gets chDB's rows over HTTP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anomalert.reference.tables import FEED_COLUMNS, MESSAGE_COLUMNS
from tests.servers import ClickHouseServer

TABLES = {"feed_actions": FEED_COLUMNS, "message_actions": MESSAGE_COLUMNS}

Cells = list[list[str]]


@dataclass(frozen=True)
class Engine:
    """A database that holds both event tables, and a plain way to ask it."""

    rows: Callable[[str], Cells]
    run: Callable[[str], object]
    database: str
    access: Mapping[str, Any]
    """What `feed_messenger` takes to read from it."""


def chdb_rows(session: Any) -> Callable[[str], Cells]:
    """Return what runs a SELECT on `session` and gives its rows as lists of texts."""

    def rows(sql: str) -> Cells:
        return [line.split("\t") for line in str(session.query(sql, "TabSeparated")).splitlines()]

    return rows


def copy_to_server(session: Any, server: ClickHouseServer, database: str) -> None:
    """Copy both tables of `database` from chDB into the server's tables of the same name."""
    for table, columns in TABLES.items():
        # As seconds since 1970: the text of a time would be read in the server's own zone.
        listed = ", ".join("toUInt32(time) AS time" if name == "time" else name for name in columns)
        rows = session.query(f"SELECT {listed} FROM {database}.{table}", "TabSeparated").bytes()
        server.execute(f"INSERT INTO {database}.{table} ({', '.join(columns)}) FORMAT TabSeparated", rows)
