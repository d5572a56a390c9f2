"""What Telegram accepts, as far as notifiers can meet it: the stub's judgement of a request.

From https://core.telegram.org/bots/api and, for addresses of buttons, TDLib's check of links.
"""

import re
import struct
from typing import Any
from urllib.parse import urlsplit

from tests.stubs.telegram_html import MarkupError, read_html, utf16_units


class RefusedError(Exception):
    """The API's answer no."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code, self.description = code, description


def check_request(method: str, fields: dict[str, Any], files: dict[str, bytes]) -> tuple[str, int]:
    """Return the visible text and the number of pictures of a request, or raise `RefusedError`."""
    if "chat_id" not in fields:
        raise RefusedError(400, "Bad Request: chat_id is empty")
    for row in fields.get("reply_markup", {}).get("inline_keyboard", []):
        for button in row:
            _check_button(button)
    if method == "sendMessage":
        return _text(str(fields["text"]), fields, "message text", 4096), 0
    if method == "sendPhoto":
        _check_photo(files["photo"])
        return _text(str(fields.get("caption", "")), fields, "message caption", 1024), 1
    if method == "sendMediaGroup":
        return _album(fields, files)
    raise RefusedError(404, "Not Found: method not found")


def _album(fields: dict[str, Any], files: dict[str, bytes]) -> tuple[str, int]:
    media = fields["media"]
    if not 2 <= len(media) <= 10:
        raise RefusedError(400, "Bad Request: wrong number of items in the album")
    if "reply_markup" in fields:
        raise RefusedError(400, "Bad Request: albums have no reply markup")
    for item in media:
        _check_photo(files[item["media"].removeprefix("attach://")])
    texts = [_text(item.get("caption", ""), item, "message caption", 1024) for item in media]
    return "".join(texts), len(media)


def _text(raw: str, options: dict[str, Any], what: str, limit: int) -> str:
    text = raw
    if options.get("parse_mode") == "HTML":
        try:
            text, _ = read_html(raw)
        except MarkupError as error:
            raise RefusedError(400, f"Bad Request: can't parse entities: {error}") from error
    if utf16_units(text) > limit:
        raise RefusedError(400, f"Bad Request: {what} is too long")
    if what == "message text" and not text.strip():
        raise RefusedError(400, "Bad Request: message text is empty")
    return text


def _check_button(button: dict[str, Any]) -> None:
    parts = urlsplit(button["url"])
    if parts.scheme not in ("http", "https") or "." not in (parts.hostname or "") or re.search(r"\s", button["url"]):
        raise RefusedError(400, f"Bad Request: inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
    if not button["text"].strip():
        raise RefusedError(400, "Bad Request: inline keyboard button text is empty")


def _check_photo(png: bytes) -> None:
    width, height = struct.unpack(">II", png[16:24])
    if len(png) > 10_000_000:
        raise RefusedError(413, "Request Entity Too Large")
    if width + height > 10_000 or max(width, height) > 20 * min(width, height):
        raise RefusedError(400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
