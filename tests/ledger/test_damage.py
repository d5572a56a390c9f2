"""A damaged SQLite ledger never passes for a sound one, and can be moved aside so that a new one is begun."""

import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from anomalert.errors import LedgerBusyError, LedgerDamagedError, LedgerError
from anomalert.ledger import Ledger, RunRecord
from anomalert.ledger.encoding import seconds_of
from tests.ledger.samples import contents_of, message, reading, run, settle, slot

AT = pd.Timestamp("2026-11-24T13:15+03:00")


@pytest.fixture
def written(memory_folder: Path) -> Path:
    """Give a ledger with rows in every table, all of it in one file."""
    path = memory_folder / "written.db"
    with Ledger(path).open("feed") as session:
        for number in range(12):
            session.commit(run(number))
            session.commit(RunRecord(readings=[reading(number, likes=1.0)]))
            session.pending("chat")
            attempt = session.claim([message(number).key], "chat")
            if attempt is not None and number < 8:
                session.record([message(number).key], "chat", attempt, "accepted", receipt=f"{number}", final=True)
    settle(path)
    return path


def told(ledger: Ledger) -> list[Any]:
    """Read as a run does what decides whether something is said twice or never."""
    with ledger.open("feed") as session:
        session.readings("feed", slot(0), slot(99))
        session.slot_records("feed", slot(0), slot(99))
        known = [session.state(), session.pending("chat"), session.pending("mail"), session.unsure("chat")]
        session.commit(run(50))
        return [*known, session.receipt(message(3).key, "chat")]


def outcome_of(damaged: Path, sound: dict[str, Any], known: list[Any]) -> str:
    """Return what became of a damaged file; anything that nobody could notice fails here."""
    ledger = Ledger(damaged, wait="1s")
    faults = ledger.verify()
    if not faults:
        assert contents_of(ledger) == sound, "changed, and nobody noticed"
    try:
        assert told(ledger) == known, "a run sees other messages, and nobody noticed"
    except LedgerDamagedError:
        assert faults, "a run finds damage that `verify` does not"
        return "raised"
    return "found by verify" if faults else "harmless"


def copy_of(written: Path, data: bytes) -> Path:
    """Write a damaged copy, and nothing else beside it."""
    path = written.with_name("damaged.db")
    for name in (path, path.with_name("damaged.db-wal"), path.with_name("damaged.db-shm")):
        name.unlink(missing_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def sound(written: Path) -> tuple[dict[str, Any], list[Any]]:
    """Give what the undamaged ledger holds, and what a run sees of it."""
    return contents_of(Ledger(written)), told(Ledger(copy_of(written, written.read_bytes())))


def test_a_flipped_bit_changes_nothing_unnoticed(
    written: Path, sound: tuple[dict[str, Any], list[Any]], is_exhaustive: bool
) -> None:
    """Of bits anywhere in the file, half of them where something stands: no content changes without a fault."""
    data = written.read_bytes()
    chosen = random.Random(20261124)
    something = [position for position, byte in enumerate(data) if byte]
    found: Counter[str] = Counter()
    for number in range(2000 if is_exhaustive else 200):
        position = chosen.choice(something) if number % 2 else chosen.randrange(len(data))
        bit = 1 << chosen.randrange(8)
        damaged = bytearray(data)
        damaged[position] ^= bit
        found[outcome_of(copy_of(written, bytes(damaged)), *sound)] += 1
    assert found["raised"] > found.total() / 5, found
    print(f"\n{found.total()} flipped bits of {len(data)} bytes: {dict(found)}, unnoticed changes 0")  # noqa: T201


def test_a_cut_at_any_page_is_noticed(written: Path, sound: tuple[dict[str, Any], list[Any]]) -> None:
    """A file that ends early, on the border of a page or off it, is damaged; also one of which nothing is left."""
    data = written.read_bytes()
    page = int.from_bytes(data[16:18], "big")
    assert len(data) // page > 20
    for cut in range(0, len(data), page):
        for extra in (0, 100):
            assert outcome_of(copy_of(written, data[: cut + extra]), *sound) == "raised", cut + extra


def test_missing_and_foreign_rows_are_noticed(written: Path) -> None:
    """Rows that were removed, added or changed by hand are faults, and opening notices their number."""
    changes = {
        f"DELETE FROM anomalert_deliveries WHERE notifier = 'mail' AND slot < {seconds_of(slot(3))}": "has 21 rows",
        "INSERT INTO anomalert_states VALUES ('other', '{}', 0)": "not what was written",
        "UPDATE anomalert_deliveries SET status = 'pending' WHERE notifier = 'chat'": "not what was written",
        "UPDATE anomalert_counts SET row_count = row_count + 1": "not what was written",
        "DELETE FROM anomalert_counts": "None were written",
        "DELETE FROM anomalert_version": "version is gone",
        "UPDATE anomalert_version SET version = 7": "not what was written",
        "DROP TABLE anomalert_attempts": "no such table",
        "UPDATE anomalert_states SET body = x'c3'": "not what was written",
        "UPDATE anomalert_states SET body = CAST(x'c3' AS TEXT)": "decode",
        "DROP TABLE anomalert_version": "lost its tables",
    }
    for change, fault in changes.items():
        path = copy_of(written, written.read_bytes())
        with sqlite3.connect(path) as connection:
            connection.execute(change)
        connection.close()
        ledger = Ledger(path)
        assert any(fault in found for found in ledger.verify()), (change, ledger.verify())
        with pytest.raises(LedgerDamagedError):
            told(ledger)


def test_an_error_whose_text_is_damaged_is_damage(written: Path) -> None:
    """SQLite's own message can hold bytes that are no text: that is a damaged ledger, and no other failure."""
    data = written.read_bytes()
    at = data.index(b"CREATE TABLE anomalert_states")
    path = copy_of(written, data[:at] + b"\xa0" + data[at + 1 :])
    with pytest.raises(LedgerDamagedError), Ledger(path).open("feed"):
        pass


@pytest.mark.parametrize("garbage", [b"", b"alerts: []\n" * 1000, b"\0" * 8192])
def test_what_is_no_database_is_damaged(memory_folder: Path, garbage: bytes) -> None:
    """An empty file, zeros (of a disk that lost power) and a text over a ledger are damage: a new one can begin."""
    path = memory_folder / "alerts.db"
    if garbage.strip(b"\0"):
        with Ledger(path).open("feed") as session:
            session.commit(run(0))
        settle(path)
    path.write_bytes(garbage)
    ledger = Ledger(path)
    with pytest.raises(LedgerDamagedError), ledger.open("feed"):
        pass
    assert len(ledger.verify()) == 1
    moved = ledger.move_aside(AT)
    assert moved == memory_folder / "alerts.db.damaged-20261124T101500Z"
    assert moved.read_bytes() == garbage
    with ledger.open("feed") as session:
        session.commit(run(0))
    assert ledger.verify() == []


FOREIGN = [b"export TOKEN=1\n" * 3, b"x", b"SQLite format 2\0" * 64, b"\0" * (1 << 20) + b"a disk image"]


@pytest.mark.parametrize("content", FOREIGN, ids=["script", "letter", "almost", "image"])
def test_a_file_that_never_was_a_ledger_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """Who names another file by mistake still has it, under its name, and finds nothing new beside it."""
    path = tmp_path / "settings.sh"
    path.write_bytes(content)
    ledger = Ledger(path)

    def opened() -> None:
        with ledger.open("feed"):
            pass

    for use in (opened, ledger.verify, ledger.history, lambda: ledger.move_aside(AT)):
        with pytest.raises(LedgerError, match=r"settings.sh is no SQLite file.* name another file") as raised:
            use()
        assert not isinstance(raised.value, LedgerDamagedError)
        assert [each.name for each in tmp_path.iterdir()] == ["settings.sh"]
        assert path.read_bytes() == content


@pytest.mark.parametrize("known_by", ["alerts.db.lock", "alerts.db.feed-*.lock"])
def test_a_ledger_whose_header_is_damaged_is_still_moved_aside(memory_folder: Path, known_by: str) -> None:
    """Whatever bit of it: one file beside it that knows of a ledger is enough for it not to pass for another file."""
    path = memory_folder / "alerts.db"
    with Ledger(path).open("feed") as session:
        session.commit(run(0))
    settle(path)
    data = path.read_bytes()
    (kept,) = memory_folder.glob(known_by)
    for lock in set(memory_folder.glob("*.lock")) - {kept}:
        lock.write_bytes(b"")
    noted = kept.read_bytes()
    for bit in range(16 * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(LedgerDamagedError), Ledger(path).open("feed"):
            pass
    assert kept.read_bytes() == noted
    assert Ledger(path).move_aside(AT) == memory_folder / "alerts.db.damaged-20261124T101500Z"


def test_what_was_moved_aside_is_never_overwritten(written: Path) -> None:
    """Damage at the same instant gets a number; the log goes along with its file."""
    ledger = Ledger(written)
    names = []
    for text in (b"first", b"second", b"third"):
        written.write_bytes(text)
        for companion in ("-wal", "-shm"):
            written.with_name(written.name + companion).write_bytes(text)
        moved = ledger.move_aside(AT)
        assert moved is not None
        assert moved.read_bytes() == text
        assert moved.with_name(moved.name + "-wal").read_bytes() == text
        assert not written.with_name(written.name + "-wal").exists()
        names.append(moved.name)
    assert names == [f"written.db.damaged-20261124T101500Z{number}" for number in ("", "-2", "-3")]
    assert ledger.move_aside(AT) is None


def test_only_the_file_that_was_opened_is_moved(written: Path) -> None:
    """Of two runs that find the damage, the second does not move aside the new ledger of the first."""
    data = bytearray(written.read_bytes())
    data[0] ^= 1
    written.write_bytes(data)
    first, second = Ledger(written), Ledger(written)
    for ledger in (first, second):
        with pytest.raises(LedgerDamagedError), ledger.open("feed"):
            pass
    assert first.move_aside(AT) is not None
    with first.open("feed") as session:
        session.commit(run(0))
    assert second.move_aside(AT) is None
    with second.open("feed") as session:
        assert session.newest_slot("feed") == slot(0)


def test_nothing_is_moved_while_somebody_has_it_open(written: Path) -> None:
    """Another pipeline's run would write into the file that was moved."""
    with Ledger(written).open("other"), pytest.raises(LedgerBusyError):
        Ledger(written, wait="200ms").move_aside(AT)
    assert Ledger(written).verify() == []


def test_the_log_of_a_ledger_that_was_removed_is_not_played_into_the_new_one(memory_folder: Path) -> None:
    """Who deletes the file of a killed run, and only the file, begins with nothing."""
    path = memory_folder / "alerts.db"
    ledger = Ledger(path)
    with ledger.open("feed") as session:
        session.commit(run(0))
        wal = path.with_name("alerts.db-wal").read_bytes()
    assert wal
    path.unlink()
    # Also what is left of a process that was killed while it made the file.
    leftovers = [path.with_name(f"alerts.db.new{ending}") for ending in ("", "-wal", "-journal")]
    for stale in (path.with_name("alerts.db-wal"), *leftovers):
        stale.write_bytes(wal)
    with ledger.open("feed") as session:
        assert session.state() is None
    assert ledger.verify() == []
    assert not any(stale.exists() for stale in leftovers)


def test_a_log_cut_anywhere_leaves_whole_transactions(memory_folder: Path) -> None:
    """What a power failure may leave of the log gives the ledger as it was after one of its transactions."""
    path = memory_folder / "alerts.db"
    ledger = Ledger(path)
    with ledger.open("feed") as session:
        session.commit(run(0))
    states = [contents_of(ledger)]
    settle(path)
    with ledger.open("feed") as session:
        for number in (1, 2):
            session.commit(run(number))
            states.append(contents_of(ledger))
        main, wal = path.read_bytes(), path.with_name("alerts.db-wal").read_bytes()
    seen = []
    for cut in [*range(0, len(wal), 997), len(wal)]:
        cut_path = copy_of(path, main)
        cut_path.with_name("damaged.db-wal").write_bytes(wal[:cut])
        assert Ledger(cut_path).verify() == []
        seen.append(states.index(contents_of(Ledger(cut_path))))
    assert seen == sorted(seen)
    assert set(seen) == {0, 1, 2}


@pytest.fixture
def with_log(memory_folder: Path) -> Path:
    """Give a ledger that was left as runs leave it: the newest of it in the log only."""
    path = memory_folder / "alerts.db"
    for number in range(6):
        with Ledger(path).open("feed") as session:
            session.commit(run(number))
            session.pending("chat")
            attempt = session.claim([message(number).key], "chat")
            assert attempt is not None
            session.record([message(number).key], "chat", attempt, "accepted", final=True)
        if number == 2:
            settle(path)
    return path


def left_as(path: Path, changed: dict[str, bytes]) -> Path:
    """Write a copy of a ledger and of what lies beside it, with other contents of some of the files."""
    copy = path.with_name("copy.db")
    for ending in ("", "-wal", "-shm", ".lock"):
        beside = path.with_name(path.name + ending)
        copy.with_name(copy.name + ending).unlink(missing_ok=True)
        if ending != "-shm":
            copy.with_name(copy.name + ending).write_bytes(changed.get(ending, beside.read_bytes()))
    return copy


def test_a_log_that_is_damaged_between_runs_is_noticed(with_log: Path, is_exhaustive: bool) -> None:
    """SQLite takes a log for shorter from a flipped bit on; the ledger knows how long it was."""
    whole, log = contents_of(Ledger(with_log)), with_log.with_name("alerts.db-wal").read_bytes()
    assert contents_of(Ledger(left_as(with_log, {}))) == whole
    chosen = random.Random(20261127)
    found: Counter[str] = Counter()
    for _ in range(2000 if is_exhaustive else 200):
        damaged = bytearray(log)
        damaged[chosen.randrange(len(log))] ^= 1 << chosen.randrange(8)
        copy = left_as(with_log, {"-wal": bytes(damaged)})
        try:
            with Ledger(copy).open("feed"):
                pass
        except LedgerDamagedError:
            found["noticed"] += 1
            continue
        # Such as a bit in what an older log left behind the newest transaction.
        assert contents_of(Ledger(copy)) == whole, "changed, and nobody noticed"
        found["harmless"] += 1
    assert found["noticed"] > found.total() / 2, found
    print(f"\n{found.total()} flipped bits of a log of {len(log)} bytes: {dict(found)}")  # noqa: T201


def test_a_log_that_is_cut_or_gone_between_runs_is_noticed(with_log: Path) -> None:
    """At every page of it; and what it held is told as damage, not taken for never written."""
    log = with_log.with_name("alerts.db-wal").read_bytes()
    page = int.from_bytes(log[8:12], "big") + 24
    for cut in range(0, len(log) - page, page):
        with (
            pytest.raises(LedgerDamagedError, match="older copy"),
            Ledger(left_as(with_log, {"-wal": log[: 32 + cut]})).open("feed"),
        ):
            pass
    gone = left_as(with_log, {})
    gone.with_name("copy.db-wal").unlink()
    assert any("transactions" in fault for fault in Ledger(gone).verify())


def test_an_older_copy_is_noticed_and_a_new_ledger_can_be_begun(with_log: Path) -> None:
    """Whoever puts yesterday's file in place would have today's messages sent again, as if they were new."""
    settle(with_log)
    yesterday = with_log.read_bytes()
    ledger = Ledger(with_log)
    with ledger.open("feed") as session:
        session.commit(run(6))
    settle(with_log)
    with_log.write_bytes(yesterday)
    with pytest.raises(LedgerDamagedError, match="older copy"), ledger.open("feed"):
        pass
    assert ledger.move_aside(AT) is not None
    with ledger.open("feed") as session:
        assert session.state() is None
        session.commit(run(0))
    assert ledger.verify() == []


@pytest.mark.parametrize("text", [b"", b"000000000009", b"999999999999 00000000\n", b"\xff" * 22])
def test_a_witness_that_makes_no_sense_says_nothing(with_log: Path, text: bytes) -> None:
    """What knows how new the ledger is can be damaged too: that is no damage of the ledger."""
    ledger = Ledger(left_as(with_log, {".lock": text}))
    with ledger.open("feed") as session:
        session.commit(run(6))
    assert ledger.verify() == []
    assert len(with_log.with_name("copy.db.lock").read_bytes()) == 22


@pytest.mark.postgres
def test_a_postgres_ledger_is_checked_the_same_and_never_moved(postgres_server: Any) -> None:
    """Rows changed behind its back are faults; its files are its administrator's."""
    import psycopg

    url = postgres_server.new_ledger()
    ledger = Ledger(url)
    changes = {
        "UPDATE anomalert_states SET body = '{}'": "not what was written",
        "DELETE FROM anomalert_deliveries WHERE notifier = 'mail'": "were written",
        "DROP TABLE anomalert_attempts": "anomalert_attempts",
    }
    with ledger.open("feed") as session:
        session.commit(run(0))
    assert ledger.verify() == []
    for change, fault in changes.items():
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(change.encode())
        assert any(fault in found for found in ledger.verify())
        with pytest.raises(LedgerDamagedError):
            told(ledger)
    assert ledger.move_aside(AT) is None
    with pytest.raises(LedgerError):
        told(ledger)
