"""Where values stay away that were expected."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

__all__ = ["missing"]


def missing(
    value: Floats, expected: Floats, weights: Floats | None, waited: int | None, *, trailing: bool = False
) -> NDArray[np.bool_]:
    """Return where each of the last `waited` rows lacks a value that was expected.

    Parameters
    ----------
    value, expected : ndarray of float, shape (n_rows, n_columns)
        NaN where unknown: a row in which nothing was expected is not missing.
    weights : ndarray of float, optional
        Denominators: a ratio over 0 is not missing.
    waited : int or None
        At least 1; None: nothing ever is.
    trailing : bool, default False
        Whether what is expected comes from the rows right before, and so is unknown itself soon after values stay
        away: it is enough then that one was expected in the first of those rows.

    Examples
    --------
    >>> nothing, hundred = np.full((4, 1), np.nan), np.full((4, 1), 100.0)
    >>> missing(nothing, hundred, None, 3).ravel().tolist()
    [False, False, True, True]
    """
    if waited is None:
        return np.zeros(value.shape, dtype=bool)
    wanted = ~np.isnan(expected)
    lacking = np.isnan(value)
    if not trailing:
        lacking &= wanted
    if weights is not None:
        lacking &= weights != 0
    total = np.cumsum(lacking, axis=0, dtype=np.int64)
    lately = total.copy()
    lately[waited:] -= total[:-waited]
    lacks_all: NDArray[np.bool_] = lately >= waited
    lacks_all[waited - 1 :] &= wanted[: max(len(wanted) - waited + 1, 0)]
    return lacks_all
