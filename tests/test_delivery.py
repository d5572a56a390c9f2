"""Delivery: in which order, what follows from each outcome, and that no channel can keep another from its messages."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import pandas as pd
import pytest

from anomalert.delivery import deliver
from anomalert.errors import (
    AnomalertError,
    DeliveryError,
    LedgerError,
    NotSentError,
    Outcome,
    RejectedError,
    UnknownOutcomeError,
)
from anomalert.interfaces import Alert, Delivery, Fact, Message, Notifier
from anomalert.ledger.records import Pending, StoredMessage
from anomalert.messages import Draft
from anomalert.outbox import MemoryOutbox, Outbox
from anomalert.testing import FakeNotifier

NOW = pd.Timestamp("2026-11-02T10:00Z")
SLOT = pd.Timedelta("15min")
SOON = pd.Timedelta("5s")


def stored(name: str, slots_ago: int = 0, **changes: Any) -> StoredMessage:
    """Return a message about a slot some slots ago."""
    alerts = changes.pop("alerts", ())
    draft = Draft(
        f"shop/{name}", NOW - slots_ago * SLOT, f"headline {name}", alerts, (Fact(f"fact {name}", ()),), **changes
    )
    return StoredMessage(draft.key, draft.slot, draft.to_dict())


@dataclass
class FakeLedger:
    """An outbox in memory that keeps all that a ledger's would: tries, doubts, receipts, and what it was told."""

    messages: dict[str, StoredMessage] = field(default_factory=dict)
    open: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    doubts: set[tuple[str, str]] = field(default_factory=set)
    receipts: dict[tuple[str, str], str | None] = field(default_factory=dict)
    records: list[tuple[str, str, Outcome, bool]] = field(default_factory=list)
    given_up: dict[str, list[StoredMessage]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def pending(self, notifier: str) -> list[Pending]:
        """Return what is open, the oldest slot first."""
        with self.lock:
            found = [
                Pending(self.messages[key], to, known["attempts"], (key, to) in self.doubts, known["unknowns"])
                for (key, to), known in self.open.items()
                if to == notifier
            ]
        return sorted(found, key=lambda each: each.message.slot)

    def claim(self, keys: Sequence[str], notifier: str) -> int | None:
        """Note a try: it is in doubt until it is recorded."""
        with self.lock:
            for key in keys:
                if (key, notifier) not in self.open:
                    return None
                self.open[key, notifier]["attempts"] += 1
                self.doubts.add((key, notifier))
            return self.open[keys[0], notifier]["attempts"]

    def record(
        self,
        keys: Sequence[str],
        notifier: str,
        attempt: int,
        outcome: Outcome,
        *,
        receipt: str | None = None,
        error: str | None = None,
        final: bool,
        handed_on: bool = False,
    ) -> None:
        """Note what became of it."""
        with self.lock:
            for key in keys:
                assert self.open[key, notifier]["attempts"] == attempt, "an outcome of a try that was recorded already"
                assert (outcome == "accepted") == (error is None)
                self.records.append((key, notifier, outcome, final))
                self.doubts.remove((key, notifier))
                self.receipts[key, notifier] = receipt
                self.open[key, notifier]["unknowns"] += outcome == "unknown"
                if final:
                    del self.open[key, notifier]
                    if outcome != "accepted" and not handed_on:
                        self.given_up.setdefault(notifier, []).append(self.messages[key])

    def receipt(self, key: str, notifier: str) -> str | None:
        """Return the receipt, if there is one."""
        return self.receipts.get((key, notifier))

    def queue(self, message: StoredMessage, notifier: str) -> None:
        """Have it sent."""
        with self.lock:
            self.messages.setdefault(message.key, message)
            self.open.setdefault((message.key, notifier), {"attempts": 0, "unknowns": 0})

    def fold(self, keys: Sequence[str], notifier: str, digest: StoredMessage) -> None:
        """Replace messages by a digest."""
        with self.lock:
            for key in keys:
                assert (key, notifier) in self.open or self.messages[key] in self.given_up[notifier]
                self.open.pop((key, notifier), None)
            self.given_up[notifier] = [each for each in self.given_up.get(notifier, []) if each.key not in keys]
        self.queue(digest, notifier)

    def unsure(self, notifier: str) -> list[StoredMessage]:
        """Return what was given up."""
        return list(self.given_up.get(notifier, []))

    def told_unsure(self, keys: Sequence[str], notifier: str) -> None:
        """Forget it."""
        self.given_up[notifier] = [each for each in self.given_up[notifier] if each.key not in keys]


def ledger_with(*messages: StoredMessage, to: Sequence[str] = ("fake",)) -> FakeLedger:
    """Return an outbox with messages to be sent."""
    outbox = FakeLedger()
    for message in messages:
        for notifier in to:
            outbox.queue(message, notifier)
    return outbox


def sent(
    outbox: Outbox, *notifiers: Notifier, deadline: pd.Timedelta = SOON, fallback: Notifier | None = None
) -> tuple[list[Delivery], list[AnomalertError]]:
    """Deliver what is pending in the newest slot."""
    return deliver(outbox, notifiers, NOW, deadline, fallback)


def headlines(notifier: FakeNotifier) -> list[str]:
    """Return what was tried, in order."""
    return [message.headline for message in notifier.attempts]


def test_what_is_new_goes_first_and_what_is_late_as_one() -> None:
    """The newest slot first, then what may have arrived already, marked; the rest, the oldest first, as one digest."""
    chat = FakeNotifier()
    outbox = ledger_with(*(stored(name, ago) for name, ago in (("d", 4), ("b", 2), ("new", 0), ("c", 3), ("new2", 0))))
    outbox.doubts.add(("shop/b", "fake"))
    outbox.queue(stored("e", 5), "fake")
    outbox.open["shop/e", "fake"]["unknowns"] = 1
    deliveries, errors = sent(outbox, chat)
    assert headlines(chat) == [
        "headline new",
        "headline new2",
        "headline e (may be a repeat)",
        "headline b (may be a repeat)",
        "While nothing could be told: 2 messages",
    ]
    assert [fact.heading for fact in chat.messages[-1].facts] == ["headline d", "headline c"]
    assert errors == []
    assert [each.outcome for each in deliveries] == ["accepted"] * 5
    assert [each.receipt for each in deliveries] == list("12345")
    assert outbox.open == {}


def test_a_digest_knows_the_end_that_is_told_beside_it() -> None:
    """What ended in the newest slot is told live, so the digest of how it began does not say that it goes on."""
    alert = Alert("opened", "shop", "likes", NOW, 20.0, 100.0, 50.0, 200.0, -0.8, 1.6, "down", "likes/down/x")
    opened = [stored(name, 3, alerts=(replace(alert, metric=name),)) for name in ("likes", "views")]
    ended = replace(alert, kind="resolved", metric="likes", value=99.0, deviation=-0.01)
    chat = FakeNotifier()
    sent(ledger_with(*opened, stored("end", 0, alerts=(ended,), replies_to="shop/likes")), chat)
    assert headlines(chat) == ["headline end", "While nothing could be told: 2 messages, first of all views −80%"]
    assert [fact.heading for fact in chat.messages[1].facts] == ["headline views", "Over by now:", "headline likes"]


def test_one_late_message_is_sent_as_it_is() -> None:
    """A digest of one would only hide it."""
    chat = FakeNotifier()
    sent(ledger_with(stored("late", 9)), chat)
    assert headlines(chat) == ["headline late"]


OPENED = Alert("opened", "shop", "likes", NOW, 20.0, 100.0, 50.0, 200.0, -0.8, 1.6, "down", "likes/down/x")
ENDED = replace(OPENED, kind="resolved", value=99.0, deviation=-0.01)


def test_one_late_message_does_not_follow_its_own_end_as_if_it_were_news() -> None:
    """Where the end is told live, how it began is told as past."""
    chat = FakeNotifier()
    sent(
        ledger_with(stored("likes", 3, alerts=(OPENED,)), stored("end", alerts=(ENDED,), replies_to="shop/likes")), chat
    )
    assert headlines(chat) == ["headline end", "While nothing could be told: 1 message, all over by now: likes −80%"]
    assert [fact.heading for fact in chat.messages[1].facts] == ["headline likes"]


def test_one_late_message_does_not_follow_what_may_be_a_repeat_as_if_it_were_news() -> None:
    """A late end that may have arrived already is told again, marked; how it began is told as past."""
    outbox = ledger_with(
        stored("likes", 3, alerts=(OPENED,)), stored("end", 1, alerts=(ENDED,), replies_to="shop/likes")
    )
    outbox.doubts.add(("shop/end", "fake"))
    chat = FakeNotifier()
    sent(outbox, chat)
    assert headlines(chat) == [
        "headline end (may be a repeat)",
        "While nothing could be told: 1 message, all over by now: likes −80%",
    ]


def test_a_digest_that_would_say_the_same_is_not_made_again() -> None:
    """While a channel cannot be reached, a ledger does not fill with digests of one digest; a new end makes another."""
    chat = FakeNotifier([NotSentError("no network")] * 8)
    outbox = ledger_with(stored("late", 3, alerts=(OPENED,)), stored("doubtful", 2))
    outbox.doubts.add(("shop/doubtful", "fake"))
    for _ in range(3):
        sent(outbox, chat)
        outbox.doubts.add(("shop/doubtful", "fake"))
    assert len(outbox.messages) == 3
    outbox.queue(stored("end", alerts=(ENDED,), replies_to="shop/late"), "fake")
    sent(outbox, chat)
    assert len(outbox.messages) == 5
    assert [len(chat.attempts), chat.attempts[-1].headline] == [
        9,
        "While nothing could be told: 1 message, all over by now: likes −80%",
    ]


def test_what_may_not_have_arrived_stays_what_it_is_beside_news() -> None:
    """It says itself that it is no news, and has to be known as what is not sent again and again."""
    chat = Asked([SILENT] * 2 + [NotSentError("no network")], [None])
    outbox = ledger_with(stored("a"))
    for _ in range(3):
        sent(outbox, chat)
    (key,) = (key for key, _ in outbox.open)
    outbox.messages[key] = replace(outbox.messages[key], slot=NOW - SLOT)
    outbox.queue(stored("b"), "fake")
    sent(outbox, chat)
    assert [message.headline for message in chat.messages] == [
        "headline b",
        "May not have reached you: headline a (may be a repeat)",
    ]


def test_a_fallback_is_told_why_also_in_a_digest() -> None:
    """Who refused what stands in it, with the reason."""
    chat, last = FakeNotifier([RejectedError("bot was kicked")] * 3, name="chat"), FakeNotifier(name="last")
    outbox = ledger_with(stored("new"), stored("a", 2), to=["chat"])
    outbox.doubts.add(("shop/a", "chat"))
    sent(outbox, chat, fallback=last)
    assert headlines(last) == ["headline new", "While nothing could be told: 1 message"]
    why = Fact("You are told because chat refused it: bot was kicked", ())
    assert [message.facts[-1] for message in last.messages] == [why, why]


def test_two_channels_have_digests_of_their_own() -> None:
    """A digest is made for each channel of what is late there, and its key says what it stands for."""
    one, two = FakeNotifier(name="one"), FakeNotifier(name="two")
    outbox = ledger_with(stored("a", 3), stored("b", 2), to=("one", "two"))
    outbox.queue(stored("c", 1), "two")
    sent(outbox, one, two)
    assert [len(each.messages[0].facts) for each in (one, two)] == [2, 3]
    assert one.messages[0].key != two.messages[0].key


def test_a_message_follows_the_one_before_it() -> None:
    """The receipt that this very channel gave for the earlier message is what the later one replies to."""
    chat, other = FakeNotifier(name="chat"), FakeNotifier(name="other")
    outbox = ledger_with(stored("end", 0, replies_to="shop/start"), to=("chat", "other"))
    outbox.receipts["shop/start", "chat"] = "message 7"
    sent(outbox, chat, other)
    assert [each.messages[0].reply_to for each in (chat, other)] == ["message 7", None]


OUTCOMES = [
    # What the channel answers; its outcome, whether the delivery is closed, whether the fallback is told.
    (NotSentError("no network"), "not_sent", False, False),
    (RejectedError("bot was kicked"), "rejected", True, True),
    (RejectedError("slow down", retry_after=30), "rejected", False, False),
    (UnknownOutcomeError("no answer"), "unknown", False, False),
    (DeliveryError("whatever"), "unknown", False, False),
]


@pytest.mark.parametrize(("error", "outcome", "final", "falls_back"), OUTCOMES)
def test_what_follows_from_an_answer(error: DeliveryError, outcome: Outcome, final: bool, falls_back: bool) -> None:
    """Only a refusal that names no time is final and goes to the fallback, with the reason; the rest stays pending."""
    chat, last = FakeNotifier([error], name="chat"), FakeNotifier(name="last")
    outbox = ledger_with(stored("a"), to=["chat"])
    deliveries, errors = sent(outbox, chat, fallback=last)
    assert outbox.records[0] == ("shop/a", "chat", outcome, final)
    assert deliveries[0] == Delivery("shop/a", "chat", outcome, error=str(error))
    assert errors == [error]
    assert len(chat.attempts) == 1
    assert ("shop/a", "chat") in outbox.open or final
    assert headlines(last) == (["headline a"] if falls_back else [])
    if falls_back:
        assert last.messages[0].facts[-1] == Fact("You are told because chat refused it: bot was kicked", ())
        assert deliveries[1] == Delivery("shop/a", "last", "accepted", "1")


def test_an_unknown_outcome_allows_one_marked_repeat_and_then_a_word_about_it() -> None:
    """Two tries, the second marked; then it is given up, and the next message says that it may not have arrived."""
    chat = FakeNotifier([UnknownOutcomeError("no answer")] * 2)
    outbox = ledger_with(stored("a"))
    for _ in range(3):
        sent(outbox, chat)
    assert headlines(chat) == ["headline a", "headline a (may be a repeat)"]
    assert [(outcome, final) for _, _, outcome, final in outbox.records] == [("unknown", False), ("unknown", True)]
    for name in ("b", "c"):
        outbox.queue(stored(name), "fake")
        sent(outbox, chat)
    assert chat.messages[0].facts[-1] == Fact("May not have reached you: headline a", ())
    assert chat.messages[1].facts == (Fact("fact c", ()),)


class Asked(FakeNotifier):
    """A channel that can be asked whether it answers."""

    def __init__(
        self, errors: Iterable[DeliveryError | None] = (), answers: Iterable[BaseException | None] = ()
    ) -> None:
        super().__init__(errors)
        self.answers = list(answers)

    def probe(self) -> None:
        """Give the next answer; none is left when there is nothing to ask any more."""
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer


SILENT = UnknownOutcomeError("no answer")


def test_what_may_not_have_arrived_is_sent_as_one_when_the_channel_answers_again() -> None:
    """Nothing that people could see leaves before; then all of it as one message that says what it is, once."""
    chat = Asked([SILENT] * 4, [SILENT, NotSentError("no connection"), None])
    outbox = ledger_with(stored("a"), stored("b"))
    for _ in range(2):
        sent(outbox, chat)
    assert len(outbox.unsure("fake")) == 2
    assert [type(error) for _ in range(2) for error in sent(outbox, chat)[1]] == [UnknownOutcomeError, NotSentError]
    assert len(chat.attempts) == 4
    for _ in range(3):
        assert sent(outbox, chat)[1] == []
    (message,) = chat.messages
    assert message.headline == "May not have reached you: 2 messages (may be a repeat)"
    assert [fact.heading for fact in message.facts] == ["headline a", "headline b"]
    assert message.key.startswith("unsure/fake/")
    assert outbox.unsure("fake") == []


def test_a_channel_that_answers_and_never_confirms_gets_no_digest_after_digest() -> None:
    """One digest, tried twice as any message; what it stood for is named by the next message that gets through."""
    chat = Asked([SILENT] * 4, [None])
    outbox = ledger_with(stored("a"))
    for _ in range(6):
        sent(outbox, chat)
    assert len(chat.attempts) == 4
    assert chat.attempts[-1].headline == "May not have reached you: headline a (may be a repeat)"
    assert [message.key for message in outbox.unsure("fake")] == [chat.attempts[-1].key]
    outbox.queue(stored("b"), "fake")
    sent(outbox, chat)
    assert chat.messages[-1].facts[-1] == Fact("May not have reached you: headline a", ())
    assert outbox.unsure("fake") == []
    assert len(chat.answers) == 0


KICKED = RejectedError("bot was kicked")


def test_what_was_refused_is_named_by_the_next_message_that_is_accepted() -> None:
    """Once, also in the same turn; where nobody refused, nothing is named."""
    chat, other = FakeNotifier([KICKED], name="chat"), FakeNotifier(name="other")
    outbox = ledger_with(stored("a"), stored("b"), stored("c"), to=("chat", "other"))
    _, errors = sent(outbox, chat, other)
    assert errors == [KICKED]
    said = [[fact.heading for fact in message.facts] for message in chat.messages]
    assert said == [["fact b", "May not have reached you: headline a"], ["fact c"]]
    assert [len(message.facts) for message in other.messages] == [1, 1, 1]
    assert outbox.unsure("chat") == []


def test_what_was_refused_is_sent_as_one_when_the_channel_answers_again() -> None:
    """Nothing is tried while it does not, and every such run says so; then one digest, marked, and no more."""
    chat = Asked([KICKED] * 3, [KICKED, NotSentError("no connection"), None])
    outbox = ledger_with(stored("a"), stored("b"))
    assert [len(sent(outbox, chat)[1]) for _ in range(3)] == [3, 1, 1]
    # The second was tried once more, since its note might have been what was refused.
    assert len(chat.attempts) == 3
    for _ in range(3):
        assert sent(outbox, chat)[1] == []
    (message,) = chat.messages
    assert message.headline == "May not have reached you: 2 messages (may be a repeat)"
    assert [fact.heading for fact in message.facts] == ["headline a", "headline b"]
    assert outbox.unsure("fake") == []


def test_what_the_fallback_took_is_told_to_nobody_again() -> None:
    """Neither in a later message to the channel that refused it, nor as a digest of its own."""
    chat, last = Asked([KICKED]), FakeNotifier(name="last")
    outbox = ledger_with(stored("a"))
    for _ in range(3):
        sent(outbox, chat, fallback=last)
    outbox.queue(stored("b"), "fake")
    sent(outbox, chat, fallback=last)
    assert (headlines(last), headlines(chat)) == (["headline a"], ["headline a", "headline b"])
    assert chat.messages[-1].facts == (Fact("fact b", ()),)


def test_what_the_fallback_refuses_too_is_told_by_it_once_it_answers() -> None:
    """It was told to nobody, so it is not forgotten: the fallback is asked as any other channel is."""
    chat, last = FakeNotifier([KICKED]), Asked([KICKED], [KICKED, None])
    last.name = "last"
    outbox = ledger_with(stored("a"))
    for _ in range(4):
        sent(outbox, chat, fallback=last)
    assert [message.headline for message in last.messages] == ["May not have reached you: headline a (may be a repeat)"]
    assert len(chat.attempts) == 1


class Censor(Asked):
    """A channel that answers, and refuses whatever holds a word."""

    def send(self, message: Message) -> str:
        """Refuse it, or not."""
        if "bad" in repr((message.headline, message.facts)):
            self.attempts.append(message)
            raise RejectedError("not that word")
        return super().send(message)


def test_a_message_that_is_refused_for_what_it_says_is_counted_and_keeps_no_other_from_arriving() -> None:
    """Its digest is tried once; the next news arrives all the same, says that there was one, and nothing comes back."""
    chat = Censor(answers=[None] * 9)
    outbox = ledger_with(stored("bad"))
    for _ in range(5):
        sent(outbox, chat)
    assert headlines(chat) == ["headline bad", "May not have reached you: headline bad (may be a repeat)"]
    for name in ("b", "c"):
        outbox.queue(stored(name), "fake")
        deliveries, _ = sent(outbox, chat)
        assert deliveries[-1].outcome == "accepted"
    assert headlines(chat)[2:] == ["headline b", "headline b", "headline c"]
    said = [[fact.heading for fact in message.facts] for message in chat.messages]
    assert said == [["fact b", "May not have reached you: 1 message"], ["fact c"]]
    assert sent(outbox, chat) == ([], [])


def test_a_channel_that_refuses_everything_loses_nothing_and_its_fallback_is_told_once() -> None:
    """A message that is tried without names as well is closed once; all are named when the channel is mended."""
    chat = FakeNotifier([KICKED] * 5)
    outbox = ledger_with(stored("a"))
    sent(outbox, chat)
    for name in ("b", "c"):
        outbox.queue(stored(name), "fake")
        sent(outbox, chat)
    assert [final for *_, final in outbox.records] == [True, False, True, False, True]
    outbox.queue(stored("d"), "fake")
    sent(outbox, chat)
    assert [fact.heading for fact in chat.messages[0].facts[1:]] == [
        f"May not have reached you: headline {name}" for name in "abc"
    ]
    given_up, last = FakeNotifier([SILENT] * 2 + [KICKED] * 2, name="chat"), FakeNotifier(name="last")
    outbox = ledger_with(stored("a"), to=["chat"])
    for _ in range(2):
        sent(outbox, given_up, fallback=last)
    outbox.queue(stored("b"), "chat")
    sent(outbox, given_up, fallback=last)
    assert headlines(last) == ["headline b"]
    assert [message.key for message in outbox.unsure("chat")] == ["shop/a"]


def test_news_names_what_may_not_have_arrived_and_asks_nothing() -> None:
    """The channel is asked only when there is nothing else to send."""
    chat = Asked([SILENT] * 2)
    outbox = ledger_with(stored("a"))
    for _ in range(2):
        sent(outbox, chat)
    outbox.queue(stored("b"), "fake")
    sent(outbox, chat)
    assert [message.headline for message in chat.messages] == ["headline b"]
    assert outbox.unsure("fake") == []
    assert sent(outbox, chat) == ([], [])


def test_a_message_that_another_run_took_is_left_to_it() -> None:
    """What cannot be claimed is not sent, and is no error."""
    chat = FakeNotifier()
    outbox = ledger_with(stored("a"), stored("b"))
    outbox.claim = lambda keys, notifier: None if keys == ["shop/a"] else FakeLedger.claim(outbox, keys, notifier)  # type: ignore[method-assign]
    assert sent(outbox, chat)[1] == []
    assert headlines(chat) == ["headline b"]


@dataclass
class Does:
    """A notifier of other people that does what it is told to."""

    what: Callable[[Message], Any]
    name: str = "does"
    count: int = 0

    def send(self, message: Message) -> Any:
        """Do it."""
        self.count += 1
        return self.what(message)


class StrangeError(Exception):
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def raiser(error: BaseException) -> Callable[[Message], Any]:
    """Return a function that raises."""

    def what(_: Message) -> Any:
        raise error

    return what


@pytest.mark.parametrize(
    "error",
    [
        ValueError("canary"),
        OSError("https://api/botcanary/send"),
        MemoryError("canary"),
        RecursionError(),
        LedgerError("canary"),
        StrangeError(),
        SystemExit("canary"),
        KeyboardInterrupt("canary"),
        GeneratorExit("canary"),
        asyncio.CancelledError("canary"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("memory", [False, True])
def test_whatever_a_notifier_raises_is_an_unknown_outcome(error: BaseException, memory: bool) -> None:
    """Its message is recorded as perhaps sent, without the foreign text, and the other channels get theirs."""
    messages = stored("a"), stored("b")
    outbox: Outbox = MemoryOutbox(messages, ("does", "fake")) if memory else ledger_with(*messages, to=("does", "fake"))
    broken, chat = Does(raiser(error)), FakeNotifier()
    deliveries, errors = sent(outbox, broken, chat)
    line = raiser.__code__.co_firstlineno + 4
    text = f"notifier 'does' raised {type(error).__name__} in {__file__}, line {line}; the cause is chained"
    assert deliveries == [
        Delivery("shop/a", "does", "unknown", error=text),
        Delivery("shop/b", "does", "unknown", error=text),
        Delivery("shop/a", "fake", "accepted", "1"),
        Delivery("shop/b", "fake", "accepted", "2"),
    ]
    assert [(type(each), str(each), each.__cause__) for each in errors] == [(UnknownOutcomeError, text, error)] * 2
    if isinstance(outbox, FakeLedger):
        assert [record for record in outbox.records if record[1] == "does"] == [
            ("shop/a", "does", "unknown", False),
            ("shop/b", "does", "unknown", False),
        ]


@pytest.mark.parametrize("receipt", [None, "x", 17, ("a", 1)])
def test_a_receipt_is_a_text(receipt: Any) -> None:
    """A notifier may give a number; what is kept and replied to is a text."""
    outbox = ledger_with(stored("a"), to=["does"])
    deliveries, errors = sent(outbox, Does(lambda _: receipt))
    assert deliveries[0].receipt == (None if receipt is None else str(receipt))
    assert errors == []


@contextmanager
def hanging(name: str = "hung") -> Iterator[Does]:
    """Give a notifier that does not return while the test looks on."""
    free = threading.Event()
    try:
        yield Does(lambda _: free.wait(20), name)
    finally:
        free.set()
        for thread in threading.enumerate():
            if thread.name == f"anomalert-{name}":
                thread.join(5)


@pytest.mark.parametrize("memory", [False, True])
def test_a_channel_that_hangs_delays_no_other(memory: bool) -> None:
    """Four channels have their messages long before the fifth is given up, which says so of each of its messages."""
    names = [f"chat{number}" for number in range(4)]
    at: dict[str, float] = {}
    chats = [Does(lambda _, name=name: at.setdefault(name, time.monotonic()), name) for name in names]  # type: ignore[misc]
    messages = [stored("a"), stored("b")]
    to = [*names, "hung"]
    outbox: Outbox = MemoryOutbox(messages, to) if memory else ledger_with(*messages, to=to)
    with hanging() as hung:
        began = time.monotonic()
        deliveries, errors = sent(outbox, hung, *chats, deadline=pd.Timedelta("700ms"))
        took = time.monotonic() - began
    assert max(at.values()) - began < 0.6
    assert 0.7 <= took < 2
    assert len([each for each in deliveries if each.outcome == "accepted"]) == 8
    assert [each for each in deliveries if each.notifier == "hung"] == [
        Delivery("shop/a", "hung", "unknown", error="notifier 'hung' has not answered within its deadline")
    ]
    assert [(type(each), str(each)) for each in errors] == [
        (UnknownOutcomeError, "notifier 'hung' has not answered within its deadline"),
        (NotSentError, "notifier 'hung': no time left for shop/b"),
    ]
    assert hung.count == 1
    if isinstance(outbox, FakeLedger):
        assert [key for key, to_ in outbox.open if to_ == "hung"] == ["shop/a", "shop/b"]


def test_an_answer_after_the_deadline_changes_nothing() -> None:
    """What comes back late is not recorded a second time, and the next message is not sent any more."""
    free = threading.Event()
    outbox = ledger_with(stored("a"), stored("b"), to=["does"])
    slow = Does(lambda _: free.wait(20))
    deliveries, errors = sent(outbox, slow, deadline=pd.Timedelta("300ms"))
    before = len(deliveries), len(errors), list(outbox.records)
    free.set()
    for thread in threading.enumerate():
        if thread.name == "anomalert-does":
            thread.join(5)
            assert not thread.is_alive()
    assert (len(deliveries), len(errors), outbox.records) == before
    assert outbox.records == [("shop/a", "does", "unknown", False)]
    assert slow.count == 1


def test_what_there_is_no_time_for_stays_pending_and_is_named() -> None:
    """A slow channel gets as many as its deadline allows."""
    slow = Does(lambda _: time.sleep(0.25))
    outbox = ledger_with(*(stored(str(number)) for number in range(9)), to=["does"])
    deliveries, errors = sent(outbox, slow, deadline=pd.Timedelta("600ms"))
    assert slow.count in (2, 3)
    assert len(outbox.open) >= 9 - slow.count
    assert {each.outcome for each in deliveries} <= {"accepted", "unknown"}
    left = 9 - slow.count
    assert [str(each) for each in errors[-left:]] == [
        f"notifier 'does': no time left for shop/{number}" for number in range(9 - left, 9)
    ]


def test_the_fallback_does_not_wait_for_a_channel_that_hangs() -> None:
    """What one channel refuses is told within seconds, and what another refuses later is told too."""
    at: list[tuple[float, str]] = []
    last = Does(lambda message: at.append((time.monotonic(), message.key)), "last")
    refuses = FakeNotifier([RejectedError("kicked")], name="chat")

    def late(_: Message) -> None:
        time.sleep(3)
        raise RejectedError("kicked too")

    outbox = ledger_with(stored("a"), to=["chat", "hung"])
    outbox.queue(stored("b"), "does")
    with hanging() as hung:
        began = time.monotonic()
        deliver(outbox, [hung, refuses, Does(late)], NOW, pd.Timedelta("4s"), last)
    assert [(key, instant - began < limit) for (instant, key), limit in zip(at, (3, 5), strict=True)] == [
        ("shop/a", True),
        ("shop/b", True),
    ]


def test_the_fallback_gets_what_two_channels_refuse_once_with_both_reasons() -> None:
    """One message is one message, however many channels did not take it."""
    for outbox in (ledger_with(stored("a"), to=("one", "two")), MemoryOutbox([stored("a")], ("one", "two"))):
        chats = [FakeNotifier([RejectedError(f"{name} is gone")], name=name) for name in ("one", "two")]
        last = FakeNotifier(name="last")
        sent(outbox, *chats, fallback=last)
        assert [fact.heading for fact in last.messages[0].facts] == [
            "fact a",
            "You are told because one refused it: one is gone",
            "You are told because two refused it: two is gone",
        ]
        assert len(last.messages) == 1


def test_the_fallback_is_told_again_what_it_did_not_take() -> None:
    """What is pending for it from an earlier run goes out although nobody refuses anything now."""
    outbox = ledger_with(stored("a"), to=["chat"])
    last = FakeNotifier([NotSentError("no network")], name="last")
    sent(outbox, FakeNotifier([RejectedError("kicked")], name="chat"), fallback=last)
    sent(outbox, FakeNotifier(name="chat"), fallback=last)
    assert [message.key for message in last.messages] == ["shop/a"]


@pytest.mark.parametrize("broken", ["pending", "claim", "record", "unsure", "receipt"])
@pytest.mark.parametrize("error", [LedgerError("disk full"), ZeroDivisionError("a bug")])
def test_an_outbox_that_fails_is_told_and_stops_its_channel_only(broken: str, error: Exception) -> None:
    """Whatever fails between two sends is in the errors of the run, and the other channel is served."""
    one, two = FakeNotifier(name="one"), FakeNotifier(name="two")
    outbox = ledger_with(stored("a", replies_to="shop/z"), to=("one", "two"))
    works = getattr(outbox, broken)

    def fails(*arguments: Any, **named: Any) -> Any:
        if "one" in arguments:
            raise error
        return works(*arguments, **named)

    setattr(outbox, broken, fails)
    deliveries, errors = sent(outbox, one, two)
    assert [each.notifier for each in deliveries if each.outcome == "accepted"][-1:] == ["two"]
    assert len(two.messages) == 1
    assert len(errors) == 1
    if isinstance(error, AnomalertError):
        assert errors == [error]
    else:
        assert str(errors[0]).startswith(
            f"notifier 'one': its delivery stopped on ZeroDivisionError in {__file__}, line"
        )
        assert errors[0].__cause__ is error
    # What was accepted is reported as that, also where it could not be noted: it must not be sent again at once.
    assert [each.notifier for each in deliveries].count("one") == (1 if broken == "record" else 0)


def test_nothing_to_send_sends_nothing() -> None:
    """Without messages, or without notifiers, nothing happens."""
    chat = FakeNotifier()
    assert sent(MemoryOutbox((), ("fake",)), chat, fallback=FakeNotifier(name="last")) == ([], [])
    assert sent(ledger_with(stored("a"))) == ([], [])
    assert chat.attempts == []


def test_a_memory_outbox_gives_each_message_once_to_each_channel_in_the_order_of_slots() -> None:
    """It has one try for a message; taken, queued again or unknown to it, a message is not handed out."""
    outbox = MemoryOutbox([stored("b", 1), stored("a", 2)], ("one", "two"))
    assert [each.message.key for each in outbox.pending("one")] == ["shop/a", "shop/b"]
    assert outbox.claim(["shop/a"], "one") == 1
    assert outbox.claim(["shop/a"], "one") is None
    outbox.queue(stored("a", 2), "one")
    assert [each.message.key for each in outbox.pending("one")] == ["shop/b"]
    assert [each.message.key for each in outbox.pending("two")] == ["shop/a", "shop/b"]
    outbox.queue(stored("a", 2), "three")
    outbox.queue(stored("a", 2), "three")
    assert [each.message.key for each in outbox.pending("three")] == ["shop/a"]
    outbox.fold(["shop/a", "shop/b"], "two", stored("digest", 1))
    assert [each.message.key for each in outbox.pending("two")] == ["shop/digest"]
    assert outbox.pending("nobody") == []
    assert outbox.receipt("shop/a", "one") is None
    assert outbox.unsure("one") == []
