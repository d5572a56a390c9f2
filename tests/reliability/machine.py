"""A pipeline, its source, its channel and its ledger in the hands of hypothesis, beside a model of what has to hold.

``python -m tests.reliability.machine --examples 5000 --steps 100`` is the long form; `test_machine` runs 60 x 30.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from anomalert import DayLagRatio, Ledger, Message, Metric, Monitor, Pipeline, crashpoints
from anomalert.errors import NotSentError, RejectedError, SourceError, UnknownOutcomeError
from anomalert.messages import opened_key
from anomalert.replay import replay
from anomalert.testing import FakeSource

SLOT = pd.Timedelta("1h")
START = pd.Timestamp("2026-11-02", tz="UTC")
METRICS = ("views", "likes")
HISTORY = 30
CHANNEL_MOODS = ("ok", "ok", "ok", "refused", "busy", "no answer", "accepted without answer", "rejected")


class Killed(BaseException):
    """What a process that is killed would have felt."""


class Channel:
    """A messenger that counts what it accepted, and answers as its mood says."""

    name = "chat"

    def __init__(self) -> None:
        self.mood = "ok"
        self.is_dead = False
        self.accepted: list[Message] = []
        self.unclear: list[str] = []
        self.rejected: list[str] = []

    def send(self, message: Message) -> str:
        """Accept or not, and tell or not."""
        if self.mood == "refused":
            raise NotSentError("connection refused")
        if self.mood == "busy":
            raise RejectedError("too many requests", retry_after=30.0)
        if self.mood == "rejected":
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


class Life(RuleBasedStateMachine):
    """Slots come and go, things break, processes die; the promise of the documentation holds after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.channel = Channel()
        self.source_mood = "ok"
        self.kills = 0
        self.values: list[tuple[float, ...]] = [(100.0, 50.0)] * HISTORY
        self.first_judged = HISTORY - 1

    @initialize()
    def first_run(self) -> None:
        """Begin with a ledger that knows one slot."""
        self.run_at(len(self.values) - 1)

    def pipeline(self) -> Pipeline:
        """Build everything anew, as a process does."""
        index = pd.date_range(START, periods=len(self.values), freq=SLOT)
        panel = pd.DataFrame(np.array(self.values), index=index, columns=list(METRICS))
        errors = [SourceError("the server is down")] if self.source_mood == "down" else []
        source = FakeSource(panel.dropna(how="all"), errors, name="feed")
        metrics = [Metric(name, DayLagRatio()) for name in METRICS]
        ledger = Ledger(Path(self.folder.name, "alerts.db"))
        return Pipeline([Monitor(source, metrics, slot=SLOT)], [self.channel], ledger, deadline="10s")

    def run_at(self, slot: int) -> None:
        """Run at the end of a slot."""
        self.pipeline().run(at=START + (slot + 1) * SLOT)

    @rule(kind=st.sampled_from(["usual", "usual", "usual", "drop", "rise", "one metric", "nothing"]))
    def tick(self, kind: str) -> None:
        """Let a slot pass."""
        self.values.append(
            {
                "usual": (100.0, 50.0), "drop": (10.0, 5.0), "rise": (900.0, 400.0), "one metric": (10.0, 50.0),
                "nothing": (np.nan, np.nan),
            }[kind]
        )  # fmt: skip

    @rule()
    def run_now(self) -> None:
        """Run for the newest slot, twice in a row as a scheduler's retry would."""
        self.run_at(len(self.values) - 1)

    @rule(back=st.integers(1, 20))
    def run_old(self, back: int) -> None:
        """Run for an older slot again."""
        self.run_at(max(len(self.values) - 1 - back, 0))

    @rule(mood=st.sampled_from(["ok", "ok", "down"]))
    def source(self, mood: str) -> None:
        """Have the source work or fail."""
        self.source_mood = mood

    @rule(mood=st.sampled_from(CHANNEL_MOODS))
    def mood(self, mood: str) -> None:
        """Have the channel in another mood."""
        self.channel.mood = mood

    @rule(point=st.integers(1, 60))
    def killed_run(self, point: int) -> None:
        """Die at the n-th crash point of a run, everywhere at once."""
        count = 0

        def observer(_: str) -> None:
            nonlocal count
            count += 1
            if count >= point:
                raise Killed

        crashpoints.observers.append(observer)
        try:
            self.run_at(len(self.values) - 1)
        except Killed:
            self.kills += 1
        finally:
            crashpoints.observers.remove(observer)

    @invariant()
    def the_ledger_is_sound(self) -> None:
        """Whatever happened, nothing that was written is lost or changed."""
        assert Ledger(Path(self.folder.name, "alerts.db")).verify() == []

    @invariant()
    def nobody_is_told_twice_without_a_reason(self) -> None:
        """Accept a message once, and once more only for an unknown outcome or a kill."""
        counts: dict[str, int] = {}
        for message in self.channel.accepted:
            counts[message.key] = counts.get(message.key, 0) + 1
        for key, count in counts.items():
            assert count <= 1 + self.channel.unclear.count(key) + self.kills, (key, count)
        repeats = [
            m for i, m in enumerate(self.channel.accepted) if m.key in {o.key for o in self.channel.accepted[:i]}
        ]
        assert all("may be a repeat" in message.headline for message in repeats)
        assert len(repeats) <= self.kills + len(self.channel.unclear)

    def teardown(self) -> None:
        """Mend everything, and compare what was told with what a walk over the same history says."""
        self.source_mood, self.channel.mood = "ok", "ok"
        self.values += [(100.0, 50.0)] * 3
        for _ in range(3):
            self.run_at(len(self.values) - 1)
        history = Ledger(Path(self.folder.name, "alerts.db")).history()
        expected = self.expected()
        queued = set(history.messages["message"])
        about_incidents = {key for key in queued if key.split("/")[1] in ("opened", "worsened", "resolved", "reminder")}
        assert about_incidents == expected, about_incidents ^ expected
        judged = set(history.judgements["slot"])
        wanted = set(pd.date_range(START, periods=len(self.values), freq=SLOT)[self.first_judged :])
        assert wanted <= judged, sorted(wanted - judged)
        self.check_deliveries(history.deliveries, expected)
        self.folder.cleanup()

    def check_deliveries(self, deliveries: pd.DataFrame, expected: set[str]) -> None:
        """Everything was accepted, or refused by the channel, or given up after two unknown outcomes."""
        accepted = {message.key for message in self.channel.accepted}
        told = "\n".join(fact.heading for message in self.channel.accepted for fact in message.facts)
        for key in expected:
            row = deliveries[deliveries["message"] == key].iloc[0]
            reached = key in accepted or row["status"] == "folded"
            given_up = self.channel.unclear.count(key) >= 2 or key in self.channel.rejected
            assert reached or given_up, (key, row.to_dict(), told)

    def expected(self) -> set[str]:
        """Return the keys of what a walk over the whole history says of incidents."""
        pipeline = self.pipeline()
        monitor = pipeline.monitors[0]
        panel = monitor.panel(START, START + len(self.values) * SLOT)
        walked = replay([monitor], {monitor.name: panel}, START + self.first_judged * SLOT)
        keys = set()
        for said in walked.said:
            if said.about:
                worse = f"/{_gravest(said)}" if said.kind == "worsened" else ""
                stamped = f"{said.kind}/{said.subject}/{said.slot:%Y%m%dT%H%MZ}{worse}"
                keys.add(opened_key("anomalert", said.subject) if said.kind == "opened" else f"anomalert/{stamped}")
        return keys


def _gravest(said: object) -> str:
    about = sorted(said.about, key=lambda pair: (-abs(pair[0].peak.deviation), pair[0].metric))  # type: ignore[attr-defined]
    return str(about[0][0].metric)


def live(examples: int, steps: int) -> None:
    """Run the machine."""
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    live(options.examples, options.steps)
    print(f"{options.examples} lives of {options.steps} steps: every invariant held")
