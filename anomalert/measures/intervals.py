"""Half-open intervals as arrays: which meet which, and which points open an alert. No pandas, no class.

The bottom of the measures; `matching`, `alerts` and `sweep` call this, it calls numpy.
"""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

__all__ = ["count_meeting", "opens_alert"]


def count_meeting(starts: Integers, ends: Integers, other_starts: Integers, other_ends: Integers) -> Integers:
    """Return how many of the other intervals share an instant with each `[start, end)`.

    Those that begin before its end, less those that are over by its start: two searches in place of a comparison of
    all with all. Neither side has to be sorted or free of overlaps.

    Parameters
    ----------
    starts, ends : ndarray of int, shape (n,)
        With ``starts < ends``.
    other_starts, other_ends : ndarray of int, shape (m,)
        Likewise.

    Returns
    -------
    ndarray of int, shape (n,)

    Examples
    --------
    >>> count_meeting(np.array([0, 5]), np.array([2, 9]), np.array([1, 2, 6]), np.array([6, 3, 7]))
    array([1, 2])
    """
    begun = np.searchsorted(np.sort(other_starts), ends, side="left")
    over = np.searchsorted(np.sort(other_ends), starts, side="right")
    return np.asarray(begun - over, dtype=np.int64)


def opens_alert(times: Integers, join: int) -> NDArray[np.bool_]:
    """Return which points open an alert: the first one, and each first one that is `join` or more after an opening.

    Parameters
    ----------
    times : ndarray of int, shape (n,)
        Increasing.
    join : int
        Above 0, in the unit of `times`.

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> opens_alert(np.array([0, 3, 4, 6, 9]), 4)
    array([ True, False,  True, False,  True])
    """
    opens = np.zeros(len(times), dtype=np.bool_)
    following = np.searchsorted(times, times + join, side="left").tolist()
    at = 0
    while at < len(following):
        opens[at] = True
        at = following[at]
    return opens
