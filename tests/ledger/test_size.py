"""What a ledger costs: its size after a year, and how often it waits for the disk."""

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from anomalert.ledger import Ledger, Reading, RunRecord, SlotRecord, StoredMessage
from anomalert.ledger.sqlite import LONG_LOG
from tests.conftest import unavailable
from tests.ledger.samples import run

MONITORS = {"feed": ("users_feed", "views", "likes", "ctr"), "messenger": ("users_message", "sent_message")}
DAY = pd.Timedelta("1D")
SLOTS = 96

NOTE_DELIVERIES = """
import os, sys
from dataclasses import replace
import anomalert.ledger.sqlite_place
from anomalert.ledger import Ledger
from tests.ledger.samples import message, run

def mark(name):
    os.path.exists(f"/mark/{name}")

number = 0
for notifiers in ("a", "a", "a", "abcdef"):
    number += 1
    record = replace(run(number, tuple(notifiers)), first=message(number).key)
    mark("open")
    with Ledger(sys.argv[1]).open("feed") as session:
        mark("commit")
        session.commit(record)
        for notifier in notifiers:
            for pending in session.pending(notifier):
                mark("claim")
                attempt = session.claim([pending.message.key], notifier)
                mark("record")
                session.record([pending.message.key], notifier, attempt, "accepted", final=True)
                mark("nothing")
        mark("close")
    mark("nothing")
"""
"""Names what it does by looking for files, which a tracer sees in order with what waits for the disk."""


def judged(metrics: tuple[str, ...], random: np.random.Generator) -> tuple[dict[str, object], ...]:
    """Return judgements with the columns of a policy's, and numbers with all their digits."""
    held = dict.fromkeys(("direction", "min_score", "min_change", "min_volume", "persist"), False)
    return tuple(
        {
            "metric": metric,
            **dict(zip(("value", "expected", "lower", "upper", "score", "deviation"), random.random(6), strict=True)),
            "status": "ok",
            "direction": None,
            "is_anomaly": False,
            "volume": float(random.integers(100_000)),
            **{f"held_by_{step}": value for step, value in held.items()},
            "is_alert": False,
        }
        for metric in metrics
    )


def a_day(start: pd.Timestamp, random: np.random.Generator) -> RunRecord:
    """Return all that a day's runs note of the reference's two monitors, one late row an hour and six messages."""
    slots = [start + number * DAY / SLOTS for number in range(SLOTS)]
    late = slots[::4]
    numbers = [[float(number) for number in random.random(SLOTS)] for _ in range(3)]
    return RunRecord(
        slots=[
            SlotRecord(name, slot, "1a2b" * 4, judged(m, random), True)
            for slot in slots
            for name, m in MONITORS.items()
        ],
        readings=[
            Reading(name, slot, dict(zip(m, random.random(len(m)), strict=True)))
            for slot in [*slots, *[one - DAY for one in late]]
            for name, m in MONITORS.items()
        ],
        messages=[StoredMessage(f"{start.isoformat()} {n}", slots[n], {"sketches": numbers}) for n in range(6)],
        notifiers=["chat"],
    )


def test_a_year_stays_under_fifty_megabytes(memory_folder: Path, is_exhaustive: bool) -> None:
    """35,040 slots of two monitors with six metrics, pruned every day, with late rows and messages."""
    path = memory_folder / "alerts.db"
    ledger = Ledger(path)
    random = np.random.default_rng(7)
    days = 365 if is_exhaustive else 60
    retention = ledger.retention if is_exhaustive else 20 * DAY
    sizes, logs = [], []
    with ledger.open("anomalert") as session:
        for day in pd.date_range("2026-01-01", periods=days, freq="D", tz="UTC"):
            session.commit(a_day(day, random))
            for pending in session.pending("chat"):
                attempt = session.claim([pending.message.key], "chat")
                assert attempt is not None
                session.record([pending.message.key], "chat", attempt, "accepted", receipt="17", final=True)
            session.prune(day + DAY - retention)
            sizes.append(path.stat().st_size)
            logs.append(sum(file.stat().st_size for file in memory_folder.iterdir() if file != path))
        assert len(session.judged("feed", day - retention * 2, day + DAY)) == SLOTS * (retention // DAY)
    megabytes, log = sizes[-1] / 1e6, max(logs) / 1e6
    kept = megabytes * (ledger.retention / retention)
    print(f"\nafter {days} days: {megabytes:.1f} MB, of 180 days: {kept:.1f} MB, and a log of {log:.1f} MB")  # noqa: T201
    # The log does not grow with the days, so it has no share in a year's estimate from a few of them.
    assert kept + (log if is_exhaustive else 0) <= 50
    assert log < 4
    # What is pruned makes room for what comes.
    assert max(sizes[-10:]) <= sizes[int(retention / DAY) + 5] * 1.05
    assert ledger.verify() == []


def test_a_delivery_waits_for_the_disk_three_times_at_most(tmp_path: Path) -> None:
    """All that a run found waits once, and once more for the log's name; each outcome once; nothing else does."""
    tracer = shutil.which("strace")
    if tracer is None:
        unavailable("strace is not installed (Debian: apt-get install strace)")
    trace = tmp_path / "trace"
    subprocess.run(
        [
            *(tracer, "-f", "-o", str(trace), "-e", "trace=fsync,fdatasync,stat,newfstatat,access,faccessat2"),
            *(sys.executable, "-c", NOTE_DELIVERIES, str(tmp_path / "alerts.db")),
        ],
        cwd=Path(__file__).parents[2],
        check=True,
    )
    waited: list[tuple[str, int]] = []
    for line in trace.read_text(errors="replace").splitlines():
        if '"/mark/' in line:
            waited.append((line.split('"/mark/')[1].split('"')[0], 0))
        elif waited and "sync(" in line:
            waited[-1] = (waited[-1][0], waited[-1][1] + 1)
    assert {count for doing, count in waited if doing in ("claim", "close", "nothing")} == {0}
    assert {count for doing, count in waited if doing == "record"} == {1}
    # The first one makes the log, which lies there from then on.
    assert [count for doing, count in waited if doing == "commit"] == [3, 2, 2, 2]
    begun = [at for at, (doing, _) in enumerate(waited) if doing == "open"]
    runs = [sum(count for _, count in waited[at:end]) for at, end in itertools.pairwise([*begun, len(waited)])]
    assert runs[1:] == [3, 3, 8]
    print(f"\nfsyncs of a run with one delivery: {runs[1]}, with six: {runs[3]}")  # noqa: T201


def test_a_log_is_written_back_when_nobody_waits(tmp_path: Path) -> None:
    """It stays short over hundreds of runs, and no run with a delivery has to write it back."""
    path, longest = tmp_path / "alerts.db", 0
    log = path.with_name("alerts.db-wal")
    shortened = []
    for number in range(60):
        has_news = number % 3 == 0
        before = log.stat().st_size if log.exists() else 0
        with Ledger(path).open("feed") as session:
            session.commit(run(number, ("chat",) if has_news else ()))
            for pending in session.pending("chat"):
                attempt = session.claim([pending.message.key], "chat")
                assert attempt is not None
                session.record([pending.message.key], "chat", attempt, "accepted", final=True)
        longest = max(longest, log.stat().st_size)
        if log.stat().st_size < before:
            shortened.append(has_news)
    assert shortened == [False] * len(shortened)
    assert len(shortened) >= 2
    assert longest < LONG_LOG * 1.5
    assert Ledger(path).verify() == []
    assert len(Ledger(path).history().messages) == 60
