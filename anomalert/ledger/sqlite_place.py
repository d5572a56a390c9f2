"""The files of a SQLite ledger: made whole, locked while in use, moved aside when damaged.

`Ledger` calls this; it calls `sqlite`, `schema`, `file_lock`, `witness`, `trace` and `mounts`.
"""

import glob
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Literal

import pandas as pd

from anomalert.crashpoints import reached
from anomalert.errors import LedgerDamagedError, LedgerError
from anomalert.ledger.file_lock import file_lock, lock_file_of
from anomalert.ledger.mounts import refuse_network
from anomalert.ledger.schema import migrate
from anomalert.ledger.sqlite import SqliteEngine
from anomalert.ledger.store import Store
from anomalert.ledger.tables import VERSIONS
from anomalert.ledger.trace import Trace
from anomalert.ledger.witness import Witness

__all__ = ["SqlitePlace"]

COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database file."""

HEADER = b"SQLite format 3\0"
"""How every SQLite database begins."""

PIECE = 1 << 20
"""Bytes of a file that are looked at together."""


class SqlitePlace:
    """Where a SQLite ledger is.

    Beside the database lie two kinds of lock files: one that runs of one pipeline hold alone, and one that everybody
    who has the database open shares, so that it is made or moved only while nobody has.

    Parameters
    ----------
    path : str or path
        Of the database; its folder has to exist.
    wait : pandas.Timedelta
        How long to wait for locks.
    """

    def __init__(self, path: str | os.PathLike[str], wait: pd.Timedelta) -> None:
        self.name = os.fspath(path)
        self._wait = wait
        self._opened: int | None = None

    @contextmanager
    def store(self, pipeline: str | None) -> Iterator[Store]:
        """Give the store, made if need be, and locked for `pipeline`; for reading what there is, pass None."""
        path = self._path()
        # Before anything is put beside a file that is somebody else's.
        self._refuse_foreign(path)
        with ExitStack() as held:
            if pipeline is not None:
                what = f"pipeline {pipeline!r} in ledger {self.name}"
                held.enter_context(file_lock(lock_file_of(path, pipeline), "exclusive", self._wait, what))
                self._make_if_missing(path)
            held.enter_context(self._in_use(path, "shared"))
            self._check(path)
            witness = _witness_of(path)
            # Before the ledger is looked at: others may write meanwhile.
            needed = witness.newest()
            engine = held.enter_context(closing(SqliteEngine(path, self.name, witness.saw)))
            self._check_is_ledger(engine)
            engine.be_durable()
            engine.keep_log()
            self._check_is_newest(engine, needed)
            if pipeline is not None:
                engine.check_writable()
            with closing(Store(engine)) as store:
                migrate(store)
                yield store
            if pipeline is not None:
                engine.shorten_log()

    def exists(self) -> bool:
        """Return whether there is a ledger; raise a LedgerError if its user may not write it, or not make it."""
        path = self._path()
        self._refuse_foreign(path)
        is_there = path.exists()
        needed = (path, path.parent) if is_there else (path.parent,)
        for each in needed:
            if not os.access(each, os.W_OK | (os.X_OK if each.is_dir() else os.R_OK)):
                raise LedgerError(f"ledger {self.name}: this user may not write {each}: give it the right to")
        return is_there

    def move_aside(self, at: pd.Timestamp) -> Path | None:
        """Rename the files to a name with the instant; return it, or None if there is nothing to move any more."""
        path = self._path()
        self._refuse_foreign(path)
        with self._in_use(path, "exclusive"):
            if not path.exists() or self._opened not in (None, path.stat().st_ino):
                return None
            target = _free_name(path.with_name(f"{path.name}.damaged-{at.tz_convert('UTC'):%Y%m%dT%H%M%SZ}"))
            with self._explained("move"):
                path.rename(target)
                for companion in COMPANIONS:
                    beside = path.with_name(path.name + companion)
                    if beside.exists():
                        beside.rename(target.with_name(target.name + companion))
                _witness_of(path).forget()
            return target

    def trace(self, pipeline: str) -> Trace:
        """Return what is known of `pipeline` beside the ledger; only while its store is open."""
        path = self._path()
        moved = [
            found
            for found in path.parent.glob(f"{glob.escape(path.name)}.damaged-*")
            if re.search(r"Z(-\d+)?$", found.name)
        ]
        return Trace(lock_file_of(path, pipeline), max(moved, key=lambda found: found.stat().st_ctime, default=None))

    def _path(self) -> Path:
        """Return the path without links, so that all who mean this file lock the same ones."""
        path = Path(self.name).resolve()
        if not path.parent.is_dir():
            raise LedgerError(f"ledger {self.name}: there is no folder {path.parent}: create it, or name another place")
        refuse_network(path)
        return path

    def _refuse_foreign(self, path: Path) -> None:
        """Refuse a file that never was a ledger: only a ledger may be taken for a damaged one, and be moved aside."""
        try:
            is_foreign = path.is_file() and not _begins_as_ours(path) and not _is_known(path)
        except OSError:  # Gone meanwhile, or not to be read: what comes next says so better.
            return
        if is_foreign:
            raise LedgerError(
                f"{self.name} is no SQLite file, and nothing beside it knows of a ledger there: it is left alone; name"
                " another file for the ledger (or, if this was one, move it away)"
            )

    def _in_use(self, path: Path, mode: Literal["shared", "exclusive"]) -> AbstractContextManager[None]:
        return file_lock(_shared_file_of(path), mode, self._wait, f"ledger {self.name}")

    def _make_if_missing(self, path: Path) -> None:
        if path.exists():
            return
        with self._in_use(path, "exclusive"), self._explained("make"):
            if not path.exists():
                self._make(path)

    def _make(self, path: Path) -> None:
        """Make an empty ledger under another name and put it in place: it is there whole, or not at all."""
        draft = path.with_name(f"{path.name}.new")
        for name in (path.name, draft.name):
            for companion in COMPANIONS:
                # Of a database that is gone: SQLite would play these into the new one.
                path.with_name(name + companion).unlink(missing_ok=True)
        draft.unlink(missing_ok=True)
        _witness_of(path).forget()
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(SqliteEngine(draft, self.name)) as engine:
            engine.mark()
            engine.be_durable()
            migrate(Store(engine))
        reached("make: to be put in place")
        draft.rename(path)
        _sync_folder(path.parent)
        reached("make: in place")

    def _check(self, path: Path) -> None:
        try:
            found = path.stat()
        except OSError as error:
            raise LedgerError(f"there is no ledger at {self.name}: {error.strerror}") from error
        if not path.is_file():
            raise LedgerError(f"ledger {self.name} is no file: name a file")
        self._opened = found.st_ino
        if found.st_size == 0:
            raise LedgerDamagedError(f"the ledger is damaged: {self.name} is empty")

    def _check_is_ledger(self, engine: SqliteEngine) -> None:
        if engine.has_table(VERSIONS.name):
            return
        if engine.is_marked():
            raise LedgerDamagedError(f"the ledger is damaged: {self.name} has lost its tables")
        raise LedgerError(f"{self.name} is a SQLite database of something else: name another file for the ledger")

    def _check_is_newest(self, engine: SqliteEngine, needed: int) -> None:
        if engine.number() < needed:
            raise LedgerDamagedError(
                f"the ledger is damaged: {self.name} has {engine.number()} transactions, and {needed} were written:"
                " its end is lost, or it is an older copy"
            )

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LedgerError(f"cannot {what} ledger {self.name}: {error.strerror}") from error


def _shared_file_of(path: Path) -> Path:
    """Return the file that all who have the database open lock together."""
    return path.with_name(f"{path.name}.lock")


def _witness_of(path: Path) -> Witness:
    """Return what knows how new the database is; it is kept where the lock is, and only used under it."""
    return Witness(_shared_file_of(path))


def _begins_as_ours(path: Path) -> bool:
    """Return whether a file begins as a SQLite database, or holds nothing that could be lost."""
    with path.open("rb") as file:
        piece = file.read(PIECE)
        if piece.startswith(HEADER):
            return True
        # Nothing, or zeros: what a power failure leaves of a new file.
        while piece and not piece.strip(b"\0"):
            piece = file.read(PIECE)
    return not piece


def _is_known(path: Path) -> bool:
    """Return whether a lock file beside a database has noted something about it."""
    locks = path.parent.glob(f"{glob.escape(path.name)}*.lock")
    return any(Witness(lock).newest() > 0 for lock in locks if lock.is_file())


def _free_name(wanted: Path) -> Path:
    """Return `wanted`, or with a number if that is taken."""
    candidate, number = wanted, 1
    while candidate.exists():
        number += 1
        candidate = wanted.with_name(f"{wanted.name}-{number}")
    return candidate


def _sync_folder(folder: Path) -> None:
    """Have the name of a new file survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
