"""The ledger as frames: what was judged, said and read, for notebooks.

`Ledger.history` gives one; it calls `store` and `encoding`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from anomalert.episodes import NUMBERS
from anomalert.ledger.encoding import from_json, judgements_from_json, layouts_of
from anomalert.ledger.store import Store
from anomalert.ledger.tables import ATTEMPTS, DELIVERIES, INCIDENTS, LAYOUTS, MESSAGES, REVISIONS, SLOTS, Row, Table

__all__ = ["LedgerHistory", "read_history"]

SHOWN = (SLOTS, INCIDENTS, MESSAGES, DELIVERIES, ATTEMPTS, REVISIONS)


@dataclass(frozen=True)
class LedgerHistory:
    """What the ledger held at one moment, as frames; instants are UTC, unknown numbers NaN.

    Parameters
    ----------
    rows : mapping of str to list
        Rows by name of their table.
    """

    rows: Mapping[str, list[Row]]

    @cached_property
    def judgements(self) -> pd.DataFrame:
        """One row per metric and judged slot: pipeline, monitor, slot, told, definition, and the judgement."""
        names = ("pipeline", "monitor", "slot", "told", "definition")
        layouts = layouts_of(self.rows[LAYOUTS.name])
        expanded = (
            {**_some(row, names), **judgement}
            for row in self.rows[SLOTS.name]
            for judgement in judgements_from_json(str(row["judgements"]), layouts)
        )
        frame = _frame(expanded, names, instants=("slot",))
        # Of slots without a single value pandas would make a column of None.
        return frame.astype({"told": bool, **{name: float for name in (*NUMBERS, "volume") if name in frame}})

    @cached_property
    def incidents(self) -> pd.DataFrame:
        """One row per incident: pipeline, incident, ended (NaT while it lasts), and what is kept of it."""
        frame = self._with_body(INCIDENTS, ("pipeline", "incident", "ended"), "ended")
        for name in frame.columns.intersection(["start", "end", "peak_slot"]):
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
        return frame

    @cached_property
    def messages(self) -> pd.DataFrame:
        """One row per message: pipeline, message, slot, and what it is made of."""
        return self._with_body(MESSAGES, ("pipeline", "message", "slot"), "slot")

    @cached_property
    def deliveries(self) -> pd.DataFrame:
        """One row per message and notifier: status, number of tries, those without an outcome, the last outcome."""
        return self._plain(DELIVERIES, "slot")

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """One row per try; a missing outcome is that of a process that died."""
        return self._plain(ATTEMPTS)

    @cached_property
    def revisions(self) -> pd.DataFrame:
        """One row per value that was read differently before: what it was, and what it became."""
        names = ("pipeline", "monitor", "slot", "revision", "seen")
        expanded = (
            {**_some(row, names), "metric": metric, "before": before, "after": after}
            for row in self.rows[REVISIONS.name]
            for metric, (before, after) in from_json(str(row["changes"])).items()
        )
        frame = _frame(expanded, (*names, "metric", "before", "after"), instants=("slot", "seen"))
        return frame.astype({"before": float, "after": float})

    def __repr__(self) -> str:
        counted = ", ".join(f"{len(self.rows[table.name])} {table.name.removeprefix('anomalert_')}" for table in SHOWN)
        return f"LedgerHistory of {counted}"

    def _with_body(self, table: Table, names: tuple[str, ...], instant: str) -> pd.DataFrame:
        expanded = ({**from_json(str(row["body"])), **_some(row, names)} for row in self.rows[table.name])
        return _frame(expanded, names, instants=(instant,))

    def _plain(self, table: Table, *instants: str) -> pd.DataFrame:
        return _frame(self.rows[table.name], table.columns, instants=instants)


def read_history(store: Store, pipeline: str | None) -> LedgerHistory:
    """Return what `store` holds of `pipeline`, or of all."""
    condition = "1 = 1" if pipeline is None else "pipeline = :pipeline"
    with store.snapshot():
        return LedgerHistory(
            {
                table.name: store.select(table, f"{condition} ORDER BY {', '.join(table.key)}", pipeline=pipeline)
                for table in (*SHOWN, LAYOUTS)
            }
        )


def _some(row: Row, names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _frame(records: Iterable[Mapping[str, Any]], first: tuple[str, ...], instants: tuple[str, ...]) -> pd.DataFrame:
    """Return records as a frame that begins with the columns `first` and has them also without any record."""
    frame = pd.DataFrame(list(records))
    frame = frame.reindex(columns=[*first, *frame.columns.difference(list(first), sort=False)])
    for name in instants:
        frame[name] = pd.to_datetime(frame[name], unit="s", utc=True)
    return frame
