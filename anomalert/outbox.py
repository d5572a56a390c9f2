"""What delivery works through: messages that are still to be sent, and what became of each try.

A ledger's session is an outbox that survives; `MemoryOutbox` is one that lives as long as a run, for pipelines without
a ledger and for runs whose ledger cannot be used. Delivery and pipelines call this; it calls `ledger.records`.
"""

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Protocol

from anomalert.errors import Outcome
from anomalert.ledger.records import Pending, StoredMessage

__all__ = ["MemoryOutbox", "Outbox"]


class Outbox(Protocol):
    """The part of a ledger's session that delivery needs; every method is durable before it returns."""

    def pending(self, notifier: str) -> list[Pending]:
        """Return what is still to be sent to `notifier`, the oldest slot first."""
        ...

    def claim(self, keys: Sequence[str], notifier: str) -> int | None:
        """Note that these messages are about to be sent as one; return the number of the try, None if taken."""
        ...

    def record(
        self,
        keys: Sequence[str],
        notifier: str,
        attempt: int,
        outcome: Outcome,
        *,
        receipt: str | None = None,
        error: str | None = None,
        final: bool,
        handed_on: bool = False,
    ) -> None:
        """Note what became of a try; `final` closes the deliveries, else they stay pending.

        Closed without having been accepted, they are unsure, unless they were `handed_on` to another notifier.
        """
        ...

    def receipt(self, key: str, notifier: str) -> str | None:
        """Return the channel's id of a message that it accepted."""
        ...

    def queue(self, message: StoredMessage, notifier: str) -> None:
        """Have `message` sent to `notifier` as well; nothing happens if that is queued already."""
        ...

    def fold(self, keys: Sequence[str], notifier: str, digest: StoredMessage) -> None:
        """Send `digest` to `notifier` in place of the messages `keys`, which are pending or unsure."""
        ...

    def unsure(self, notifier: str) -> list[StoredMessage]:
        """Return the messages that were given up or refused, and that nobody was told of since."""
        ...

    def told_unsure(self, keys: Sequence[str], notifier: str) -> None:
        """Note that `notifier` was told that these may not have arrived."""
        ...


class MemoryOutbox:
    """An outbox that forgets: each message is tried once."""

    def __init__(self, messages: Iterable[StoredMessage], notifiers: Iterable[str]) -> None:
        self._lock = Lock()
        self._messages = list(messages)
        self._open = {name: [message.key for message in self._messages] for name in notifiers}
        self._queued = {(name, key) for name, keys in self._open.items() for key in keys}

    def pending(self, notifier: str) -> list[Pending]:
        """Return the messages that `notifier` has not been tried with."""
        with self._lock:
            keys = set(self._open.get(notifier, ()))
            messages = sorted((m for m in self._messages if m.key in keys), key=lambda message: message.slot)
            return [Pending(message, notifier, 0, in_doubt=False, unknowns=0) for message in messages]

    def claim(self, keys: Sequence[str], notifier: str) -> int | None:
        """Take the messages out: there is one try."""
        with self._lock:
            still = self._open[notifier]
            if not set(keys) <= set(still):
                return None
            self._open[notifier] = [key for key in still if key not in keys]
            return 1

    def record(
        self,
        keys: Sequence[str],
        notifier: str,
        attempt: int,
        outcome: Outcome,
        *,
        receipt: str | None = None,
        error: str | None = None,
        final: bool,
        handed_on: bool = False,
    ) -> None:
        """Forget it: there is nowhere to keep it."""

    def receipt(self, key: str, notifier: str) -> str | None:  # noqa: ARG002 - the seam of outboxes
        """Return None: what an earlier run sent is not known."""
        return None

    def queue(self, message: StoredMessage, notifier: str) -> None:
        """Have `message` sent to `notifier` as well."""
        with self._lock:
            if (notifier, message.key) in self._queued:
                return
            self._queued.add((notifier, message.key))
            if all(message.key != known.key for known in self._messages):
                self._messages.append(message)
            self._open.setdefault(notifier, []).append(message.key)

    def fold(self, keys: Sequence[str], notifier: str, digest: StoredMessage) -> None:
        """Send `digest` in place of `keys`."""
        with self._lock:
            self._open[notifier] = [key for key in self._open[notifier] if key not in keys] + [digest.key]
            self._messages.append(digest)

    def unsure(self, notifier: str) -> list[StoredMessage]:  # noqa: ARG002 - the seam of outboxes
        """Return nothing: it is not known."""
        return []

    def told_unsure(self, keys: Sequence[str], notifier: str) -> None:
        """Forget it."""
