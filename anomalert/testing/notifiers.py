"""The contract of notifiers as checks.

The tests of a notifier, ours or yours, call `check_notifier`; it calls the seams and `failure`.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from math import nan
from typing import NoReturn, get_args

import pandas as pd

from anomalert.errors import DeliveryError, Outcome
from anomalert.interfaces import Alert, AlertKind, Fact, Message, Notifier, Picture, plugin_name
from anomalert.testing.failure import fail, guarded, promise_of, run_all
from anomalert.testing.secrecy import heard, leaking, texts_of

__all__ = ["check_notifier"]

KINDS: tuple[AlertKind, ...] = get_args(AlertKind)
WITHOUT_VALUE = ("no_data", "source_failed", "data_back", "ledger_lost")

FAILURES = ("not_sent", "rejected", "unknown")


def check_notifier(
    notifier: Notifier,
    failing: Mapping[Outcome, Notifier],
    *,
    received: Callable[[], Iterable[str]] | None = None,
    secrets: Sequence[str] = (),
) -> None:
    """Try whether a notifier keeps the contract of `anomalert.interfaces.Notifier`. It sends about twenty messages.

    Parameters
    ----------
    notifier : Notifier
        One whose channel accepts everything: a test channel, or a fake transport.
    failing : mapping of str to Notifier
        For each way to fail that the channel has, one that does: ``"not_sent"``, such as to a closed port,
        ``"rejected"``, such as with an answer that refuses, ``"unknown"``, such as a connection cut after the request.
    received : callable, optional
        Gives what the channel of `notifier` got so far, as texts; the headlines are then looked for in them.
    secrets : sequence of str, optional
        Tokens and the like that all of them were given. They may show in no repr, error, traceback or log.

    Raises
    ------
    AssertionError
        If it breaks a promise; the text lists each one, with what was found and what to do.
    ValueError
        If `failing` names no way to fail.

    Examples
    --------
    >>> from itertools import repeat
    >>> from anomalert.errors import NotSentError
    >>> from anomalert.testing import FakeNotifier
    >>> notifier, offline = FakeNotifier(), FakeNotifier(repeat(NotSentError("no network")))
    >>> texts = lambda: [message.headline for message in notifier.messages]
    >>> check_notifier(notifier, {"not_sent": offline}, received=texts)
    """
    for outcome in failing:
        if outcome not in FAILURES:
            raise ValueError(f"`failing` names {outcome!r}: a send fails as one of {', '.join(FAILURES)}")
    trial = _Trial(notifier, failing, received, tuple(secrets))
    subject = f"notifier {plugin_name(notifier)!r}"
    run_all(
        partial(guarded, subject, check.__name__, promise_of(check), partial(check, trial), trial.secrets)
        for check in CHECKS
    )


@dataclass(frozen=True)
class _Trial:
    notifier: Notifier
    failing: Mapping[Outcome, Notifier]
    received: Callable[[], Iterable[str]] | None
    secrets: tuple[str, ...]

    def fail(self, check: str, found: str, remedy: str) -> NoReturn:
        fail(f"notifier {plugin_name(self.notifier)!r}", check, found, remedy)

    def send(self, check: str, message: Message, remedy: str) -> str | None:
        """Send `message`, and see that the channel got its headline and the caller a receipt."""
        receipt: object = self.notifier.send(message)
        if receipt is not None and (not isinstance(receipt, str) or not receipt):
            self.fail(check, f"`send` returned {receipt!r}", "Return the channel's id of the message as text, or None")
        if self.received is not None and not any(message.headline in text for text in self.received()):
            self.fail(check, f"the channel did not get the headline {message.headline!r}", remedy)
        return receipt


def accepted(trial: _Trial) -> None:
    """Hold that what the channel accepts comes back as a receipt or None, whatever the message holds."""
    for message in _messages():
        trial.send("accepted", message, "Send every message: short, long, without links or pictures, in any letters")


def reply(trial: _Trial) -> None:
    """Hold that a receipt can be replied to."""
    receipt = trial.send("reply", _message("first of two"), "Send the headline")
    trial.send("reply", replace(_message("second of two"), reply_to=receipt), "Send a reply as any other message")


def text_first(trial: _Trial) -> None:
    """Hold that a picture that cannot be drawn, or is none, does not stop the text."""
    for draw in (_raising, _no_png):
        pictures = (Picture("likes", "a chart of likes", draw), Picture("views", "a chart of views", _png))
        message = replace(_message(f"picture {draw.__name__.strip('_')}"), pictures=pictures)
        trial.send("text_first", message, "Draw within a `try`, and send the text without what fails")


def unchanged(trial: _Trial) -> None:
    """Hold that a message stays as it was: other notifiers get it too."""
    message = _message("kept as it is")
    before = deepcopy(message)
    trial.notifier.send(message)
    if message != before:
        trial.fail("unchanged", "the message changed while it was sent", "Copy `links` before anything is added")


def outcomes(trial: _Trial) -> None:
    """Hold that a failed send raises the DeliveryError that says what became of the message."""
    for outcome, notifier in trial.failing.items():
        for message in _messages()[:2]:
            error = _error_of(notifier, message)
            if error is None:
                trial.fail("outcomes", f"the one that fails as {outcome!r} returned", "Return only what was accepted")
            if not isinstance(error, DeliveryError):
                found = f"the one that fails as {outcome!r} raised {type(error).__name__}"
                trial.fail("outcomes", found, "Raise NotSentError, RejectedError or UnknownOutcomeError")
            if error.outcome != outcome:
                found = f"the one that fails as {outcome!r} said {error.outcome!r}"
                remedy = "Not sent: no byte of it was written. Rejected: the channel's answer says no. Else: unknown"
                trial.fail("outcomes", found, remedy)
            if not str(error):
                trial.fail("outcomes", f"the error for {outcome!r} has no text", "Say what happened and what to do")


def secret(trial: _Trial) -> None:
    """Hold that no secret shows in a repr, an error, a traceback or the log."""
    for notifier in (trial.notifier, *trial.failing.values()):
        texts = {"the repr": f"{notifier!r} {notifier}"}
        with heard() as lines:
            error = _error_of(notifier, _message("says no secret"))
        if error is not None:
            texts.update(texts_of(error))
        place = leaking({**texts, "the log": "\n".join(lines)}, trial.secrets)
        if place is not None:
            remedy = "Hold it as `anomalert.redaction.Secret`; raise after the `except`, so that no context carries it"
            trial.fail("secret", f"{place} holds a secret", remedy)


CHECKS: tuple[Callable[[_Trial], None], ...] = (accepted, reply, text_first, unchanged, outcomes, secret)


def _error_of(notifier: Notifier, message: Message) -> Exception | None:
    try:
        notifier.send(message)
    except Exception as error:  # noqa: BLE001 - whatever a plug-in raises is what is looked at
        return error
    return None


def _messages() -> tuple[Message, ...]:
    """Return messages that differ in everything that a channel may trip over."""
    hostile = ("<b>&amp;_*[x](y)`", "Метрика «лайки» 🙂", "\u202eright to left", "%s {0} \\n")
    return (
        Message("anomalert-check-bare", alerts=(), headline="anomalert check bare"),
        _message("with everything"),
        replace(
            _message("hostile"), facts=(Fact(hostile[0], hostile),), links={hostile[1]: "https://example.org/?a=b&c"}
        ),
        replace(_message("long"), facts=tuple(Fact(f"metric {n}", ("x" * 500,) * 5) for n in range(10))),
        *(replace(_message(f"a message that is {kind}"), alerts=(_alert(kind),), pictures=()) for kind in KINDS),
    )


def _message(words: str) -> Message:
    return Message(
        key=f"anomalert-check-{words.replace(' ', '-')}",
        alerts=(_alert("opened"),),
        headline=f"anomalert check {words}",
        facts=(Fact("likes", ("value 812", "usually 2110")),),
        links={"Dashboard": "https://example.org/likes"},
        pictures=(Picture("likes", "a chart of likes", _png),),
    )


def _alert(kind: AlertKind) -> Alert:
    known = kind not in WITHOUT_VALUE
    value = 812.0 if known else nan
    return Alert(
        kind=kind,
        pipeline="check",
        metric="" if kind == "ledger_lost" else "likes",
        slot=pd.Timestamp("2026-11-01T10:00Z"),
        value=value,
        expected=2110.0,
        lower=1055.0,
        upper=4220.0,
        deviation=value / 2110.0 - 1,
        score=(2110.0 - value) / 1055.0,
        direction="down" if known else None,
        incident="check-likes-1",
    )


def _png(side: int = 64) -> bytes:
    """Return a grey square, the smallest picture that is one."""
    rows = (b"\x00" + b"\x80" * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _raising() -> bytes:
    raise ZeroDivisionError("this picture cannot be drawn")


def _no_png() -> bytes:
    return b"this is no picture"
