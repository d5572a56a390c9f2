"""One notifier's turn: in which order it is sent what is pending, and what follows from each outcome.

A try is noted before its first byte leaves and its outcome before the next try begins, so that a process that dies
leaves at most one message per channel of which it is not known whether it arrived. Delivery calls this; it calls
notifiers and outboxes by their seams, and `digests`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Literal

import pandas as pd

from anomalert.crashpoints import reached
from anomalert.digests import (
    UNSURE,
    digest,
    digest_key,
    draft_of,
    goes_as_it_is,
    is_unsure_digest,
    unsure_count,
    unsure_digest,
    unsure_lines,
)
from anomalert.errors import AnomalertError, DeliveryError, LedgerError, NotSentError, UnknownOutcomeError
from anomalert.foreign import place_of
from anomalert.interfaces import Delivery, Message, Notifier, Probing, plugin_name
from anomalert.ledger.records import Pending, StoredMessage
from anomalert.messages import Draft
from anomalert.outbox import Outbox
from anomalert.phrases import LANGUAGES

__all__ = ["Channel"]

UNKNOWNS_ALLOWED = 2
"""A message is tried once more after an unknown outcome, marked as a possible repeat, and then no more."""

NOTING_SECONDS = 1.0
"""How long a channel that is past its deadline, and sends nothing, may take to note its last outcome."""


@dataclass
class Channel:
    """One notifier's turn, in a thread of its own.

    Parameters
    ----------
    notifier : Notifier
        To whom.
    outbox : Outbox
        What is to be sent.
    slot : pandas.Timestamp
        The newest: what is about it goes first.
    seconds : float
        How long the turn may take.
    fallback : str, optional
        Name of the notifier that gets what this one refuses.
    deliveries, errors : list
        What became of the turn.
    refused : list
        What the notifier refused, with its answers.
    reasons : dict
        For a fallback: by message, which notifier refused it and why.
    """

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
        """The notifier's, in reports and in the ledger."""
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
            stopped = UnknownOutcomeError(
                f"notifier {self.name!r}: its delivery stopped on {type(error).__name__}{place_of(error)}"
            )
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
        beside = [*live, *doubtful]
        return [*beside, *self._late_as_one(plain, beside)] if pending else self._unsure_once_it_answers()

    def _late_as_one(self, late: list[Pending], beside: Sequence[Pending]) -> list[Pending]:
        """Return what is late as one message, a digest also of one that would follow what is news, and pass for it."""
        others = [draft_of(each.message) for each in beside] if late else []
        if not late or (len(late) == 1 and goes_as_it_is(late[0].message, others)):
            return late
        return self._as_one([each.message for each in late], "digest", others)

    def _unsure_once_it_answers(self) -> list[Pending]:
        """Return what may not have arrived as one message, if there is nothing else to send that could name it."""
        unsure = self.outbox.unsure(self.name)
        # One that was given up or refused itself has to wait for news: a channel that takes messages and never says so,
        # or that refuses what this one says, must not get it again and again.
        if not isinstance(self.notifier, Probing) or not unsure or any(is_unsure_digest(each) for each in unsure):
            return []
        try:
            self.notifier.probe()
        except DeliveryError as error:
            self.errors.append(error)
            return []
        except BaseException as raised:  # noqa: BLE001 - other people's code: whatever it raises is no answer
            failed = UnknownOutcomeError(
                f"notifier {self.name!r}: `probe` raised {type(raised).__name__}{place_of(raised)}"
            )
            failed.__cause__ = raised
            self.errors.append(failed)
            return []
        return [] if self._is_abandoned else self._as_one(unsure, UNSURE)

    def _as_one(self, messages: Sequence[StoredMessage], kind: str, beside: Sequence[Draft] = ()) -> list[Pending]:
        keys = [each.key for each in messages]
        key = digest_key(kind, self.name, keys)
        drafts = [draft_of(each) for each in messages]
        draft = unsure_digest(drafts, key) if kind == UNSURE else digest(drafts, key, beside)
        stored = StoredMessage(key, messages[-1].slot, draft.to_dict())
        self.outbox.fold(keys, self.name, stored)
        reached("delivery: a digest stands in place of messages")
        self.reasons[key] = {name: why for each in keys for name, why in self.reasons.get(each, {}).items()}
        return [Pending(stored, self.name, 0, in_doubt=False, unknowns=0)]

    def _send(self, pending: Pending) -> None:
        """Send one message, which names those before it that may not have arrived."""
        unsure = self.outbox.unsure(self.name)
        phrases = LANGUAGES[draft_of(pending.message).language]
        outcome = self._try(pending, unsure_lines(unsure, phrases), is_last=not unsure)
        if unsure and outcome == "rejected" and self._time_left() > 0:
            # Perhaps for a name in it, of what was refused itself: how many they are offends nobody.
            outcome = self._try(pending, [unsure_count(unsure, phrases)])
        if unsure and outcome == "accepted":
            self.outbox.told_unsure([each.key for each in unsure], self.name)

    def _try(
        self, pending: Pending, notes: list[str], *, is_last: bool = True
    ) -> Literal["accepted", "rejected"] | None:
        """Try once; return what is certain of it: that it was accepted, or refused for good.

        A refusal closes the delivery if the try `is_last`; else it stays pending.
        """
        message = self._message_of(pending, notes)
        attempt = self.outbox.claim([pending.message.key], self.name)
        if attempt is None:
            return None
        if not self._begun(pending, attempt):
            self._note(pending.message.key, attempt, self._too_late(pending), final=False)
            return None
        reached("delivery: claimed, nothing sent")
        try:
            given = self.notifier.send(message)
            receipt = None if given is None else str(given)
        except DeliveryError as raised:
            error = raised
        except BaseException as raised:  # noqa: BLE001 - other people's code: whatever it raises is an unknown outcome
            # Not its text: that of a network library often holds the URL, and the token in it.
            error = UnknownOutcomeError(
                f"notifier {self.name!r} raised {type(raised).__name__}{place_of(raised)}; the cause is chained"
            )
            error.__cause__ = raised
        else:
            reached("delivery: accepted, not noted")
            if not self._ended():
                return None
            self._accepted(pending.message.key, attempt, receipt)
            return "accepted"
        reached("delivery: not accepted, not noted")
        if not self._ended():
            return None
        self._failed(pending, attempt, error, is_last=is_last)
        return "rejected" if _is_refusal(error) else None

    def _message_of(self, pending: Pending, notes: list[str]) -> Message:
        draft = draft_of(pending.message)
        phrases = LANGUAGES[draft.language]
        reasons = self.reasons.get(draft.key, {})
        why = [phrases.refused.format(notifier=notifier, reason=reason) for notifier, reason in reasons.items()]
        reply_to = self.outbox.receipt(draft.replies_to, self.name) if draft.replies_to else None
        return draft.message(reply_to, may_repeat=pending.in_doubt or pending.unknowns > 0, notes=[*notes, *why])

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

    def _failed(self, pending: Pending, attempt: int, error: DeliveryError, *, is_last: bool = True) -> None:
        given_up = error.outcome == "unknown" and pending.unknowns + 1 >= UNKNOWNS_ALLOWED
        refused = is_last and _is_refusal(error)
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
        handed_on = self.fallback is not None and error.outcome == "rejected"
        self.outbox.record(
            [key], self.name, attempt, error.outcome, error=str(error), final=final, handed_on=final and handed_on
        )


def _is_refusal(error: DeliveryError) -> bool:
    """Return whether the same would be refused again."""
    return error.outcome == "rejected" and error.retry_after is None
