"""A PostgreSQL ledger: its tables made if need be, and the lock of a pipeline held on the connection.

`Ledger` calls this; it calls `postgres` and `schema`.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pandas as pd

from anomalert.errors import LedgerError
from anomalert.ledger.postgres import PostgresEngine
from anomalert.ledger.schema import migrate
from anomalert.ledger.store import Store
from anomalert.ledger.tables import VERSIONS
from anomalert.ledger.trace import Trace
from anomalert.ledger.waiting import wait_for
from anomalert.redaction import Secret

__all__ = ["PostgresPlace"]


class PostgresPlace:
    """Where a PostgreSQL ledger is.

    Parameters
    ----------
    url : Secret
        ``postgresql://user:password@host/database``.
    name : str
        The same as it may be shown.
    wait : pandas.Timedelta
        How long to wait for a pipeline's lock.
    """

    def __init__(self, url: Secret, name: str, wait: pd.Timedelta) -> None:
        self.name = name
        self._url = url
        self._wait = wait

    @contextmanager
    def store(self, pipeline: str | None) -> Iterator[Store]:
        """Give the store, made if need be, and locked for `pipeline`; for reading what there is, pass None."""
        with closing(PostgresEngine(self._url, self.name)) as engine:
            if pipeline is not None:
                what = f"pipeline {pipeline!r} in ledger {self.name}"
                wait_for(lambda: engine.lock(pipeline), self._wait, what)
            elif not engine.has_table(VERSIONS.name):
                raise LedgerError(f"there is no ledger at {self.name}: it has no table {VERSIONS.name}")
            with closing(Store(engine)) as store:
                migrate(store)
                yield store

    def exists(self) -> bool:
        """Return whether there is a ledger; raise a LedgerError if there is none and its user may not make one."""
        with closing(PostgresEngine(self._url, self.name)) as engine:
            if engine.has_table(VERSIONS.name):
                return True
            if not engine.execute("SELECT has_schema_privilege(current_schema(), 'CREATE')")[0][0]:
                raise LedgerError(f"ledger {self.name}: this user may not make tables there: grant it CREATE")
            return False

    def trace(self, pipeline: str) -> Trace:  # noqa: ARG002 - the seam of places
        """Return that nothing is known: there is no place for it but the database itself."""
        return Trace()

    def move_aside(self, at: pd.Timestamp) -> None:
        """Return None: what is wrong in a server's database is for its administrator to mend."""
