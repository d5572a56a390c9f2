"""What a ledger costs: its size after a year, and how often it waits for the disk."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from anomalert.ledger import Ledger, Reading, RunRecord, SlotRecord, StoredMessage
from tests.conftest import unavailable

MONITORS = {"feed": ("users_feed", "views", "likes", "ctr"), "messenger": ("users_message", "sent_message")}
DAY = pd.Timedelta("1D")
SLOTS = 96

NOTE_DELIVERIES = """
import os, sys
import anomalert.ledger.sqlite_place
from anomalert.ledger import Ledger
from tests.ledger.samples import run

def mark(name):
    os.path.exists(f"/mark/{name}")

for number in range(2):
    mark(f"open {number}")
    with Ledger(sys.argv[1]).open("feed") as session:
        mark(f"commit {number}")
        session.commit(run(number, notifiers=tuple("abcdef")))
        for notifier in "abcdef":
            for pending in session.pending(notifier):
                mark(f"claim {notifier}")
                attempt = session.claim([pending.message.key], notifier)
                mark(f"record {notifier}")
                session.record([pending.message.key], notifier, attempt, "accepted", final=True)
                mark("nothing")
        mark(f"close {number}")
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
    sizes = []
    with ledger.open("anomalert") as session:
        for day in pd.date_range("2026-01-01", periods=days, freq="D", tz="UTC"):
            session.commit(a_day(day, random))
            for pending in session.pending("chat"):
                attempt = session.claim([pending.message.key], "chat")
                assert attempt is not None
                session.record([pending.message.key], "chat", attempt, "accepted", receipt="17", final=True)
            session.prune(day + DAY - retention)
            sizes.append(path.stat().st_size)
        assert len(session.judged("feed", day - retention * 2, day + DAY)) == SLOTS * (retention // DAY)
    megabytes = path.stat().st_size / 1e6
    kept = megabytes * (ledger.retention / retention)
    print(f"\nafter {days} days: {megabytes:.1f} MB, of 180 days: {kept:.1f} MB")  # noqa: T201
    assert kept <= 50
    # What is pruned makes room for what comes.
    assert max(sizes[-10:]) <= sizes[int(retention / DAY) + 5] * 1.05
    assert ledger.verify() == []


def test_a_delivery_waits_for_the_disk_three_times_at_most(tmp_path: Path) -> None:
    """Commit, claim and outcome wait for the disk once each, before they return."""
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
    waited: dict[str, list[int]] = {}
    for line in trace.read_text(errors="replace").splitlines():
        if '"/mark/' in line:
            doing = line.split('"/mark/')[1].split('"')[0]
            waited.setdefault(doing, []).append(0)
        elif waited and "sync(" in line:
            waited[doing][-1] += 1
    assert all(waited[f"{what} {notifier}"] == [1, 1] for what in ("claim", "record") for notifier in "abcdef")
    # A new log has its beginning and its name on the disk before its first transaction.
    assert waited["open 1"] == [0]
    assert waited["commit 0"] == waited["commit 1"] == [3]
    assert waited["close 1"] == [2]
    assert set(waited["nothing"]) == {0}
    print(f"\nfsyncs of a run with 6 deliveries: {3 + 6 * 2 + 2}")  # noqa: T201
