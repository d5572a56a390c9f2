"""Work with a deadline: what may hang runs in a thread that nobody has to wait for.

Threads of `concurrent.futures` executors are joined when the interpreter ends, so that one hung picture would keep a
scheduler's task alive; a daemon thread does not. Called by `pictures` and `telegram`; calls nothing of the package.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["in_background"]

Result = TypeVar("Result")


def in_background(work: Callable[[], Result]) -> "Future[Result]":
    """Start `work` in a daemon thread; the future gives its result or raises its exception.

    Examples
    --------
    >>> in_background(lambda: 6 * 7).result(timeout=5)
    42
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - a thread has no caller; the future hands it on
            future.set_exception(error)

    threading.Thread(target=run, name="anomalert-notifier", daemon=True).start()
    return future
