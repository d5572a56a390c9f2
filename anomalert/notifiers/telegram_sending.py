"""One message as requests of the Bot API: in which form, in which order, and what follows a refusal.

The text is the promise: it goes alone when pictures are late, broken or refused, and nothing follows a request whose
outcome is unknown. `telegram` calls this with a function that makes one request; it calls `telegram_text`,
`telegram_answers` and `pictures`, and opens no connection.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from anomalert.interfaces import Message
from anomalert.notifiers.pictures import Drawing, draw, png_size
from anomalert.notifiers.plain_text import visible
from anomalert.notifiers.telegram_answers import Answer
from anomalert.notifiers.telegram_text import (
    CAPTION_LIMIT,
    TEXT_LIMIT,
    Line,
    as_html,
    as_plain,
    body,
    is_button_url,
    link_lines,
    split,
    width,
)

__all__ = ["Request", "deliver"]

logger = logging.getLogger(__name__)

DRAWING_SECONDS = 5.0
"""What a text waits for its pictures at most."""

ALBUM_LIMIT = 10

MOST_BUTTONS, KEYBOARD_BYTES = 100, 10_000
"""Telegram refuses a longer keyboard, and the text with it."""

PHOTO_BYTES = 10_000_000
PHOTO_SIDES = 10_000
PHOTO_RATIO = 20


@dataclass(frozen=True)
class Request:
    """One call of the Bot API: its method, its fields, and the files that go with it."""

    method: str
    fields: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)

    def form(self) -> dict[str, str]:
        """Return the fields as a form carries them: nested ones as JSON."""
        return {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in self.fields.items()
        }


@dataclass(frozen=True)
class Part:
    """A piece of a message: its lines, its buttons, and what belongs to the whole request."""

    lines: Sequence[Line]
    buttons: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


Call = Callable[[Request], Answer]


def deliver(message: Message, call: Call, end: float) -> Answer:
    """Send `message` and return the answer to the request that carried its text, or its first part.

    Parameters
    ----------
    message : Message
    call : callable
        Makes one request and says what became of it; it never raises for a failure of the channel.
    end : float
        When everything has to be over, on `time.monotonic`'s scale. Drawing gets 5 s at most.

    Returns
    -------
    Answer
        Accepted only if the whole text was. Pictures that failed are told in the log.
    """
    whole = _whole(message)
    drawings: list[Drawing] | None = None
    formatted = True
    if message.pictures and width(whole.lines) <= CAPTION_LIMIT:
        drawings = _drawn(message, end)
        answer = _captioned(message, whole, drawings, call)
        if answer is not None and not answer.refuses_content:
            return answer
        if answer is not None:
            formatted = not answer.refuses_markup
            drawings = [] if formatted else drawings
            logger.warning("message %s: its text goes without a picture: %s", visible(message.key), answer.text)
    answer = _texts(whole, call, formatted)
    if answer.outcome == "accepted" and message.pictures:
        _add(_drawn(message, end) if drawings is None else drawings, answer, message, call)
    return answer


def _whole(message: Message) -> Part:
    """Return the message with its links as buttons; those that Telegram would refuse stand in the text, or all do."""
    buttons = {label: url for label, url in message.links.items() if is_button_url(url) and label.strip()}
    if len(buttons) > MOST_BUTTONS or len(json.dumps(_keyboard(buttons))) > KEYBOARD_BYTES:
        return Part([*body(message), *link_lines(message.links, anchored=True)], {}, _follows(message.reply_to))
    others = {label: url for label, url in message.links.items() if label not in buttons}
    return Part([*body(message), *link_lines(others, anchored=False)], buttons, _follows(message.reply_to))


def _captioned(message: Message, whole: Part, drawings: Sequence[Drawing], call: Call) -> Answer | None:
    """Send everything as one photo or album; None if there is no picture, or the links make it too long."""
    first, rest = drawings[:ALBUM_LIMIT], drawings[ALBUM_LIMIT:]
    if len(first) > 1:
        # An album cannot have buttons.
        lines = [*body(message), *link_lines(message.links, anchored=True)]
        whole = replace(whole, lines=lines, buttons={})
    if not first or width(whole.lines) > CAPTION_LIMIT:
        return None
    answer = call(_photos(first, whole))
    if answer.outcome == "accepted":
        _add(rest, answer, message, call)
    return answer


def _texts(whole: Part, call: Call, formatted: bool) -> Answer:
    """Send the text in as many parts as it needs; the answer to the first, unless one fails."""
    parts = [Part(lines) for lines in split(whole.lines, TEXT_LIMIT)]
    parts[-1] = replace(parts[-1], buttons=whole.buttons)
    return _in_order(parts, whole.options, lambda part: _text(part, call, formatted))


def _text(part: Part, call: Call, formatted: bool) -> Answer:
    if formatted:
        answer = call(_message(part, as_html(part.lines), {"parse_mode": "HTML", **_keyboard(part.buttons)}))
        if not answer.refuses_markup:
            return answer
        logger.warning("Telegram refused the formatting, so the text goes plain: %s", answer.text)
    plain_lines = [*part.lines, *link_lines(part.buttons, anchored=False)]
    parts = [Part(lines) for lines in split(plain_lines, TEXT_LIMIT)]
    return _in_order(parts, part.options, lambda plain: call(_message(plain, as_plain(plain.lines), {})))


def _in_order(parts: Sequence[Part], options: Mapping[str, Any], send: Callable[[Part], Answer]) -> Answer:
    """Send parts until one fails. The later ones follow the first without a sound."""
    first = send(replace(parts[0], options=options))
    for number, part in enumerate(parts[1:], start=2):
        if first.outcome != "accepted":
            break
        answer = send(replace(part, options=_quietly_follows(first)))
        if answer.outcome != "accepted":
            return _cut_short(answer, number, len(parts))
    return first


def _cut_short(answer: Answer, number: int, total: int) -> Answer:
    """Part of the text is out, so that nobody may call the message undelivered any more."""
    return Answer("unknown", f"part {number} of {total} failed after the parts before it were accepted: {answer.text}")


def _add(drawings: Sequence[Drawing], text: Answer, message: Message, call: Call) -> None:
    """Send pictures as a reply to a text that is already out; a failure is told in the log only."""
    for start in range(0, len(drawings), ALBUM_LIMIT):
        answer = call(_photos(drawings[start : start + ALBUM_LIMIT], Part((), options=_quietly_follows(text))))
        if answer.outcome != "accepted":
            key = visible(message.key)
            logger.warning("the text of message %s is out without its pictures: %s", key, answer.text)
            return


def _drawn(message: Message, end: float) -> list[Drawing]:
    """Return the pictures that are ready in time and that Telegram can take."""
    usable = []
    # Half at most: a drawing that hangs has to leave time for the text.
    seconds = min(DRAWING_SECONDS, (end - time.monotonic()) / 2)
    for drawing in draw(message.pictures, max(0.0, seconds)):
        problem = drawing.problem or _misfit(drawing.png)
        if problem is None:
            usable.append(drawing)
        else:
            names = visible(message.key), visible(drawing.picture.name)
            logger.warning("message %s goes without picture %s: %s", *names, problem)
    return usable


def _misfit(png: bytes) -> str | None:
    """Return why Telegram would refuse this as a photo, or None."""
    width_px, height_px = png_size(png)
    if len(png) > PHOTO_BYTES:
        return f"{len(png)} bytes, Telegram takes {PHOTO_BYTES} at most"
    if min(width_px, height_px) < 1 or width_px + height_px > PHOTO_SIDES:
        return f"{width_px} x {height_px} pixels, Telegram takes {PHOTO_SIDES} as width + height"
    if max(width_px, height_px) > PHOTO_RATIO * min(width_px, height_px):
        return f"{width_px} x {height_px} pixels, Telegram takes sides of at most {PHOTO_RATIO} to 1"
    return None


def _message(part: Part, text: str, markup: Mapping[str, Any]) -> Request:
    fields = {"text": text, "link_preview_options": {"is_disabled": True}, **markup, **part.options}
    return Request("sendMessage", fields)


def _photos(drawings: Sequence[Drawing], part: Part) -> Request:
    caption = {"caption": as_html(part.lines), "parse_mode": "HTML"} if part.lines else {}
    if len(drawings) == 1:
        fields = {**caption, **_keyboard(part.buttons), **part.options}
        return Request("sendPhoto", fields, {"photo": drawings[0].png})
    files = {f"picture{number}": drawing.png for number, drawing in enumerate(drawings)}
    media: list[dict[str, Any]] = [{"type": "photo", "media": f"attach://{name}"} for name in files]
    media[0].update(caption)
    return Request("sendMediaGroup", {"media": media, **part.options}, files)


def _keyboard(buttons: Mapping[str, str]) -> dict[str, Any]:
    rows = [[{"text": visible(label), "url": url}] for label, url in buttons.items()]
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}


def _follows(receipt: str | None) -> dict[str, Any]:
    if receipt is None:
        return {}
    if not receipt.isdecimal():
        logger.warning("%r is no receipt of Telegram, so the message follows none", receipt)
        return {}
    return {"reply_parameters": {"message_id": int(receipt), "allow_sending_without_reply": True}}


def _quietly_follows(text: Answer) -> dict[str, Any]:
    return {**_follows(str(text.message_id)), "disable_notification": True}
