"""Days in the life of a pipeline with a ledger, and the figures they give.

``python -m tests.reliability.days`` prints all of them at full size (about ten minutes); `test_days` holds the same
functions to the same bounds at a size for every change.
"""

import itertools
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from anomalert import DayLagRatio, Ledger, Message, Metric, Monitor, Notifier, Pipeline, WeeklyAverage
from anomalert.errors import DeliveryError, NotSentError, UnknownOutcomeError
from anomalert.ledger.store import Store
from anomalert.testing import FakeNotifier, FakeSource, synthetic_panel

SLOT = pd.Timedelta("15min")
WEEK_SLOTS = 7 * 96


@dataclass
class Stage:
    """A pipeline on a synthetic panel, with what it asks and says in reach."""

    panel: pd.DataFrame
    folder: Path
    notifiers: Sequence[Notifier] = field(default_factory=lambda: [FakeNotifier()])
    with_ledger: bool = True

    def __post_init__(self) -> None:
        self.source = FakeSource(self.panel, name="feed")
        metrics = [Metric(str(name), WeeklyAverage()) for name in self.panel.columns]
        self.ledger = Ledger(self.folder / "alerts.db") if self.with_ledger else None
        self.pipeline = Pipeline(
            [Monitor(self.source, metrics, timezone="Europe/Moscow")], self.notifiers, self.ledger, deadline="5s"
        )

    def run(self, slots: Iterable[pd.Timestamp]) -> list[int]:
        """Run every slot at its end, and return the exit codes."""
        return [self.pipeline.run(at=slot + SLOT).exit_code for slot in slots]

    @property
    def rows_asked(self) -> int:
        """How many slots the source was asked for."""
        return sum((end - start) // SLOT for start, end in self.source.reads)


@contextmanager
def stage(
    panel: pd.DataFrame, notifiers: Sequence[Notifier] | None = None, *, with_ledger: bool = True
) -> Iterator[Stage]:
    """Give a stage in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        yield Stage(panel, Path(folder), notifiers or [FakeNotifier()], with_ledger)


def four_metrics(days: int, seed: int) -> pd.DataFrame:
    """Return four metrics with a daily and weekly shape."""
    two, more = synthetic_panel(days, seed), synthetic_panel(days, seed + 1)
    return two.join(more.add_prefix("other_"))


def with_drop(panel: pd.DataFrame, start: int, slots: int) -> pd.DataFrame:
    """Return the panel with every metric down to a fifth for `slots` slots, `start` slots before its end."""
    broken = panel.copy()
    broken.iloc[-start : len(panel) - start + slots] *= 0.2
    return broken


def three_hour_drop() -> dict[str, int]:
    """Four metrics fall for three hours: messages with a ledger, and metric alerts of a job without memory."""
    panel = with_drop(four_metrics(12, seed=11), start=60, slots=12)
    slots = panel.index[-70:]
    with stage(panel) as remembering, stage(panel, with_ledger=False) as forgetful:
        remembering.run(slots)
        stateless = [alert for slot in slots for alert in forgetful.pipeline.run(at=slot + SLOT).alerts]
        chat = remembering.notifiers[0]
        assert isinstance(chat, FakeNotifier)
        kinds = [message.alerts[0].kind for message in chat.messages]
        assert kinds == ["opened", "resolved"], kinds
        return {"messages per channel": len(chat.messages), "alerts of a stateless job": len(stateless)}


def reruns(count: int, seed: int = 1) -> dict[str, int]:
    """Run finished slots again in random order: messages that this sends."""
    panel = with_drop(four_metrics(12, seed=12), start=80, slots=12)
    slots = panel.index[-96:]
    with stage(panel) as s:
        s.run(slots)
        chat = s.notifiers[0]
        assert isinstance(chat, FakeNotifier)
        before = len(chat.messages)
        choose = random.Random(seed)
        codes = s.run(choose.choice(slots) for _ in range(count))
        return {"re-runs": count, "messages": len(chat.messages) - before, "failed": sum(codes)}


def outage_of_a_day(schedule: Callable[[list[pd.Timestamp]], list[pd.Timestamp]]) -> dict[str, int]:
    """Miss a day in which a drop opens and ends, then have the scheduler come back in its own way."""
    panel = with_drop(four_metrics(12, seed=13), start=60, slots=12)
    missed = list(panel.index[-97:-1])
    with stage(panel) as s:
        s.run(panel.index[-100:-97])
        chat = s.notifiers[0]
        assert isinstance(chat, FakeNotifier)
        s.run(schedule(missed))
        assert s.ledger is not None
        judged = s.ledger.history().judgements
        return {
            "judged": int(judged["slot"].isin(missed).groupby(judged["slot"]).any().sum()),
            "missed": len(missed),
            "messages per channel": len(chat.messages),
        }


def replay_all(missed: list[pd.Timestamp]) -> list[pd.Timestamp]:
    """Run every missed interval, in order."""
    return missed


def replay_none(missed: list[pd.Timestamp]) -> list[pd.Timestamp]:
    """Run only the newest interval."""
    return missed[-1:]


def replay_backwards(missed: list[pd.Timestamp]) -> list[pd.Timestamp]:
    """Run the newest interval first."""
    return missed[::-1]


def replay_in_disorder(missed: list[pd.Timestamp]) -> list[pd.Timestamp]:
    """Run the intervals in the order in which parallel workers happen to get the lock."""
    return random.Random(5).sample(missed, len(missed))


SCHEDULES = (replay_all, replay_none, replay_backwards, replay_in_disorder)


def reading(slots: int = 96) -> dict[str, float]:
    """Rows asked from the source over a day, with a ledger against without; the verdicts have to be equal."""
    panel = with_drop(four_metrics(12, seed=14), start=80, slots=12)
    day = panel.index[-slots:]
    with stage(panel) as remembering, stage(panel, with_ledger=False) as forgetful:
        remembering.run([day[0] - SLOT])  # The first run fills the ledger.
        before = remembering.rows_asked
        verdicts = [
            [s.pipeline.run(at=slot + SLOT).judgements for slot in day] for s in (remembering, forgetful)
        ]  # fmt: skip
        with_ledger, without = (pd.concat(frames, ignore_index=True) for frames in verdicts)
        pd.testing.assert_frame_equal(with_ledger, without, rtol=1e-9)
        asked = remembering.rows_asked - before
        return {"rows asked": asked, "without ledger": forgetful.rows_asked, "share": asked / forgetful.rows_asked}


class Hanging:
    """A channel that accepts the line and never answers."""

    name = "hanging"

    def send(self, message: Message) -> str | None:
        """Wait for longer than anybody does."""
        time.sleep(30)
        raise UnknownOutcomeError(f"no answer for {message.key}")


class Timed(FakeNotifier):
    """A channel that notes when it got a message."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.times: list[float] = []

    def send(self, message: Message) -> str:
        """Note the time and accept."""
        self.times.append(time.monotonic())
        return super().send(message)


class Down(FakeNotifier):
    """A channel that is down until it is not, and can be asked without anybody seeing it."""

    def __init__(self, error: DeliveryError) -> None:
        super().__init__(itertools.repeat(error), name="chat")
        self._error: DeliveryError | None = error

    def come_back(self) -> None:
        """Accept everything from now on."""
        self._error, self._errors = None, iter(())

    def probe(self) -> None:
        """Answer, or not."""
        if self._error is not None:
            raise self._error


def one_of_five_hangs(rounds: int) -> dict[str, float]:
    """Seconds until the other four channels have their message, over `rounds` runs."""
    waits: list[float] = []
    panel = with_drop(four_metrics(9, seed=15), start=1, slots=1)
    for _ in range(rounds):
        others = [Timed(f"channel {number}") for number in range(4)]
        with stage(panel, [Hanging(), *others]) as s:
            s.pipeline.deadline = pd.Timedelta("3s")
            began = time.monotonic()
            s.run(panel.index[-1:])
            waits += [channel.times[0] - began for channel in others]
    return {"rounds": rounds, "p99 of the other four, s": float(np.quantile(waits, 0.99))}


def all_down_for_hours(error: DeliveryError, slots: int = 48) -> dict[str, int]:
    """Every channel fails for `slots` slots in which drops open and end; what is missing, and what comes on return."""
    panel = four_metrics(12, seed=16)
    for start in (90, 70):
        panel = with_drop(panel, start=start, slots=6)
    down = panel.index[-96 : -96 + slots]
    after = panel.index[-96 + slots : -96 + slots + 2]
    channel = Down(error)
    with stage(panel, [channel]) as s:
        s.run(panel.index[-100:-96])
        s.run(down)
        channel.come_back()
        s.run(after)
        told = "\n".join(f"{m.headline}\n{fact.heading}" for m in channel.messages for fact in m.facts)
        assert s.ledger is not None
        history = s.ledger.history()
        wanted = [str(key) for key in history.incidents["metric"].unique()]
        return {
            "incidents": len(history.incidents),
            "metrics not told of": sum(metric not in told for metric in wanted),
            "messages on return": len(channel.messages),
            "tries while down": len(channel.attempts) - len(channel.messages),
        }


def cost(slots: int = 60) -> dict[str, float]:
    """Milliseconds and transactions that a ledger adds to a run, and transactions per delivery."""
    panel = with_drop(four_metrics(10, seed=17), start=40, slots=12)
    day = panel.index[-slots:]
    transactions = 0
    original = Store.transaction

    def counted(self: Store, name: str) -> object:
        nonlocal transactions
        transactions += 1
        return original(self, name)

    with stage(panel) as remembering, stage(panel, with_ledger=False) as forgetful:
        remembering.run([day[0] - SLOT])
        Store.transaction = counted  # type: ignore[method-assign, assignment]
        try:
            times = [[_seconds(s, slot) for slot in day] for s in (remembering, forgetful)]
        finally:
            Store.transaction = original  # type: ignore[method-assign]
        chat = remembering.notifiers[0]
        assert isinstance(chat, FakeNotifier)
        return {
            "ms per run with ledger": 1e3 * float(np.median(times[0])),
            "ms per run without": 1e3 * float(np.median(times[1])),
            "ms added": 1e3 * float(np.median(times[0]) - np.median(times[1])),
            "transactions per delivery over one per run": (transactions - slots) / len(chat.messages),
        }


def _seconds(s: Stage, slot: pd.Timestamp) -> float:
    began = time.perf_counter()
    s.run([slot])
    return time.perf_counter() - began


def year(days: int = 365) -> dict[str, float]:
    """Size of the ledger after `days` days of six metrics, judged in catch-ups of a week."""
    panel = four_metrics(days + 8, seed=18).join(synthetic_panel(days + 8, 20).add_prefix("third_"))
    with stage(panel) as s:
        s.run([panel.index[8 * 96 - 1]])
        s.run(panel.index[8 * 96 + WEEK_SLOTS - 1 :: WEEK_SLOTS])
        assert s.ledger is not None
        assert s.ledger.verify() == []
        kept = _megabytes(s.folder)
        # The log has a size of its own, however long it goes on: once written back, the file is what grows.
        with closing(sqlite3.connect(s.folder / "alerts.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return {"days": days, "MB": kept, "MB with the log written back": _megabytes(s.folder)}


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.glob("alerts.db*")) / 1e6


def echo(days: int = 8) -> dict[str, int]:
    """Alarms on the days after a drop, with a detector that looks back a day: the echo of the drop itself."""
    panel = synthetic_panel(days + 4, seed=19)
    broken = panel.copy()
    broken.iloc[3 * 96 + 40 : 3 * 96 + 52] *= 0.2
    with tempfile.TemporaryDirectory() as folder:
        chat = FakeNotifier()
        metrics = [Metric(str(name), DayLagRatio()) for name in panel.columns]
        pipeline = Pipeline(
            [Monitor(FakeSource(broken), metrics)], [chat], Ledger(Path(folder) / "alerts.db"), deadline="5s"
        )
        for slot in panel.index[2 * 96 :]:
            pipeline.run(at=slot + SLOT)
        return {"messages": len(chat.messages), "days after": days}


def main() -> None:
    """Print every figure at full size."""
    scenes: list[tuple[str, Callable[[], object]]] = [
        ("a drop of three hours", three_hour_drop),
        ("10,000 re-runs", lambda: reruns(10_000)),
        *((f"a missed day, {schedule.__name__}", lambda s=schedule: outage_of_a_day(s)) for schedule in SCHEDULES),
        ("rows asked over a day", reading),
        ("one of five channels hangs", lambda: one_of_five_hangs(25)),
        ("all down for 12 h, refused", lambda: all_down_for_hours(NotSentError("refused"))),
        ("all down for 12 h, no answer", lambda: all_down_for_hours(UnknownOutcomeError("no answer"))),
        ("cost", cost),
        ("echo", echo),
        ("a year", year),
    ]
    for name, measure in scenes:
        began = time.monotonic()
        print(f"{name}: {measure()} ({time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
