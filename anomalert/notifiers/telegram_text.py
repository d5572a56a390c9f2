"""A message as Telegram reads it: lines, as HTML or plain, cut into parts that fit.

Markup is put around whole lines after cutting, so a part is valid HTML by construction: no tag and no escape is ever
cut. `telegram_sending` calls this; it calls `plain_text`. Limits and the rules of addresses are those of the Bot API
(https://core.telegram.org/bots/api) and of TDLib, which serves it.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from urllib.parse import urlsplit

from anomalert.interfaces import Message
from anomalert.notifiers.plain_text import visible

__all__ = [
    "CAPTION_LIMIT",
    "TEXT_LIMIT",
    "Line",
    "as_html",
    "as_plain",
    "body",
    "is_button_url",
    "link_lines",
    "split",
    "width",
]

TEXT_LIMIT = 4096
"""UTF-16 units of visible text in one message."""

CAPTION_LIMIT = 1024
"""UTF-16 units of visible text under a picture."""

WORD_JOINER = "\u2060"

SELF_MADE_LINKS = re.compile(r"@(?=[\w-])|://|(?<=[\w-])\.(?=[^\W\d_]{2})|(?<=\d)\.(?=\d{1,3}\.\d{1,3}\.\d)")
"""Where Telegram would make a mention or a link out of data by itself: @name, scheme://, word.word, 10.0.0.1."""

LONGEST_CLUSTER = 32
"""Code points to look back for a place that parts no accent from its letter."""


@dataclass(frozen=True)
class Line:
    """One line of a message: text that is safe to see, bold or not, leading to `url` or not."""

    text: str
    bold: bool = False
    url: str | None = None


def body(message: Message) -> list[Line]:
    """Return the headline and the facts as lines, with an empty line between paragraphs.

    Names in data that Telegram would turn into mentions or links by itself, pinging people or leading out of the
    chat, are kept from it by an invisible word joiner.
    """
    lines = [Line(_inert(message.headline), bold=True)]
    for fact in message.facts:
        lines += [Line(""), Line(_inert(fact.heading), bold=True), *(Line(_inert(text)) for text in fact.lines)]
    return lines


def link_lines(links: Mapping[str, str], *, anchored: bool) -> list[Line]:
    """Return links as lines: a label that leads there, or label and address in plain sight."""
    lines = [
        Line(_inert(label), url=url) if anchored and is_button_url(url) else Line(f"{_inert(label)}: {visible(url)}")
        for label, url in links.items()
    ]
    return [Line(""), *lines] if lines else []


def is_button_url(url: str) -> bool:
    """Tell whether Telegram takes `url` for a button or an anchor; one that it refuses costs the whole message.

    Examples
    --------
    >>> is_button_url("https://superset.example.com/d/1"), is_button_url("http://grafana:3000"), is_button_url("ctr")
    (True, False, False)
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and re.fullmatch(r"[\w-]+(\.[\w-]+)+", host) is not None


def width(lines: Sequence[Line]) -> int:
    """Return the length that Telegram counts: UTF-16 units of the visible text, line breaks included."""
    return _units(as_plain(lines))


def as_plain(lines: Sequence[Line]) -> str:
    """Return the visible text alone."""
    return "\n".join(line.text for line in lines)


def as_html(lines: Sequence[Line]) -> str:
    r"""Return the lines in Telegram's HTML, everything in them escaped.

    Examples
    --------
    >>> as_html([Line("a < b", bold=True), Line("chart", url="https://x.y/?a=1&b=2")])
    '<b>a &lt; b</b>\n<a href="https://x.y/?a=1&amp;b=2">chart</a>'
    """
    return "\n".join(_marked_up(line) for line in lines)


def split(lines: Sequence[Line], limit: int) -> list[list[Line]]:
    """Cut `lines` into parts of at most `limit` units: between paragraphs, where each is short enough.

    One that is too long itself is cut between lines, and a line that is too long between words.

    Parameters
    ----------
    lines : sequence of Line
    limit : int
        In UTF-16 units, at least 2.

    Returns
    -------
    list of list of Line
        At least one part, none of them blank unless all is. Nothing is lost but blanks where a part begins or ends:
        Telegram would drop them, and refuses a part that has nothing else.
    """
    parts: list[list[Line]] = [[]]
    used = 0
    for paragraph in _paragraphs(lines):
        whole = sum(_units(line.text) + 1 for line in paragraph)
        if used and used + whole > limit + 1 >= whole and paragraph[0].text.strip():
            parts.append([])
            used = 0
        for piece in (piece for line in paragraph for piece in _pieces(line, limit)):
            is_blank = not piece.text.strip()
            units = _units(piece.text) + 1
            if used + units > limit + 1:
                if is_blank:
                    continue
                parts.append([])
                used = 0
            if parts[-1] or not is_blank:
                parts[-1].append(piece)
                used += units
    return [_without_blank_end(part) for part in parts]


def _paragraphs(lines: Sequence[Line]) -> list[list[Line]]:
    """Return what an empty line parts, and the empty lines between."""
    return [list(group) for _, group in groupby(lines, key=lambda line: bool(line.text.strip()))]


def _inert(text: str) -> str:
    return SELF_MADE_LINKS.sub(lambda found: found.group() + WORD_JOINER, visible(text))


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def _marked_up(line: Line) -> str:
    text = html.escape(line.text, quote=False)
    if not line.text.strip():
        return text
    if line.url is not None:
        return f'<a href="{html.escape(line.url)}">{text}</a>'
    return f"<b>{text}</b>" if line.bold else text


def _without_blank_end(part: list[Line]) -> list[Line]:
    while part and not part[-1].text.strip():
        part = part[:-1]
    return part


def _pieces(line: Line, limit: int) -> Iterator[Line]:
    text = line.text
    while _units(text) > limit:
        cut = _cut(text, limit)
        yield replace(line, text=text[:cut])
        text = text[cut:]
    yield replace(line, text=text)


def _cut(text: str, limit: int) -> int:
    """Return where to cut: after the last blank of the second half, else before a letter with all its marks."""
    longest = _fitting(text, limit)
    blank = text.rfind(" ", longest // 2, longest)
    if blank >= 0:
        return blank + 1
    for cut in range(longest, max(longest - LONGEST_CLUSTER, 0), -1):
        if not _joins(text[cut - 1], text[cut]):
            return cut
    return longest


def _fitting(text: str, limit: int) -> int:
    """Return how many code points of `text` fit into `limit` units, at least one."""
    units = 0
    for count, character in enumerate(text):
        units += 1 + (character > "\uffff")
        if units > limit:
            return max(count, 1)
    return len(text)


def _joins(before: str, after: str) -> bool:
    """Tell whether a reader sees both characters as parts of one: accents, emoji sequences, flags."""
    return (
        unicodedata.category(after).startswith("M")
        or after in "\u200d\u2060"
        or before == "\u200d"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
    )
