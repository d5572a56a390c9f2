"""The ledger as frames."""

from typing import Any

import pandas as pd
import pytest

from anomalert.ledger import Ledger, LedgerHistory, RunRecord, SlotRecord
from tests.ledger.samples import message, reading, run, slot, verdict

COLUMNS = {
    "judgements": ["pipeline", "monitor", "slot", "told", "definition"],
    "incidents": ["pipeline", "incident", "ended"],
    "messages": ["pipeline", "message", "slot"],
    "deliveries": ["pipeline", "message", "notifier", "slot", "status", "attempts", "in_doubt", "unknowns"],
    "attempts": ["pipeline", "message", "notifier", "attempt", "outcome", "receipt", "error"],
    "revisions": ["pipeline", "monitor", "slot", "revision", "seen", "metric", "before", "after"],
}


@pytest.mark.parametrize("name", COLUMNS)
def test_frames_have_their_columns_with_and_without_rows(ledger: Ledger, name: str) -> None:
    """In one order, instants in UTC, so that a notebook works on the first day as well."""
    with ledger.open("feed") as session:
        empty = getattr(ledger.history(), name)
        session.commit(run(0))
        session.commit(RunRecord(readings=[reading(0, likes=5.0)]))
        session.pending("chat")
        session.claim([message(0).key], "chat")
    filled = getattr(ledger.history(), name)
    assert len(empty) == 0
    assert len(filled) > 0
    for frame in (empty, filled):
        assert list(frame.columns)[: len(COLUMNS[name])] == COLUMNS[name]
        for column in {"slot", "ended", "seen"} & set(frame.columns):
            assert isinstance(frame[column].dtype, pd.DatetimeTZDtype)
            assert str(frame[column].dt.tz) == "UTC"


def test_frames_show_what_was_noted(ledger: Ledger) -> None:
    """One row per metric, incident, message, delivery and changed value; of one pipeline, or of all."""
    with ledger.open("feed") as session:
        session.commit(run(0))
        session.commit(
            RunRecord(
                slots=[verdict(1, told=False)],
                readings=[reading(0, likes=5.0), reading(1)],
                incidents=[{"key": "ctr/up", "end": slot(1).isoformat(), "depth": 0.5}],
            )
        )
    with ledger.open("messages") as session:
        session.commit(run(2))
    history = ledger.history("feed")
    assert isinstance(history, LedgerHistory)
    assert repr(history) == ("LedgerHistory of 2 slots, 2 incidents, 1 messages, 2 deliveries, 0 attempts, 1 revisions")
    judged = history.judgements
    assert judged[["slot", "metric", "value", "told", "is_alert"]].astype({"value": object}).fillna(
        -1
    ).to_numpy().tolist() == [
        [slot(0), "likes", 20.0, True, True],
        [slot(0), "ctr", -1, True, False],
        [slot(1), "likes", 21.0, False, True],
        [slot(1), "ctr", -1, False, False],
    ]
    assert judged["told"].dtype == bool
    assert judged["value"].dtype == float
    ended = history.incidents.set_index("incident")["ended"]
    assert ended.dropna().to_dict() == {"ctr/up": slot(1)}
    assert list(ended.index) == ["ctr/up", "likes/down"]
    assert history.messages["headline"].tolist() == [message(0).body["headline"]]
    assert history.deliveries[["notifier", "status"]].to_numpy().tolist() == [["chat", "pending"], ["mail", "pending"]]
    assert history.revisions[["slot", "seen", "metric", "before", "after"]].to_numpy().tolist() == [
        [slot(0), slot(1), "likes", 20.0, 5.0]
    ]
    assert len(ledger.history().messages) == 2
    assert len(ledger.history("nobody").messages) == 0


def test_unknown_numbers_are_nan_also_where_no_number_is_known(ledger: Ledger) -> None:
    """A ledger whose only slot has no value gives columns of numbers, as any other does."""
    silent = {"metric": "likes", "status": "no_data", "value": None, "expected": None, "is_alert": False}
    with ledger.open("feed") as session:
        session.commit(RunRecord(slots=[SlotRecord("feed", slot(0), "1a2b3c4d", (silent,), True)]))
    judgements = ledger.history().judgements
    assert (judgements.dtypes[["value", "expected"]] == "float64").all()
    assert judgements["value"].isna().all()


def test_a_notebook_reads_while_a_run_writes(ledger: Ledger) -> None:
    """Without waiting for it, and without its half-noted transaction."""
    with ledger.open("feed") as session:
        session.commit(run(0))
        with session._store.transaction("half noted"):
            session._store.delete(*everything())
            assert len(ledger.history().messages) == 1
            assert ledger.verify() == []


def test_a_notebook_sees_one_moment(ledger: Ledger) -> None:
    """What a run notes between two of its queries is in neither."""
    with ledger.open("feed") as session, ledger._where().store(None) as store:
        session.commit(run(0))
        with store.snapshot():
            assert len(store.select(*everything())) == 1
            session.commit(run(1))
            assert len(store.select(*everything())) == 1
        assert len(store.select(*everything())) == 2


def everything() -> tuple[Any, str]:
    """Return the table of messages and a condition that all of them meet."""
    from anomalert.ledger.tables import MESSAGES

    return MESSAGES, "1 = 1"
