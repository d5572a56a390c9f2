"""Other people's code: what of all it may raise is its own failure, and how it is named when it cannot even say that.

The bottom layer: errors, judging, intake, pictures and whatever else calls plug-ins call this; it calls nothing of the
package.
"""

import functools
import signal
from collections.abc import Iterator
from types import CodeType

__all__ = ["ends_the_run", "shown", "text_of"]


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


def shown(thing: object) -> str:
    """Return how an object shows itself, or its class if it cannot."""
    try:
        return repr(thing)
    except BaseException as failure:
        if ends_the_run(failure):
            raise
        return type(thing).__name__


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
