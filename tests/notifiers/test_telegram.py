"""What the chat shows for each shape of message, over real sockets."""

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from anomalert.errors import ConfigurationError
from anomalert.interfaces import Fact, Notifier
from anomalert.notifiers import TelegramNotifier, telegram_sending
from tests.notifiers.samples import message, picture, png
from tests.stubs.telegram import CHAT, TOKEN, TelegramStub
from tests.stubs.telegram_faults import refuse
from tests.stubs.telegram_html import read_html, utf16_units

LONG_FACTS = (Fact("numbers", tuple(f"line {number} of many" for number in range(100))),)
ENDLESS_FACTS = (Fact("numbers", tuple(f"line {number} of very many" for number in range(600))),)


@pytest.fixture
def stub() -> Iterator[TelegramStub]:
    """Give a Telegram that behaves."""
    with TelegramStub() as server:
        yield server


def notifier(server: TelegramStub, **settings: Any) -> TelegramNotifier:
    """Return a notifier that talks to the stub."""
    return TelegramNotifier(TOKEN, CHAT, **{"api_url": server.url, "deadline": "5s", **settings})


def explode() -> bytes:
    """Fail as matplotlib may."""
    raise ValueError("Glyph 128512 missing\nfrom font")


def test_text_is_one_post_with_buttons_and_without_previews(stub: TelegramStub) -> None:
    """A message without pictures is one sendMessage; its receipt is the post's id."""
    receipt = notifier(stub).send(message())
    [post] = stub.posts
    options = post.request.options
    assert receipt == str(post.id)
    assert post.text == ("likes: 812.00, usually 2110.00\n\nlikes\nvalue = 812.00\ndeviation = -61.52%")
    assert options["chat_id"] == CHAT
    assert options["link_preview_options"] == {"is_disabled": True}
    assert options["reply_markup"] == {
        "inline_keyboard": [[{"text": "Dashboard", "url": "https://superset.example.com/d/1?a=1&b=2"}]]
    }
    assert not {"message_thread_id", "reply_parameters", "disable_notification"} & options.keys()


def test_notifier_meets_the_seam(stub: TelegramStub) -> None:
    """It is a Notifier, without a name of its own unless given one."""
    assert isinstance(notifier(stub), Notifier)
    assert notifier(stub).name is None
    assert notifier(stub, name="ops").name == "ops"


def test_picture_and_text_are_one_post(stub: TelegramStub) -> None:
    """A text that fits goes as the caption of its picture, in one request, with buttons."""
    receipt = notifier(stub).send(message(pictures=(picture(),)))
    [post] = stub.posts
    assert (receipt, post.pictures, post.request.method) == (str(post.id), 1, "sendPhoto")
    assert post.text.startswith("likes: 812.00")
    assert post.request.files["photo"] == png()
    assert "inline_keyboard" in post.request.options["reply_markup"]


def test_several_pictures_are_an_album_with_links_in_its_caption(stub: TelegramStub) -> None:
    """An album cannot have buttons: the links stand in the caption, which is on the first picture."""
    receipt = notifier(stub).send(message(pictures=(picture("a"), picture("b"), picture("c"))))
    [request] = stub.requests
    first, *others = request.options["media"]
    text, entities = read_html(first["caption"])
    assert (request.method, len(stub.posts), receipt) == ("sendMediaGroup", 3, str(stub.posts[0].id))
    assert text.endswith("\n\nDashboard")
    assert [entity.url for entity in entities if entity.url] == ["https://superset.example.com/d/1?a=1&b=2"]
    assert not any("caption" in other for other in others)


def test_more_pictures_than_an_album_holds_follow_it(stub: TelegramStub) -> None:
    """Of 12 pictures, 10 carry the text and 2 follow as a silent reply."""
    notifier(stub).send(message(pictures=tuple(picture(f"p{number}") for number in range(12))))
    first, second = stub.requests
    assert (len(first.files), len(second.files), len(stub.posts)) == (10, 2, 12)
    assert second.options["reply_parameters"]["message_id"] == stub.posts[0].id
    assert second.options["disable_notification"] is True
    assert "caption" not in second.options["media"][0]


def test_text_too_long_for_a_caption_goes_first(stub: TelegramStub) -> None:
    """Text over 1024 units is a post of its own, with the buttons; the picture follows as a silent reply."""
    receipt = notifier(stub).send(message(facts=LONG_FACTS, pictures=(picture(),)))
    text, photo = stub.requests
    assert [request.method for request in stub.requests] == ["sendMessage", "sendPhoto"]
    assert receipt == str(stub.posts[0].id)
    assert "reply_markup" in text.options
    assert photo.options["reply_parameters"] == {
        "message_id": stub.posts[0].id,
        "allow_sending_without_reply": True,
    }
    assert photo.options["disable_notification"] is True
    assert "caption" not in photo.fields


def test_picture_of_a_long_text_is_drawn_after_the_text_is_out(stub: TelegramStub) -> None:
    """The delay that a picture adds to a text of its own is nothing."""
    posts_when_drawn: list[int] = []

    def draw() -> bytes:
        posts_when_drawn.append(len(stub.posts))
        return png()

    notifier(stub).send(message(facts=LONG_FACTS, pictures=(picture(draw=draw),)))
    assert posts_when_drawn == [1]


def test_endless_text_goes_in_parts_and_nothing_is_lost(stub: TelegramStub) -> None:
    """Text over 4096 units is cut between lines; later parts follow the first; the last has the buttons."""
    long = message(facts=ENDLESS_FACTS)
    receipt = notifier(stub).send(long)
    assert receipt == str(stub.posts[0].id)
    assert len(stub.posts) == 4
    assert all(utf16_units(post.text) <= 4096 for post in stub.posts)
    shown = "\n".join(post.text for post in stub.posts).split("\n")
    assert [line for line in shown if line.startswith("line")] == list(ENDLESS_FACTS[0].lines)
    assert ["reply_markup" in request.fields for request in stub.requests] == [False, False, False, True]
    for request in stub.requests[1:]:
        assert request.options["reply_parameters"]["message_id"] == stub.posts[0].id


@pytest.mark.parametrize(("number", "label"), [(101, "board"), (60, "dashboard of one metric " * 8)])
def test_more_links_than_a_keyboard_takes_stand_in_the_text(stub: TelegramStub, number: int, label: str) -> None:
    """Telegram refuses a keyboard of over 100 buttons or 10 kB, and what it belongs to: nothing is lost then."""
    links = {f"{label}{each}": f"https://a.example.com/{each}" for each in range(number)}
    notifier(stub).send(message(links=links))
    assert not any("reply_markup" in request.fields for request in stub.requests)
    shown = [entity.url for request in stub.requests for entity in read_html(request.fields["text"])[1]]
    assert [url for url in shown if url] == list(links.values())


def test_album_whose_links_do_not_fit_goes_after_its_text(stub: TelegramStub) -> None:
    """Where the links make the caption of an album too long, the text goes first and keeps its buttons."""
    links = {f"dashboard number {number} of the feed": "https://a.example.com" for number in range(40)}
    notifier(stub).send(message(links=links, pictures=(picture("a"), picture("b"))))
    assert [request.method for request in stub.requests] == ["sendMessage", "sendMediaGroup"]
    assert len(stub.requests[0].options["reply_markup"]["inline_keyboard"]) == 40


def test_reply_and_topic_are_passed_on(stub: TelegramStub) -> None:
    """A receipt becomes a reply that survives the deletion of its post; the topic goes with every request."""
    notifier(stub, topic_id=7).send(message(facts=LONG_FACTS, reply_to="4711", pictures=(picture(),)))
    text, photo = stub.requests
    assert text.options["reply_parameters"] == {"message_id": 4711, "allow_sending_without_reply": True}
    assert [request.options["message_thread_id"] for request in stub.requests] == [7, 7]
    assert "disable_notification" not in text.fields
    assert "disable_notification" in photo.fields


def test_foreign_receipt_follows_nothing(stub: TelegramStub, caplog: pytest.LogCaptureFixture) -> None:
    """A receipt of another channel costs the reply, not the message, and is told in the log."""
    notifier(stub).send(message(reply_to="<mail@id>"))
    assert len(stub.posts) == 1
    assert "reply_parameters" not in stub.requests[0].fields
    assert "is no receipt of Telegram" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "http://grafana:3000/d/1",
        "http://localhost/",
        "ftp://a.b/c",
        "ctr",
        "",
        "http://[::1]/",
        "https://a b.c",
        "http://x.y:z/",
    ],
)
def test_address_that_telegram_refuses_stands_in_the_text(stub: TelegramStub, url: str) -> None:
    """A link that would cost the whole message as a button is written out."""
    notifier(stub).send(message(links={"Chart": url, "Dashboard": "https://a.example.com/"}))
    [post] = stub.posts
    assert post.text.endswith(f"\n\nChart: {url}".rstrip() if url else "Chart: ")
    assert [[button["text"] for button in row] for row in post.request.options["reply_markup"]["inline_keyboard"]] == [
        ["Dashboard"]
    ]


@pytest.mark.parametrize(
    ("draw", "reason"),
    [
        (explode, "ValueError: Glyph 128512 missing[U+000A]from font"),
        (lambda: b"<svg/>", "what it drew is no PNG"),
        (lambda: png(9000, 1001), "9000 x 1001 pixels"),
        (lambda: png(2100, 100), "20 to 1"),
        (lambda: png(0, 0), "0 x 0 pixels"),
        (lambda: png(filler=10_000_001), "Telegram takes 10000000 at most"),
    ],
)
def test_picture_that_fails_leaves_the_text_alone(
    stub: TelegramStub, caplog: pytest.LogCaptureFixture, draw: Any, reason: str
) -> None:
    """A picture that cannot be drawn or that Telegram cannot take costs nothing but itself, and is told."""
    notifier(stub).send(message(pictures=(picture(draw=draw),)))
    [request] = stub.requests
    assert request.method == "sendMessage"
    assert reason in caplog.text


def test_one_bad_picture_of_three_leaves_two(stub: TelegramStub) -> None:
    """The pictures that can be drawn are sent."""
    notifier(stub).send(message(pictures=(picture("a"), picture("b", explode), picture("c"))))
    [request] = stub.requests
    assert (request.method, len(request.files)) == ("sendMediaGroup", 2)


def test_late_picture_is_not_waited_for(
    stub: TelegramStub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A drawing that hangs delays the text by the drawing's own deadline, not by the message's."""
    assert telegram_sending.DRAWING_SECONDS == 5.0
    monkeypatch.setattr(telegram_sending, "DRAWING_SECONDS", 0.2)

    def hang() -> bytes:
        stub.closing.wait(60)
        return png()

    begun = time.monotonic()
    notifier(stub).send(message(pictures=(picture("quick"), picture("slow", hang))))
    assert time.monotonic() - begun < 1.0
    [request] = stub.requests
    assert (request.method, list(request.files)) == ("sendPhoto", ["photo"])
    assert "goes without picture slow: not drawn within 0.2 s" in caplog.text


def test_hanging_picture_leaves_time_for_the_text_of_a_short_deadline(stub: TelegramStub) -> None:
    """However short the deadline, a picture takes half of it at most."""
    hanging = picture(draw=lambda: png() if stub.closing.wait(60) else b"")
    assert notifier(stub, deadline="1s").send(message(pictures=(hanging,))) == "100"
    assert stub.posts[0].pictures == 0


def test_refused_picture_is_followed_by_the_text() -> None:
    """A picture that Telegram refuses costs the picture only."""
    with TelegramStub(refuse(400, "Bad Request: PHOTO_INVALID_DIMENSIONS")) as server:
        receipt = notifier(server).send(message(pictures=(picture(),)))
        assert [request.method for request in server.requests] == ["sendPhoto", "sendMessage"]
        assert [(str(post.id), post.pictures) for post in server.posts] == [(receipt, 0)]


def test_refused_picture_after_its_text_is_told_only(caplog: pytest.LogCaptureFixture) -> None:
    """Once the text is out, nothing that happens to its picture makes the message fail."""
    with TelegramStub() as server:
        server.steps.extend([server.default, refuse(413, "Request Entity Too Large")])
        assert notifier(server).send(message(facts=LONG_FACTS, pictures=(picture(),))) == "100"
    assert "is out without its pictures: Telegram answered 413" in caplog.text


def test_warnings_cannot_be_forged_by_data(stub: TelegramStub, caplog: pytest.LogCaptureFixture) -> None:
    """A key or a picture's name with a line break makes one line of log."""
    with caplog.at_level(logging.WARNING):
        notifier(stub).send(message(key="a\nERROR b", pictures=(picture("c\nERROR d", explode),)))
    assert all("\n" not in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"token": "no-colon"}, "`token`"),
        ({"token": ""}, "`token`"),
        ({"token": "1:a/../x"}, "`token`"),
        ({"chat_id": "my chat"}, "`chat_id`"),
        ({"chat_id": True}, "`chat_id`"),
        ({"deadline": 20}, "`deadline`"),
        ({"deadline": "0s"}, "`deadline`"),
        ({"proxy": "proxy.example.com:3128"}, "`proxy`"),
        ({"proxy": "http://user:hidden@[broken:1"}, "`proxy`"),
        ({"proxy": "http://p:1", "api_url": "http://127.0.0.1:8081"}, "`proxy`"),
    ],
)
def test_wrong_settings_are_named_and_secrets_are_not(settings: dict[str, Any], named: str) -> None:
    """What makes no sense is refused when the notifier is built, by a text that names it and shows no secret."""
    with pytest.raises(ConfigurationError, match=named) as caught:
        TelegramNotifier(**{"token": TOKEN, "chat_id": CHAT, **settings})
    shown = f"{caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert "no-colon" not in shown
    assert "hidden" not in shown


def test_token_may_end_with_a_line_break(stub: TelegramStub) -> None:
    """A token read from a file works with the blanks around it."""
    TelegramNotifier(f" {TOKEN}\n", str(CHAT), api_url=stub.url + "/").send(message())
    assert stub.posts
