"""Ledgers with the history of the story in them, as many fresh ones as a check wants."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.reliability.story import write_history

__all__ = ["Places", "PostgresPlaces", "SqlitePlaces", "cut_lines", "places"]


class Places(Protocol):
    """Where ledgers come from."""

    def fresh(self) -> str:
        """Give a place that holds the history and nothing else; what was given before is gone."""
        ...


class SqlitePlaces:
    """Copies of one ledger, its log and what knows how new it is included."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "history.db"
        self._copies = folder / "copies"
        write_history(str(self._template))

    def fresh(self) -> str:
        """Give a copy in an empty folder."""
        shutil.rmtree(self._copies, ignore_errors=True)
        self._copies.mkdir()
        for ending in ("", "-wal", ".lock"):
            shutil.copy(f"{self._template}{ending}", self._copies / f"alerts.db{ending}")
        return str(self._copies / "alerts.db")


class PostgresPlaces:
    """The tables of one database, emptied and filled from others beside them."""

    def __init__(self, url: str) -> None:
        import psycopg

        self._url = url
        write_history(url)
        with psycopg.connect(url, autocommit=True) as connection:
            found = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
            self._tables = [str(row[0]) for row in connection.execute(found).fetchall()]
            for table in self._tables:
                connection.execute(f"CREATE TABLE history_{table} AS TABLE {table}".encode())

    def fresh(self) -> str:
        """Give the database again."""
        import psycopg

        # Whoever was killed in a transaction may still hold rows until the server notices.
        with psycopg.connect(self._url) as connection:
            for table in self._tables:
                connection.execute(f"DELETE FROM {table}; INSERT INTO {table} TABLE history_{table}".encode())
        return self._url


def cut_lines(url: str) -> None:
    """Cut every line to a PostgreSQL ledger, as a server does that restarts."""
    import psycopg

    others = b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'anomalert'"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(others)


@contextmanager
def places(engine: str, folder: Path) -> Iterator[Places]:
    """Give places of one engine: ``sqlite`` in a folder, ``postgres`` on a server of their own, or an address."""
    if engine == "sqlite":
        yield SqlitePlaces(folder)
        return
    if "://" in engine:
        yield PostgresPlaces(engine)
        return
    from tests.servers_postgres import find_postgres, running_postgres

    programs = find_postgres()
    if programs is None:
        raise SystemExit("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    with running_postgres(programs) as server:
        yield PostgresPlaces(server.new_ledger())
