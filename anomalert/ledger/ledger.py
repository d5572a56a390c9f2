"""The durable memory of pipelines: what was judged, what was said, and to whom.

Pipelines, the command line and notebooks call this; it calls the rooms of the ledger and what lies below.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import pandas as pd

from anomalert.errors import LedgerDamagedError, LedgerError
from anomalert.ledger.address import is_postgres, shown_address
from anomalert.ledger.history import LedgerHistory, read_history
from anomalert.ledger.session import LedgerSession
from anomalert.ledger.store import Store
from anomalert.ledger.trace import Trace
from anomalert.panel import as_duration, as_instant
from anomalert.redaction import Secret

__all__ = ["Ledger"]


class Place(Protocol):
    """Where a ledger is: in a file, or on a server."""

    def store(self, pipeline: str | None) -> AbstractContextManager[Store]:
        """Give the store, made if need be, and locked for `pipeline`; for reading what there is, pass None."""
        ...

    def exists(self) -> bool:
        """Return whether there is a ledger; if not, look whether one could be made."""
        ...

    def trace(self, pipeline: str) -> Trace:
        """Return what is known of `pipeline` outside of the ledger; only while its store is open."""
        ...

    def move_aside(self, at: pd.Timestamp) -> Path | None:
        """Rename what is damaged; return its new name, or None if nothing was renamed."""
        ...


class Ledger:
    """The durable memory of one or several pipelines, in a SQLite file or a PostgreSQL database.

    A SQLite ledger belongs on a disk of the machine that runs the pipeline. Where several machines may run it, use
    PostgreSQL (``pip install "anomalert[sql]"``), by a connection of its own: a pooler that hands one connection to
    several clients loses the pipeline's lock.

    Parameters
    ----------
    place : str or path
        A file such as ``"alerts.db"`` (made when it is first opened, readable by its owner only), or
        ``"postgresql://user:password@host/database"``.
    retention : str or Timedelta, default "180D"
        How long what is past is kept; longer than any silence that has to be remembered.
    wait : str or Timedelta, default "60s"
        How long to wait for another run of the same pipeline.

    Notes
    -----
    Every row has a checksum, and the number of rows of each table is kept. What is read is checked as it is read;
    `verify` checks everything.

    Examples
    --------
    >>> import tempfile
    >>> from anomalert.ledger import Ledger, Reading, RunRecord
    >>> ledger = Ledger(f"{tempfile.mkdtemp()}/alerts.db")
    >>> slot = pd.Timestamp("2026-11-24T10:15Z")
    >>> with ledger.open("feed") as session:
    ...     changed = session.commit(RunRecord(readings=[Reading("likes", slot, {"likes": 812.0})]))
    >>> with ledger.open("feed") as session:
    ...     session.readings("likes", slot, slot + pd.Timedelta("15min"))
    {Timestamp('2026-11-24 10:15:00+0000', tz='UTC'): {'likes': 812.0}}
    >>> ledger.verify()
    []
    """

    def __init__(
        self, place: str | os.PathLike[str], *, retention: str | pd.Timedelta = "180D", wait: str | pd.Timedelta = "60s"
    ) -> None:
        self.retention = as_duration(retention, "retention")
        self.wait = as_duration(wait, "wait")
        self._url = Secret(os.fspath(place)) if is_postgres(place) else None
        self.place = shown_address(self._url.reveal()) if self._url else os.fspath(place)
        self._opened: Place | None = None

    @contextmanager
    def open(self, pipeline: str) -> Iterator[LedgerSession]:
        """Give a session of `pipeline`, which nobody else has until it ends.

        The lock is the kernel's or the server's: it is free as soon as its process has died. The database is made, or
        brought to this release's version, if need be.

        Raises
        ------
        LedgerBusyError
            If another run has it for longer than `wait`.
        LedgerDamagedError
            If what it holds is not what was written; see `move_aside`.
        LedgerError
            If it cannot be used at all: no permission, no server, a network file system, a newer version.
        """
        place = self._where()
        with place.store(pipeline) as store:
            store.check()
            yield LedgerSession(store, pipeline, place.trace(pipeline))

    def move_aside(self, at: pd.Timestamp) -> Path | None:
        """Rename a damaged SQLite file, so that a new ledger can be begun; call it after the session has ended.

        Parameters
        ----------
        at : pandas.Timestamp
            Goes into the new name: ``alerts.db.damaged-20261124T101500Z``. Earlier ones are never overwritten.

        Returns
        -------
        pathlib.Path or None
            The new name. None if there was nothing to rename: another run did it already, or it is a PostgreSQL ledger.

        Raises
        ------
        LedgerBusyError
            If somebody has it open for longer than `wait`.
        """
        return self._where().move_aside(as_instant(at, "at"))

    def check(self) -> bool:
        """Look whether runs will be able to use it, within milliseconds; no ledger is made, moved or changed.

        Returns
        -------
        bool
            False if there is no ledger yet: the first run will make it.

        Raises
        ------
        LedgerDamagedError
            If it is seen to be damaged; `verify` sees more.
        LedgerError
            If it cannot be used, or not be made, as for `open`.
        """
        place = self._where()
        if not place.exists():
            return False
        with place.store(None) as store:
            store.check()
        return True

    def verify(self) -> list[str]:
        """Return all that is not as it was written, in words; an empty list if the ledger is sound.

        Checks the checksum of every row, the number of rows of every table and, for SQLite, the structure of the file.
        """
        try:
            with self._where().store(None) as store:
                return store.faults()
        except LedgerDamagedError as error:
            return [str(error)]

    def history(self, pipeline: str | None = None) -> LedgerHistory:
        """Return what was judged, said and read as frames, for one pipeline or for all."""
        with self._where().store(None) as store:
            return read_history(store, pipeline)

    def __repr__(self) -> str:
        return f"Ledger({self.place!r})"

    def _where(self) -> Place:
        # The engines are imported here, so that `import anomalert` loads no driver.
        if self._opened is None:
            self._opened = self._sqlite() if self._url is None else self._postgres(self._url)
        return self._opened

    def _sqlite(self) -> Place:
        from anomalert.ledger.sqlite_place import SqlitePlace

        return SqlitePlace(self.place, self.wait)

    def _postgres(self, url: Secret) -> Place:
        try:
            from anomalert.ledger.postgres_place import PostgresPlace
        except ModuleNotFoundError as error:
            raise LedgerError(
                f"ledger {self.place} needs psycopg, which is not installed: pip install 'anomalert[sql]'"
            ) from error
        return PostgresPlace(url, self.place, self.wait)
