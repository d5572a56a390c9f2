"""The SQLite engine: one connection, and what SQLite's errors mean.

`sqlite_place` calls this, and nothing else does; it is the only file that knows the driver.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from anomalert.errors import LedgerBusyError, LedgerDamagedError, LedgerError

__all__ = ["SqliteEngine"]

APPLICATION = 0x616E6F6D
"""Marks a file as a ledger, so that no other database is taken for a damaged one."""

OLDEST = (3, 35)
"""The first version whose statements can return what they changed."""

BUSY_SECONDS = 10.0
"""How long a statement waits for another connection's transaction; those take milliseconds."""

PAGE = 8192
"""Bytes; rows of a kilobyte waste a quarter of the usual pages of four kilobytes."""

LONG_LOG = 1 << 20
"""Bytes of the write-ahead log from which on a run that has time writes it back into the file."""

Result = TypeVar("Result")

DAMAGED = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CONSTRAINT,
    # The statements are always the same: if one makes no sense, the schema is not the one that was written.
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_FORMAT,
}

ADVICE = {
    sqlite3.SQLITE_FULL: "free space on that disk",
    sqlite3.SQLITE_READONLY: "give this user the right to write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "give this user the right to write the file and its folder",
    sqlite3.SQLITE_PERM: "give this user the right to write the file and its folder",
    sqlite3.SQLITE_IOERR: "look at the disk: whether it is full, limited or failing",
}


class SqliteEngine:
    """A connection to a SQLite file that exists.

    Parameters
    ----------
    path : pathlib.Path
        Absolute.
    place : str
        What the ledger is called in errors.
    on_commit : callable
        Called with the number of every transaction that is on the disk; each file counts its own.
    """

    def __init__(self, path: Path, place: str, on_commit: Callable[[int], None] = lambda _: None) -> None:
        if sqlite3.sqlite_version_info < OLDEST:
            needed = ".".join(map(str, OLDEST))
            raise LedgerError(
                f"ledger {place} needs SQLite {needed}, and this Python has {sqlite3.sqlite_version}: use a Python"
                " with a newer one, or a PostgreSQL ledger"
            )
        self.place = place
        self._path = path
        self._on_commit = on_commit
        self._commits = 0
        self._connection = self._connected("rw")
        self._keeper: sqlite3.Connection | None = None

    def be_durable(self) -> None:
        """Have every commit on the disk when it returns, also if the power fails then; call it before the first one."""
        journal = self.execute("PRAGMA journal_mode = WAL")[0][0]
        if journal != "wal":
            raise LedgerError(
                f"ledger {self.place}: SQLite cannot keep a write-ahead log there, but a {journal} journal"
            )
        self.execute("PRAGMA synchronous = FULL")
        self.execute("PRAGMA fullfsync = ON")
        # A file that somebody else made may bring no code along, and damage is looked for where it costs nothing.
        self.execute("PRAGMA trusted_schema = OFF")
        self.execute("PRAGMA cell_size_check = ON")
        # For runs that never have time to write the log back: then a commit of theirs does.
        self.execute(f"PRAGMA wal_autocheckpoint = {LONG_LOG // PAGE * 3 // 2}")

    def keep_log(self) -> None:
        """Leave the log on the disk when the connection is closed: to begin a new one costs three waits for the disk.

        SQLite writes the log back when the last connection is closed, unless that one may only read; so there is one.
        """
        self._keeper = keeper = self._connected("ro")
        # It takes part in the log from its first look at the file on.
        self._guarded(lambda: keeper.execute("PRAGMA user_version").fetchall())

    def shorten_log(self) -> None:
        """Write a long log back into the file, if nothing else was noted than what every run notes.

        A run that delivers has people waiting for it; most runs have nothing to say.
        """
        log = self._path.with_name(f"{self._path.name}-wal")
        if self._commits > 1 or not log.exists() or log.stat().st_size < LONG_LOG:
            return
        # Whoever reads just now is not waited for: the next run tries again.
        self.execute("PRAGMA busy_timeout = 0")
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
        # The first transaction of a new log waits for the disk once more than others do.
        self.begin()
        self.commit()

    def execute(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement; return its rows."""
        return self._guarded(lambda: self._connection.execute(sql, parameters or {}).fetchall())

    def change(self, sql: str, rows: Sequence[Mapping[str, object]]) -> int:
        """Run one statement for every set of parameters; return how many rows were changed."""
        return self._guarded(lambda: self._connection.executemany(sql, rows).rowcount)

    def begin(self) -> None:
        """Begin a transaction that will write: it waits here for other writers, and not half way."""
        self.execute("BEGIN IMMEDIATE")

    def begin_snapshot(self) -> None:
        """Begin a transaction that sees one state of everything."""
        self.execute("BEGIN")

    def check_writable(self) -> None:
        """Raise a LedgerError if the file may only be read: a run has to know before it relies on it."""
        # SQLite begins a transaction on such a file, and complains at the first write of it.
        self.begin()
        try:
            self.execute("DELETE FROM anomalert_counts WHERE name = ''")
        finally:
            self.rollback()

    def commit(self) -> None:
        """End the transaction, durably, and number it."""
        number = self.number() + 1
        self.execute(f"PRAGMA user_version = {number}")
        self.execute("COMMIT")
        self._commits += 1
        self._on_commit(number)

    def number(self) -> int:
        """Return how many transactions the file has seen."""
        return int(self.execute("PRAGMA user_version")[0][0])

    def rollback(self) -> None:
        """End the transaction as if it had not begun."""
        try:
            self._connection.rollback()
        except sqlite3.Error:
            # SQLite rolls back by itself when the disk fails, and at the next opening in any case.
            return

    def wait_for_schema(self) -> None:
        """Do nothing: a transaction that will write is alone."""

    def has_table(self, name: str) -> bool:
        """Return whether there is a table of this name."""
        found = self.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name", {"name": name})
        return bool(found)

    def mark(self) -> None:
        """Have an empty file say that it is a ledger."""
        self.execute(f"PRAGMA page_size = {PAGE}")
        self.execute(f"PRAGMA application_id = {APPLICATION}")

    def is_marked(self) -> bool:
        """Return whether the file says that it is a ledger."""
        return bool(self.execute("PRAGMA application_id")[0][0] == APPLICATION)

    def faults(self, table: str | None = None) -> list[str]:
        """Return what SQLite's own check finds in the file, or in one table and its indexes."""
        check = "PRAGMA integrity_check" if table is None else f"PRAGMA integrity_check({table})"
        found = [str(row[0]) for row in self.execute(check)]
        return [] if found == ["ok"] else [f"SQLite's integrity check: {line}" for line in found]

    def close(self) -> None:
        """Close the connection; the last one writes the log back into the file, unless it is kept."""
        self._connection.close()
        if self._keeper is not None:
            self._keeper.close()

    def _connected(self, mode: str) -> sqlite3.Connection:
        address = f"{self._path.as_uri()}?mode={mode}"
        return self._guarded(
            lambda: sqlite3.connect(
                address, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
            )
        )

    def _guarded(self, action: Callable[[], Result]) -> Result:
        try:
            return action()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._meaning(error) from error

    def _meaning(self, error: Exception) -> LedgerError:
        """Return what an error of SQLite means to who uses the ledger."""
        # A damaged text that cannot be decoded has no code, be it a column or within the text of an error.
        extended = getattr(error, "sqlite_errorcode", None)
        code = None if extended is None else extended & 0xFF
        undecodable = code is None and isinstance(error, sqlite3.OperationalError | UnicodeDecodeError)
        if code in DAMAGED or undecodable or extended == sqlite3.SQLITE_IOERR_SHORT_READ:
            return LedgerDamagedError(f"the ledger is damaged: {self.place}: {error}")
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return LedgerBusyError(f"ledger {self.place} is being written by another program: {error}")
        advice = f": {ADVICE[code]}" if code in ADVICE else ""
        return LedgerError(f"ledger {self.place} cannot be used: {error}{advice}")
