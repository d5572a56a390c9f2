"""A pipeline's time with the ledger: what was judged and read before, and what this run adds to it.

`Ledger.open` gives one; it calls `store` and, for what concerns deliveries, is an `outbox`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from anomalert.ledger.encoding import (
    bound_of,
    from_json,
    instants_of,
    judgements_from_json,
    judgements_to_json,
    layouts_of,
    seconds_of,
    to_json,
)
from anomalert.ledger.outbox import LedgerOutbox
from anomalert.ledger.records import Loss, Reading, RunRecord, SlotRecord
from anomalert.ledger.store import Store
from anomalert.ledger.tables import (
    ATTEMPTS,
    DELIVERIES,
    INCIDENTS,
    LAYOUTS,
    MESSAGES,
    READINGS,
    REVISIONS,
    SLOTS,
    STATES,
    Row,
    Table,
)
from anomalert.ledger.trace import Trace

__all__ = ["LedgerSession"]

IN_RANGE = "pipeline = :pipeline AND monitor = :monitor AND slot >= :start AND slot < :end ORDER BY slot"
OLDER = "pipeline = :pipeline AND slot < :before"
OF_MESSAGE = "pipeline = :pipeline AND message = :message"

ReadRow = Mapping[str, float | None] | None
"""What a source gave for a slot, or None if it had no row."""


class LedgerSession(LedgerOutbox):
    """What a run knows of earlier runs, and where it notes what it does; it holds the pipeline's lock until it ends.

    Every row that is read is checked: a LedgerDamagedError from any method says that one is not what was written.

    Parameters
    ----------
    store : Store
        Open for this pipeline alone.
    pipeline : str
        Whose session it is.
    trace : Trace, optional
        What is known of the pipeline outside of the ledger.
    """

    def __init__(self, store: Store, pipeline: str, trace: Trace | None = None) -> None:
        super().__init__(store, pipeline)
        self._trace = trace or Trace()

    def state(self) -> dict[str, Any] | None:
        """Return what the pipeline had to remember, or None if that is nothing yet."""
        row = self._state_row()
        return None if row is None else dict(from_json(str(row["body"])))

    def loss(self) -> Loss | None:
        """Return what is known of a memory that is gone; None if this ledger has one, or there was none before it."""
        # Not by `state`: of thousands of metrics it takes long to read, and the run has it already.
        newest = None if self._state_row() is not None else self._trace.newest()
        return None if newest is None else Loss(newest, self._trace.moved)

    def newest_slot(self, monitor: str) -> pd.Timestamp | None:
        """Return the newest slot of `monitor` that was judged and told."""
        newest = "pipeline = :pipeline AND monitor = :monitor AND told = 1 ORDER BY slot DESC LIMIT 1"
        rows = self._store.select(SLOTS, newest, pipeline=self.pipeline, monitor=monitor)
        return _slots(rows)[0] if rows else None

    def judged(self, monitor: str, start: pd.Timestamp, end: pd.Timestamp) -> set[pd.Timestamp]:
        """Return the slots of `monitor` in ``[start, end)`` that were judged, told or not."""
        return set(_slots(self._in_range(SLOTS, monitor, start, end)))

    def slot_records(self, monitor: str, start: pd.Timestamp, end: pd.Timestamp) -> list[SlotRecord]:
        """Return the verdicts on the slots of `monitor` in ``[start, end)``, in order."""
        with self._store.snapshot():
            rows = self._in_range(SLOTS, monitor, start, end)
            layouts = layouts_of(self._store.select(LAYOUTS, "pipeline = :pipeline", pipeline=self.pipeline))
        return [
            SlotRecord(
                monitor,
                slot,
                definition=str(row["definition"]),
                judgements=judgements_from_json(str(row["judgements"]), layouts),
                told=bool(row["told"]),
            )
            for slot, row in zip(_slots(rows), rows, strict=True)
        ]

    def readings(self, monitor: str, start: pd.Timestamp, end: pd.Timestamp) -> dict[pd.Timestamp, ReadRow]:
        """Return what was read of ``[start, end)``: slot to row, None where the source had none."""
        rows = self._in_range(READINGS, monitor, start, end)
        return {slot: from_json(str(row["body"])) for slot, row in zip(_slots(rows), rows, strict=True)}

    def commit(self, record: RunRecord) -> list[pd.Timestamp]:
        """Note all that a run found, durably and as a whole; return the slots that were read differently before.

        A reading that differs from the one that was there is kept beside it, in the revisions: where both know a
        metric and its values differ; NaN and None are the same. Verdicts and messages that are there stay as they are.
        """
        readings = self._reading_rows(record.readings)
        slots, layouts = self._slot_rows(each for each in record.slots if not each.was_empty)
        come, more = self._slot_rows(each for each in record.slots if each.was_empty)
        messages = [self._message_row(message) for message in record.messages]
        incidents = [self._incident_row(incident) for incident in record.incidents]
        state = None if record.state is None else to_json(record.state)
        with self._store.transaction("commit"):
            revised = self._put_readings(readings)
            self._store.insert(LAYOUTS, layouts + more)
            self._store.insert(SLOTS, slots)
            for row in come:
                self._store.put(SLOTS, row)
            claimed = self._queue_all(messages, record)
            for incident in incidents:
                self._store.put(INCIDENTS, incident)
            if state is not None:
                self._store.put(STATES, {"pipeline": self.pipeline, "body": state})
        self._ahead |= claimed
        told = [each.slot for each in record.slots if each.told]
        if told:
            self._trace.saw(max(told))
        # What has come late for slots that were empty is judged now, so it has changed no verdict.
        return instants_of(sorted(revised - {row["slot"] for row in come}))

    def prune(self, before: pd.Timestamp, keep: Collection[str] = ()) -> None:
        """Remove what is about slots before `before`: all of it, or nothing.

        What stays: pending deliveries with their messages, messages named in `keep` (and the digests they went into),
        incidents that have not ended, and what other pipelines wrote.
        """
        old = {"pipeline": self.pipeline, "before": bound_of(before, "before")}
        with self._store.transaction("prune"):
            for table in (READINGS, REVISIONS, SLOTS):
                self._store.delete(table, OLDER, **old)
            self._store.delete(INCIDENTS, "pipeline = :pipeline AND ended < :before", **old)
            kept = self._with_digests(keep)
            for message in self._store.select(MESSAGES, f"{OLDER} AND {NOT_PENDING}", **old):
                if message["message"] not in kept:
                    for table in (ATTEMPTS, DELIVERIES, MESSAGES):
                        self._store.delete(table, OF_MESSAGE, pipeline=self.pipeline, message=message["message"])

    def _state_row(self) -> Row | None:
        return self._store.get(STATES, pipeline=self.pipeline)

    def _in_range(self, table: Table, monitor: str, start: pd.Timestamp, end: pd.Timestamp) -> list[Row]:
        bounds = {"start": bound_of(start, "start"), "end": bound_of(end, "end")}
        return self._store.select(table, IN_RANGE, pipeline=self.pipeline, monitor=monitor, **bounds)

    def _queue_all(self, messages: Iterable[Row], record: RunRecord) -> set[tuple[str, str]]:
        """Queue what is new; return which message is claimed for whom by that."""
        claimed: set[tuple[str, str]] = set()
        for message in messages:
            # A message that was queued before is not queued again, for nobody: who joined later is told of later.
            if not self._store.insert(MESSAGES, [message]):
                continue
            tries = 1 if message["message"] == record.first else 0
            deliveries = [
                self._delivery_row(message, name) | {"attempts": tries, "in_doubt": tries} for name in record.notifiers
            ]
            self._store.insert(DELIVERIES, deliveries)
            if tries:
                self._store.insert(ATTEMPTS, [self._untold(row, tries) for row in deliveries])
                claimed = {(str(row["message"]), str(row["notifier"])) for row in deliveries}
        return claimed

    def _put_readings(self, rows: Sequence[Row]) -> set[int]:
        new, revised = [], set()
        for monitor in {str(row["monitor"]) for row in rows}:
            of_monitor = {int(row["slot"] or 0): row for row in rows if row["monitor"] == monitor}
            bounds = {"start": min(of_monitor), "end": max(of_monitor) + 1}
            found = self._store.select(READINGS, IN_RANGE, pipeline=self.pipeline, monitor=monitor, **bounds)
            known = {row["slot"]: row for row in found}
            for slot, row in of_monitor.items():
                if slot not in known:
                    new.append(row)
                elif known[slot] != row and self._revise(known[slot], row, seen=max(of_monitor)):
                    revised.add(slot)
        self._store.insert(READINGS, new)
        return revised

    def _revise(self, before: Row, after: Row, seen: int) -> bool:
        """Put another reading in place of the one of before; return whether a value has changed."""
        self._store.put(READINGS, after)
        changes = _changes(from_json(str(before["body"])), from_json(str(after["body"])))
        if changes:
            key = {name: before[name] for name in READINGS.key}
            earlier = self._store.select(REVISIONS, READINGS.same_key, **key)
            revision = 1 + max((int(row["revision"] or 0) for row in earlier), default=0)
            self._store.insert(REVISIONS, [{**key, "revision": revision, "seen": seen, "changes": to_json(changes)}])
        return bool(changes)

    def _with_digests(self, keep: Iterable[str]) -> set[str]:
        kept: set[str] = set()
        to_look_at = list(keep)
        while to_look_at:
            kept.add(key := to_look_at.pop())
            rows = self._store.select(DELIVERIES, OF_MESSAGE, pipeline=self.pipeline, message=key)
            to_look_at += {str(row["folded_into"]) for row in rows if row["folded_into"]} - kept
        return kept

    def _reading_rows(self, readings: Iterable[Reading]) -> list[Row]:
        return [
            {
                "pipeline": self.pipeline,
                "monitor": reading.monitor,
                "slot": seconds_of(reading.slot),
                "body": to_json(None if reading.row is None else dict(reading.row)),
            }
            for reading in readings
        ]

    def _slot_rows(self, records: Iterable[SlotRecord]) -> tuple[list[Row], list[Row]]:
        """Return the rows of verdicts, and of the layouts that they are written in."""
        slots: list[Row] = []
        layouts: dict[str, str] = {}
        for record in records:
            judgements, layout = judgements_to_json(record.judgements)
            layouts |= layout
            slots.append(
                {
                    "pipeline": self.pipeline,
                    "monitor": record.monitor,
                    "slot": seconds_of(record.slot),
                    "definition": record.definition,
                    "told": int(record.told),
                    "judgements": judgements,
                }
            )
        return slots, [{"pipeline": self.pipeline, "layout": key, "names": names} for key, names in layouts.items()]

    def _incident_row(self, incident: dict[str, Any]) -> Row:
        end = incident.get("end")
        ended = None if end is None else bound_of(end, "end")
        return {"pipeline": self.pipeline, "incident": incident["key"], "ended": ended, "body": to_json(incident)}


NOT_PENDING = (
    "NOT EXISTS (SELECT 1 FROM anomalert_deliveries AS waiting WHERE waiting.pipeline = anomalert_messages.pipeline"
    " AND waiting.message = anomalert_messages.message AND waiting.status = 'pending')"
)
"""Of a message: nobody waits for it."""


def _slots(rows: Sequence[Row]) -> list[pd.Timestamp]:
    return instants_of([int(row["slot"] or 0) for row in rows])


def _changes(before: ReadRow, after: ReadRow) -> dict[str, list[float | None]]:
    """Return which values changed, from what to what.

    A metric that only one of two rows knows is none of them: it was not asked for by the other.
    """
    was = dict.fromkeys(after or {}) if before is None else before
    now = dict.fromkeys(before or {}) if after is None else after
    return {metric: [was[metric], now[metric]] for metric in was if metric in now and was[metric] != now[metric]}
