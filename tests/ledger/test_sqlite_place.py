"""The files of a SQLite ledger: who may read them, where they may lie, and what happens when the disk says no."""

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from anomalert.errors import LedgerBusyError, LedgerDamagedError, LedgerError
from anomalert.ledger import Ledger, RunRecord, mounts
from tests.ledger.samples import contents_of, message, run, settle, slot


def in_process(code: str, *arguments: object, **options: object) -> str:
    """Run Python code that finds its arguments in `sys.argv`, and return what it prints."""
    done = subprocess.run(  # type: ignore[call-overload]
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
        **options,
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """Database, log, index of the log and locks have mode 0600 from their first moment, whatever the umask is."""
    before = os.umask(0)
    try:
        with Ledger(tmp_path / "alerts.db").open("feed") as session:
            session.commit(run(0))
            modes = [{path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}]
        modes.append({path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()})
    finally:
        os.umask(before)
    for each in modes:
        assert set(each.values()) == {0o600}
        assert {"alerts.db", "alerts.db-wal", "alerts.db-shm", "alerts.db.lock"} < set(each)


@pytest.mark.parametrize("by", ["SQLite", "copying all"])
def test_a_backup_takes_the_place_of_what_was_removed(tmp_path: Path, by: str) -> None:
    """As the documentation says: made by SQLite, also during a run, or of all files; put where nothing is left."""
    path, copies = tmp_path / "alerts.db", tmp_path / "copies"
    copies.mkdir()
    for number in range(3):
        with Ledger(path).open("feed") as session:
            session.commit(run(number))
            if by == "SQLite":
                with closing(sqlite3.connect(path)) as origin, closing(sqlite3.connect(copies / "alerts.db")) as copy:
                    origin.backup(copy)
    before = contents_of(Ledger(path))
    if by == "copying all":
        for each in tmp_path.glob("alerts.db*"):
            shutil.copy(each, copies)
    with Ledger(path).open("feed") as session:
        session.commit(run(3))
    for each in tmp_path.glob("alerts.db*"):
        each.unlink()
    for each in copies.iterdir():
        shutil.copy(each, tmp_path)
    assert Ledger(path).verify() == []
    assert contents_of(Ledger(path)) == before
    with Ledger(path).open("feed") as session:
        assert session.newest_slot("feed") == slot(2)


def test_the_constructor_touches_nothing(tmp_path: Path) -> None:
    """Naming a ledger makes no file and looks for no folder; reading one that is not there is told, and makes none."""
    ledger = Ledger(tmp_path / "no folder" / "alerts.db")
    assert repr(ledger) == f"Ledger({str(tmp_path / 'no folder' / 'alerts.db')!r})"
    with pytest.raises(LedgerError, match="there is no folder"), ledger.open("feed"):
        pass
    missing = Ledger(tmp_path / "alerts.db")
    for call in (missing.verify, missing.history):
        with pytest.raises(LedgerError, match="there is no ledger"):
            call()
    assert missing.move_aside(slot(0)) is None
    assert not (tmp_path / "alerts.db").exists()


def test_a_check_says_whether_there_is_a_ledger_and_makes_none(place: str) -> None:
    """On both engines: False before the first run, True after it, also while a run goes on."""
    ledger = Ledger(place)
    assert [ledger.check(), ledger.check()] == [False, False]
    assert place.startswith("postgres") or list(Path(place).parent.iterdir()) == []
    with pytest.raises(LedgerError, match="there is no ledger"):
        ledger.verify()
    with ledger.open("feed") as session:
        session.commit(run(0))
        assert ledger.check()
    before = contents_of(ledger)
    assert ledger.check()
    assert contents_of(ledger) == before


def test_a_check_says_why_a_ledger_cannot_be_used(memory_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder, no right, another file, damage: told as a run would tell it, and nothing is moved."""
    path = memory_folder / "alerts.db"
    with pytest.raises(LedgerError, match="there is no folder"):
        Ledger(memory_folder / "no" / "alerts.db").check()
    with pytest.raises(LedgerError, match="is no file"):
        Ledger(memory_folder).check()
    with monkeypatch.context() as patches:
        patches.setattr(os, "access", lambda *_: False)
        with pytest.raises(LedgerError, match="may not write"):
            Ledger(path).check()
    path.write_text("not ours")
    with pytest.raises(LedgerError, match="no SQLite file"):
        Ledger(path).check()
    path.unlink()
    with Ledger(path).open("feed") as session:
        session.commit(run(0))
    settle(path)
    path.write_bytes(path.read_bytes()[:8192])
    with pytest.raises(LedgerDamagedError):
        Ledger(path).check()
    assert not list(memory_folder.glob("*damaged*"))


@pytest.mark.postgres
def test_a_check_says_that_no_tables_can_be_made(postgres_server: Any) -> None:
    """Where its user has no schema to make them in."""
    import psycopg

    url = postgres_server.new_ledger()
    with psycopg.connect(url, autocommit=True) as connection:
        schema = connection.execute("SELECT current_schema()").fetchall()[0][0]
        connection.execute(f"DROP SCHEMA {schema}".encode())
    with pytest.raises(LedgerError, match="grant it CREATE"):
        Ledger(url).check()


def test_a_relative_name_a_link_and_odd_characters_are_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who means the same file locks the same file."""
    monkeypatch.chdir(tmp_path)
    odd = "a?b%20#c ü.db"
    (tmp_path / "link.db").symlink_to(tmp_path / odd)
    with Ledger(odd).open("feed") as session:
        session.commit(run(0))
        with pytest.raises(LedgerBusyError), Ledger(tmp_path / "link.db", wait="100ms").open("feed"):
            pass
    assert len(Ledger(tmp_path / "link.db").history().messages) == 1


def test_a_second_run_of_a_pipeline_waits_and_other_pipelines_do_not(place: str) -> None:
    """The lock is the pipeline's, on both engines; who waited in vain is told."""
    with Ledger(place).open("feed"):
        begun = pd.Timestamp.now()
        with pytest.raises(LedgerBusyError, match=r"'feed' .* in use"), Ledger(place, wait="300ms").open("feed"):
            pass
        assert pd.Timedelta("250ms") < pd.Timestamp.now() - begun < pd.Timedelta("5s")
        with Ledger(place, wait="300ms").open("messages"):
            pass
    with Ledger(place, wait="300ms").open("feed"):
        pass


def test_a_kill_frees_the_lock(place: str) -> None:
    """A run that was killed while it held the ledger does not keep the next from it."""
    code = (
        "import sys, os, signal\n"
        "from anomalert.ledger import Ledger\n"
        "with Ledger(sys.argv[1]).open('feed') as session:\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, place], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(LedgerBusyError), Ledger(place, wait="100ms").open("feed"):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        with Ledger(place, wait="5s").open("feed"):
            pass


NETWORK = ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "lustre", "glusterfs", "afs", "davfs"]
NETWORK += ["fuse", "fuse.sshfs", "fuse.rclone", "fuse.gcsfuse"]


@pytest.mark.parametrize("kind", NETWORK)
def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """With advice, and before anything is made there."""
    table = tmp_path / "mounts"
    mounted = tmp_path / "team files"
    mounted.mkdir()
    escaped = str(mounted).replace(" ", r"\040")
    table.write_text(f"/dev/sda1 / ext4 rw 0 0\nnas:/team {escaped} {kind} rw 0 0\n", encoding="utf-8")
    monkeypatch.setattr(mounts, "MOUNTS", table)
    with pytest.raises(LedgerError, match=rf"\({kind}\).*PostgreSQL"), Ledger(mounted / "alerts.db").open("feed"):
        pass
    (tmp_path / "link").symlink_to(mounted)
    with pytest.raises(LedgerError, match="network"), Ledger(tmp_path / "link" / "alerts.db").open("feed"):
        pass
    assert list(mounted.iterdir()) == []
    with Ledger(tmp_path / "alerts.db").open("feed"):
        pass


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "apfs", "fuseblk"])
def test_disks_of_this_machine_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Also one that is mounted over a network file system, and where there is no list of mounts at all."""
    table = tmp_path / "mounts"
    table.write_text(f"nas:/ / nfs rw 0 0\nnas:/ {tmp_path} nfs rw 0 0\ndisk {tmp_path} {kind} rw 0 0\n")
    monkeypatch.setattr(mounts, "MOUNTS", table)
    with Ledger(tmp_path / "alerts.db").open("feed"):
        pass
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "no such file")
    with Ledger(tmp_path / "alerts.db").open("feed"):
        pass


def test_a_database_of_something_else_is_not_touched(tmp_path: Path) -> None:
    """It is no damaged ledger, so nobody may move it aside for one."""
    path = tmp_path / "customers.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="something else") as raised, Ledger(path).open("feed"):
        pass
    assert not isinstance(raised.value, LedgerDamagedError)
    assert path.read_bytes() == before
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(LedgerError, match="is no file"), Ledger(tmp_path / "folder.db").open("feed"):
        pass


def test_a_ledger_that_may_not_be_written_is_told_at_once(memory_folder: Path) -> None:
    """Before a run relies on it: a file, or a folder, that this user may only read."""
    path = memory_folder / "alerts.db"
    with Ledger(path).open("feed") as session:
        session.commit(run(0))
    code = (
        "import os, sys\n"
        "from anomalert.errors import LedgerDamagedError, LedgerError\n"
        "from anomalert.ledger import Ledger\n"
        "import pandas, anomalert.ledger.sqlite_place\n"
        "if os.getuid() == 0: os.setgid(65534), os.setuid(65534)\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        with Ledger(name).open('feed'): print('opened')\n"
        "    except LedgerDamagedError: print('damaged')\n"
        "    except LedgerError as error: print(error)\n"
    )
    for lock in memory_folder.glob("*.lock"):
        lock.chmod(0o666)
    path.chmod(0o444)
    told = []
    for mode in (0o777, 0o555):
        memory_folder.chmod(mode)
        try:
            told += in_process(code, path).splitlines()
        finally:
            memory_folder.chmod(0o755)
    assert len(told) == 2
    assert all("right to write the file and its folder" in text for text in told), told
    memory_folder.chmod(0o555)
    try:
        assert "Permission denied" in in_process(code, memory_folder / "new.db")
    finally:
        memory_folder.chmod(0o755)


def test_a_full_disk_fails_the_commit_and_damages_nothing(memory_folder: Path) -> None:
    """Wherever the disk is full: a LedgerError, the earlier rows are there, and it goes on when there is room."""
    path = memory_folder / "alerts.db"
    with Ledger(path).open("feed") as session:
        session.commit(run(0))
    before = contents_of(Ledger(path))
    settle(path)
    data = path.read_bytes()
    outcomes = []

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    code = (
        "import resource, sys\n"
        "import anomalert.ledger.sqlite_place\n"
        "from anomalert.errors import LedgerDamagedError, LedgerError\n"
        "from anomalert.ledger import Ledger\n"
        "from tests.ledger.samples import run\n"
        "for limit, name in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))\n"
        "    try:\n"
        "        with Ledger(name).open('feed') as session: session.commit(run(1))\n"
        "        print('noted')\n"
        "    except LedgerDamagedError as error: print('damaged', error)\n"
        "    except LedgerError as error: print(error)\n"
    )
    arguments: list[object] = []
    names = []
    for limit in range(0, 160_000, 4096):
        names.append(memory_folder / f"full at {limit}.db")
        names[-1].write_bytes(data)
        arguments += [limit, names[-1]]
    outcomes = in_process(code, *arguments, preexec_fn=limited).splitlines()
    assert len(outcomes) == len(names)
    for name, outcome in zip(names, outcomes, strict=True):
        assert not outcome.startswith("damaged"), outcome
        assert Ledger(name).verify() == []
        if outcome != "noted":
            assert contents_of(Ledger(name)) == before
            with Ledger(name).open("feed") as session:
                session.commit(run(1))
    assert 5 < outcomes.count("noted") < len(outcomes) - 5
    assert any("disk" in outcome for outcome in outcomes)


def test_a_sqlite_that_is_too_old_is_told(memory_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, and not by a statement that it does not understand."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(LedgerError, match=r"needs SQLite 3\.35"), Ledger(memory_folder / "alerts.db").open("feed"):
        pass


def test_a_disk_that_fills_up_says_so(memory_folder: Path) -> None:
    """What fails is told with what to do about it, and the session goes on as if it had not been tried."""
    path = memory_folder / "alerts.db"
    with Ledger(path).open("feed") as session:
        session.commit(run(0))
        engine = session._store.engine
        pages = engine.execute("PRAGMA page_count")[0][0]
        engine.execute(f"PRAGMA max_page_count = {pages}")
        many = RunRecord(messages=[message(number) for number in range(1, 2000)], notifiers=["chat"])
        with pytest.raises(LedgerError, match="full: free space"):
            session.commit(many)
        engine.execute("PRAGMA max_page_count = 1000000")
        session.commit(run(999))
        assert session.newest_slot("feed") == slot(999)
        (waiting, _) = session.pending("chat")
        engine.execute("PRAGMA query_only = ON")
        with pytest.raises(LedgerError, match="right to write"):
            session.claim([waiting.message.key], "chat")
        engine.execute("PRAGMA query_only = OFF")
        assert session.claim([waiting.message.key], "chat") == 1
    assert Ledger(path).verify() == []
