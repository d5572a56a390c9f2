"""Texts that come from data, made safe to look at: what cannot be seen is shown as a code.

A metric's or segment's name may hold anything, also what moves a terminal's cursor or turns a line around. All
notifiers of this package call this; it calls `foreign`.
"""

import unicodedata

from anomalert.foreign import text_of

__all__ = ["brief", "visible"]

JOINERS = {"\u200c", "\u200d"}
"""They shape emoji, Persian and Indian scripts, and cannot reorder or hide anything."""

HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Control, format (bidi, zero width), lone surrogate, line and paragraph separators."""

LONGEST_REASON = 200


def visible(text: str) -> str:
    r"""Return `text` as one line, with every control, bidi and other unseen character as its code.

    Examples
    --------
    >>> visible("likes\x1b[2J")
    'likes[U+001B][2J'
    >>> visible("абв \u202egnp.exe")
    'абв [U+202E]gnp.exe'
    """
    if text.isprintable():
        return text
    return "".join(_code(character) if _is_hidden(character) else character for character in text)


def brief(error: BaseException) -> str:
    """Return an exception's type and text, made visible and not too long for one line.

    Examples
    --------
    >>> brief(ValueError("no rows"))
    'ValueError: no rows'
    """
    text = visible(f"{type(error).__name__}: {text_of(error)}")
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in HIDDEN and character not in JOINERS


def _code(character: str) -> str:
    return f"[U+{ord(character):04X}]"
