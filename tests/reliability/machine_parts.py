"""What the pipeline of `machine` is made of and connected to, in all moods; and what can be done to its ledger."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from anomalert import Message, crashpoints
from anomalert.errors import LedgerError, NotSentError, RejectedError, SourceError, UnknownOutcomeError
from tests.reliability.faults import OUTSIDE

__all__ = [
    "CHANNEL_MOODS",
    "HISTORY",
    "KINDS",
    "METRICS",
    "SLOT",
    "SOURCE_MOODS",
    "START",
    "VALUES",
    "Channel",
    "Killed",
    "MoodySource",
    "damage",
    "failing",
    "killing",
    "observed",
]

SLOT = pd.Timedelta("1h")
START = pd.Timestamp("2026-11-02", tz="UTC")
METRICS = ("views", "likes")
HISTORY = 30
VALUES = {
    "usual": (100.0, 50.0),
    "drop": (10.0, 5.0),
    "rise": (900.0, 400.0),
    "one metric": (10.0, 50.0),
    "one stops": (100.0, np.nan),
    "nothing": (np.nan, np.nan),
}
KINDS = st.sampled_from(["usual", "usual", *VALUES])

CHANNEL_MOODS = ("ok", "ok", "ok", "refused", "busy", "no answer", "accepted without answer", "rejected", "kicked")
SOURCE_MOODS = ("ok", "ok", "ok", "down", "duplicate rows", "unsorted rows")


class Killed(BaseException):
    """What a process that is killed would have felt."""


class Channel:
    """A messenger that counts what it accepted, and answers as its mood says."""

    name = "chat"

    def __init__(self) -> None:
        self.mood = "ok"
        self.accepted: list[Message] = []
        self.unclear: list[str] = []
        self.rejected: list[str] = []

    def send(self, message: Message) -> str:
        """Accept or not, and tell or not."""
        if self.mood == "refused":
            raise NotSentError("connection refused")
        if self.mood == "busy":
            raise RejectedError("too many requests", retry_after=30.0)
        if self.mood in ("rejected", "kicked"):
            self.rejected.append(message.key)
            raise RejectedError("chat not found")
        if self.mood == "no answer":
            self.unclear.append(message.key)
            raise UnknownOutcomeError("no answer")
        self.accepted.append(message)
        if self.mood == "accepted without answer":
            self.unclear.append(message.key)
            raise UnknownOutcomeError("the line was cut after it was accepted")
        return str(len(self.accepted))

    def probe(self) -> None:
        """Answer questions, also where messages are never confirmed."""
        if self.mood in ("refused", "no answer"):
            raise NotSentError("no answer")
        if self.mood == "kicked":
            raise RejectedError("chat not found")


class MoodySource:
    """A source that gives its panel whole, fails, or gives what must not be judged."""

    name = "feed"

    def __init__(self, panel: pd.DataFrame, mood: str) -> None:
        self.panel = panel
        self.mood = mood

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Return the rows of ``[start, end)``, in its mood."""
        if self.mood == "down":
            raise SourceError("the server is down")
        rows = self.panel[(self.panel.index >= start) & (self.panel.index < end)]
        if self.mood == "duplicate rows":
            return pd.concat([rows, rows.tail(1)]) if len(rows) else self._failed()
        if self.mood == "unsorted rows":
            return rows[::-1] if len(rows) > 1 else self._failed()
        return rows

    def _failed(self) -> pd.DataFrame:
        raise SourceError("there is nothing to give badly")


def damage(path: Path, how: str, where: float) -> bool:
    """Flip a bit of a file, or cut it, at a share of its length; return whether there was anything to damage."""
    data = bytearray(path.read_bytes()) if path.exists() else bytearray()
    if not data:
        return False
    at = min(int(where * len(data)), len(data) - 1)
    if how == "cut":
        path.write_bytes(data[:at])
        return True
    data[at] ^= 1 << int(where * 1e6) % 8
    path.write_bytes(data)
    return True


@contextmanager
def observed(observer: Callable[[str], None]) -> Iterator[None]:
    """Have an observer called at every crash point inside."""
    crashpoints.observers.append(observer)
    try:
        yield
    finally:
        crashpoints.observers.remove(observer)


def failing(point: int, *, for_good: bool) -> Callable[[str], None]:
    """Return an observer that makes the ledger fail at the n-th point inside of it, once or from then on."""
    count = 0

    def observer(name: str) -> None:
        nonlocal count
        if name.startswith(OUTSIDE):
            return
        count += 1
        if count == point or (for_good and count > point):
            raise LedgerError("the disk is full")

    return observer


def killing(point: int) -> Callable[[str], None]:
    """Return an observer that ends every thread that reaches the n-th point or any after it."""
    count = 0

    def observer(_: str) -> None:
        nonlocal count
        count += 1
        if count >= point:
            raise Killed

    return observer
