"""Rows that are sealed when they are written, checked when they are read, and counted: the same on both engines.

Sessions, verification and history call this; it calls `tables`, and an engine by the seam that is named here.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any, Protocol

from anomalert.crashpoints import reached
from anomalert.errors import LedgerDamagedError, LedgerError
from anomalert.ledger.tables import ATTEMPTS, COUNTED, COUNTS, DELIVERIES, STATES, Row, Table

__all__ = ["Engine", "Store"]


class Engine(Protocol):
    """A connection to one of the two databases; every method raises nothing but `LedgerError`."""

    place: str
    """What it is called in errors, without secrets."""

    def execute(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement, parameters written ``:name``; return its rows."""
        ...

    def change(self, sql: str, rows: Sequence[Mapping[str, object]]) -> int:
        """Run one statement for every set of parameters; return how many rows were changed."""
        ...

    def begin(self) -> None:
        """Begin a transaction that will write."""
        ...

    def begin_snapshot(self) -> None:
        """Begin a transaction that sees one state of everything and does not write."""
        ...

    def commit(self) -> None:
        """End the transaction, durably."""
        ...

    def rollback(self) -> None:
        """End the transaction as if it had not begun; raises nothing."""
        ...

    def wait_for_schema(self) -> None:
        """Within a transaction: wait until nobody else is changing the schema."""
        ...

    def has_table(self, name: str) -> bool:
        """Return whether there is a table of this name."""
        ...

    def faults(self, table: str | None = None) -> list[str]:
        """Return what the engine's own check of its files finds, in all of them or in one table."""
        ...


class Store:
    """Tables over one connection, which several threads may use at once.

    Parameters
    ----------
    engine : Engine
        The connection.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = RLock()
        self._added: Counter[str] = Counter()
        self._transaction = ""
        self._is_closed = False

    @contextmanager
    def transaction(self, name: str) -> Iterator[None]:
        """Write all that is written inside, durably, or nothing of it; `name` names its crash points."""
        with self._lock:
            self._check_open()
            self._transaction = name
            self._added.clear()
            reached(f"{name}: to begin")
            self.engine.begin()
            try:
                yield
                self._count()
                reached(f"{name}: to end")
                self.engine.commit()
            except BaseException:
                self.engine.rollback()
                raise
            reached(f"{name}: ended")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one state of everything inside, whatever others write meanwhile."""
        with self._lock:
            self._check_open()
            self.engine.begin_snapshot()
            try:
                yield
            finally:
                self.engine.rollback()

    def close(self) -> None:
        """Wait for what is going on, and refuse everything after it."""
        with self._lock:
            self._is_closed = True

    def select(self, table: Table, condition: str, **parameters: object) -> list[Row]:
        """Return the rows that meet a condition, which may say in which order.

        Raises
        ------
        LedgerDamagedError
            If one of them is not what was written.
        """
        with self._lock:
            self._check_open()
            rows = self.engine.execute(f"{table.select} WHERE {condition}", parameters)
        return [table.opened(row) for row in rows]

    def get(self, table: Table, **key: object) -> Row | None:
        """Return the row of this key, or None."""
        rows = self.select(table, table.same_key, **key)
        return rows[0] if rows else None

    def insert(self, table: Table, rows: Sequence[Row]) -> int:
        """Add those rows whose key is not there yet; return how many those were."""
        if not rows:
            return 0
        added = self.engine.change(table.insert, [{**row, "checksum": table.checksum(row)} for row in rows])
        self._added[table.name] += added
        self._passed(table)
        return added

    def replace(self, table: Table, before: Row, after: Row) -> bool:
        """Put `after` in place of `before`, unless somebody else has changed that row; return whether it was done."""
        seals = {"checksum": table.checksum(after), "checksum_before": table.checksum(before)}
        changed = self.engine.change(table.update, [{**after, **seals}])
        self._passed(table)
        return changed == 1

    def put(self, table: Table, row: Row) -> None:
        """Add a row, or replace the one of its key."""
        before = self.get(table, **{column: row[column] for column in table.key})
        done = self.replace(table, before, row) if before else self.insert(table, [row]) == 1
        if not done:
            named = table.describe([row[column] for column in table.key])
            raise LedgerError(f"ledger {self.engine.place}: somebody else changed {named} meanwhile")

    def delete(self, table: Table, condition: str, **parameters: object) -> None:
        """Remove the rows that meet a condition."""
        self._added[table.name] -= self.engine.change(table.delete + condition, [parameters])
        self._passed(table)

    def faults(self) -> list[str]:
        """Return all that is not as it was written, in words; nothing if the store is sound."""
        with self.snapshot():
            found = self.engine.faults()
            for table in (*COUNTED, COUNTS):
                for values in self.engine.execute(table.select):
                    try:
                        table.opened(values)
                    except LedgerDamagedError as error:
                        found.append(str(error))
            return [*found, *self._miscounted()]

    def check(self) -> None:
        """Check what no reading would show, in a millisecond: rows that are gone, and what no longer finds its rows.

        Raises
        ------
        LedgerDamagedError
            If rows are missing, or the tables are damaged by which it is known what was sent. (A verdict or reading
            that is not found is judged or read again.)
        """
        with self.snapshot():
            found = [fault for table in (ATTEMPTS, DELIVERIES, STATES) for fault in self.engine.faults(table.name)]
            found += self._miscounted()
        if found:
            raise LedgerDamagedError(f"the ledger is damaged: {'; '.join(found)}")

    def _miscounted(self) -> list[str]:
        kept = dict(self.engine.execute("SELECT name, row_count FROM anomalert_counts"))
        counts = self.engine.execute(f"SELECT {', '.join(f'({table.count})' for table in COUNTED)}")[0]
        return [
            f"table {table.name} has {count} rows, and {kept.get(table.name)} were written"
            for table, count in zip(COUNTED, counts, strict=True)
            if count != kept.get(table.name)
        ]

    def _count(self) -> None:
        """Keep the number of rows; in one order of tables, so that no two transactions wait for each other."""
        for name, added in [(table.name, self._added[table.name]) for table in COUNTED if self._added[table.name]]:
            # The change comes first, since it is what makes others wait; the checksum is still the one of before.
            changed = self.engine.execute(
                "UPDATE anomalert_counts SET row_count = row_count + :added WHERE name = :name"
                " RETURNING name, row_count - :added, checksum",
                {"name": name, "added": added},
            )
            if not changed:
                raise LedgerDamagedError(f"the ledger is damaged: the count of table {name} is gone")
            before = COUNTS.opened(changed[0])
            after: Row = {"name": name, "row_count": int(before["row_count"] or 0) + added}
            self.engine.change(
                "UPDATE anomalert_counts SET checksum = :checksum WHERE name = :name",
                [{"name": name, "checksum": COUNTS.checksum(after)}],
            )
        reached(f"{self._transaction}: counted")

    def _passed(self, table: Table) -> None:
        reached(f"{self._transaction}: {table.name} written")

    def _check_open(self) -> None:
        if self._is_closed:
            raise LedgerError(f"ledger {self.engine.place}: the session is over, so nothing can be noted any more")
