"""The PostgreSQL engine: one connection, and what its errors mean, told without the password.

`PostgresPlace` calls this, and nothing else does; it is the only file that knows the driver.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from anomalert.errors import LedgerBusyError, LedgerDamagedError, LedgerError
from anomalert.redaction import Secret, redact

__all__ = ["PostgresEngine"]

DEFAULTS: dict[str, Any] = {"connect_timeout": 10, "application_name": "anomalert"}
"""Of the connection; the address may say otherwise."""

SETTINGS = (
    "SET client_encoding = 'UTF8'",
    # What was committed is on the server's disk, whatever the server's own default is.
    "SET synchronous_commit = on",
    "SET lock_timeout = '10s'",
    # A host that vanished must not hold its pipeline's lock for the hours that TCP would allow it.
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
)

DAMAGED = ("XX001", "XX002", "42P01", "42703")
"""Data or an index corrupted; a table or column missing, though the version says that it is there."""

BUSY = ("55P03", "40P01")
"""A lock that is not available; a deadlock."""

Result = TypeVar("Result")


class PostgresEngine:
    """A connection to a PostgreSQL database.

    Parameters
    ----------
    url : Secret
        As libpq reads it.
    place : str
        What the ledger is called in errors.
    """

    def __init__(self, url: Secret, place: str) -> None:
        self.place = place
        connection, secrets = _connected(url)
        self._secrets = secrets
        if isinstance(connection, str):
            raise LedgerError(f"ledger {place} cannot be reached: {connection}")
        self._connection = connection
        try:
            self._guarded(lambda: connection.execute("; ".join(SETTINGS).encode()))
        except LedgerError:
            self.close()
            raise

    def execute(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement; return its rows."""

        def run() -> list[tuple[Any, ...]]:
            cursor = self._connection.execute(_translated(sql), parameters)
            return cursor.fetchall() if cursor.description else []

        return self._guarded(run)

    def change(self, sql: str, rows: Sequence[Mapping[str, object]]) -> int:
        """Run one statement for every set of parameters; return how many rows were changed."""

        def run() -> int:
            with self._connection.cursor() as cursor:
                cursor.executemany(_translated(sql), rows)
                return cursor.rowcount

        return self._guarded(run)

    def begin(self) -> None:
        """Begin a transaction that will write."""
        self.execute("BEGIN")

    def begin_snapshot(self) -> None:
        """Begin a transaction that sees one state of everything."""
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def commit(self) -> None:
        """End the transaction, durably."""
        self.execute("COMMIT")

    def rollback(self) -> None:
        """End the transaction as if it had not begun."""
        try:
            self._connection.execute(b"ROLLBACK")
        except psycopg.Error:
            # The server does it by itself when the connection is gone.
            return

    def wait_for_schema(self) -> None:
        """Wait until nobody else is changing the schema."""
        self.execute("SELECT pg_advisory_xact_lock(:number)", {"number": _number_of("schema")})

    def lock(self, pipeline: str) -> bool:
        """Take the lock of `pipeline` until the connection ends; return False if another connection has it."""
        number = _number_of(f"pipeline {pipeline}")
        return bool(self.execute("SELECT pg_try_advisory_lock(:number)", {"number": number})[0][0])

    def has_table(self, name: str) -> bool:
        """Return whether there is a table of this name."""
        return bool(self.execute("SELECT to_regclass(:name) IS NOT NULL", {"name": name})[0][0])

    def faults(self, table: str | None = None) -> list[str]:  # noqa: ARG002 - the seam of engines
        """Return nothing: the server checks its own files."""
        return []

    def close(self) -> None:
        """Close the connection, and with it give up the lock."""
        self._connection.close()

    def _guarded(self, action: Callable[[], Result]) -> Result:
        try:
            return action()
        except psycopg.Error as error:
            meaning = self._meaning(error)
        # Outside of the handler, so that no context carries what the driver knows.
        raise meaning

    def _meaning(self, error: psycopg.Error) -> LedgerError:
        """Return what an error of PostgreSQL means to who uses the ledger."""
        text = _one_line(error, self._secrets)
        if error.sqlstate in DAMAGED:
            return LedgerDamagedError(f"the ledger is damaged: {self.place}: {text}")
        if error.sqlstate in BUSY:
            return LedgerBusyError(f"ledger {self.place} is being written by another run: {text}")
        return LedgerError(f"ledger {self.place} cannot be used: {text}")


def _connected(url: Secret) -> tuple["psycopg.Connection[tuple[Any, ...]] | str", tuple[Secret, ...]]:
    """Return a connection, or why there is none, and what may not be shown.

    It raises nothing, because its variables hold the password.
    """
    try:
        parameters = conninfo_to_dict(url.reveal())
    except psycopg.Error:
        parameters = {}
    # The driver's text would quote what it cannot read, or takes for the server, and that may be of the password.
    if not parameters or any("@" in str(parameters.get(name)) for name in ("host", "port", "dbname")):
        return "its address is not valid: spell special characters of user and password as %40 for @ and so on", (url,)
    secrets = tuple(Secret(str(parameters[name])) for name in ("password", "sslpassword") if parameters.get(name))
    try:
        return psycopg.connect(**{**DEFAULTS, **parameters}, autocommit=True), (url, *secrets)
    except psycopg.Error as error:
        return _one_line(error, (url, *secrets)), (url, *secrets)


def _one_line(error: psycopg.Error, secrets: Sequence[Secret]) -> str:
    return redact("; ".join(line.strip() for line in str(error).splitlines() if line.strip()), secrets)


@lru_cache(maxsize=256)
def _translated(sql: str) -> bytes:
    """Return a statement with its parameters as psycopg writes them."""
    return re.sub(r":(\w+)", r"%(\1)s", sql).encode()


def _number_of(name: str) -> int:
    """Return the number of an advisory lock, which is shared by all that use the database."""
    digest = hashlib.blake2b(f"anomalert {name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
