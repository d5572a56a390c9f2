"""Secrets: how they are held, and how they are kept out of every text.

Bottom layer, like `errors`: imports nothing of the package; sources and notifiers call it.
"""

import base64
import re
from collections.abc import Iterable
from typing import NoReturn
from urllib.parse import quote, quote_plus

__all__ = ["Secret", "redact"]

MASK = "***"

SHORTEST = 3
"""Characters: what is shorter is no secret, and stands in ordinary words."""


class Secret:
    """A text that does not show itself: `repr`, `str` and formatting give ``***``; it cannot be pickled.

    Examples
    --------
    >>> token = Secret("123:abc")
    >>> token, f"{token}"
    (Secret('***'), '***')
    >>> token.reveal()
    '123:abc'
    """

    __slots__ = ("_text",)

    def __init__(self, text: "str | Secret") -> None:
        self._text: str = text.reveal() if isinstance(text, Secret) else text

    def reveal(self) -> str:
        """Return the text itself; call it only where it is handed to the driver."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: build the object that holds it where it is used")


def redact(text: str, secrets: Iterable[Secret | str | None]) -> str:
    """Return `text` with every secret, also URL-encoded, base64 or as in a `repr`, replaced by ``***``.

    Examples
    --------
    >>> redact("GET /?password=p%40ss&user=me", ["p@ss"])
    'GET /?password=***&user=me'
    """
    plain = [s.reveal() if isinstance(s, Secret) else s for s in secrets if s]
    # Replacing every "on" in a text would make it unreadable, and show what was replaced.
    spellings = {spelling for secret in plain if len(secret) >= SHORTEST for spelling in _spellings(secret)}
    for spelling in sorted(spellings, key=len, reverse=True):
        text = re.sub(re.escape(spelling), MASK, text, flags=re.IGNORECASE if "%" in spelling else 0)
    return text


def _spellings(secret: str) -> set[str]:
    encoded = base64.b64encode(secret.encode()).decode()
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        repr(secret)[1:-1],
        encoded,
        encoded.rstrip("="),
    }
