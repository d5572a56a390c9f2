"""The versions of the ledger's tables, and the way forward from each: one step a version, in one transaction.

`Ledger` calls this when it opens a database; it calls `store`.
"""

from collections.abc import Callable

from anomalert.errors import LedgerDamagedError, LedgerError
from anomalert.ledger.store import Store
from anomalert.ledger.tables import COUNTED, COUNTS, VERSIONS

__all__ = ["MIGRATIONS", "migrate", "version_of"]

FIRST = (
    """CREATE TABLE anomalert_version (
        name TEXT NOT NULL, version BIGINT NOT NULL, checksum BIGINT NOT NULL,
        PRIMARY KEY (name))""",
    """CREATE TABLE anomalert_counts (
        name TEXT NOT NULL, row_count BIGINT NOT NULL, checksum BIGINT NOT NULL,
        PRIMARY KEY (name))""",
    """CREATE TABLE anomalert_states (
        pipeline TEXT NOT NULL, body TEXT NOT NULL, checksum BIGINT NOT NULL,
        PRIMARY KEY (pipeline))""",
    """CREATE TABLE anomalert_slots (
        pipeline TEXT NOT NULL, monitor TEXT NOT NULL, slot BIGINT NOT NULL,
        definition TEXT NOT NULL, told BIGINT NOT NULL, judgements TEXT NOT NULL, checksum BIGINT NOT NULL,
        PRIMARY KEY (pipeline, monitor, slot))""",
    """CREATE TABLE anomalert_layouts (
        pipeline TEXT NOT NULL, layout TEXT NOT NULL, names TEXT NOT NULL, checksum BIGINT NOT NULL,
        PRIMARY KEY (pipeline, layout))""",
    "CREATE INDEX anomalert_slots_by_age ON anomalert_slots (pipeline, slot)",
    """CREATE TABLE anomalert_readings (
        pipeline TEXT NOT NULL, monitor TEXT NOT NULL, slot BIGINT NOT NULL,
        body TEXT NOT NULL, checksum BIGINT NOT NULL,
        PRIMARY KEY (pipeline, monitor, slot))""",
    "CREATE INDEX anomalert_readings_by_age ON anomalert_readings (pipeline, slot)",
    """CREATE TABLE anomalert_revisions (
        pipeline TEXT NOT NULL, monitor TEXT NOT NULL, slot BIGINT NOT NULL, revision BIGINT NOT NULL,
        seen BIGINT NOT NULL, changes TEXT NOT NULL, checksum BIGINT NOT NULL,
        PRIMARY KEY (pipeline, monitor, slot, revision))""",
    """CREATE TABLE anomalert_incidents (
        pipeline TEXT NOT NULL, incident TEXT NOT NULL,
        ended BIGINT, body TEXT NOT NULL, checksum BIGINT NOT NULL,
        PRIMARY KEY (pipeline, incident))""",
    """CREATE TABLE anomalert_messages (
        pipeline TEXT NOT NULL, message TEXT NOT NULL,
        slot BIGINT NOT NULL, body TEXT NOT NULL, checksum BIGINT NOT NULL,
        PRIMARY KEY (pipeline, message))""",
    "CREATE INDEX anomalert_messages_by_age ON anomalert_messages (pipeline, slot)",
    """CREATE TABLE anomalert_deliveries (
        pipeline TEXT NOT NULL, message TEXT NOT NULL, notifier TEXT NOT NULL,
        slot BIGINT NOT NULL, status TEXT NOT NULL, attempts BIGINT NOT NULL, in_doubt BIGINT NOT NULL,
        unknowns BIGINT NOT NULL, outcome TEXT, receipt TEXT, error TEXT, folded_into TEXT, checksum BIGINT NOT NULL,
        PRIMARY KEY (pipeline, message, notifier))""",
    "CREATE INDEX anomalert_deliveries_by_status ON anomalert_deliveries (pipeline, notifier, status)",
    """CREATE TABLE anomalert_attempts (
        pipeline TEXT NOT NULL, message TEXT NOT NULL, notifier TEXT NOT NULL, attempt BIGINT NOT NULL,
        outcome TEXT, receipt TEXT, error TEXT, checksum BIGINT NOT NULL,
        PRIMARY KEY (pipeline, message, notifier, attempt))""",
)


def _first(store: Store) -> None:
    for statement in FIRST:
        store.engine.execute(statement)
    store.insert(COUNTS, [{"name": table.name, "row_count": 0} for table in COUNTED])
    store.insert(VERSIONS, [{"name": "schema", "version": 0}])


MIGRATIONS: tuple[Callable[[Store], None], ...] = (_first,)
"""Step `n` makes version ``n + 1`` of version `n`. Never change one that was released: add the next."""


def version_of(store: Store) -> int:
    """Return the version of the ledger's tables, 0 if there are none.

    Raises
    ------
    LedgerError
        If a newer release of anomalert wrote them.
    """
    if not store.engine.has_table(VERSIONS.name):
        return 0
    row = store.get(VERSIONS, name="schema")
    if row is None:
        raise LedgerDamagedError("the ledger is damaged: its version is gone")
    version = int(row["version"] or 0)
    if version > len(MIGRATIONS):
        raise LedgerError(
            f"ledger {store.engine.place} has version {version} and this release of anomalert knows {len(MIGRATIONS)}:"
            " install the release that wrote it, or a newer one, or name another ledger"
        )
    return version


def migrate(store: Store) -> None:
    """Bring the tables to the newest version: all steps in one transaction, or none."""
    if version_of(store) == len(MIGRATIONS):
        return
    with store.transaction("migrate"):
        store.engine.wait_for_schema()
        # Somebody else may have done it since.
        before = version_of(store)
        for step in MIGRATIONS[before:]:
            step(store)
        old = store.get(VERSIONS, name="schema")
        if old is not None and before < len(MIGRATIONS):
            store.replace(VERSIONS, old, {"name": "schema", "version": len(MIGRATIONS)})
