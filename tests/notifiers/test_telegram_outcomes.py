"""What becomes of a send under every fault, over real sockets: the outcome, the copies, the requests, the time."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest

from anomalert.errors import DeliveryError, NotSentError, RejectedError, UnknownOutcomeError
from anomalert.interfaces import Fact
from anomalert.notifiers import TelegramNotifier
from tests.notifiers.samples import message, picture
from tests.stubs.telegram import CHAT, TOKEN, Exchange, Step, TelegramStub, accept, wait_for_senders
from tests.stubs.telegram_faults import (
    accept_but_say,
    accept_then_drop,
    accept_then_hang,
    accept_then_reset,
    answer,
    cut,
    delay,
    drip,
    flood,
    garbage,
    redirect,
    refuse,
)

SHORT = "600ms"


def notifier(url: str, **settings: Any) -> TelegramNotifier:
    """Return a notifier; the deadline is far unless it is what a test is about."""
    return TelegramNotifier(TOKEN, CHAT, **{"api_url": url, "deadline": "10s", **settings})


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def listener(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen on a port, and do `behave` with every connection that comes."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                behave(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(server.getsockname()[1])
    finally:
        over.set()
        wait_for_senders()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(2)


def speak_no_tls(connection: socket.socket) -> None:
    """Answer a TLS greeting with plain HTTP."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


# ---- not sent: no byte of the request was written ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://no-such-host.invalid", "gaierror|NameResolution"),
        (f"http://127.0.0.1:{free_port()}", "Connection refused"),
        (f"https://127.0.0.1:{free_port()}", "Connection refused"),
    ],
)
def test_unreachable_server_is_not_sent(url: str, reason: str) -> None:
    """No such host and a refused connection are certain: NotSentError, within the deadline, with the reason."""
    begun = time.monotonic()
    with pytest.raises(NotSentError, match=reason):
        notifier(url, deadline=SHORT).send(message())
    assert time.monotonic() - begun < 1.0


def test_failed_tls_is_not_sent() -> None:
    """A server that speaks no TLS was never given the request."""
    with listener(speak_no_tls) as port, pytest.raises(NotSentError, match="SSL"):
        notifier(f"https://127.0.0.1:{port}", deadline=SHORT).send(message())


def test_hanging_tls_is_not_sent() -> None:
    """A greeting that is never answered ends at the deadline, and is still certain."""
    over = threading.Event()

    def hang(_: socket.socket) -> None:
        over.wait(10)

    begun = time.monotonic()
    with listener(hang) as port:
        with pytest.raises(NotSentError):
            notifier(f"https://127.0.0.1:{port}", deadline=SHORT).send(message())
        over.set()
    assert time.monotonic() - begun < 1.5


def test_hanging_name_lookup_ends_at_the_deadline_and_writes_nothing_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was given up before its first byte stays unsent, also when the resolver answers after all."""
    lookup, over = socket.getaddrinfo, threading.Event()

    def slow(*args: Any, **kwargs: Any) -> Any:
        over.wait(5)
        return lookup(*args, **kwargs)

    with TelegramStub() as stub:
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        begun = time.monotonic()
        with pytest.raises(NotSentError, match="no connection within the deadline"):
            notifier(stub.url, deadline=SHORT).send(message())
        assert time.monotonic() - begun < 1.0
        over.set()
        time.sleep(0.3)
        assert stub.requests == []


def test_reason_outlives_a_last_try_that_the_deadline_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A try that is cut off by the deadline does not hide why the tries before it failed."""
    over, tries, real = threading.Event(), iter(range(100)), socket.socket.connect

    def first_refused_then_hanging(self: socket.socket, address: Any) -> None:
        if next(tries):
            over.wait(10)
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", first_refused_then_hanging)
    with pytest.raises(NotSentError, match="Connection refused"):
        notifier(f"http://127.0.0.1:{free_port()}", deadline="1s").send(message())
    over.set()
    assert next(tries) == 2
    wait_for_senders()


def test_outage_shorter_than_the_deadline_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing can be sent it is tried again: a server back after a second gets one request."""
    attempts: list[float] = []
    stub = TelegramStub()
    port, closed = stub.port, free_port()
    real = socket.socket.connect

    def unreliable(self: socket.socket, address: Any) -> None:
        attempts.append(time.monotonic())
        real(self, (address[0], port if len(attempts) > 3 else closed))

    monkeypatch.setattr(socket.socket, "connect", unreliable)
    with stub:
        assert notifier(f"http://127.0.0.1:{port}").send(message()) == "100"
        assert len(stub.requests) == 1
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert len(gaps) == 3
    assert all(0.2 < gap < 2.5 for gap in gaps)


# ---- unknown: something was written, and no usable answer came ----------------------------------------------------

UNKNOWN: dict[str, tuple[Step, int]] = {
    "hang": (accept_then_hang, 1),
    "drop": (accept_then_drop, 1),
    "reset": (accept_then_reset, 1),
    "reset before acceptance": (lambda exchange: exchange.reset(), 0),
    "slow answer": (delay(60, accept), 0),
    "drip from the first byte": (drip(0.05), 1),
    "drip of the body": (drip(0.2, headers_first=True), 1),
    "garbage": (garbage, 0),
    "500 accepted": (accept_but_say(500, b'{"ok":false,"error_code":500,"description":"Internal"}'), 1),
    "500": (refuse(500, "Internal Server Error"), 0),
    "502 accepted": (accept_but_say(502, b"<html>bad gateway</html>"), 1),
    "502": (answer(502, b"<html>bad gateway</html>"), 0),
    "503": (answer(503, b""), 0),
    "504": (refuse(504, "Gateway Timeout"), 0),
    "half a JSON": (cut(20), 1),
    "half a JSON, chunked": (cut(20, framing="chunked"), 1),
    "half a JSON, unframed": (cut(20, framing="close"), 1),
    "endless answer": (answer(200, b" " * 5_000_000 + b'{"ok":true,"result":{"message_id":1}}'), 0),
}
SLOW = {"hang", "slow answer", "drip from the first byte", "drip of the body"}


FORMS = [
    (fault, shape)
    for fault in UNKNOWN
    for shape in ("text", "photo", "album")
    if shape == "text" or fault not in SLOW or (fault, shape) == ("hang", "photo")
]


@pytest.mark.parametrize(("fault", "shape"), FORMS)
def test_unanswered_request_is_never_repeated(fault: str, shape: str) -> None:
    """One request, at most one copy, UnknownOutcomeError, in time: also where a text could follow a picture."""
    step, copies = UNKNOWN[fault]
    pictures = {"text": (), "photo": (picture(),), "album": (picture("a"), picture("b"))}[shape]
    deadline = SHORT if fault in SLOW else "10s"
    with TelegramStub(default=step) as stub:
        begun = time.monotonic()
        with pytest.raises(UnknownOutcomeError, match="may have arrived or not"):
            notifier(stub.url, deadline=deadline).send(message(pictures=pictures))
        assert time.monotonic() - begun < 1.5
        assert len(stub.requests) == 1
        assert len({post.request.at for post in stub.posts}) == copies


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_answer_cut_anywhere_is_no_acceptance(framing: str) -> None:
    """Cut after any byte but the last one, an answer is unknown; whole, it is an acceptance in any framing."""
    whole = len(b'{"ok": true, "result": {"message_id": 100}}')
    with TelegramStub() as stub:
        accepted = []
        for keep in range(whole + 1):
            stub.posts.clear()
            stub.steps.append(cut(keep, framing=framing))
            try:
                notifier(stub.url).send(message())
            except UnknownOutcomeError:
                continue
            accepted.append(keep)
        assert len(stub.requests) == whole + 1
    assert accepted == [whole]


NO_ID: list[bytes] = [
    b"",
    b"OK",
    b"null",
    b"[]",
    b"7",
    b'"accepted"',
    b"<html><body>Please log in</body></html>",
    b'{"ok":true}',
    b'{"ok":true,"result":null}',
    b'{"ok":true,"result":true}',
    b'{"ok":true,"result":[]}',
    b'{"ok":true,"result":{}}',
    b'{"ok":true,"result":{"message_id":null}}',
    b'{"ok":true,"result":{"message_id":true}}',
    b'{"ok":true,"result":{"message_id":"12"}}',
    b'{"ok":true,"result":{"message_id":0}}',
    b'{"ok":"true","result":{"message_id":12}}',
    b'{"ok":false}',
    b'{"ok":false,"result":{"message_id":12}}',
    b'{"ok":true,"result":{"message_id":12}',
    b'\xff\xfe{"ok":true,"result":{"message_id":12}}\xff',
    b"[" * 100_000,
    b'{"ok":true,"result":{"message_id":' + b"9" * 5000 + b"}}",
]


@pytest.mark.parametrize("body", NO_ID, ids=[repr(body[:40]) for body in NO_ID])
def test_200_without_a_message_id_is_no_acceptance(body: bytes) -> None:
    """Whatever answers 200, a proxy's page or half a JSON, only a message id is an acceptance."""
    with TelegramStub(answer(200, body)) as stub:
        with pytest.raises(UnknownOutcomeError):
            notifier(stub.url).send(message())
        assert len(stub.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(status: int) -> None:
    """The token never travels to another server."""
    with TelegramStub() as elsewhere, TelegramStub() as stub:
        stub.steps.append(redirect(status, f"{elsewhere.url}/bot{TOKEN}/sendMessage"))
        with pytest.raises(UnknownOutcomeError, match="redirect, which is not followed") as caught:
            notifier(stub.url).send(message())
        assert (len(stub.requests), elsewhere.requests) == (1, [])
        assert TOKEN not in str(caught.value)


def test_later_part_that_fails_makes_the_message_unknown() -> None:
    """Once a part of the text is out, the message is neither undelivered nor refused."""
    lines = tuple(f"line {number} of very many" for number in range(300))
    for step in (refuse(403, "Forbidden: bot was kicked"), accept_then_drop, flood(60)):
        with TelegramStub(accept, step) as stub:
            with pytest.raises(UnknownOutcomeError, match="part 2 of 2 failed"):
                notifier(stub.url).send(message(facts=(Fact("numbers", lines),)))
            assert len(stub.requests) == 2


# ---- rejected: the API said no ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "description", "advice"),
    [
        (401, "Unauthorized", "take the current one from @BotFather"),
        (404, "Not Found", "take the current one from @BotFather"),
        (403, "Forbidden: bot was kicked from the supergroup chat", "add it to the chat again"),
        (403, "Forbidden: bot was blocked by the user", "has to press Start"),
        (400, "Bad Request: chat not found", r"Check `chat_id`, it is -1001234567890"),
        (400, "Bad Request: message thread not found", "Check `topic_id`, it is 7"),
        (400, "Bad Request: TOPIC_CLOSED", "Check `topic_id`, it is 7"),
        (400, "Bad Request: not enough rights to send text messages to the chat", "not enough rights"),
    ],
)
@pytest.mark.parametrize("with_picture", [False, True])
def test_refusal_says_what_to_do_and_is_not_repeated(
    code: int, description: str, advice: str, with_picture: bool
) -> None:
    """A refusal is a RejectedError after one request per form, and its text names the remedy."""
    with TelegramStub(default=refuse(code, description)) as stub:
        begun = time.monotonic()
        with pytest.raises(RejectedError, match=advice) as caught:
            notifier(stub.url, topic_id=7).send(message(pictures=(picture(),) if with_picture else ()))
        assert description in str(caught.value)
        assert caught.value.retry_after is None
        assert time.monotonic() - begun < 0.6
        wrong_content = "rights" in description and with_picture
        assert len(stub.requests) == (2 if wrong_content else 1)


@pytest.mark.parametrize("body", [b"<html>blocked</html>", b"", b'{"error": "forbidden"}', b'{"ok": true}'])
@pytest.mark.parametrize("status", [400, 403, 404, 407, 413, 429])
def test_refusal_in_foreign_words_is_unknown(status: int, body: bytes) -> None:
    """Only the Bot API can refuse a message; a proxy's page says nothing about it."""
    with TelegramStub(answer(status, body)) as stub:
        with pytest.raises(UnknownOutcomeError):
            notifier(stub.url).send(message(pictures=(picture(),)))
        assert len(stub.requests) == 1


def test_unreadable_markup_goes_again_as_plain_text_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """Markup that Telegram cannot parse loses no message: the same text goes without markup, its links written out."""
    refusal = refuse(400, "Bad Request: can't parse entities: Unsupported start tag")
    with TelegramStub(refusal) as stub:
        receipt = notifier(stub.url).send(message(headline="a <b> & c"))
        [post] = stub.posts
        assert receipt == str(post.id)
        assert "parse_mode" not in post.request.fields
        assert "reply_markup" not in post.request.fields
        assert post.text.startswith("a <b> & c\n\nlikes\n")
        assert post.text.endswith("\n\nDashboard: https://superset.example.com/d/1?a=1&b=2")
    assert "goes plain" in caplog.text


def test_refused_button_goes_again_as_plain_text_and_keeps_its_picture() -> None:
    """A button that Telegram refuses costs the form of the message, neither text nor link nor picture."""
    refusal = refuse(400, "Bad Request: inline keyboard button URL 'https://x.y' is invalid: Wrong HTTP URL")
    with TelegramStub(refusal) as stub:
        notifier(stub.url).send(message(pictures=(picture(),)))
        assert [request.method for request in stub.requests] == ["sendPhoto", "sendMessage", "sendPhoto"]
        assert [(post.pictures, "Dashboard: https://" in post.text) for post in stub.posts] == [(0, True), (1, False)]


def test_group_that_became_a_supergroup_gets_the_message_in_the_same_send(caplog: pytest.LogCaptureFixture) -> None:
    """The new id is used at once, kept for later sends, and told."""
    moved = refuse(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-100777)
    with TelegramStub(moved) as stub:
        channel = notifier(stub.url)
        channel.send(message())
        channel.send(message())
        assert [request.options["chat_id"] for request in stub.requests] == [CHAT, -100777, -100777]
        assert len(stub.posts) == 2
    assert caplog.text.count("put the new chat_id into the configuration") == 1


def test_groups_that_move_in_circles_end() -> None:
    """A second move within one send is a refusal."""
    moved = refuse(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-100777)
    with TelegramStub(default=moved) as stub:
        with pytest.raises(RejectedError, match="Check `chat_id`, it is -100777"):
            notifier(stub.url).send(message())
        assert len(stub.requests) == 2


# ---- 429: the API says when ---------------------------------------------------------------------------------------


def test_flood_wait_is_honoured_within_the_deadline() -> None:
    """The message goes again when Telegram said, not before."""
    with TelegramStub(flood(0.4), flood(0.3)) as stub:
        assert notifier(stub.url).send(message()) == "100"
        first, second, third = (request.at for request in stub.requests)
        assert 0.4 <= second - first < 0.8
        assert 0.3 <= third - second < 0.7


def test_flood_wait_beyond_the_deadline_is_handed_on_and_kept() -> None:
    """A wait that does not fit is a RejectedError with `retry_after`; until then nothing is asked of Telegram."""
    with TelegramStub(flood(1.5)) as stub:
        channel = notifier(stub.url, deadline="1s")
        begun = time.monotonic()
        with pytest.raises(RejectedError, match=r"may write again after 1\.5 s") as caught:
            channel.send(message())
        assert caught.value.retry_after == 1.5
        with pytest.raises(RejectedError, match="asked for a pause") as caught:
            channel.send(message())
        assert caught.value.retry_after is not None
        assert 1.0 < caught.value.retry_after < 1.5
        assert time.monotonic() - begun < 0.3
        assert len(stub.requests) == 1
        time.sleep(1.0)
        assert channel.send(message()) == "100"
        assert stub.requests[1].at - begun >= 1.5


@pytest.mark.parametrize("retry_after", [None, "5", True, -1, float("nan"), float("inf"), [3]])
def test_flood_without_a_usable_wait_is_a_refusal(retry_after: Any) -> None:
    """A nonsensical wait is not slept."""
    body = {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests",
        "parameters": {"retry_after": retry_after},
    }
    with TelegramStub(answer(429, json.dumps(body).encode())) as stub:
        with pytest.raises(RejectedError, match="may write again later"):
            notifier(stub.url).send(message())
        assert len(stub.requests) == 1


def test_bucket_gets_200_messages_through_without_an_early_request() -> None:
    """A server that takes 20, refuses for 0.1 s and takes 20 again gets all 200, and no request too early."""
    tokens, closed_until, early = 20, 0.0, 0

    def bucket(exchange: Exchange) -> None:
        nonlocal tokens, closed_until, early
        early += time.monotonic() < closed_until
        if tokens:
            tokens -= 1
            accept(exchange)
        else:
            tokens, closed_until = 20, time.monotonic() + 0.1
            flood(0.1)(exchange)

    with TelegramStub(default=bucket) as stub:
        channel = notifier(stub.url)
        for _ in range(200):
            channel.send(message())
        assert (len(stub.posts), len(stub.requests), early) == (200, 209, 0)


def test_pause_holds_for_all_threads_also_when_it_grows() -> None:
    """A thread that waits out a pause waits on, if another one is told of a longer pause meanwhile."""
    with TelegramStub(delay(0.2, flood(0.6)), flood(0.3)) as stub:
        channel = notifier(stub.url)
        threads = [threading.Thread(target=channel.send, args=(message(),), daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
            time.sleep(0.06)
        for thread in threads:
            thread.join(5)
        assert len(stub.posts) == 3
        assert stub.requests[2].at - stub.requests[0].at >= 0.8


def test_every_error_names_its_outcome() -> None:
    """The three failures are the three classes of the error tree."""
    classes: dict[type[DeliveryError], Step] = {
        RejectedError: refuse(403, "Forbidden"),
        UnknownOutcomeError: accept_then_drop,
    }
    for kind, step in classes.items():
        with TelegramStub(step) as stub, pytest.raises(kind) as caught:
            notifier(stub.url).send(message())
        assert caught.value.outcome == {RejectedError: "rejected", UnknownOutcomeError: "unknown"}[kind]


def test_a_probe_asks_for_the_chat_and_sends_nothing() -> None:
    """It returns when Telegram answers, and says what a send would say when it does not."""
    chat = {"ok": True, "result": {"id": CHAT, "type": "group"}}
    with TelegramStub(answer(200, chat), refuse(403, "Forbidden: bot was kicked"), cut(10), default=accept) as stub:
        asked = notifier(stub.url)
        asked.probe()
        for error in (RejectedError, UnknownOutcomeError):
            with pytest.raises(error):
                asked.probe()
        assert [request.method for request in stub.requests] == ["getChat"] * 3
        assert stub.posts == []
    with pytest.raises(NotSentError):
        notifier(f"http://127.0.0.1:{free_port()}", deadline=SHORT).probe()


def test_a_probe_that_nobody_answers_ends_soon() -> None:
    """It takes the notifier's deadline at most, and five seconds."""
    with TelegramStub(default=accept_then_hang) as stub:
        begun = time.monotonic()
        with pytest.raises(UnknownOutcomeError):
            notifier(stub.url, deadline=SHORT).probe()
        assert time.monotonic() - begun < 2
