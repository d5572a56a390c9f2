"""What a run notes and finds again, on both engines."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from anomalert.errors import ConfigurationError, LedgerError
from anomalert.ledger import Ledger, LedgerSession, Reading, RunRecord, StoredMessage
from tests.ledger.samples import SLOT, contents_of, message, reading, run, slot, verdict


def test_a_new_ledger_knows_nothing(ledger: Ledger) -> None:
    """The first run finds nothing, and no error."""
    with ledger.open("feed") as session:
        assert session.pipeline == "feed"
        assert session.state() is None
        assert session.newest_slot("feed") is None
        assert session.judged("feed", slot(0), slot(9)) == set()
        assert session.slot_records("feed", slot(0), slot(9)) == []
        assert session.readings("feed", slot(0), slot(9)) == {}
        assert session.pending("chat") == []
        assert session.unsure("chat") == []
        assert session.receipt("feed/opened/0", "chat") is None
    assert ledger.verify() == []


def test_the_next_run_finds_what_a_run_noted(ledger: Ledger) -> None:
    """State, verdicts, readings and messages come back as they were, NaN as None."""
    with ledger.open("feed") as session:
        session.commit(run(0))
        session.commit(run(1))
    with ledger.open("feed") as session:
        assert session.state() == {"newest": 1, "open": ["likes/down"]}
        assert session.newest_slot("feed") == slot(1)
        assert session.judged("feed", slot(0), slot(1)) == {slot(0)}
        assert session.slot_records("feed", slot(0), slot(2)) == [verdict(0), verdict(1)]
        assert session.readings("feed", slot(1), slot(2)) == {slot(1): {"likes": 21.0, "ctr": None}}
        assert [pending.message for pending in session.pending("mail")] == [message(0), message(1)]
        assert all(one.tz is not None for one in session.judged("feed", slot(0), slot(9)))
    assert ledger.verify() == []


def test_ranges_are_half_open_and_any_zone_will_do(ledger: Ledger) -> None:
    """A slot belongs to the range that it starts in, however the ends are written."""
    with ledger.open("feed") as session:
        session.commit(RunRecord(slots=[verdict(n) for n in range(4)], readings=[reading(n) for n in range(4)]))
        start, end = slot(1).tz_convert("Europe/Moscow"), slot(3) - pd.Timedelta("1ns")
        assert session.judged("feed", start, end) == {slot(1), slot(2)}
        assert set(session.readings("feed", start, slot(3))) == {slot(1), slot(2)}
        assert set(session.readings("feed", start + pd.Timedelta("1ns"), slot(3))) == {slot(2)}


def test_monitors_and_pipelines_know_nothing_of_each_other(ledger: Ledger) -> None:
    """Two pipelines may use one ledger, also at once, and monitors of one name in them."""
    with ledger.open("feed") as feed, ledger.open("messages") as messages:
        feed.commit(run(3))
        messages.commit(run(1, notifiers=("chat",)))
        assert feed.newest_slot("feed") == slot(3)
        assert messages.newest_slot("feed") == slot(1)
        assert feed.newest_slot("other") is None
        assert messages.pending("mail") == []
        messages.prune(slot(99))
        assert feed.judged("feed", slot(0), slot(9)) == {slot(3)}
    assert ledger.verify() == []


def test_a_verdict_stays_as_it_was_given(ledger: Ledger) -> None:
    """Judging a slot again changes nothing, and the newest told slot is not one that was only recorded."""
    with ledger.open("feed") as session:
        session.commit(RunRecord(slots=[verdict(0), verdict(1), verdict(2, told=False)]))
        other = replace(verdict(0), definition="another", judgements=(), told=False)
        session.commit(RunRecord(slots=[other]))
        assert session.slot_records("feed", slot(0), slot(1)) == [verdict(0)]
        assert session.newest_slot("feed") == slot(1)
        assert session.judged("feed", slot(0), slot(9)) == {slot(0), slot(1), slot(2)}


def test_a_message_is_queued_once(ledger: Ledger) -> None:
    """A key that was queued is not queued again: not with another text, not for others, not after it was sent."""
    with ledger.open("feed") as session:
        session.commit(RunRecord(messages=[message(0)], notifiers=["chat"]))
        attempt = session.pending("chat") and session.claim([message(0).key], "chat")
        assert attempt == 1
        session.record([message(0).key], "chat", attempt, "accepted", receipt="17", final=True)
        again = StoredMessage(message(0).key, slot(5), {"headline": "other"})
        session.commit(RunRecord(messages=[again], notifiers=["chat", "mail"]))
        assert session.pending("chat") == []
        assert session.pending("mail") == []


def test_a_state_is_replaced_as_a_whole_and_left_alone_by_none(ledger: Ledger) -> None:
    """A run that has no state to note leaves what was there."""
    with ledger.open("feed") as session:
        session.commit(RunRecord(state={"a": 1, "b": [1.5, None, "ё"]}))
        session.commit(RunRecord(state={"c": {"d": True}}))
        session.commit(RunRecord())
        assert session.state() == {"c": {"d": True}}


@pytest.mark.parametrize(
    ("before", "after", "revised"),
    [
        ({"likes": 1.0}, {"likes": 1.0}, {}),
        ({"likes": math.nan}, {"likes": None}, {}),
        ({"likes": 1.0, "ctr": math.nan}, {"likes": 1.0}, {}),
        ({"likes": 1.0}, {"likes": 1.0, "ctr": 0.5}, {}),
        ({"likes": 1.0, "ctr": 0.5}, {"likes": 1.0}, {}),
        ({"likes": 1.0, "ctr": 0.5}, {"likes": 2.0, "ctr": 0.5}, {"likes": (1.0, 2.0)}),
        ({"likes": None}, {"likes": 2.0}, {"likes": (None, 2.0)}),
        ({"likes": 2.0}, {"likes": math.nan}, {"likes": (2.0, None)}),
        (None, {"likes": 2.0, "ctr": None}, {"likes": (None, 2.0)}),
        ({"likes": 2.0, "ctr": None}, None, {"likes": (2.0, None)}),
        (None, None, {}),
        (None, {"likes": math.nan}, {}),
    ],
)
def test_a_value_that_changed_is_kept_beside_the_new_one(
    ledger: Ledger,
    before: dict[str, float | None] | None,
    after: dict[str, float | None] | None,
    revised: dict[str, tuple[float | None, float | None]],
) -> None:
    """NaN, None and a metric that was not asked for are no change; the newest row is what is read from then on."""
    with ledger.open("feed") as session:
        session.commit(RunRecord(readings=[Reading("feed", slot(0), before)]))
        session.commit(RunRecord(readings=[Reading("feed", slot(0), after), reading(2)]))
        stored = session.readings("feed", slot(0), slot(1))[slot(0)]
    expected = None if after is None else {k: None if v is None or math.isnan(v) else v for k, v in after.items()}
    assert stored == expected
    frame = ledger.history().revisions
    found = {
        row["metric"]: tuple(None if math.isnan(row[side]) else row[side] for side in ("before", "after"))
        for row in frame.to_dict("records")
    }
    assert found == revised
    assert set(frame["seen"]) <= {slot(2)}
    assert ledger.verify() == []


def test_each_revision_of_a_slot_is_kept(ledger: Ledger) -> None:
    """A slot that is revised twice has two revisions, in order."""
    with ledger.open("feed") as session:
        for value in (1.0, 2.0, 2.0, 3.0):
            session.commit(RunRecord(readings=[reading(0, likes=value)]))
    frame = ledger.history().revisions
    assert frame[["revision", "before", "after"]].to_numpy().tolist() == [[1, 1.0, 2.0], [2, 2.0, 3.0]]


def test_old_slots_are_pruned_and_what_is_still_to_be_said_is_not(ledger: Ledger) -> None:
    """Pending deliveries, kept messages with their digests, and open incidents outlive any retention."""
    with ledger.open("feed") as session:
        session.commit(run(0, notifiers=("chat",)))
        session.commit(
            RunRecord(
                slots=[verdict(n) for n in range(1, 6)],
                readings=[reading(n, likes=5.0) for n in range(6)],
                incidents=[{"key": f"ended {n}", "end": slot(n).isoformat()} for n in (1, 5)],
                messages=[message(n) for n in range(1, 6)],
                notifiers=("chat",),
            )
        )
        session.pending("chat")
        for number in (1, 2, 5):
            attempt = session.claim([message(number).key], "chat")
            assert attempt is not None
            session.record([message(number).key], "chat", attempt, "accepted", receipt=f"{number}", final=True)
        digest = message(4, "digest")
        session.fold([message(3).key, message(4).key], "chat", digest)
        attempt = session.claim([digest.key], "chat")
        assert attempt is not None
        session.record([digest.key], "chat", attempt, "accepted", receipt="d", final=True)
        session.prune(slot(5), {message(2).key, message(3).key})
        assert session.judged("feed", slot(0), slot(9)) == {slot(5)}
        assert set(session.readings("feed", slot(0), slot(9))) == {slot(5)}
        assert [pending.message for pending in session.pending("chat")] == [message(0)]
        assert session.receipt(message(1).key, "chat") is None
        assert session.receipt(message(2).key, "chat") == "2"
        assert session.receipt(message(3).key, "chat") == "d"
        assert session.state() is not None
    history = ledger.history()
    assert set(history.incidents["incident"]) == {"likes/down", "ended 5"}
    assert set(history.messages["message"]) == {message(n).key for n in (0, 2, 3, 5)} | {"digest"}
    assert set(history.attempts["message"]) == {message(2).key, message(5).key, "digest"}
    assert len(history.revisions) == 0
    assert ledger.verify() == []


def test_a_commit_is_whole_or_not_at_all(ledger: Ledger) -> None:
    """A record of which one part cannot be written leaves nothing of the others."""
    with ledger.open("feed") as session:
        session.commit(run(0))
    before = contents_of(ledger)
    with ledger.open("feed") as session:
        with pytest.raises(TypeError):
            session.commit(replace(run(1), state={"not JSON": object()}))
        with pytest.raises(ConfigurationError, match="whole seconds"):
            session.commit(RunRecord(slots=[verdict(1)], readings=[Reading("feed", slot(1) + SLOT / 7, None)]))
        with pytest.raises(ConfigurationError, match="time zone"):
            session.commit(RunRecord(slots=[replace(verdict(1), slot=pd.Timestamp("2026-11-24"))]))
    assert contents_of(ledger) == before


def test_texts_of_any_kind_survive(ledger: Ledger) -> None:
    """Quotes, NUL, emoji and halves of characters in labels are kept, or spelt so that they can be."""
    hostile = "'; DROP TABLE anomalert_slots; -- \" \\ % %s :name \x00 \u202e 🦄 \ud800"
    with ledger.open("'; --") as session:
        session.commit(
            RunRecord(
                state={hostile: hostile},
                messages=[StoredMessage("'\";🦄", slot(0), {hostile: [hostile]})],
                notifiers=["%s :notifier '"],
            )
        )
        assert session.state() == {hostile: hostile}
        (pending,) = session.pending("%s :notifier '")
        assert pending.message.body == {hostile: [hostile]}
        attempt = session.claim([pending.message.key], pending.notifier)
        assert attempt is not None
        session.record([pending.message.key], pending.notifier, attempt, "rejected", error=hostile, final=True)
    assert ledger.history().deliveries["error"][0].startswith("'; DROP TABLE")
    assert ledger.verify() == []


def test_a_session_that_is_over_notes_nothing(ledger: Ledger) -> None:
    """A thread that outlives its run is told so, and does not hang or crash."""
    with ledger.open("feed") as session:
        session.commit(run(0))
    later: LedgerSession = session
    for call in (later.state, lambda: later.claim(["a"], "chat"), lambda: later.commit(run(1))):
        with pytest.raises(LedgerError, match="session is over"):
            call()
