"""Claims, outcomes and digests, on both engines."""

from dataclasses import replace
from threading import Barrier, Thread

import pytest

from anomalert.errors import LedgerError, Outcome
from anomalert.ledger import Ledger, LedgerSession, RunRecord
from tests.ledger.samples import contents_of, message, run, slot

KEY = message(0).key


def claimed(session: LedgerSession, key: str = KEY, notifier: str = "chat") -> int:
    """Claim one message as delivery does."""
    session.pending(notifier)
    attempt = session.claim([key], notifier)
    assert attempt is not None
    return attempt


def test_a_try_is_noted_before_it_is_made(ledger: Ledger) -> None:
    """A claim without an outcome is in doubt for the next run, until that run closes it."""
    with ledger.open("feed") as session:
        session.commit(run(0))
        assert claimed(session) == 1
    with ledger.open("feed") as session:
        (pending,) = session.pending("chat")
        assert (pending.attempts, pending.in_doubt, pending.unknowns) == (1, True, 0)
        assert [p.in_doubt for p in session.pending("mail")] == [False]
        assert claimed(session) == 2
        session.record([KEY], "chat", 2, "accepted", receipt="17", final=True)
        assert session.pending("chat") == []
        assert session.receipt(KEY, "chat") == "17"
        assert session.receipt(KEY, "mail") is None
    attempts = ledger.history().attempts
    assert attempts["attempt"].tolist() == [1, 2]
    assert attempts["outcome"].fillna("none").tolist() == ["none", "accepted"]


def test_a_doubt_stays_until_it_is_resolved(ledger: Ledger) -> None:
    """What was in doubt is still so after another try that certainly did not arrive."""
    with ledger.open("feed") as session:
        session.commit(run(0))
        claimed(session)
    with ledger.open("feed") as session:
        session.record([KEY], "chat", claimed(session), "not_sent", final=False)
        (pending,) = session.pending("chat")
        assert (pending.attempts, pending.in_doubt) == (2, True)


def test_what_was_not_sent_stays_pending_and_unknowns_are_counted(ledger: Ledger) -> None:
    """Only a final outcome closes a delivery."""
    with ledger.open("feed") as session:
        session.commit(run(0))
        session.record([KEY], "chat", claimed(session), "not_sent", error="refused", final=False)
        session.record([KEY], "chat", claimed(session), "unknown", error="timeout", final=False)
        (pending,) = session.pending("chat")
        assert (pending.attempts, pending.in_doubt, pending.unknowns) == (2, False, 1)
        session.record([KEY], "chat", claimed(session), "rejected", error="blocked", final=True, handed_on=True)
        assert session.pending("chat") == []
        assert session.unsure("chat") == []
    delivery = ledger.history().deliveries.query("notifier == 'chat'").iloc[0]
    assert delivery[["status", "attempts", "unknowns", "outcome", "error"]].tolist() == [
        "done",
        3,
        1,
        "rejected",
        "blocked",
    ]


@pytest.mark.parametrize("outcome", ["unknown", "rejected"])
def test_a_message_given_up_or_refused_is_told_of_once(ledger: Ledger, outcome: Outcome) -> None:
    """It is unsure until somebody was told, also in the next run, and for that notifier only."""
    with ledger.open("feed") as session:
        session.commit(run(0))
        session.record([KEY], "chat", claimed(session), outcome, final=True)
    with ledger.open("feed") as session:
        assert session.unsure("mail") == []
        assert session.unsure("chat") == [message(0)]
        session.told_unsure([KEY, "no such message"], "chat")
        assert session.unsure("chat") == []


def test_what_is_unsure_can_be_told_again_in_a_digest(ledger: Ledger) -> None:
    """It is unsure no longer, the digest waits in its place, and whoever answers to it answers to the digest."""
    again = message(0, "unsure/chat/1")
    with ledger.open("feed") as session:
        session.commit(run(0))
        session.record([KEY], "chat", claimed(session), "unknown", final=True)
        session.record([KEY], "mail", claimed(session, KEY, "mail"), "accepted", final=True)
        with pytest.raises(LedgerError, match="cannot be folded"):
            session.fold([KEY], "mail", message(0, "no digest"))
        session.fold([KEY], "chat", again)
        assert session.unsure("chat") == []
        assert [pending.message for pending in session.pending("chat")] == [again]
        attempt = session.claim([again.key], "chat")
        assert attempt is not None
        session.record([again.key], "chat", attempt, "accepted", receipt="8", final=True)
        assert session.receipt(KEY, "chat") == "8"
    assert ledger.verify() == []


def test_a_claim_that_was_noted_with_its_message_is_asked_for_once(ledger: Ledger) -> None:
    """The first message waits for the disk once less; a process that dies then leaves it in doubt, as a claim does."""
    record = replace(run(0), first=KEY)
    with ledger.open("feed") as session:
        session.commit(record)
        (pending,) = session.pending("chat")
        assert (pending.in_doubt, pending.attempts) == (False, 1)
        assert session.claim([KEY], "chat") == 1
        (pending,) = session.pending("chat")
        assert pending.in_doubt
        session.record([KEY], "chat", 1, "accepted", final=True)
        assert session.claim([KEY], "chat") is None
    with ledger.open("feed") as session:
        assert session.pending("chat") == []
        (pending,) = session.pending("mail")
        assert (pending.in_doubt, pending.attempts) == (True, 1)
        session.commit(record)
        assert session.claim([KEY], "mail") == 2
    assert ledger.verify() == []


def test_an_outcome_is_noted_once_and_only_for_a_claim(ledger: Ledger) -> None:
    """An outcome of nothing, or a second one, is refused and changes nothing."""
    with ledger.open("feed") as session:
        session.commit(run(0))
        with pytest.raises(LedgerError, match="never claimed"):
            session.record([KEY], "chat", 1, "accepted", final=True)
        session.record([KEY], "chat", claimed(session), "accepted", final=True)
    before = contents_of(ledger)
    with ledger.open("feed") as session, pytest.raises(LedgerError, match="noted already"):
        session.record([KEY], "chat", 1, "unknown", final=True)
    assert contents_of(ledger) == before


def test_nothing_that_is_not_pending_can_be_claimed(ledger: Ledger) -> None:
    """Neither what is closed, nor what is unknown, nor a set of which one member is."""
    with ledger.open("feed") as session:
        session.commit(RunRecord(messages=[message(0), message(1)], notifiers=["chat"]))
        session.record([KEY], "chat", claimed(session), "accepted", final=True)
        assert session.claim([KEY], "chat") is None
        assert session.claim(["no such message"], "chat") is None
        assert session.claim([message(1).key, KEY], "chat") is None
        assert session.claim([message(1).key], "mail") is None
        assert session.claim([message(1).key], "chat") == 1


def test_a_claim_that_another_owner_made_meanwhile_is_respected(ledger: Ledger) -> None:
    """Who saw a delivery before another claimed it gets None, whatever else is claimed with it."""
    where = ledger._where()
    with ledger.open("feed") as session:
        session.commit(RunRecord(messages=[message(0), message(1)], notifiers=["chat"]))
        # A second owner, as there can be one when the connection that held the lock was lost.
        with where.store(None) as store:
            other = LedgerSession(store, "feed")
            assert len(session.pending("chat")) == len(other.pending("chat")) == 2
            assert other.claim([KEY], "chat") == 1
            assert session.claim([KEY, message(1).key], "chat") is None
            assert session.claim([KEY], "chat") is None
            assert session.claim([message(1).key], "chat") == 1
            # A late outcome finds its own try, and reopens nothing.
            session.pending("chat")
            assert session.claim([KEY], "chat") == 2
            session.record([KEY], "chat", 2, "accepted", receipt="17", final=True)
            other.record([KEY], "chat", 1, "unknown", final=False)
        assert session.receipt(KEY, "chat") == "17"
        assert [pending.message for pending in session.pending("chat")] == [message(1)]
        assert session.unsure("chat") == []
    assert ledger.history().deliveries.query("message == @KEY")[["in_doubt", "unknowns"]].to_numpy().tolist() == [
        [0, 1]
    ]


def test_a_claim_for_several_messages_respects_the_owner_of_each(ledger: Ledger) -> None:
    """Also where the number of the try would be a new one for all of them."""
    with ledger.open("feed") as session:
        session.commit(RunRecord(messages=[message(0), message(1)], notifiers=["chat"]))
        session.record([message(1).key], "chat", claimed(session, message(1).key), "not_sent", final=False)
        session.pending("chat")
        with ledger._where().store(None) as store:
            assert claimed(LedgerSession(store, "feed")) == 1
        assert session.claim([KEY, message(1).key], "chat") is None


def test_one_claim_for_several_messages_has_one_number(ledger: Ledger) -> None:
    """Messages with tries of their own are claimed together, and closed together."""
    keys = [message(0).key, message(1).key]
    with ledger.open("feed") as session:
        session.commit(RunRecord(messages=[message(0), message(1)], notifiers=["chat"]))
        session.record(keys[:1], "chat", claimed(session), "not_sent", final=False)
        session.pending("chat")
        attempt = session.claim(keys, "chat")
        assert attempt == 2
        session.record(keys, "chat", attempt, "accepted", receipt="17", final=True)
        assert session.pending("chat") == []
        assert [session.receipt(key, "chat") for key in keys] == ["17", "17"]


def test_a_message_can_be_queued_for_another_notifier(ledger: Ledger) -> None:
    """The fallback gets it once, and a message that only exists for it as well."""
    with ledger.open("feed") as session:
        session.commit(run(0, notifiers=("chat",)))
        for _ in range(2):
            session.queue(message(0), "fallback")
            session.queue(message(1), "fallback")
        assert [pending.message for pending in session.pending("fallback")] == [message(0), message(1)]
        session.record([KEY], "fallback", claimed(session, notifier="fallback"), "accepted", final=True)
        session.queue(message(0), "fallback")
        assert [pending.message for pending in session.pending("fallback")] == [message(1)]
    assert ledger.verify() == []


def test_a_digest_stands_in_place_of_messages(ledger: Ledger) -> None:
    """They are not pending any more for this notifier, and its receipt is theirs."""
    with ledger.open("feed") as session:
        session.commit(RunRecord(messages=[message(n) for n in range(3)], notifiers=["chat", "mail"]))
        digest = message(2, "digest/1")
        session.fold([message(n).key for n in range(3)], "chat", digest)
        assert [pending.message for pending in session.pending("chat")] == [digest]
        assert len(session.pending("mail")) == 3
        outer = message(2, "digest/2")
        session.fold([digest.key], "chat", outer)
        session.record([outer.key], "chat", claimed(session, outer.key), "accepted", receipt="d", final=True)
        assert [session.receipt(message(n).key, "chat") for n in range(3)] == ["d"] * 3
    assert ledger.history().deliveries.query("status == 'folded'")["folded_into"].tolist() == [
        "digest/2",
        "digest/1",
        "digest/1",
        "digest/1",
    ]


def test_nothing_is_folded_into_a_message_that_is_there(ledger: Ledger) -> None:
    """A digest whose key is taken, or that stands for what is not pending, would lose messages: it is refused."""
    with ledger.open("feed") as session:
        session.commit(RunRecord(messages=[message(n) for n in range(3)], notifiers=["chat"]))
        session.record([KEY], "chat", claimed(session), "accepted", final=True)
    before = contents_of(ledger)
    with ledger.open("feed") as session:
        with pytest.raises(LedgerError, match="is there already"):
            session.fold([message(1).key], "chat", message(2))
        with pytest.raises(LedgerError, match="not pending"):
            session.fold([message(1).key, KEY], "chat", message(2, "digest"))
    assert contents_of(ledger) == before


def test_pending_messages_come_oldest_first(ledger: Ledger) -> None:
    """By slot, and not by when they were noted."""
    with ledger.open("feed") as session:
        for number in (5, 1, 3):
            session.commit(RunRecord(messages=[message(number)], notifiers=["chat"]))
        assert [pending.message.slot for pending in session.pending("chat")] == [slot(1), slot(3), slot(5)]


def test_several_threads_deliver_at_once(ledger: Ledger) -> None:
    """One thread per notifier, each with its own messages: nothing is lost, mixed up or counted wrongly."""
    notifiers = [f"chat {number}" for number in range(6)]
    failures: list[BaseException] = []
    together = Barrier(len(notifiers))

    def deliver(session: LedgerSession, notifier: str) -> None:
        try:
            together.wait()
            for pending in session.pending(notifier):
                attempt = session.claim([pending.message.key], notifier)
                assert attempt == 1
                receipt = f"{notifier}: {pending.message.key}"
                session.record([pending.message.key], notifier, attempt, "accepted", receipt=receipt, final=True)
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)

    with ledger.open("feed") as session:
        session.commit(RunRecord(messages=[message(n) for n in range(10)], notifiers=notifiers))
        threads = [Thread(target=deliver, args=(session, notifier)) for notifier in notifiers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert all(session.pending(notifier) == [] for notifier in notifiers)
        assert session.receipt(KEY, "chat 3") == f"chat 3: {KEY}"
    assert len(ledger.history().attempts) == 60
    assert ledger.verify() == []
