"""Locks of the kernel on small files beside a SQLite ledger: whoever dies, however it dies, holds none any more.

The SQLite engine calls this; it calls `waiting`.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pandas as pd

from anomalert.errors import LedgerError
from anomalert.ledger.waiting import wait_for

__all__ = ["file_lock", "lock_file_of"]


def lock_file_of(database: Path, pipeline: str) -> Path:
    """Return the file that runs of `pipeline` lock; its name shows the pipeline's, as far as file names can.

    Examples
    --------
    >>> lock_file_of(Path("alerts.db"), "feed/prod").name
    'alerts.db.feed_prod-992af007.lock'
    """
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", pipeline)[:40]
    distinct = hashlib.blake2b(pipeline.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return database.with_name(f"{database.name}.{readable}-{distinct}.lock")


@contextmanager
def file_lock(path: Path, mode: Literal["shared", "exclusive"], wait: pd.Timedelta, what: str) -> Iterator[None]:
    """Hold a lock on `path` inside the block; `what` names it in errors.

    Raises
    ------
    LedgerBusyError
        If others hold it for longer than `wait`.
    LedgerError
        If the file cannot be made or locked.
    """
    try:
        import fcntl
    except ModuleNotFoundError:
        raise LedgerError(f"{what} needs a POSIX system: on this one, use a PostgreSQL ledger") from None
    kind = fcntl.LOCK_SH if mode == "shared" else fcntl.LOCK_EX

    def take() -> bool:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LedgerError(f"{what} cannot be locked: {path}: {error.strerror}") from error
    try:
        try:
            wait_for(take, wait, what)
        except OSError as error:
            raise LedgerError(f"{what} cannot be locked: {path}: {error.strerror}") from error
        yield
    finally:
        # The file stays: removing it would let two runs lock two files of one name.
        os.close(descriptor)
