"""Versions of the ledger: every released one opens, a newer one is refused, a step is taken whole or not at all."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from anomalert.errors import LedgerDamagedError, LedgerError
from anomalert.ledger import Ledger, RunRecord, schema
from anomalert.ledger.store import Store
from anomalert.ledger.tables import TABLES, VERSIONS
from tests.ledger.samples import contents_of, message, reading, run, slot, verdict

RELEASED = Path(__file__).parent / "data"
"""A file of every version: what `fill` noted with the release that had it. Never make one anew."""


def fill(ledger: Ledger) -> None:
    """Note something in every table: what the files in ``data`` hold."""
    with ledger.open("feed") as session:
        for number in range(3):
            session.commit(run(number))
        session.commit(RunRecord(readings=[reading(1, likes=5.0)]))
        session.pending("chat")
        for number, outcome in ((0, "accepted"), (1, "unknown")):
            attempt = session.claim([message(number).key], "chat")
            assert attempt is not None
            session.record([message(number).key], "chat", attempt, outcome, receipt="17", final=True)  # type: ignore[arg-type]
        session.fold([message(0).key, message(1).key], "mail", message(1, "digest"))


def test_there_is_a_file_of_every_version() -> None:
    """A release that adds a version adds its file."""
    names = sorted(path.name for path in RELEASED.iterdir())
    assert names == [f"version-{number + 1}.db" for number in range(len(schema.MIGRATIONS))]


@pytest.mark.parametrize("released", sorted(RELEASED.iterdir()), ids=lambda path: path.stem)
def test_a_ledger_of_every_released_version_opens(released: Path, tmp_path: Path) -> None:
    """It is brought forward, it is sound, it holds what was noted, and the next run goes on with it."""
    path = tmp_path / "alerts.db"
    shutil.copy(released, path)
    ledger = Ledger(path)
    with ledger.open("feed") as session:
        assert session.state() == {"newest": 2, "open": ["likes/down"]}
        assert session.slot_records("feed", slot(0), slot(9)) == [verdict(0), verdict(1), verdict(2)]
        assert session.readings("feed", slot(1), slot(2)) == {slot(1): {"likes": 5.0}}
        assert [pending.message for pending in session.pending("chat")] == [message(2)]
        assert [pending.message for pending in session.pending("mail")] == [message(1, "digest"), message(2)]
        assert session.unsure("chat") == [message(1)]
        assert session.receipt(message(0).key, "chat") == "17"
        session.commit(run(3))
    assert ledger.verify() == []
    assert ledger.history().revisions["after"].tolist() == [5.0, 21.0]
    fresh = Ledger(tmp_path / "fresh.db")
    fill(fresh)
    with fresh.open("feed") as session:
        session.commit(run(3))
    assert contents_of(ledger) == contents_of(fresh)


def test_a_newer_version_is_refused_and_left_alone(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not damaged, so it is not moved aside; the text says what to do."""
    fill(ledger)
    before = contents_of(ledger)
    monkeypatch.setattr(schema, "MIGRATIONS", ())
    for call in (ledger.open("feed").__enter__, ledger.verify, ledger.history):
        with pytest.raises(LedgerError, match=r"version 1 and this release .* knows 0: install") as raised:
            call()
        assert not isinstance(raised.value, LedgerDamagedError)
    monkeypatch.undo()
    assert contents_of(ledger) == before


def add_notes(store: Store) -> None:
    """Add a table: a step as the next version may have."""
    store.engine.execute("CREATE TABLE anomalert_notes (note TEXT NOT NULL)")
    store.engine.execute("INSERT INTO anomalert_notes VALUES ('made by the second step')")


def test_steps_are_taken_in_order_and_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older ledger gets the steps that it lacks, a new one all of them, and neither gets one twice."""
    fill(ledger)
    before = contents_of(ledger)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, add_notes))
    for _ in range(2):
        with ledger.open("feed") as session:
            assert session.newest_slot("feed") == slot(2)
    with ledger._where().store(None) as store:
        assert store.engine.execute("SELECT note FROM anomalert_notes") == [("made by the second step",)]
        assert schema.version_of(store) == 2
    after = contents_of(ledger)
    assert ledger.verify() == []
    assert {name: rows for name, rows in after.items() if name != VERSIONS.name} == {
        name: rows for name, rows in before.items() if name != VERSIONS.name
    }


def test_a_step_that_fails_leaves_the_old_version(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps are one transaction, also on a new ledger."""

    def fail(store: Store) -> None:
        add_notes(store)
        raise LedgerError("the second step fails")

    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, fail))
        with pytest.raises(LedgerError, match="the second step fails"), ledger.open("feed"):
            pass
    fill(ledger)
    before = contents_of(ledger)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, fail))
    with pytest.raises(LedgerError, match="the second step fails"), ledger.open("feed"):
        pass
    monkeypatch.undo()
    assert contents_of(ledger) == before
    with ledger._where().store(None) as store:
        assert not store.engine.has_table("anomalert_notes")


def test_tables_have_the_columns_that_rows_are_sealed_by(ledger: Ledger, place: str) -> None:
    """No column is outside of the checksum."""
    fill(ledger)
    with ledger._where().store(None) as store:
        for table in TABLES:
            assert columns_of(store, table.name, "://" in place) == {*table.columns, "checksum"}


def columns_of(store: Store, name: str, is_postgres: bool) -> set[Any]:
    """Return the columns that a table has in the database."""
    if is_postgres:
        sql = "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        sql += " AND table_name = :name"
        return {row[0] for row in store.engine.execute(sql, {"name": name})}
    return {row[1] for row in store.engine.execute(f"PRAGMA table_info({name})")}
