"""Where values stay away that were expected."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

__all__ = ["missing"]


def missing(value: Floats, expected: Floats, weights: Floats | None, waited: int | None) -> NDArray[np.bool_]:
    """Return where each of the last `waited` rows lacks a value that was expected.

    Parameters
    ----------
    value, expected : ndarray of float, shape (n_rows, n_columns)
        NaN where unknown: a row in which nothing was expected is not missing.
    weights : ndarray of float, optional
        Denominators: a ratio over 0 is not missing.
    waited : int or None
        At least 1; None: nothing ever is.

    Examples
    --------
    >>> nothing, hundred = np.full((4, 1), np.nan), np.full((4, 1), 100.0)
    >>> missing(nothing, hundred, None, 3).ravel().tolist()
    [False, False, True, True]
    """
    if waited is None:
        return np.zeros(value.shape, dtype=bool)
    lacking = np.isnan(value) & ~np.isnan(expected)
    if weights is not None:
        lacking &= weights != 0
    total = np.cumsum(lacking, axis=0, dtype=np.int64)
    lately = total.copy()
    lately[waited:] -= total[:-waited]
    return lately >= waited
