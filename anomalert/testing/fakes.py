"""A source and a notifier for tests: they hold what they give and what they got, and fail when told to.

Tests of pipelines and plug-ins call this; it calls the seams only.
"""

from collections.abc import Iterable, Iterator

import pandas as pd

from anomalert.errors import DeliveryError, SourceError
from anomalert.interfaces import Message

__all__ = ["FakeNotifier", "FakeSource"]


class FakeNotifier:
    """A notifier that keeps its messages instead of sending them.

    Parameters
    ----------
    errors : iterable of DeliveryError or None
        What the sends raise, one after another; None, or the end, is a send that is accepted. For a channel that
        never works: ``itertools.repeat(NotSentError("no network"))``.
    name : str, default "fake"
        The channel's name in reports.

    Attributes
    ----------
    messages : list of Message
        What was accepted; the receipts are their positions, from ``"1"``.
    attempts : list of Message
        Every message that `send` was called with.

    Examples
    --------
    >>> from anomalert.errors import NotSentError
    >>> notifier = FakeNotifier([NotSentError("no network")])
    >>> message = Message("likes-1", alerts=(), headline="likes: 812, usually 2110")
    >>> notifier.send(message)
    Traceback (most recent call last):
        ...
    anomalert.errors.NotSentError: no network
    >>> notifier.send(message), len(notifier.attempts), [message.headline for message in notifier.messages]
    ('1', 2, ['likes: 812, usually 2110'])
    """

    def __init__(self, errors: Iterable[DeliveryError | None] = (), *, name: str = "fake") -> None:
        self.name = name
        self.messages: list[Message] = []
        self.attempts: list[Message] = []
        self._errors: Iterator[DeliveryError | None] = iter(errors)

    def send(self, message: Message) -> str:
        """Keep `message` and return its receipt, or raise the next error.

        Raises
        ------
        DeliveryError
            The next of `errors`.
        """
        self.attempts.append(message)
        error = next(self._errors, None)
        if error is not None:
            raise error
        self.messages.append(message)
        return str(len(self.messages))

    def __repr__(self) -> str:
        return f"FakeNotifier(name={self.name!r}, {len(self.messages)} of {len(self.attempts)} sends accepted)"


class FakeSource:
    """A source that reads from a frame, and notes what was read.

    Parameters
    ----------
    panel : pandas.DataFrame
        One row per slot, an aware DatetimeIndex, one float column per metric. Rows may be changed between reads, as
        those of a database.
    errors : iterable of SourceError or None
        What the reads raise, one after another; None, or the end, is a read that works.
    name : str, default "fake"
        The source's name in errors.

    Attributes
    ----------
    reads : list of (Timestamp, Timestamp)
        Start and end of every read.

    Examples
    --------
    >>> from anomalert.testing import synthetic_panel
    >>> source = FakeSource(synthetic_panel(days=1))
    >>> source.read(pd.Timestamp("2026-10-05T12:00Z"), pd.Timestamp("2026-10-05T13:00Z")).shape
    (4, 2)
    """

    def __init__(self, panel: pd.DataFrame, errors: Iterable[SourceError | None] = (), *, name: str = "fake") -> None:
        self.name = name
        self.panel = panel
        self.reads: list[tuple[pd.Timestamp, pd.Timestamp]] = []
        self._errors: Iterator[SourceError | None] = iter(errors)

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Return a copy of the rows of ``[start, end)`` in UTC, or raise the next error.

        Raises
        ------
        SourceError
            The next of `errors`.
        """
        self.reads.append((start, end))
        error = next(self._errors, None)
        if error is not None:
            raise error
        rows = self.panel[(self.panel.index >= start) & (self.panel.index < end)]
        return rows.astype("float64").tz_convert("UTC")

    def __repr__(self) -> str:
        return f"FakeSource(name={self.name!r}, {len(self.panel)} rows, {len(self.reads)} reads)"
