"""From an outbox to notifiers: in which order, with which deadline, and what follows from each outcome.

A try is noted before its first byte leaves and its outcome before the next try begins, so that a process that dies
leaves at most one message per channel of which it is not known whether it arrived. Pipelines call this; it calls
notifiers and outboxes by their seams, and `messages`.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

import pandas as pd

from anomalert.crashpoints import reached
from anomalert.errors import (
    AnomalertError,
    DeliveryError,
    LedgerDamagedError,
    LedgerError,
    NotSentError,
    UnknownOutcomeError,
)
from anomalert.interfaces import Delivery, Notifier, plugin_name
from anomalert.ledger.records import Pending, StoredMessage
from anomalert.messages import Draft, digest
from anomalert.outbox import Outbox
from anomalert.phrases import LANGUAGES

__all__ = ["deliver", "note_accepted"]

UNKNOWNS_ALLOWED = 2
"""A message is tried once more after an unknown outcome, marked as a possible repeat, and then no more."""

FALLBACK_SECONDS = 2.0
"""After so long the fallback gets what was refused, also while other channels have not answered."""

NOTING_SECONDS = 1.0
"""How long a channel that is past its deadline, and sends nothing, may take to note its last outcome."""

ENDING_SECONDS = 2.0
"""How long all channels together may take to note their outcomes when the process is asked to end."""


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
    seconds = deadline.total_seconds()
    stand_in = None if fallback is None else plugin_name(fallback)
    channels = [_Channel(notifier, outbox, slot, seconds, fallback=stand_in) for notifier in notifiers]
    last = [] if fallback is None else [_Channel(fallback, outbox, slot, seconds) for _ in range(2)]
    try:
        _take_turns(channels, last)
    except BaseException:  # Somebody wants the process to end: Ctrl-C, or a scheduler whose time is up.
        until = time.monotonic() + ENDING_SECONDS
        for channel in (*channels, *last):
            channel.leave(max(until - time.monotonic(), 0.0))
        raise
    deliveries = [delivery for channel in (*channels, *last) for delivery in channel.deliveries]
    return deliveries, [error for channel in (*channels, *last) for error in channel.errors]


def _take_turns(channels: Sequence["_Channel"], last: Sequence["_Channel"]) -> None:
    """Have all channels send, and then the fallback what they refused: once soon, and once when all have ended."""
    for channel in channels:
        channel.start()
    if last:
        # Soon, so that one channel that hangs does not keep what another refused from being told.
        for channel in channels:
            channel.wait(FALLBACK_SECONDS)
        _fall_back(channels, last[0])
    for channel in channels:
        channel.finish()
    if last and any(channel.refused for channel in channels):
        _fall_back(channels, last[1])


def _fall_back(channels: Sequence["_Channel"], last: "_Channel") -> None:
    for channel in channels:
        while channel.refused:
            message, error = channel.refused.pop(0)
            last.reasons.setdefault(message.key, {})[channel.name] = str(error)
    last.start()
    last.finish()


def note_accepted(outbox: Outbox, deliveries: Sequence[Delivery]) -> None:
    """Note in an outbox that was opened anew what was accepted and could not be noted before."""
    for delivery in deliveries:
        if delivery.outcome != "accepted":
            continue
        waiting = {pending.message.key for pending in outbox.pending(delivery.notifier)}
        attempt = outbox.claim([delivery.message], delivery.notifier) if delivery.message in waiting else None
        if attempt is not None:
            keys, to = [delivery.message], delivery.notifier
            outbox.record(keys, to, attempt, "accepted", receipt=delivery.receipt, final=True)


@dataclass
class _Channel:
    """One notifier's turn, in a thread of its own."""

    notifier: Notifier
    outbox: Outbox
    slot: pd.Timestamp
    seconds: float
    fallback: str | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    errors: list[AnomalertError] = field(default_factory=list)
    refused: list[tuple[StoredMessage, DeliveryError]] = field(default_factory=list)
    reasons: dict[str, dict[str, str]] = field(default_factory=dict)
    # A thread whose `join` was interrupted by a signal passes for one that has ended (CPython's bpo-45274).
    _is_over: Event = field(default_factory=Event)
    _began: float | None = None
    _left: list[Pending] = field(default_factory=list)
    _sending: tuple[Pending, int] | None = None
    _is_abandoned: bool = False
    _lock: Lock = field(default_factory=Lock)

    def start(self) -> None:
        """Begin; the deadline runs from now."""
        self._began = time.monotonic()
        # A daemon: a notifier that never returns must not keep the process from its end.
        Thread(target=self._run, name=f"anomalert-{self.name}", daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Wait for the end of the turn, until so long after its start and not beyond the deadline."""
        self._is_over.wait(max(self._time_left() - max(self.seconds - seconds, 0.0), 0.0))

    def finish(self) -> None:
        """Wait until the deadline; then leave the channel alone: what it is sending may still arrive."""
        self.wait(self.seconds)
        self.leave(NOTING_SECONDS)

    def leave(self, seconds: float) -> None:
        """Leave the channel alone; what it is sending is noted as unknown, what it is noting may take so long."""
        if self._began is None or self._is_over.is_set():
            return
        with self._lock:
            self._is_abandoned = True
            sending, self._sending = self._sending, None
        if sending is None:  # It is noting an outcome, or just begins a message, which it will not send.
            if not self._is_over.wait(seconds):
                self.errors.append(NotSentError(f"notifier {self.name!r}: its outbox has not answered in time"))
            return
        error = UnknownOutcomeError(f"notifier {self.name!r} has not answered within its deadline")
        try:
            self._failed(*sending, error)
        except LedgerError as trouble:  # Not noted, so it is in doubt, and will be told again and marked.
            self.errors.append(trouble)
        self.errors += [self._too_late(pending) for pending in self._left]

    @property
    def name(self) -> str:
        return plugin_name(self.notifier)

    def _time_left(self) -> float:
        return 0.0 if self._began is None else self._began + self.seconds - time.monotonic()

    def _run(self) -> None:
        """Send what is pending: the newest slot first, then what is in doubt, then the rest as one."""
        try:
            self._left = self._in_order()
            while self._left and not self._is_abandoned:
                pending = self._left.pop(0)
                if self._time_left() <= 0:
                    self.errors.append(self._too_late(pending))
                else:
                    self._send(pending)
        except AnomalertError as error:  # The ledger failed under way: what was not noted stays pending there.
            self.errors.append(error)
        except BaseException as error:  # noqa: BLE001 - a thread has no caller: what is not told here is told to nobody
            stopped = UnknownOutcomeError(f"notifier {self.name!r}: its delivery stopped on {type(error).__name__}")
            stopped.__cause__ = error
            self.errors.append(stopped)
        finally:
            self._is_over.set()

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
        drafts = [_draft_of(each) for each in late]
        stored = StoredMessage(key, late[-1].message.slot, digest(drafts, key).to_dict())
        self.outbox.fold([each.message.key for each in late], self.name, stored)
        reached("delivery: a digest stands in place of late messages")
        return [Pending(stored, self.name, 0, in_doubt=False, unknowns=0)]

    def _send(self, pending: Pending) -> None:
        key = pending.message.key
        draft = _draft_of(pending)
        unsure = self.outbox.unsure(self.name)
        phrases = LANGUAGES[draft.language]
        notes = [phrases.unsure.format(headline=each.body["headline"]) for each in unsure]
        notes += [phrases.refused.format(notifier=n, reason=r) for n, r in self.reasons.get(key, {}).items()]
        reply_to = self.outbox.receipt(draft.replies_to, self.name) if draft.replies_to else None
        message = draft.message(reply_to, may_repeat=pending.in_doubt or pending.unknowns > 0, notes=notes)
        attempt = self.outbox.claim([key], self.name)
        if attempt is None:
            return
        if not self._begun(pending, attempt):
            self._note(key, attempt, self._too_late(pending), final=False)
            return
        reached("delivery: claimed, nothing sent")
        try:
            receipt = self.notifier.send(message)
        except DeliveryError as raised:
            error = raised
        except BaseException as raised:  # noqa: BLE001 - other people's code: whatever it raises is an unknown outcome
            # Not its text: that of a network library often holds the URL, and the token in it.
            error = UnknownOutcomeError(f"notifier {self.name!r} raised {type(raised).__name__}; the cause is chained")
            error.__cause__ = raised
        else:
            reached("delivery: accepted, not noted")
            if self._ended():
                self._accepted(key, attempt, None if receipt is None else str(receipt))
                if unsure:
                    self.outbox.told_unsure([each.key for each in unsure], self.name)
            return
        reached("delivery: not accepted, not noted")
        if self._ended():
            self._failed(pending, attempt, error)

    def _begun(self, pending: Pending, attempt: int) -> bool:
        """Note what is being sent; False if the channel was left alone meanwhile."""
        with self._lock:
            self._sending = None if self._is_abandoned else (pending, attempt)
            return not self._is_abandoned

    def _ended(self) -> bool:
        """Note that nothing is being sent; False if the channel was left alone meanwhile, and its outcome noted."""
        with self._lock:
            sending, self._sending = self._sending, None
            return sending is not None

    def _too_late(self, pending: Pending) -> NotSentError:
        return NotSentError(f"notifier {self.name!r}: no time left for {pending.message.key}")

    def _accepted(self, key: str, attempt: int, receipt: str | None) -> None:
        self.deliveries.append(Delivery(key, self.name, "accepted", receipt))
        self.outbox.record([key], self.name, attempt, "accepted", receipt=receipt, final=True)

    def _failed(self, pending: Pending, attempt: int, error: DeliveryError) -> None:
        given_up = error.outcome == "unknown" and pending.unknowns + 1 >= UNKNOWNS_ALLOWED
        refused = error.outcome == "rejected" and error.retry_after is None
        if refused and self.fallback is not None:
            # Before the refusal is noted as final: a process that dies between the two would have it told to nobody.
            self.outbox.queue(pending.message, self.fallback)
            reached("delivery: queued for the fallback, refusal not noted")
        if refused:
            self.refused.append((pending.message, error))
        self._note(pending.message.key, attempt, error, final=given_up or refused)

    def _note(self, key: str, attempt: int, error: DeliveryError, *, final: bool) -> None:
        self.errors.append(error)
        self.deliveries.append(Delivery(key, self.name, error.outcome, error=str(error)))
        self.outbox.record([key], self.name, attempt, error.outcome, error=str(error), final=final)


def _draft_of(pending: Pending) -> Draft:
    try:
        return Draft.from_dict(pending.message.body)
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerDamagedError(f"message {pending.message.key} in the ledger cannot be read: {error!r}") from error
