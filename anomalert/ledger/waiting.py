"""Waiting for a lock: asked for again and again, so that it ends in time whoever holds it.

The two engines call this; it calls nothing of the package but `errors`.
"""

import time
from collections.abc import Callable

import pandas as pd

from anomalert.errors import LedgerBusyError

__all__ = ["wait_for"]

PAUSE = 0.05
"""Seconds between two tries."""


def wait_for(take: Callable[[], bool], wait: pd.Timedelta, what: str) -> None:
    """Call `take` until it returns True.

    Raises
    ------
    LedgerBusyError
        If it has not within `wait`; `what` names what is held by another.
    """
    # Not the time of day: a clock that is set back must not prolong the wait.
    until = time.monotonic() + wait.total_seconds()
    while not take():
        if time.monotonic() >= until:
            raise LedgerBusyError(f"{what} is in use by another run, still after {wait.total_seconds():g} s")
        time.sleep(PAUSE)
