"""Named points of a run, between any two steps of which a process may die; nothing happens at them.

Tests put an observer there that kills the process at the n-th point, so that what is shipped is what was killed.
Bottom layer, like `errors`: imports nothing of the package; the ledger, delivery and pipelines call it.
"""

from collections.abc import Callable

__all__ = ["observers", "reached"]

observers: list[Callable[[str], None]] = []
"""Called with the name of every point that is reached; empty outside of tests."""


def reached(point: str) -> None:
    """Tell the observers that the process got as far as `point`.

    Examples
    --------
    >>> from anomalert import crashpoints
    >>> seen = []
    >>> crashpoints.observers.append(seen.append)
    >>> crashpoints.reached("commit: begun")
    >>> crashpoints.observers.remove(seen.append)
    >>> seen
    ['commit: begun']
    """
    for observer in observers:
        observer(point)
