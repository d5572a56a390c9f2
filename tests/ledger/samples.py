"""Small records for ledgers, and all that a ledger holds as plain data."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from anomalert.ledger import Ledger, Reading, RunRecord, SlotRecord, StoredMessage
from anomalert.ledger.store import Store
from anomalert.ledger.tables import TABLES

START = pd.Timestamp("2026-11-24T10:00Z")
SLOT = pd.Timedelta("15min")


def slot(number: int) -> pd.Timestamp:
    """Return the start of the slot `number` slots after the first."""
    return START + number * SLOT


def message(number: int, key: str | None = None) -> StoredMessage:
    """Return a message about a slot."""
    return StoredMessage(key or f"feed/opened/{number}", slot(number), {"headline": f"▼ лайки {number}", "folded": 0})


def verdict(number: int, monitor: str = "feed", *, told: bool = True) -> SlotRecord:
    """Return the verdict on a slot."""
    rows = (
        {"metric": "likes", "status": "anomaly", "value": 20.0 + number, "expected": 100.125, "is_alert": True},
        {"metric": "ctr", "status": "no_data", "value": None, "expected": 0.1, "is_alert": False},
    )
    return SlotRecord(monitor, slot(number), "1a2b3c4d", rows, told)


def reading(number: int, monitor: str = "feed", **row: float | None) -> Reading:
    """Return what was read of a slot."""
    return Reading(monitor, slot(number), row or {"likes": 20.0 + number, "ctr": float("nan")})


def run(number: int, notifiers: tuple[str, ...] = ("chat", "mail")) -> RunRecord:
    """Return all that a run about one slot finds."""
    return RunRecord(
        slots=[verdict(number)],
        readings=[reading(each) for each in range(max(number - 2, 0), number + 1)],
        state={"newest": number, "open": ["likes/down"]},
        incidents=[{"key": "likes/down", "metric": "likes", "end": None}],
        messages=[message(number)],
        notifiers=notifiers,
    )


def contents(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, its checksum with it."""
    return {table.name: sorted(store.engine.execute(table.select), key=repr) for table in TABLES}


def contents_of(ledger: Ledger) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of a ledger that nobody has open for writing."""
    with ledger._where().store(None) as store:
        return contents(store)


def settle(path: Path) -> None:
    """Have SQLite write a ledger's log back into its file, as the last connection of any other program does."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version").fetchall()
    assert not path.with_name(f"{path.name}-wal").exists()
