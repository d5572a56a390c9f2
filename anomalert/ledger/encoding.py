"""How values stand in the ledger: instants as whole seconds since 1970 in UTC, everything else as compact JSON.

Numbers, texts and JSON only, nothing that runs when it is read. The rooms of the ledger call this; it calls `panel`.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from anomalert.errors import ConfigurationError, LedgerDamagedError
from anomalert.panel import as_instant

__all__ = [
    "bound_of",
    "from_json",
    "instants_of",
    "judgements_from_json",
    "judgements_to_json",
    "layouts_of",
    "seconds_of",
    "text_of",
    "to_json",
]

SECOND = 10**9
"""In nanoseconds, the unit of `pandas.Timestamp.value`."""


def seconds_of(slot: object) -> int:
    """Return an aware instant that is a whole second as seconds since 1970.

    Examples
    --------
    >>> seconds_of("2026-11-24T10:15+03:00")
    1795504500
    """
    value = as_instant(slot, "slot").value
    if value % SECOND:
        raise ConfigurationError(f"`slot` is {slot}: the ledger keeps slots that start at whole seconds")
    return value // SECOND


def bound_of(instant: object, name: str) -> int:
    """Return the first whole second at or after `instant`: what bounds a half-open range of slots."""
    return -(-as_instant(instant, name).value // SECOND)


def instants_of(seconds: Sequence[int]) -> list[pd.Timestamp]:
    """Return seconds since 1970 as UTC instants."""
    return list(pd.to_datetime(list(seconds), unit="s", utc=True))


def text_of(text: str | None) -> str | None:
    """Return `text` as both databases can hold it: without NUL, and without halves of characters."""
    return None if text is None else text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def to_json(value: Any) -> str:
    """Return `value` as compact JSON; what is not a finite number becomes null, for JSON has no word for it.

    Examples
    --------
    >>> to_json({"likes": 812.0, "доля": float("nan")})
    '{"likes":812.0,"доля":null}'
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_without_nan(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        # Halves of characters, which hostile labels may hold: JSON can spell them, UTF-8 cannot.
        return json.dumps(json.loads(text), separators=(",", ":"))
    return text


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def from_json(text: str) -> Any:
    """Return what `to_json` wrote."""
    return json.loads(text)


def judgements_to_json(rows: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, str]]:
    """Return rows as JSON without the names of their columns, and these names by the layout that stands in their place.

    Rows of several shapes keep their names.

    Examples
    --------
    >>> judgements_to_json([{"metric": "likes", "value": 1.0}, {"metric": "views", "value": None}])
    ('["808466bf",["likes",1.0],["views",null]]', {'808466bf': '["metric","value"]'})
    """
    shapes = {tuple(row) for row in rows}
    if len(shapes) != 1:
        return to_json(list(rows)), {}
    names = to_json(shapes.pop())
    layout = hashlib.blake2b(names.encode(), digest_size=4).hexdigest()
    return to_json([layout, *(list(row.values()) for row in rows)]), {layout: names}


def judgements_from_json(text: str, layouts: Mapping[str, Sequence[str]]) -> tuple[dict[str, Any], ...]:
    """Return the rows that `judgements_to_json` wrote; `layouts` has the names of columns by layout.

    Examples
    --------
    >>> judgements_from_json('["808466bf",["likes",1.0]]', {"808466bf": ["metric", "value"]})
    ({'metric': 'likes', 'value': 1.0},)
    """
    rows = json.loads(text)
    if not rows or not isinstance(rows[0], str):
        return tuple(rows)
    names = layouts.get(rows[0])
    if names is None:
        raise LedgerDamagedError(f"the ledger is damaged: the names of columns of layout {rows[0]} are gone")
    return tuple(dict(zip(names, row, strict=True)) for row in rows[1:])


def layouts_of(rows: Sequence[Mapping[str, object]]) -> dict[str, list[str]]:
    """Return the names of columns by layout, of rows of the table that keeps them."""
    return {str(row["layout"]): from_json(str(row["names"])) for row in rows}
