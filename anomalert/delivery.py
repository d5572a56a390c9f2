"""From an outbox to notifiers: in which order, with which deadline, and what follows from each outcome.

A try is noted before its first byte leaves and its outcome before the next try begins, so that a process that dies
leaves at most one message per channel of which it is not known whether it arrived. Pipelines call this; it calls
notifiers and outboxes by their seams, and `messages`.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Thread

import pandas as pd

from anomalert.crashpoints import reached
from anomalert.errors import AnomalertError, DeliveryError, LedgerError, NotSentError, UnknownOutcomeError
from anomalert.interfaces import Delivery, Notifier, plugin_name
from anomalert.ledger.records import Pending, StoredMessage
from anomalert.messages import Draft, digest
from anomalert.outbox import Outbox
from anomalert.phrases import LANGUAGES

__all__ = ["deliver"]

UNKNOWNS_ALLOWED = 2
"""A message is tried once more after an unknown outcome, marked as a possible repeat, and then no more."""


def deliver(
    outbox: Outbox,
    notifiers: Sequence[Notifier],
    slot: pd.Timestamp,
    deadline: pd.Timedelta,
    fallback: Notifier | None = None,
) -> tuple[list[Delivery], list[AnomalertError]]:
    """Send what is pending, every channel on its own: one that hangs or breaks delays no other.

    Parameters
    ----------
    outbox : Outbox
        What is to be sent.
    notifiers : sequence of Notifier
        To whom.
    slot : pandas.Timestamp
        The newest slot: what is about it goes first, what is older follows, several as one digest.
    deadline : pandas.Timedelta
        How long a channel may take; a channel that has not answered by then is left alone, its outcome unknown.
    fallback : Notifier, optional
        Gets what a channel refuses.

    Returns
    -------
    tuple
        The deliveries of this call, and the errors of those that were not accepted.
    """
    channels = [_Channel(notifier, outbox, slot, time.monotonic() + deadline.total_seconds()) for notifier in notifiers]
    _run_side_by_side(channels)
    if fallback is not None:
        for channel in channels:
            for refused in channel.refused:
                outbox.queue(refused, plugin_name(fallback))
        last = _Channel(fallback, outbox, slot, time.monotonic() + deadline.total_seconds())
        _run_side_by_side([last])
        channels.append(last)
    deliveries = [delivery for channel in channels for delivery in channel.deliveries]
    return deliveries, [error for channel in channels for error in channel.errors]


def _run_side_by_side(channels: Sequence["_Channel"]) -> None:
    # Daemons: a notifier that never returns must not keep the process from its end.
    threads = [Thread(target=channel.run, name=f"anomalert-{channel.name}", daemon=True) for channel in channels]
    for thread in threads:
        thread.start()
    for thread, channel in zip(threads, channels, strict=True):
        thread.join(max(channel.until - time.monotonic(), 0.0))
        if thread.is_alive():
            channel.abandon()


@dataclass
class _Channel:
    """One notifier's turn."""

    notifier: Notifier
    outbox: Outbox
    slot: pd.Timestamp
    until: float
    deliveries: list[Delivery] = field(default_factory=list)
    errors: list[AnomalertError] = field(default_factory=list)
    refused: list[StoredMessage] = field(default_factory=list)
    _sending: tuple[Pending, int] | None = None
    _is_abandoned: bool = False

    @property
    def name(self) -> str:
        return plugin_name(self.notifier)

    def run(self) -> None:
        """Send what is pending: the newest slot first, then what is in doubt, then the rest as one."""
        try:
            for pending in self._in_order():
                if self._is_abandoned or time.monotonic() >= self.until:
                    self.errors.append(NotSentError(f"notifier {self.name!r}: no time left for {pending.message.key}"))
                    continue
                self._send(pending)
        except AnomalertError as error:  # The ledger failed under way: what was not noted stays pending there.
            self.errors.append(error)

    def abandon(self) -> None:
        """Leave a channel that has not answered in time: what it is sending may still arrive."""
        self._is_abandoned = True
        if self._sending is not None:
            pending, attempt = self._sending
            error = UnknownOutcomeError(f"notifier {self.name!r} has not answered within its deadline")
            try:
                self._failed(pending, attempt, error)
            except LedgerError as trouble:  # Not noted, so it is in doubt, and will be told again and marked.
                self.errors.append(trouble)

    def _in_order(self) -> list[Pending]:
        pending = self.outbox.pending(self.name)
        live = [each for each in pending if each.message.slot >= self.slot]
        late = [each for each in pending if each.message.slot < self.slot]
        # What may have arrived goes as it was, marked; in a digest it could not be told apart.
        doubtful = [each for each in late if each.in_doubt or each.unknowns]
        plain = [each for each in late if not (each.in_doubt or each.unknowns)]
        return [*live, *doubtful, *(self._as_digest(plain) if len(plain) > 1 else plain)]

    def _as_digest(self, late: Sequence[Pending]) -> list[Pending]:
        # From what it stands for, so that two digests of one slot never share a key.
        content = hashlib.sha256("\n".join(each.message.key for each in late).encode()).hexdigest()[:16]
        key = f"digest/{self.name}/{content}"
        drafts = [Draft.from_dict(each.message.body) for each in late]
        stored = StoredMessage(key, late[-1].message.slot, digest(drafts, key).to_dict())
        self.outbox.fold([each.message.key for each in late], self.name, stored)
        reached("delivery: a digest stands in place of late messages")
        return [Pending(stored, self.name, 0, in_doubt=False, unknowns=0)]

    def _send(self, pending: Pending) -> None:
        key = pending.message.key
        draft = Draft.from_dict(pending.message.body)
        unsure = self.outbox.unsure(self.name)
        notes = [LANGUAGES[draft.language].unsure.format(headline=each.body["headline"]) for each in unsure]
        reply_to = self.outbox.receipt(draft.replies_to, self.name) if draft.replies_to else None
        message = draft.message(reply_to, may_repeat=pending.in_doubt or pending.unknowns > 0, notes=notes)
        attempt = self.outbox.claim([key], self.name)
        if attempt is None:
            return
        self._sending = (pending, attempt)
        reached("delivery: claimed, nothing sent")
        try:
            receipt = self.notifier.send(message)
        except DeliveryError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 - other people's code: whatever it raises is an unknown outcome
            error = UnknownOutcomeError(f"notifier {self.name!r} raised {type(raised).__name__}: {raised}")
            error.__cause__ = raised
        else:
            reached("delivery: accepted, not noted")
            if not self._is_abandoned:
                self.outbox.record([key], self.name, attempt, "accepted", receipt=receipt, final=True)
                self.deliveries.append(Delivery(key, self.name, "accepted", receipt))
                self._sending = None
                if unsure:
                    self.outbox.told_unsure([each.key for each in unsure], self.name)
            return
        reached("delivery: not accepted, not noted")
        if not self._is_abandoned:
            self._failed(pending, attempt, error)

    def _failed(self, pending: Pending, attempt: int, error: DeliveryError) -> None:
        self._sending = None
        given_up = error.outcome == "unknown" and pending.unknowns + 1 >= UNKNOWNS_ALLOWED
        refused = error.outcome == "rejected" and error.retry_after is None
        if refused:
            self.refused.append(pending.message)
        self._note(pending.message.key, attempt, error, final=given_up or refused)

    def _note(self, key: str, attempt: int, error: DeliveryError, *, final: bool) -> None:
        self.errors.append(error)
        self.deliveries.append(Delivery(key, self.name, error.outcome, error=str(error)))
        self.outbox.record([key], self.name, attempt, error.outcome, error=str(error), final=final)
