"""Whether a secret shows itself: in a repr, an error, a traceback or the log.

The checks of sources and notifiers call this; it calls `redaction` only.
"""

import logging
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from anomalert.redaction import redact

__all__ = ["heard", "leaking", "texts_of"]


@contextmanager
def heard() -> Iterator[list[str]]:
    """Collect what is logged meanwhile, by anybody and from DEBUG up, also where a library has silenced another."""
    lines: list[str] = []
    handler, root = _Collector(lines), logging.getLogger()
    known = [each for each in logging.Logger.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    levels = {logger: logger.level for logger in (root, *known)}
    root.addHandler(handler)
    for logger in levels:
        logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
        root.removeHandler(handler)


def texts_of(error: BaseException) -> dict[str, str]:
    """Return everything that an exception shows of itself, its causes and contexts included."""
    return {
        "the error's text": f"{error} {error!r} {error.args!r}",
        "the error's traceback": "".join(traceback.format_exception(error)),
    }


def leaking(texts: dict[str, str], secrets: Sequence[str]) -> str | None:
    """Return the name of the first text that holds a secret in any spelling, or None."""
    return next((name for name, text in texts.items() if redact(text, secrets) != text), None)


class _Collector(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))
