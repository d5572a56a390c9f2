"""What is known of a pipeline outside of its ledger: that it was remembered there, and up to which slot.

A ledger that is lost or damaged cannot say that it is: the new one knows nothing, as one does that is used for the
first time. `SqlitePlace` gives a trace, sessions write and read it; it calls `witness`.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from anomalert.ledger.encoding import seconds_of
from anomalert.ledger.witness import Witness

__all__ = ["Trace"]


@dataclass(frozen=True)
class Trace:
    """The newest slot that a pipeline judged and told, noted beside a ledger's file, in the lock of the pipeline.

    Parameters
    ----------
    note : pathlib.Path, optional
        The file with the note, which has to exist; without one nothing is noted and nothing known.
    moved : pathlib.Path, optional
        Where the last damaged ledger of this place was moved.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "alerts.db.feed.lock")
    >>> file.touch()
    >>> trace = Trace(file)
    >>> trace.newest()
    >>> trace.saw(pd.Timestamp("2026-11-24T10:15Z"))
    >>> trace.newest()
    Timestamp('2026-11-24 10:15:00+0000', tz='UTC')
    """

    note: Path | None = None
    moved: Path | None = None

    def saw(self, slot: pd.Timestamp) -> None:
        """Note that `slot` was judged and told; it is not waited for the disk."""
        if self.note is not None:
            Witness(self.note).saw(seconds_of(slot))

    def newest(self) -> pd.Timestamp | None:
        """Return the slot that was noted last; None if it is not known, or there was none."""
        seconds = 0 if self.note is None else Witness(self.note).newest()
        return pd.Timestamp(seconds, unit="s", tz="UTC") if seconds else None
