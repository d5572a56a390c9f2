"""Ledgers with the history of the story in them, as many fresh ones as a check wants."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.reliability.story import write_history

__all__ = ["DamagedPlaces", "Places", "PostgresPlaces", "SqlitePlaces", "cut_lines", "places"]


class Places(Protocol):
    """Where ledgers come from."""

    def fresh(self) -> str:
        """Give a place that holds the history and nothing else; what was given before is gone."""
        ...

    def keep(self, place: str) -> None:
        """Keep what a place holds now."""
        ...

    def kept(self) -> str:
        """Give a place that holds what was kept; what was given before is gone."""
        ...


class SqlitePlaces:
    """Copies of one ledger, its log and what knows how new it is included."""

    def __init__(self, folder: Path) -> None:
        self._history = folder / "history"
        self._kept = folder / "kept"
        self._copies = folder / "copies"
        self._history.mkdir()
        write_history(str(self._history / "alerts.db"))

    def fresh(self) -> str:
        """Give a copy in an empty folder."""
        return self._copied(self._history, self._copies)

    def keep(self, place: str) -> None:
        """Keep all that lies where a ledger does."""
        self._copied(Path(place).parent, self._kept)

    def kept(self) -> str:
        """Give a copy of that in an empty folder."""
        return self._copied(self._kept, self._copies)

    def _copied(self, origin: Path, target: Path) -> str:
        shutil.rmtree(target, ignore_errors=True)
        # The index of the log is made anew, as after a restart of the machine, or by whoever comes after a kill.
        shutil.copytree(origin, target, ignore=shutil.ignore_patterns("*-shm"))
        return str(target / "alerts.db")


class DamagedPlaces(SqlitePlaces):
    """Copies of one ledger of which nothing can be read any more."""

    def fresh(self) -> str:
        """Give a damaged copy."""
        place = super().fresh()
        Path(place).write_bytes(b"nothing that was written")
        return place


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
                connection.execute(f"CREATE TABLE kept_{table} AS TABLE {table}".encode())

    def fresh(self) -> str:
        """Give the database again."""
        self._fill("", "history_")
        return self._url

    def keep(self, place: str) -> None:  # noqa: ARG002 - there is one
        """Keep the rows that there are now."""
        self._fill("kept_", "")

    def kept(self) -> str:
        """Give the database with those rows again."""
        self._fill("", "kept_")
        return self._url

    def _fill(self, to: str, origin: str) -> None:
        import psycopg

        # Whoever was killed in a transaction may still hold rows until the server notices.
        with psycopg.connect(self._url) as connection:
            for table in self._tables:
                connection.execute(f"DELETE FROM {to}{table}; INSERT INTO {to}{table} TABLE {origin}{table}".encode())


def cut_lines(url: str) -> None:
    """Cut every line to a PostgreSQL ledger, as a server does that restarts."""
    import psycopg

    others = b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'anomalert'"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(others)


@contextmanager
def places(engine: str, folder: Path) -> Iterator[Places]:
    """Give places of one engine: ``sqlite`` in a folder, ``postgres`` on a server of their own, or an address.

    Those of the engine ``damaged`` are SQLite ledgers that cannot be read.
    """
    if engine == "damaged":
        yield DamagedPlaces(folder)
        return
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
