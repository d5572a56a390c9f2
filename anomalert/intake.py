"""Which slots a run has to judge, and the rows it judges them by: remembered ones, and as few new ones as will do.

Findings call this; it calls `monitor`, and a ledger's session by the part of it that is named here.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from anomalert.episodes import State
from anomalert.foreign import shown
from anomalert.learning import CATCH_UP
from anomalert.ledger.records import Reading, SlotRecord
from anomalert.monitor import Monitor

__all__ = ["Memory", "NoMemory", "Task", "definition_of", "due", "read", "readings_of", "recorded", "task_of"]

TAIL_SLOTS = 4
"""Slots before the new ones that are read again, for rows that came late."""


class Memory(Protocol):
    """What a run asks of what was read and judged before."""

    def newest_slot(self, monitor: str) -> pd.Timestamp | None:
        """Return the newest slot that was judged and told."""
        ...

    def judged(self, monitor: str, start: pd.Timestamp, end: pd.Timestamp) -> set[pd.Timestamp]:
        """Return the judged slots in ``[start, end)``."""
        ...

    def readings(
        self, monitor: str, start: pd.Timestamp, end: pd.Timestamp
    ) -> Mapping[pd.Timestamp, Mapping[str, float | None] | None]:
        """Return what was read of ``[start, end)``: slot to row, None where the source had none."""
        ...

    def slot_records(self, monitor: str, start: pd.Timestamp, end: pd.Timestamp) -> list[SlotRecord]:
        """Return how the slots in ``[start, end)`` were judged."""
        ...


class NoMemory:
    """The memory of a run that has none."""

    def newest_slot(self, monitor: str) -> None:
        """Return None: nothing was judged."""

    def judged(self, monitor: str, start: pd.Timestamp, end: pd.Timestamp) -> set[pd.Timestamp]:  # noqa: ARG002
        """Return no slots."""
        return set()

    def readings(
        self,
        monitor: str,  # noqa: ARG002
        start: pd.Timestamp,  # noqa: ARG002
        end: pd.Timestamp,  # noqa: ARG002
    ) -> Mapping[pd.Timestamp, Mapping[str, float | None] | None]:
        """Return no rows."""
        return {}

    def slot_records(self, monitor: str, start: pd.Timestamp, end: pd.Timestamp) -> list[SlotRecord]:  # noqa: ARG002
        """Return nothing."""
        return []


@dataclass(frozen=True)
class Task:
    """What a run has to do for one monitor.

    Parameters
    ----------
    slots : tuple of pandas.Timestamp
        To be judged, UTC, in order.
    newest : pandas.Timestamp
        The newest slot that is complete at the instant of the run.
    told : bool
        Whether what is found is told: not for slots older than the newest judged one.
    given_up : pandas.Timestamp, optional
        The first slot that was missed so long ago that it is not judged any more.
    empty : frozenset of pandas.Timestamp
        Those of `slots` that were judged before, when the source had nothing in them.
    """

    slots: tuple[pd.Timestamp, ...]
    newest: pd.Timestamp
    told: bool = True
    given_up: pd.Timestamp | None = None
    empty: frozenset[pd.Timestamp] = frozenset()


def task_of(monitor: Monitor, instant: pd.Timestamp, memory: Memory) -> Task:
    """Return which slots of `monitor` are to be judged at `instant`.

    Those after the newest judged one; without a memory the newest complete one only. An older slot that was never
    judged is judged and recorded, but told to nobody. A slot in which the source had nothing is not judged for good
    before there is something in a later one: what has come for it until then is.
    """
    newest = monitor.newest_slot(instant)
    length = monitor.slot_length
    last = memory.newest_slot(monitor.name)
    if last is None:
        return Task((newest,), newest)
    before = _newest_with_data(monitor, last, newest, memory)
    if before is None:
        return Task((newest,), newest)
    if newest <= before:
        is_judged = newest in memory.judged(monitor.name, newest, newest + length)
        return Task(() if is_judged else (newest,), newest, told=False)
    # On the grid also where slots had another length before.
    first = max((before + length).ceil(length), (newest - CATCH_UP).ceil(length))
    slots = tuple(pd.date_range(first, newest, freq=length))
    missed = (last + length).ceil(length)
    empty = memory.judged(monitor.name, first, newest + length) if last >= first else set()
    return Task(slots, newest, given_up=missed if first > missed else None, empty=frozenset(empty))


def _newest_with_data(
    monitor: Monitor, last: pd.Timestamp, newest: pd.Timestamp, memory: Memory
) -> pd.Timestamp | None:
    """Return the newest slot that was told and that the source had something in; `last` is the newest that was told.

    If there is none, the slot before all that are known. None if those are still to come: somebody ran for a future
    `at`, and nothing else is remembered.
    """
    length = monitor.slot_length
    if monitor.empty == "zero":
        return last
    if not all(_was_empty(monitor, record) for record in memory.slot_records(monitor.name, last, last + length)):
        return last
    since = min(last, newest) - CATCH_UP
    told = [record for record in memory.slot_records(monitor.name, since, last + length) if record.told]
    with_data = [record.slot for record in told if not _was_empty(monitor, record)]
    first = told[0].slot
    return with_data[-1] if with_data else first - length if first <= newest else None


def _was_empty(monitor: Monitor, record: SlotRecord) -> bool:
    """Whether the source had nothing at all for a slot when it was judged.

    Not so if a detector failed or other metrics were watched then: what is not known to be empty keeps its verdict.
    """
    judged = {row["metric"]: row for row in record.judgements}
    return judged.keys() == {metric.name for metric in monitor.metrics} and all(
        judged[metric.name]["value"] is None
        # Of a ratio over 0 there was a row: what it is over.
        and (metric.denominator is None or judged[metric.name]["volume"] is None)
        for metric in monitor.metrics
    )


def due(monitor: Monitor, task: Task, panel: pd.DataFrame) -> list[pd.Timestamp]:
    """Return the slots of `task` that are to be judged now that they have been read.

    Of those that were empty before, the ones that have come: but only once a slot after them has something that was not
    judged yet. As long as the source lags, it would else be said in every run that data came back and is missing again.
    """
    is_empty = dict(zip(task.slots, monitor.is_empty(panel.loc[list(task.slots)]), strict=True))
    news = [slot for slot in task.slots if not is_empty[slot] and (slot not in task.empty or slot == task.newest)]
    come = {slot for slot in task.empty if news and slot <= news[-1] and not is_empty[slot]}
    return [slot for slot in task.slots if slot not in task.empty or slot in come or slot == task.newest]


def read(monitor: Monitor, task: Task, memory: Memory, state: State) -> tuple[pd.DataFrame, list[Reading]]:
    """Return the panel to judge the slots of `task` by, and what was read anew for it.

    Raises
    ------
    SourceError
        If the source could not be read.
    """
    length = monitor.slot_length
    watched = {metric.name for metric in monitor.metrics}
    shown = [incident.start for incident in state.incidents() if incident.metric in watched]
    day = monitor.local_day(task.slots[0])[0].tz_convert("UTC")
    # From the local midnight on, or the start of what is going on, so that a picture can show it beside its baseline.
    earliest = max(min([task.slots[0], day, *shown]), task.slots[0] - CATCH_UP)
    start, end = (earliest - monitor.lookback).floor(length), task.slots[-1] + length
    known = memory.readings(readings_of(monitor), start, end)
    fresh_from = max(start, task.slots[0] - TAIL_SLOTS * length)
    if not _covers(known, pd.date_range(start, fresh_from, freq=length, inclusive="left"), monitor.columns):
        fresh_from = start
    fresh = monitor.read(fresh_from, end)
    rows = pd.concat([_frame(known, start, fresh_from, monitor), fresh]) if fresh_from > start else fresh
    return monitor.completed(rows), _readings(monitor, fresh)


def recorded(monitor: Monitor, slot: pd.Timestamp, memory: Memory) -> pd.DataFrame:
    """Return the judgements of a slot as they were given: a verdict stays as it is, also when it is asked for again."""
    records = memory.slot_records(monitor.name, slot, slot + monitor.slot_length)
    rows = [{**row, "slot": record.slot} for record in records for row in record.judgements]
    frame = pd.DataFrame(rows)
    numbers = [
        name for name in ("value", "expected", "lower", "upper", "score", "deviation", "volume") if name in frame
    ]
    if len(frame):
        frame["slot"] = frame["slot"].dt.as_unit("ns")
    return frame.astype(dict.fromkeys(numbers, "float64"))


def readings_of(monitor: Monitor) -> str:
    """Return what the rows read for `monitor` are kept under: rows of other slots or another query are none of them."""
    text = shown((monitor.slot_length, getattr(monitor.source, "query", None)))
    return f"{monitor.name}/{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def definition_of(monitor: Monitor) -> str:
    """Return a short hash of how the metrics of `monitor` are judged: recorded beside a verdict, no part of its key."""
    settings = [(m.name, shown(m.detector), m.absent, m.denominator, shown(m.policy)) for m in monitor.metrics]
    text = repr((settings, monitor.slot_length, monitor.timezone, monitor.empty))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _covers(
    known: Mapping[pd.Timestamp, Mapping[str, float | None] | None], slots: pd.DatetimeIndex, columns: Sequence[str]
) -> bool:
    return all(slot in known and (known[slot] is None or set(columns) <= set(known[slot] or ())) for slot in slots)


def _frame(
    known: Mapping[pd.Timestamp, Mapping[str, float | None] | None],
    start: pd.Timestamp,
    end: pd.Timestamp,
    monitor: Monitor,
) -> pd.DataFrame:
    slots = pd.date_range(start, end, freq=monitor.slot_length, inclusive="left")
    rows = [known[slot] or {} for slot in slots]
    columns = {
        name: np.array([np.nan if row.get(name) is None else row[name] for row in rows], dtype=np.float64)
        for name in monitor.columns
    }
    return pd.DataFrame(columns, index=slots)


def _readings(monitor: Monitor, fresh: pd.DataFrame) -> list[Reading]:
    records = fresh.to_dict("records")
    return [
        # Also where there is nothing, by column: a metric that is watched later was not asked for then.
        Reading(readings_of(monitor), slot, _row(row))
        for slot, row in zip(fresh.index, records, strict=True)
    ]


def _row(row: Mapping[object, float]) -> dict[str, float | None]:
    # What is infinite here is a ratio over 0, that is a gap: a panel with any other would have been refused.
    return {str(name): float(value) if math.isfinite(value) else None for name, value in row.items()}
