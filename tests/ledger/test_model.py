"""Any sequence of calls gives what a ledger made of dictionaries gives, on both engines."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from anomalert.errors import LedgerError
from anomalert.ledger import Ledger, RunRecord, StoredMessage
from tests.ledger.samples import message, slot, verdict

NOTIFIERS = ("chat", "mail")
numbers = st.integers(0, 5)
notifiers = st.sampled_from(NOTIFIERS)
outcomes = st.sampled_from(["accepted", "not_sent", "rejected", "unknown"])


@dataclass
class Waiting:
    """What the model knows of a delivery."""

    message: StoredMessage
    status: str = "pending"
    tries: list[str | None] = field(default_factory=list)
    receipt: str | None = None
    folded_into: str | None = None
    unknowns: int = 0


class Ledgers(RuleBasedStateMachine):
    """A ledger and a model of it, side by side."""

    new_ledger: "Iterator[Ledger]"

    def __init__(self) -> None:
        super().__init__()
        self.ledger = next(self.new_ledger)
        self.held = ExitStack()
        self.session = self.held.enter_context(self.ledger.open("feed"))
        self.judged: set[int] = set()
        self.messages: set[str] = set()
        self.deliveries: dict[tuple[str, str], Waiting] = {}
        self.digests = 0

    @rule()
    def begin_anew(self) -> None:
        """End the session and open another, as the next run does."""
        self.held.close()
        self.session = self.held.enter_context(self.ledger.open("feed"))

    @rule(judged=st.sets(numbers), said=st.sets(numbers), to=st.sets(notifiers))
    def commit(self, judged: set[int], said: set[int], to: set[str]) -> None:
        """Note verdicts and messages, some of them again."""
        self.session.commit(
            RunRecord([verdict(n) for n in judged], messages=[message(n) for n in said], notifiers=sorted(to))
        )
        self.judged |= judged
        for number in said:
            if message(number).key not in self.messages:
                self.messages.add(message(number).key)
                for notifier in to:
                    self.deliveries[message(number).key, notifier] = Waiting(message(number))

    @rule(
        number=numbers,
        notifier=notifiers,
        outcome=st.none() | outcomes,
        final=st.booleans(),
        handed_on=st.booleans(),
    )
    def send(self, number: int, notifier: str, outcome: str | None, final: bool, handed_on: bool) -> None:
        """Claim a message and note its outcome, or die in between."""
        self.session.pending(notifier)
        key = message(number).key
        waiting = self.deliveries.get((key, notifier))
        attempt = self.session.claim([key], notifier)
        if waiting is None or waiting.status != "pending":
            assert attempt is None
            return
        waiting.tries.append(outcome)
        assert attempt == len(waiting.tries)
        if outcome is None:
            self.begin_anew()
            return
        receipt = f"{key} {attempt}" if outcome == "accepted" else None
        self.session.record(
            [key],
            notifier,
            attempt,
            outcome,  # type: ignore[arg-type]
            receipt=receipt,
            final=final,
            handed_on=handed_on,
        )
        waiting.receipt = receipt
        waiting.unknowns += outcome == "unknown"
        if final:
            waiting.status = "done" if outcome == "accepted" or handed_on else "unsure"

    @rule(number=numbers, notifier=notifiers)
    def queue(self, number: int, notifier: str) -> None:
        """Have a message sent to somebody else as well."""
        self.session.queue(message(number), notifier)
        self.messages.add(message(number).key)
        self.deliveries.setdefault((message(number).key, notifier), Waiting(message(number)))

    @rule(notifier=notifiers, folded=st.sets(numbers, min_size=1))
    def fold(self, notifier: str, folded: set[int]) -> None:
        """Put a digest in place of messages."""
        self.digests += 1
        digest = message(max(folded), f"digest {self.digests}")
        found = [self.deliveries.get((message(number).key, notifier)) for number in folded]
        if any(waiting is None or waiting.status not in ("pending", "unsure") for waiting in found):
            with pytest.raises(LedgerError):
                self.session.fold([message(n).key for n in folded], notifier, digest)
            return
        self.session.fold([message(n).key for n in folded], notifier, digest)
        self.messages.add(digest.key)
        self.deliveries[digest.key, notifier] = Waiting(digest)
        for waiting in found:
            assert waiting is not None
            waiting.status, waiting.folded_into = "folded", digest.key

    @rule(notifier=notifiers)
    def tell_unsure(self, notifier: str) -> None:
        """Tell of all that may not have arrived."""
        self.session.told_unsure([each.key for each in self.session.unsure(notifier)], notifier)
        for (_, to), waiting in self.deliveries.items():
            if to == notifier and waiting.status == "unsure":
                waiting.status = "done"

    @rule(before=numbers)
    def prune(self, before: int) -> None:
        """Forget what is old and told."""
        self.session.prune(slot(before))
        self.judged = {number for number in self.judged if number >= before}
        pending = {key for (key, _), waiting in self.deliveries.items() if waiting.status == "pending"}
        slots = {message(n).key: slot(n) for n in range(6)}
        slots |= {key: waiting.message.slot for (key, _), waiting in self.deliveries.items()}
        gone = {key for key in self.messages if slots[key] < slot(before) and key not in pending}
        self.messages -= gone
        self.deliveries = {key: waiting for key, waiting in self.deliveries.items() if key[0] not in gone}

    @invariant()
    def both_say_the_same(self) -> None:
        """Compare all that a session can be asked."""
        assert self.session.judged("feed", slot(0), slot(9)) == {slot(number) for number in self.judged}
        for notifier in NOTIFIERS:
            of_notifier = {key: waiting for (key, to), waiting in self.deliveries.items() if to == notifier}
            in_order = sorted(of_notifier.values(), key=lambda waiting: (waiting.message.slot, waiting.message.key))
            assert [
                (pending.message, pending.attempts, pending.in_doubt, pending.unknowns)
                for pending in self.session.pending(notifier)
            ] == [
                (waiting.message, len(waiting.tries), None in waiting.tries, waiting.unknowns)
                for waiting in in_order
                if waiting.status == "pending"
            ]
            unsure = [waiting.message for waiting in in_order if waiting.status == "unsure"]
            assert self.session.unsure(notifier) == unsure
            for key, waiting in of_notifier.items():
                while waiting.folded_into in of_notifier:
                    waiting = of_notifier[waiting.folded_into]  # noqa: PLW2901 - follows the digests
                receipt = None if waiting.folded_into else waiting.receipt
                assert self.session.receipt(key, notifier) == receipt

    def teardown(self) -> None:
        """Nothing that was done may have left a fault."""
        self.held.close()
        assert self.ledger.verify() == []


def run_model(new_ledger: Iterator[Ledger], examples: int) -> None:
    """Run the machine on ledgers from `new_ledger`."""
    machine = type("Machine", (Ledgers,), {"new_ledger": new_ledger})
    quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=quiet),
    )


def test_sqlite_does_what_the_model_does(memory_folder: Path) -> None:
    """Every answer is the model's, after any sequence of calls."""
    run_model((Ledger(memory_folder / f"{number}.db", wait="5s") for number in count()), examples=40)


@pytest.mark.postgres
def test_postgres_does_what_the_model_does(postgres_server: Any) -> None:
    """Every answer is the model's, after any sequence of calls."""
    run_model((Ledger(postgres_server.new_ledger(), wait="5s") for _ in count()), examples=8)
