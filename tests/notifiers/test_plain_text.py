"""Texts from data, made safe to look at."""

import sys
import unicodedata

import pytest

from anomalert.notifiers.plain_text import brief, visible


def test_every_character_is_itself_or_a_code() -> None:
    """Over all of Unicode: what is shown holds nothing unseen but the two joiners, and all that can be seen stays."""
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        hidden = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and number not in (0x200C, 0x200D)
        assert visible(f"a{character}") == (f"a[U+{number:04X}]" if hidden else f"a{character}")


@pytest.mark.parametrize("text", ["👨‍👩‍👧", "می‌خواهم", "метрика", "e\u0301", "a\u00a0b"])
def test_scripts_and_emoji_stay_as_they_are(text: str) -> None:
    """Joiners shape emoji and scripts, so they are left alone."""
    assert visible(text) == text


def test_reason_is_one_short_line() -> None:
    """An exception's text of many lines and megabytes becomes a short line."""
    text = brief(RuntimeError("a\nb" * 1000))
    assert text.startswith("RuntimeError: a[U+000A]b")
    assert "\n" not in text
    assert len(text) == 201
