"""Markup and splitting against a strict reader of Telegram's HTML: accepted, nothing created by data, nothing lost."""

import random
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anomalert.interfaces import Fact
from anomalert.notifiers.plain_text import visible
from anomalert.notifiers.telegram_text import (
    CAPTION_LIMIT,
    TEXT_LIMIT,
    WORD_JOINER,
    Line,
    as_html,
    as_plain,
    body,
    is_button_url,
    link_lines,
    split,
    width,
)
from tests.notifiers.samples import message
from tests.stubs.telegram_html import MarkupError, read_html, self_made_links, utf16_units

# fmt: off
PIECES = (
    "<b>", "</b>", "<a href='x'>", '<a href="https://evil.com">', "</a>", "<", ">", "&", "&lt;", "&amp", "&#60;",
    "&#x3c;", '"', "'", "<!--", "]]>", "<script>", "*", "_", "`", "[x](https://evil.com)", "||", "\\", "{}", "%s",
    "{0.__class__}", "@durov", "@all", "mail@evil.com", "evil.com", "www.evil.com", "https://evil.com/?a=1&b=2",
    "tg://user?id=1", "t.me/evil", "10.0.0.1", "ΔΕΛ.рф", "user@10.0.0.1", "1.2.3.4.5", "a-.com", "_.org", "..", "@@ab", "://://x",
    "\u202e", "\u200f", "\u2066", "\u2060", "\u200b", "\ufeff", "\u00ad", "\x00", "\x1b[2J", "\r", "\n", "\t", "\x7f",
    "\u2028", "\u2029", "\ud800", "\udfff", "👨‍👩‍👧", "🇷🇺", "👍🏽", "e\u0301\u0323", "\U000e0041", "अनुच्छेद", "می‌خواهم",
    "likes", "view", "метрика", "812.00", "-61.52%", "2026-11-01 10:15", "01.11.2026", " ", "  ", "a", "1", ".",
)
# fmt: on

hostile = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join)


def shown_text(text: str) -> str:
    """Return what a reader sees of `text`, written independently: the joiner is invisible, the rest is codes."""
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return "".join(
        f"[U+{ord(c):04X}]" if unicodedata.category(c) in hidden and c not in "\u200c\u200d" else c for c in text
    )


def check_hostile(headline: str, heading: str, line: str) -> None:
    """Render a message of hostile strings and hold it to the oracle."""
    lines = body(message(headline=headline, facts=(Fact(heading, (line, line)),), links={}))
    text, entities = read_html(as_html(lines))
    expected = [shown_text(part) for part in (headline, "", heading, line, line)]
    assert text.replace(WORD_JOINER, "").split("\n") == expected
    assert text == as_plain(lines)
    assert width(lines) == utf16_units(text)
    assert [entity.tag for entity in entities] == ["b"] * sum(bool(part.strip()) for part in (expected[0], expected[2]))
    assert self_made_links(text) == []
    text.encode()


@settings(max_examples=300, deadline=None)
@given(hostile, hostile, hostile)
@example(headline="", heading="", line="&amp@-61.52%")
def test_hostile_text_creates_nothing(headline: str, heading: str, line: str) -> None:
    """Any string is accepted at the first try, looks the same, and makes neither entity, mention nor link."""
    check_hostile(headline, heading, line)


def test_ten_thousand_hostile_texts_create_nothing() -> None:
    """The same over 10,000 seeded strings made of what has broken messengers."""
    choice = random.Random(20261101)
    strings = ["".join(choice.choices(PIECES, k=choice.randint(0, 12))) for _ in range(10_000)]
    for number in range(0, len(strings) - 2, 3):
        check_hostile(*strings[number : number + 3])


def test_oracle_finds_what_it_is_asked_for() -> None:
    """The strict reader refuses markup that Telegram refuses, and sees links that Telegram makes by itself."""
    for broken in (
        "<b>",
        "</b>",
        "<b><i></b></i>",
        "a & b",
        "a > b",
        "<a>x</a>",
        "<b href='x'>y</b>",
        "<blink>x</blink>",
    ):
        with pytest.raises(MarkupError):
            read_html(broken)
    text = "@durov tg://user?id=1 www.evil.com mail@x 10.0.0.1 812.00 01.11.2026 10:15 a.b likes/views"
    assert self_made_links(text) == ["@durov", "tg://u", "www.evil", "mail@x", "10.0.0.1"]


@pytest.mark.parametrize(
    "text", ["812.00 likes", "01.11.2026 10:15", "отклонение = -61.45%", "ctr, likes/views", "v1.2.3"]
)
def test_usual_text_is_left_as_it_is(text: str) -> None:
    """Numbers, dates and names get no invisible characters, so that copying them works."""
    [line] = body(message(headline=text, facts=()))
    assert line.text == text


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        hostile, hostile | st.sampled_from(["https://a.example.com/?a=1&b=<2>", 'https://x.y/"']), max_size=4
    )
)
def test_links_are_anchored_or_written_out(links: dict[str, str]) -> None:
    """Every link's address is reachable: as an anchor if Telegram takes it, else in plain sight; labels are inert."""
    text, entities = read_html(as_html(link_lines(links, anchored=True)))
    anchors = {entity.url for entity in entities}
    for label, url in links.items():
        assert (is_button_url(url) and url in anchors) or not label.strip() or visible(url) in text
        assert shown_text(label) in text.replace(WORD_JOINER, "")
    assert all(is_button_url(url) for url in anchors if url)


GLYPHS = [
    "a",
    "б",
    " ",
    "👍🏽",
    "👨‍👩‍👧‍👦",
    "🇷🇺",
    "e\u0301",
    "q\u0307\u0323",
    "𝔘",
    "<",
    "&",
    ".",
    "漢",
    "no\u0301 ",
    "x@y ",
]


def check_split(lines: list[Line], limit: int) -> list[list[Line]]:
    """Split and hold the parts to the oracle: valid, within the limit, nothing lost, bold where it was."""
    parts = split(lines, limit)
    shown = []
    for part in parts:
        text, entities = read_html(as_html(part))
        assert utf16_units(text) <= limit
        assert "".join(e.text for e in entities if e.tag == "b") == "".join(
            line.text for line in part if line.bold and line.text.strip()
        )
        shown.append(text)
    assert "".join("".join(shown).split()) == "".join("".join(line.text for line in lines).split())
    assert all(text.strip() for text in shown) or len(shown) == 1
    return parts


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(GLYPHS), max_size=60).map("".join), max_size=40),
    st.integers(2, 200),
)
def test_parts_are_valid_and_nothing_is_lost(texts: list[str], limit: int) -> None:
    """Whatever the lines and the limit, each part is valid HTML of at most that length, in order and complete."""
    check_split([Line(text, bold=number % 3 == 0) for number, text in enumerate(texts)], limit)


@pytest.mark.parametrize("limit", [CAPTION_LIMIT, TEXT_LIMIT])
def test_texts_of_1_to_20000_units_are_split_whole(limit: int) -> None:
    """At lengths from 1 to 20,000 code points, as one line and as many, parts are valid, complete and few."""
    choice = random.Random(7)
    glyphs = choice.choices(GLYPHS, k=20_000)
    for length in [*range(1, 40), *range(40, 20_000, 613), 20_000]:
        text = "".join(glyphs[:length])
        many = [Line(text[start : start + 83], bold=start == 0) for start in range(0, len(text), 83)]
        for lines in ([Line(text, bold=True)], many):
            parts = check_split(lines, limit)
            assert len(parts) <= width(lines) // (limit // 2 - 90) + 1


def test_long_line_is_cut_at_blanks_and_never_within_a_glyph() -> None:
    """A word stays whole where it can, and an emoji, a flag or a letter with its marks always."""
    words = check_split([Line("wonder " * 50)], 40)
    assert {part[0].text for part in words} == {"wonder " * 5}
    for glyph in ("👨‍👩‍👧‍👦", "👍🏽", "e\u0301\u0323"):
        for part in check_split([Line(glyph * 30)], 40):
            assert part[0].text.replace(glyph, "") == ""


def test_flags_are_cut_between_pairs_of_letters_at_worst() -> None:
    """A row of flags alone has no place that is known to part two flags, so only surrogates are sure to stay whole."""
    for part in check_split([Line("🇷🇺" * 30)], 40):
        assert utf16_units(part[0].text) % 2 == 0


def test_marks_without_end_are_cut_all_the_same() -> None:
    """A letter under thousands of accents cannot hold a message up."""
    assert len(check_split([Line("e" + "\u0301" * 500)], 100)) == 6


def test_a_paragraph_that_fits_is_not_parted() -> None:
    """The lines of one incident stay in one post with its time; only what is too long for any is cut."""
    first, second = [Line("a" * 10)] * 3, [Line("b" * 10)] * 5
    parts = check_split([*first, Line(""), *second, Line(""), *first], 60)
    assert [[line.text[:1] for line in part] for part in parts] == [["a"] * 3, ["b"] * 5, ["a"] * 3]
    longer = check_split([*first, Line(""), *[Line("b" * 10)] * 6], 60)
    assert [len(part) for part in longer] == [6, 4]


def test_empty_lines_do_not_begin_or_end_a_part() -> None:
    """A blank line between paragraphs is not worth a line where a part begins or ends."""
    lines = [Line("a" * 10), Line(""), Line("b" * 10), Line(""), Line("")]
    assert [[line.text for line in part] for part in split(lines, 11)] == [["a" * 10], ["b" * 10]]


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://superset.example.com/d/1?a=1&b=2#c", True),
        ("http://10.0.0.1:8088/d", True),
        ("HTTPS://a.b", True),
        ("http://grafana/", False),
        ("http://localhost:3000", False),
        ("https://пример.рф/", False),
        ("https://a.b/ c", False),
        ("https://a.b/\n", False),
        ("https://[::1]/", False),
        ("https://a.b:port/", False),
        ("https://.b/", False),
        ("javascript:alert(1)", False),
        ("tg://user?id=1", False),
        ("//a.b", False),
        ("", False),
    ],
)
def test_addresses_that_telegram_takes(url: str, taken: bool) -> None:
    """Only http and https addresses with a dotted host become buttons."""
    assert is_button_url(url) is taken
