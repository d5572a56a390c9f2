"""Messages and pictures that the notifiers' tests send."""

import struct
import zlib
from collections.abc import Callable
from typing import Any

import pandas as pd

from anomalert.interfaces import Alert, Fact, Message, Picture


def png(width: int = 8, height: int = 6, *, filler: int = 0) -> bytes:
    """Return a small whole PNG, grey; its header may lie about the size, and `filler` bytes make it longer."""
    rows = zlib.compress(b"".join(b"\x00" + b"\x80" * 8 for _ in range(6)))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", rows)]
    chunks += [(b"fiLl", b"\x00" * filler)] if filler else []
    body = b"".join(_chunk(kind, data) for kind, data in [*chunks, (b"IEND", b"")])
    return b"\x89PNG\r\n\x1a\n" + body


def picture(name: str = "likes-20261101T1015Z", draw: Callable[[], bytes] = png) -> Picture:
    """Return a picture."""
    return Picture(name, "likes against its usual course", draw)


def alert(**changes: Any) -> Alert:
    """Return an alert about likes."""
    known: dict[str, Any] = {
        "kind": "opened",
        "pipeline": "feed",
        "metric": "likes",
        "slot": pd.Timestamp("2026-11-01T10:15Z"),
        "value": 812.0,
        "expected": 2110.0,
        "lower": 1055.0,
        "upper": 4220.0,
        "deviation": -0.61,
        "score": 1.23,
        "direction": "down",
        "incident": "feed/likes/20261101T1015Z/down",
    }
    return Alert(**{**known, **changes})


def message(**changes: Any) -> Message:
    """Return a message about likes without pictures."""
    known: dict[str, Any] = {
        "key": "feed/likes/20261101T1015Z",
        "alerts": (alert(),),
        "headline": "likes: 812.00, usually 2110.00",
        "facts": (Fact("likes", ("value = 812.00", "deviation = -61.52%")),),
        "links": {"Dashboard": "https://superset.example.com/d/1?a=1&b=2"},
    }
    return Message(**{**known, **changes})


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
