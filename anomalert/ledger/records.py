"""What crosses the edge of the ledger: plain records, and nothing that is bound to a database.

Everything that reads or writes the ledger imports this; it calls nothing of the package.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["Loss", "Pending", "Reading", "RunRecord", "SlotRecord", "StoredMessage"]


@dataclass(frozen=True)
class Loss:
    """That a pipeline was remembered in a ledger, and that the one which is there now knows nothing of it.

    Parameters
    ----------
    newest : pandas.Timestamp, optional
        The newest slot that had been judged and told, if it is known.
    moved : pathlib.Path, optional
        Where the last damaged ledger was moved; None if there is none.
    """

    newest: pd.Timestamp | None
    moved: Path | None


@dataclass(frozen=True)
class SlotRecord:
    """The verdict on one slot of one monitor.

    Parameters
    ----------
    monitor : str
        Its name.
    slot : pandas.Timestamp
        Start of the slot; a whole second.
    definition : str
        Names the settings it was judged by, such as a hash of them; no part of any key.
    judgements : tuple of dict
        One for each metric, of texts, numbers, booleans and None; NaN is kept as None.
    told : bool
        False if the verdict was only recorded, because the slot is older than what was told already.
    was_empty : bool
        Whether the slot was judged before, when the source had nothing in it: this takes the place of that.
    """

    monitor: str
    slot: pd.Timestamp
    definition: str
    judgements: tuple[dict[str, Any], ...]
    told: bool
    was_empty: bool = False


@dataclass(frozen=True)
class Reading:
    """What a source gave for one slot.

    Parameters
    ----------
    monitor : str
        Its name.
    slot : pandas.Timestamp
        Start of the slot; a whole second.
    row : mapping of str to float, or None
        Value by metric, NaN or None where it is unknown. None in place of the row: the source had none.
    """

    monitor: str
    slot: pd.Timestamp
    row: Mapping[str, float | None] | None


@dataclass(frozen=True)
class StoredMessage:
    """A message as plain data.

    Parameters
    ----------
    key : str
        Names it; a key is queued once, ever.
    slot : pandas.Timestamp
        What it is about; a whole second.
    body : dict
        What JSON can hold; NaN is kept as None.
    """

    key: str
    slot: pd.Timestamp
    body: dict[str, Any]


@dataclass(frozen=True)
class Pending:
    """A delivery that is not closed: one message that one notifier has not been told, or perhaps not.

    Parameters
    ----------
    message : StoredMessage
        What is to be said.
    notifier : str
        By whom.
    attempts : int
        Number of the last try; 0 if there was none.
    in_doubt : bool
        Whether there is a try without an outcome: its process died, and the message may have been delivered.
    unknowns : int
        How many tries ended with an unknown outcome.
    """

    message: StoredMessage
    notifier: str
    attempts: int
    in_doubt: bool
    unknowns: int


@dataclass(frozen=True)
class RunRecord:
    """All that a run adds to the ledger before it sends anything; written as a whole or not at all.

    Parameters
    ----------
    slots : sequence of SlotRecord
        Slots that were judged before stay as they were, but for those that were empty then.
    readings : sequence of Reading
        What was read. Where it differs from what was read before, the ledger keeps both.
    state : dict, optional
        What the pipeline has to remember until its next run, as JSON can hold it; None leaves it as it is.
    incidents : sequence of dict
        Each with a ``"key"``, and an ISO instant as ``"end"`` once it is over. Replaces what stood under that key.
    messages : sequence of StoredMessage
        A key that was queued before is not queued again.
    notifiers : sequence of str
        Each is to get every one of these messages.
    first : str, optional
        Key of the message that each of them is sent at once. Its claim is noted along with it, if it is new, which
        spares a wait for the disk; `LedgerSession.claim` still has to be asked.
    """

    slots: Sequence[SlotRecord] = ()
    readings: Sequence[Reading] = ()
    state: dict[str, Any] | None = None
    incidents: Sequence[dict[str, Any]] = ()
    messages: Sequence[StoredMessage] = ()
    notifiers: Sequence[str] = ()
    first: str | None = None
