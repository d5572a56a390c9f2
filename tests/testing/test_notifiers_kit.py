"""The notifiers' kit catches mistakes and lets the right ones pass."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, get_args

import pytest

from anomalert.errors import DeliveryError, NotSentError, Outcome, RejectedError, UnknownOutcomeError
from anomalert.interfaces import AlertKind, Message
from anomalert.testing import FakeNotifier, check_notifier
from anomalert.testing.secrecy import heard, leaking

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"

FAILING: dict[Outcome, FakeNotifier] = {
    "not_sent": FakeNotifier(repeat(NotSentError("connection refused"))),
    "rejected": FakeNotifier(repeat(RejectedError("chat not found"))),
    "unknown": FakeNotifier(repeat(UnknownOutcomeError("no answer"))),
}


@dataclass
class Channel:
    """A notifier that is right but for what `change` does: it draws pictures and keeps texts."""

    change: Callable[["Channel", Message], Any] = lambda channel, message: channel.keep(message)
    texts: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> Any:
        """Keep the text, as changed."""
        return self.change(self, message)

    def keep(self, message: Message) -> str:
        """Keep the text, and give a receipt."""
        self.messages.append(message)
        self.texts.append(message.headline)
        return str(len(self.texts))

    def received(self) -> list[str]:
        """Return all texts."""
        return self.texts


def drawing(channel: Channel, message: Message) -> str:
    """Draw before the text is kept, and believe that what was drawn is a PNG."""
    for picture in message.pictures:
        width = int.from_bytes(picture.draw()[16:20], "big")
        if width > 10_000:
            raise RejectedError("the picture is too wide")
    return channel.keep(message)


def counting(channel: Channel, message: Message) -> int:
    """Give a number for a receipt."""
    return int(channel.keep(message))


def adding_links(channel: Channel, message: Message) -> str:
    """Add a link of its own to the message."""
    message.links["Channel"] = "https://example.org/channel"  # type: ignore[index]  # the mistake
    return channel.keep(message)


def needing_numbers(channel: Channel, message: Message) -> str:
    """Format numbers that may be NaN."""
    for alert in message.alerts:
        int(alert.value)
    return channel.keep(message)


def refusing_replies(channel: Channel, message: Message) -> str:
    """Know no replies."""
    if message.reply_to is not None:
        raise RejectedError("replies are not supported")
    return channel.keep(message)


def formatting(channel: Channel, message: Message) -> str:
    """Use texts as formats."""
    for fact in message.facts:
        fact.heading.format()
        [line % () for line in fact.lines]
    return channel.keep(message)


CAUGHT_BY = [
    ("text_first", drawing),
    ("accepted", counting),
    ("unchanged", adding_links),
    ("accepted", needing_numbers),
    ("reply", refusing_replies),
    ("accepted", formatting),
    ("accepted", lambda *_: None),
    ("accepted", lambda channel, message: channel.keep(message) and ""),
]


def test_a_right_notifier_passes() -> None:
    """A notifier that keeps the contract passes; every kind of alert was sent to it."""
    channel = Channel()
    check_notifier(channel, FAILING, received=channel.received, secrets=[TOKEN])
    assert {alert.kind for message in channel.messages for alert in message.alerts} == set(get_args(AlertKind))
    assert len(channel.messages) < 30


def test_a_notifier_without_receipts_or_a_view_of_its_channel_passes() -> None:
    """None is a receipt too, and without `received` only what `send` says is checked."""
    check_notifier(Channel(lambda *_: None), {})


@pytest.mark.parametrize(("check", "change"), CAUGHT_BY)
def test_a_wrong_notifier_is_caught(check: str, change: Callable[[Channel, Message], Any]) -> None:
    """Each mistake fails the check that stands beside it, by the name of the notifier."""
    channel = Channel(change)
    with pytest.raises(AssertionError) as failure:
        check_notifier(channel, {}, received=channel.received)
    assert f"notifier 'Channel' fails the check `{check}`: " in str(failure.value)


@pytest.mark.parametrize(
    ("outcome", "notifier", "found"),
    [
        ("not_sent", FakeNotifier(), "the one that fails as 'not_sent' returned"),
        ("rejected", FakeNotifier(repeat(NotSentError("refused"))), "fails as 'rejected' said 'not_sent'"),
        ("unknown", FakeNotifier(repeat(DeliveryError(""))), "the error for 'unknown' has no text"),
        ("unknown", Channel(lambda *_: 1 / 0), "fails as 'unknown' raised ZeroDivisionError"),
    ],
)
def test_a_wrong_outcome_is_caught(outcome: Outcome, notifier: Any, found: str) -> None:
    """Returning, another outcome, silence and foreign exceptions are not what a failed send says."""
    with pytest.raises(AssertionError, match="`outcomes`") as failure:
        check_notifier(FakeNotifier(), {outcome: notifier})
    assert found in str(failure.value)


def leaks() -> Iterator[tuple[str, Callable[[Channel, Message], Any]]]:
    """Yield notifiers that fail and show their token, and where."""

    def in_text(*_: object) -> None:
        raise NotSentError(f"https://api.telegram.org/bot{TOKEN.replace(':', '%3A')} is not there")

    def in_context(*_: object) -> None:
        try:
            raise ConnectionError(f"https://api.telegram.org/bot{TOKEN}")
        except ConnectionError:
            raise NotSentError("not there")  # noqa: B904 - the mistake

    def in_log(*_: object) -> None:
        logging.getLogger("urllib3.connectionpool").debug("POST /bot%s/sendMessage", TOKEN)
        raise NotSentError("not there")

    yield "the error's text", in_text
    yield "the error's traceback", in_context
    yield "the log", in_log


@pytest.mark.parametrize(("place", "change"), list(leaks()), ids=[place for place, _ in leaks()])
def test_a_secret_is_found_wherever_it_shows(place: str, change: Callable[[Channel, Message], Any]) -> None:
    """In the text in any spelling, in a context, in the log of a library: each is caught, and not repeated."""
    with pytest.raises(AssertionError) as failure:
        check_notifier(FakeNotifier(), {"not_sent": Channel(change)}, secrets=[TOKEN])
    assert f"`secret`: {place} holds a secret" in str(failure.value)
    assert TOKEN not in str(failure.value)


def test_a_secret_in_the_repr_is_found() -> None:
    """A dataclass that shows its token is caught without any send failing."""
    with pytest.raises(AssertionError, match="`secret`: the repr holds a secret"):
        check_notifier(Channel(texts=[TOKEN]), {}, secrets=[TOKEN])


def test_a_way_to_fail_that_is_none_is_refused() -> None:
    """A misspelt outcome would silently check nothing."""
    with pytest.raises(
        ValueError, match="`failing` names 'refused': a send fails as one of not_sent, rejected, unknown"
    ):
        check_notifier(FakeNotifier(), {"refused": FakeNotifier()})  # type: ignore[dict-item]  # the mistake


def test_a_library_that_was_silenced_is_heard_all_the_same() -> None:
    """A driver may turn another's log down for the whole process; a secret in it is found, and the level comes back."""
    silenced = logging.getLogger("urllib3")
    before = silenced.level
    silenced.setLevel(logging.WARNING)
    try:
        with heard() as lines:
            logging.getLogger("urllib3.connectionpool").debug("GET /?password=hunter22")
        assert leaking({"the log": "".join(lines)}, ["hunter22"]) == "the log"
        assert silenced.level == logging.WARNING
    finally:
        silenced.setLevel(before)
