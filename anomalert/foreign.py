"""Other people's code: what of all it may raise is its own failure, and how it is named when it cannot even say that.

The bottom layer: errors, judging, intake, pictures and whatever else calls plug-ins call this; it calls nothing of the
package.
"""

import functools
import os
import signal
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

__all__ = ["ends_the_run", "place_of", "shown", "text_of"]

OURS = f"{Path(__file__).parent}{os.sep}"
"""How the names of our own files begin."""

LIBRARIES = (
    "<frozen ",
    *(sysconfig.get_path(kind) + os.sep for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
)
"""How the names of files begin that nobody mends who writes a plug-in."""

COMPILED = (".pyx", ".pxi", ".pxd")
"""How the names of such files end whose library has not noted where they lay."""


def ends_the_run(error: BaseException) -> bool:
    """Return whether `error` is meant for the whole process, and not a failure of the plug-in that was just called.

    A plug-in may raise anything: a library in it calls ``sys.exit``, or compiled code panics with what is no
    `Exception`. None of that may keep other metrics from being judged. Ctrl-C is no failure of a plug-in, and nor is
    what a signal's handler raises while one is working: so `SIGTERM` and the time limits of schedulers end a run.
    """
    return isinstance(error, KeyboardInterrupt) or not _handlers().isdisjoint(_codes(error))


def text_of(error: BaseException) -> str:
    """Return the text of an exception, also of one that raises when it is asked for it.

    Examples
    --------
    >>> text_of(ValueError("no rows"))
    'no rows'
    """
    try:
        return str(error)
    except BaseException as failure:
        if ends_the_run(failure):
            raise
        return "(its text cannot be shown)"


def place_of(error: BaseException) -> str:
    """Return where a plug-in raised, as `` in FILE, line N``: names of files only, which hold no secret.

    That is the innermost line of its own, and not of a library that it called; of a plug-in that is installed as a
    library, the line by which it was entered. Nothing for an error that was never raised.
    """
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    theirs = [place for place in places if not place[0].startswith(OURS)]
    own = [place for place in theirs if not _is_library(place[0])]
    return "".join(f" in {file}, line {line}" for file, line in own[-1:] or theirs[:1] or places[-1:])


def shown(thing: object) -> str:
    """Return how an object shows itself, or its class if it cannot."""
    try:
        return repr(thing)
    except BaseException as failure:
        if ends_the_run(failure):
            raise
        return type(thing).__name__


def _is_library(file: str) -> bool:
    return file.startswith(LIBRARIES) or file.endswith(COMPILED)


def _codes(error: BaseException) -> Iterator[CodeType]:
    """Yield the code of every function that the error came through."""
    place = error.__traceback__
    while place is not None:
        yield place.tb_frame.f_code
        place = place.tb_next


def _handlers() -> set[CodeType]:
    """Return the code of all functions that handle a signal now."""
    handlers: set[CodeType] = set()
    for number in signal.valid_signals():
        handler: object = signal.getsignal(number)
        while isinstance(handler, functools.partial):
            handler = handler.func
        own_call = type(handler).__call__ if callable(handler) else None
        for function in (handler, getattr(handler, "__func__", None), own_call):
            code = getattr(function, "__code__", None)
            if isinstance(code, CodeType):
                handlers.add(code)
    return handlers
