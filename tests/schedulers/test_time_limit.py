"""A scheduler's time limit as Airflow sets it: an alarm, whose handler raises what is no `Exception`."""

import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

from anomalert import Ledger
from tests.stubs.telegram import CHAT, TOKEN, Exchange, TelegramStub

ROOT = Path(__file__).resolve().parents[2]

TIMED_OUT = 3

TASK = """
import signal, sys
import pandas as pd
from anomalert import DayLagRatio, FrameSource, Ledger, Metric, Monitor, Pipeline, TelegramNotifier

class TaskTimeout(BaseException):
    pass

def expired(*_):
    raise TaskTimeout

signal.signal(signal.SIGALRM, expired)
ledger, token, chat, url = sys.argv[1:]
index = pd.date_range("2026-11-01", periods=192, freq="15min", tz="UTC")
likes = pd.DataFrame({"likes": 100.0}, index)
likes.iloc[-1] = 20.0
chat = TelegramNotifier(token, chat, api_url=url, deadline="50s")
pipeline = Pipeline([Monitor(FrameSource(likes), [Metric("likes", DayLagRatio())])], [chat], Ledger(ledger))
try:
    sys.exit(pipeline.run(at="2026-11-03T00:00Z").exit_code)
except TaskTimeout:
    sys.exit(3)
"""


def task(ledger: Path, chat: TelegramStub) -> "subprocess.Popen[bytes]":
    """Start a run in a process of its own."""
    arguments = [str(ledger), TOKEN, str(CHAT), chat.url]
    return subprocess.Popen([sys.executable, "-c", TASK, *arguments], cwd=ROOT)


def test_a_run_that_is_timed_out_while_it_sends_leaves_the_ledger_sound(tmp_path: Path) -> None:
    """The task ends though its channel hangs; the next run repeats the one message, marked, and no later one."""
    ledger, hanging, may_end = tmp_path / "alerts.db", Event(), Event()

    def accept_and_hang(exchange: Exchange) -> None:
        exchange.judged()
        hanging.set()
        may_end.wait(60)

    with TelegramStub(accept_and_hang) as chat:
        timed_out = task(ledger, chat)
        assert hanging.wait(60)
        timed_out.send_signal(signal.SIGALRM)
        assert timed_out.wait(10) == TIMED_OUT
        assert Ledger(ledger).verify() == []
        may_end.set()
        assert [task(ledger, chat).wait(60) for _ in range(2)] == [0, 0]
        assert [post.text.splitlines()[0] for post in chat.posts] == [
            "▼ likes −80%",
            "▼ likes −80% (may be a repeat)",
        ]
    assert Ledger(ledger).verify() == []
