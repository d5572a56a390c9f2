"""The durable memory: judged slots, incidents, and what was said to whom. SQLite on one machine, else PostgreSQL."""

from anomalert.ledger.history import LedgerHistory
from anomalert.ledger.ledger import Ledger
from anomalert.ledger.records import Pending, Reading, RunRecord, SlotRecord, StoredMessage
from anomalert.ledger.session import LedgerSession

__all__ = [
    "Ledger",
    "LedgerHistory",
    "LedgerSession",
    "Pending",
    "Reading",
    "RunRecord",
    "SlotRecord",
    "StoredMessage",
]
