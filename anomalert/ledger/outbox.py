"""The outbox in the ledger: which message waits for which notifier, and what became of every try.

A try is noted before it is made, its outcome after, each durable before the call returns. `LedgerSession` is one;
it calls `store`.
"""

from collections.abc import Mapping, Sequence

from anomalert.errors import LedgerDamagedError, LedgerError, Outcome
from anomalert.ledger.encoding import from_json, instants_of, seconds_of, text_of, to_json
from anomalert.ledger.records import Pending, StoredMessage
from anomalert.ledger.store import Store
from anomalert.ledger.tables import ATTEMPTS, DELIVERIES, MESSAGES, Row

__all__ = ["LedgerOutbox"]

OF_NOTIFIER = "pipeline = :pipeline AND notifier = :notifier AND status = :status"


class LedgerOutbox:
    """The part of a session that delivery needs; several threads may use it at once.

    Parameters
    ----------
    store : Store
        Open for this pipeline alone.
    pipeline : str
        Whose messages these are.
    """

    def __init__(self, store: Store, pipeline: str) -> None:
        self.pipeline = pipeline
        self._store = store
        self._seen: dict[tuple[str, str], int] = {}
        self._ahead: set[tuple[str, str]] = set()

    def pending(self, notifier: str) -> list[Pending]:
        """Return what is still to be sent to `notifier`, the oldest slot first."""
        with self._store.snapshot():
            rows, messages = self._of_status(notifier, "pending")
        waiting = []
        for row in rows:
            named = str(row["message"]), notifier
            self._seen[named] = _number(row["attempts"])
            waiting.append(
                Pending(
                    messages[str(row["message"])],
                    notifier,
                    attempts=_number(row["attempts"]),
                    # The try that this session itself has noted ahead has not begun.
                    in_doubt=_number(row["in_doubt"]) > (named in self._ahead),
                    unknowns=_number(row["unknowns"]),
                )
            )
        return waiting

    def claim(self, keys: Sequence[str], notifier: str) -> int | None:
        """Note that these messages are about to be sent, as one.

        Whoever saw the same deliveries pending and claims them too gets None, also if this process lost its lock
        without knowing it.

        Returns
        -------
        int or None
            The number of the try, for `record`; None if one of them is not pending any more, or another owner has
            claimed it since this session saw it.
        """
        distinct = sorted(set(keys))
        if len(distinct) == 1 and (distinct[0], notifier) in self._ahead:
            return self._claimed_ahead(distinct[0], notifier)
        try:
            with self._store.transaction("claim"):
                attempt = self._claimed(distinct, notifier)
        except _TakenError:
            return None
        self._seen.update({(key, notifier): attempt for key in distinct})
        return attempt

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
        """Note what became of a try.

        Parameters
        ----------
        keys, notifier, attempt
            As they were claimed.
        outcome : {"accepted", "not_sent", "rejected", "unknown"}
            What became of it.
        receipt : str, optional
            The channel's id of the message.
        error : str, optional
            Why it was not accepted, without secrets.
        final : bool
            True closes the deliveries with this outcome; False leaves them pending.
        handed_on : bool, default False
            Another notifier has what this one did not accept. Else what is closed so is unsure until it is told of.

        Raises
        ------
        LedgerError
            If there is no such try, or its outcome is noted already.
        """
        noted: Row = {"outcome": outcome, "receipt": text_of(receipt), "error": text_of(error)}
        status = "pending" if not final else "done" if handed_on or outcome == "accepted" else "unsure"
        with self._store.transaction("record"):
            for key in sorted(set(keys)):
                self._note(key, notifier, attempt, noted, status)

    def receipt(self, key: str, notifier: str) -> str | None:
        """Return the channel's id of a message that it accepted, or of the digest that stood in its place."""
        row = self._delivery(key, notifier)
        while row is not None and row["folded_into"] is not None:
            row = self._delivery(str(row["folded_into"]), notifier)
        return None if row is None or row["receipt"] is None else str(row["receipt"])

    def queue(self, message: StoredMessage, notifier: str) -> None:
        """Have `message` sent to `notifier` as well; nothing happens if that is queued already."""
        row = self._message_row(message)
        with self._store.transaction("queue"):
            self._store.insert(MESSAGES, [row])
            self._store.insert(DELIVERIES, [self._delivery_row(row, notifier)])

    def fold(self, keys: Sequence[str], notifier: str, digest: StoredMessage) -> None:
        """Send `digest` to `notifier` in place of the messages `keys`, which are pending or unsure.

        Raises
        ------
        LedgerError
            If there is a message of the digest's key, or one of `keys` is neither: nothing is folded then.
        """
        row = self._message_row(digest)
        with self._store.transaction("fold"):
            if not self._store.insert(MESSAGES, [row]):
                raise self._refused(f"message {digest.key} is there already, so nothing can be folded into it")
            self._store.insert(DELIVERIES, [self._delivery_row(row, notifier)])
            for key in sorted(set(keys)):
                before = self._delivery(key, notifier)
                if before is None or before["status"] not in ("pending", "unsure"):
                    raise self._refused(f"message {key} is not pending for {notifier}, so it cannot be folded")
                self._change(before, status="folded", folded_into=digest.key)

    def unsure(self, notifier: str) -> list[StoredMessage]:
        """Return the messages that were given up or refused, and that nobody was told of since."""
        with self._store.snapshot():
            rows, messages = self._of_status(notifier, "unsure")
        return [messages[str(row["message"])] for row in rows]

    def told_unsure(self, keys: Sequence[str], notifier: str) -> None:
        """Note that `notifier` was told that these may not have arrived."""
        with self._store.transaction("told unsure"):
            for key in sorted(set(keys)):
                before = self._delivery(key, notifier)
                if before is not None and before["status"] == "unsure":
                    self._change(before, status="done")

    def _claimed_ahead(self, key: str, notifier: str) -> int | None:
        """Return the number of the try that was noted along with its message, unless another owner came since."""
        self._ahead.remove((key, notifier))
        self._seen[key, notifier] = 1
        delivery = self._delivery(key, notifier)
        is_mine = delivery is not None and delivery["status"] == "pending" and delivery["attempts"] == 1
        return 1 if is_mine else None

    def _claimed(self, keys: Sequence[str], notifier: str) -> int:
        deliveries = [self._delivery(key, notifier) for key in keys]
        attempt = 1 + max(self._seen.get((key, notifier), 0) for key in keys)
        for key, before in zip(keys, deliveries, strict=True):
            # What was seen, and not what stands there now: that may be another owner's claim.
            seen = self._seen.get((key, notifier), 0)
            if before is None or before["status"] != "pending" or before["attempts"] != seen:
                raise self._taken(key, notifier)
            self._change(before, attempts=attempt, in_doubt=_number(before["in_doubt"]) + 1)
        tries = [self._untold(self._key_of(key, notifier), attempt) for key in keys]
        if self._store.insert(ATTEMPTS, tries) != len(tries):
            raise self._taken(keys[0], notifier)
        return attempt

    def _note(self, key: str, notifier: str, attempt: int, noted: Row, status: str) -> None:
        tried = self._store.get(ATTEMPTS, **self._key_of(key, notifier), attempt=attempt)
        delivery = self._delivery(key, notifier)
        if tried is None or delivery is None or tried["outcome"] is not None:
            raise self._refused(f"try {attempt} of message {key} for {notifier} was never claimed, or is noted already")
        self._store.replace(ATTEMPTS, tried, {**tried, **noted})
        counts: Row = {
            "in_doubt": _number(delivery["in_doubt"]) - 1,
            "unknowns": _number(delivery["unknowns"]) + (noted["outcome"] == "unknown"),
        }
        if delivery["status"] != "pending":
            # Somebody closed it while this owner was thought to be dead: what is told stays told.
            self._change(delivery, **counts)
        else:
            self._change(delivery, **counts, **noted, status=status)

    def _change(self, before: Row, **columns: str | int | None) -> None:
        if not self._store.replace(DELIVERIES, before, {**before, **columns}):
            raise self._taken(str(before["message"]), str(before["notifier"]))

    def _of_status(self, notifier: str, status: str) -> tuple[list[Row], dict[str, StoredMessage]]:
        which = {"pipeline": self.pipeline, "notifier": notifier, "status": status}
        rows = self._store.select(DELIVERIES, f"{OF_NOTIFIER} ORDER BY slot, message", **which)
        bodies = self._store.select(
            MESSAGES,
            "pipeline = :pipeline AND message IN (SELECT message FROM anomalert_deliveries"  # noqa: S608 - constants
            f" WHERE {OF_NOTIFIER})",
            **which,
        )
        slots = instants_of([_number(body["slot"]) for body in bodies])
        messages = {
            str(body["message"]): StoredMessage(str(body["message"]), slot, from_json(str(body["body"])))
            for body, slot in zip(bodies, slots, strict=True)
        }
        for row in rows:
            if row["message"] not in messages:
                raise LedgerDamagedError(f"the ledger is damaged: message {row['message']} is gone")
        return rows, messages

    def _untold(self, delivery: Mapping[str, str | int | None], attempt: int) -> Row:
        """Return the row of a try whose outcome is not known yet."""
        key = {name: delivery[name] for name in ("pipeline", "message", "notifier")}
        return {**key, "attempt": attempt, "outcome": None, "receipt": None, "error": None}

    def _key_of(self, key: str, notifier: str) -> dict[str, str]:
        return {"pipeline": self.pipeline, "message": key, "notifier": notifier}

    def _delivery(self, key: str, notifier: str) -> Row | None:
        return self._store.get(DELIVERIES, **self._key_of(key, notifier))

    def _message_row(self, message: StoredMessage) -> Row:
        slot, body = seconds_of(message.slot), to_json(message.body)
        return {"pipeline": self.pipeline, "message": message.key, "slot": slot, "body": body}

    def _delivery_row(self, message: Row, notifier: str) -> Row:
        untried = dict.fromkeys(("outcome", "receipt", "error", "folded_into"))
        key = {name: message[name] for name in ("pipeline", "message", "slot")}
        return {
            **key,
            "notifier": notifier,
            "status": "pending",
            "attempts": 0,
            "in_doubt": 0,
            "unknowns": 0,
            **untried,
        }

    def _refused(self, text: str) -> LedgerError:
        return LedgerError(f"ledger {self._store.engine.place}: {text}")

    def _taken(self, key: str, notifier: str) -> "_TakenError":
        return _TakenError(f"ledger {self._store.engine.place}: another run has message {key} for {notifier}")


class _TakenError(LedgerError):
    """Another owner has claimed or closed a delivery since it was seen."""


def _number(value: str | int | None) -> int:
    return int(value or 0)
