"""What the ledger's tables hold, and how a row is sealed so that damage shows.

Every row carries a checksum over all of its columns, and the number of rows of each table is kept beside them. That is
there against damage, not against people: who can change a row can change its checksum. The rooms of the ledger call
this; it calls nothing of the package but `errors`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from anomalert.errors import LedgerDamagedError

__all__ = [
    "ATTEMPTS",
    "COUNTED",
    "COUNTS",
    "DELIVERIES",
    "INCIDENTS",
    "LAYOUTS",
    "MESSAGES",
    "READINGS",
    "REVISIONS",
    "SLOTS",
    "STATES",
    "TABLES",
    "VERSIONS",
    "Row",
    "Table",
]

Row = dict[str, str | int | None]
"""A row by column, without its checksum."""


@dataclass(frozen=True)
class Table:
    """A table, and the statements on it: one text for both engines, with named parameters.

    Parameters
    ----------
    name : str
        In the database.
    key : tuple of str
        Columns that name a row.
    others : tuple of str
        The rest, without ``checksum``.
    """

    name: str
    key: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns but ``checksum``."""
        return self.key + self.others

    # The statements are made of the names in this file only; values are always bound.
    @cached_property
    def select(self) -> str:
        """Read whole rows: a condition may follow."""
        return f"SELECT {', '.join(self.columns)}, checksum FROM {self.name}"  # noqa: S608

    @cached_property
    def insert(self) -> str:
        """Add a row, unless one of its key is there."""
        columns = (*self.columns, "checksum")
        bound = ", ".join(f":{column}" for column in columns)
        return f"INSERT INTO {self.name} ({', '.join(columns)}) VALUES ({bound}) ON CONFLICT DO NOTHING"  # noqa: S608

    @cached_property
    def update(self) -> str:
        """Replace a row, unless it has changed since it was read."""
        values = ", ".join(f"{column} = :{column}" for column in (*self.others, "checksum"))
        return f"UPDATE {self.name} SET {values} WHERE {self.same_key} AND checksum = :checksum_before"  # noqa: S608

    @cached_property
    def delete(self) -> str:
        """Remove rows: a condition has to follow."""
        return f"DELETE FROM {self.name} WHERE "  # noqa: S608

    @cached_property
    def count(self) -> str:
        """Count the rows that are there."""
        return f"SELECT count(*) FROM {self.name}"  # noqa: S608

    @cached_property
    def same_key(self) -> str:
        """The condition that finds a row by its key."""
        return " AND ".join(f"{column} = :{column}" for column in self.key)

    def checksum(self, row: Row) -> int:
        """Return the checksum of a row."""
        return self._checksum([row[column] for column in self.columns])

    def _checksum(self, values: Sequence[object]) -> int:
        # As JSON, so that no two rows have the same text; `repr` because damage can make bytes of a text.
        text = json.dumps([self.name, *values], default=repr)
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)

    def opened(self, values: Sequence[object]) -> Row:
        """Return a row that was read as columns and checksum.

        Raises
        ------
        LedgerDamagedError
            If it is not what was written.
        """
        if self._checksum(values[:-1]) != values[-1]:
            raise LedgerDamagedError(f"the ledger is damaged: {self.describe(values)} is not what was written")
        return dict(zip(self.columns, cast("Sequence[str | int | None]", values), strict=False))

    def describe(self, values: Sequence[object]) -> str:
        """Return how people find the row whose columns begin with `values`."""
        named = ", ".join(f"{column} {value!r}" for column, value in zip(self.key, values, strict=False))
        return f"the row of table {self.name} with {named}"


VERSIONS = Table("anomalert_version", ("name",), ("version",))
"""One row; read before anything else, so this table stays as it is in all versions."""

COUNTS = Table("anomalert_counts", ("name",), ("row_count",))
"""How many rows each table has."""

STATES = Table("anomalert_states", ("pipeline",), ("body",))
"""What each pipeline has to remember until its next run."""

SLOTS = Table("anomalert_slots", ("pipeline", "monitor", "slot"), ("definition", "told", "judgements"))
"""The verdicts."""

LAYOUTS = Table("anomalert_layouts", ("pipeline", "layout"), ("names",))
"""The columns of judgements, which would else be half of what verdicts take."""

READINGS = Table("anomalert_readings", ("pipeline", "monitor", "slot"), ("body",))
"""What was read, the newest of it."""

REVISIONS = Table("anomalert_revisions", ("pipeline", "monitor", "slot", "revision"), ("seen", "changes"))
"""What was read differently before; `seen` is the newest slot that was read along with the change."""

INCIDENTS = Table("anomalert_incidents", ("pipeline", "incident"), ("ended", "body"))
"""What happened; `ended` is empty while it lasts."""

MESSAGES = Table("anomalert_messages", ("pipeline", "message"), ("slot", "body"))
"""What there was to say."""

DELIVERIES = Table(
    "anomalert_deliveries",
    ("pipeline", "message", "notifier"),
    ("slot", "status", "attempts", "in_doubt", "unknowns", "outcome", "receipt", "error", "folded_into"),
)
"""A message for a notifier: `status` is pending, done, folded, or unsure: given up or refused, and nobody was told."""

ATTEMPTS = Table("anomalert_attempts", ("pipeline", "message", "notifier", "attempt"), ("outcome", "receipt", "error"))
"""Every try; written before it is made, and once more with its outcome."""

COUNTED = (ATTEMPTS, DELIVERIES, INCIDENTS, LAYOUTS, MESSAGES, READINGS, REVISIONS, SLOTS, STATES)
"""The tables whose rows are counted."""

TABLES = (*COUNTED, COUNTS, VERSIONS)
"""All of them."""
