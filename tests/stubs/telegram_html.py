"""A strict reader of Telegram's HTML and of what Telegram makes into links by itself: the oracle of the tests.

It refuses all that Telegram refuses, and also what Telegram would merely tolerate (a bare ``>``, an unknown escape).
"""

import html
import re
from dataclasses import dataclass

SIMPLE_TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre"}
TOKEN = re.compile(
    r'<(?P<close>/)?(?P<tag>[a-z]+)(?: href="(?P<href>[^"<>]*)")?>|(?P<escape>&(?:lt|gt|amp|quot|#\d+|#x[0-9a-f]+);)'
)
MENTION = r"(?<!\w)@[a-zA-Z0-9_]{2,32}(?!\w)"
LINK = r"[a-z][a-z0-9+.-]*://\w|[\w-]+\.[^\W\d_]{2,}|[\w.+-]+@[\w-]|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"
SELF_MADE = re.compile(f"{MENTION}|{LINK}", re.IGNORECASE)


class MarkupError(ValueError):
    """What Telegram answers with "can't parse entities"."""


@dataclass(frozen=True)
class Entity:
    """A formatted piece of the visible text: its tag, the text it covers, and where an anchor leads."""

    tag: str
    text: str
    url: str | None = None


def read_html(markup: str) -> tuple[str, list[Entity]]:
    """Return the visible text and the entities of `markup`, or raise a MarkupError."""
    text, entities = "", []
    open_tags: list[tuple[str, int, str | None]] = []
    position = 0
    while position < len(markup):
        if markup[position] not in "<>&":
            text += markup[position]
            position += 1
            continue
        found = TOKEN.match(markup, position)
        if found is None:
            raise MarkupError(f"stray {markup[position]!r} at {position}")
        position = found.end()
        if found["escape"]:
            text += html.unescape(found["escape"])
        elif found["close"]:
            entities.append(_closed(open_tags, found["tag"], text))
        else:
            _check_opening(found)
            url = None if found["href"] is None else html.unescape(found["href"])
            open_tags.append((found["tag"], len(text), url))
    if open_tags:
        raise MarkupError(f"<{open_tags[-1][0]}> is never closed")
    return text, entities


def self_made_links(visible: str) -> list[str]:
    """Return what Telegram would turn into mentions and links in a text without any markup."""
    return SELF_MADE.findall(visible)


def utf16_units(text: str) -> int:
    """Return the length that Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def _check_opening(found: re.Match[str]) -> None:
    if (found["tag"] == "a") != (found["href"] is not None) or found["tag"] not in SIMPLE_TAGS | {"a"}:
        raise MarkupError(f"{found.group()} is no tag of Telegram's")


def _closed(open_tags: list[tuple[str, int, str | None]], tag: str, text: str) -> Entity:
    if not open_tags or open_tags[-1][0] != tag:
        raise MarkupError(f"</{tag}> closes nothing")
    _, start, url = open_tags.pop()
    return Entity(tag, text[start:], url)
