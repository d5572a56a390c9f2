"""Relative differences between a value and what was expected."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

__all__ = ["deviation", "ratio_bounds"]


def deviation(value: Floats, expected: Floats) -> Floats:
    """Return ``(value - expected) / max(|value|, |expected|)``: signed, 0 where both are 0, NaN if one is.

    For values of one sign it lies in [-1, 1] and its size is ``1 - min / max``.

    Examples
    --------
    >>> deviation(np.array([50.0, 200.0, 0.0]), np.array([100.0, 100.0, 0.0]))
    array([-0.5,  0.5,  0. ])
    """
    level = np.maximum(np.abs(value), np.abs(expected))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        difference = value - expected
        # Near the largest float the difference overflows although its ratio to the level does not.
        relative = np.where(np.isfinite(difference), difference / level, value / level - expected / level)
    return np.where(level == 0, 0.0, relative)


def ratio_bounds(expected: Floats, threshold: float) -> tuple[Floats, Floats]:
    """Return ``expected * (1 - threshold)`` and ``expected / (1 - threshold)``, the smaller first.

    For values at or above 0, outside these bounds means ``1 - min / max > threshold``.

    Examples
    --------
    >>> ratio_bounds(np.array([100.0, -100.0]), 0.5)
    (array([  50., -200.]), array([200., -50.]))
    """
    with np.errstate(over="ignore"):
        one, other = expected * (1 - threshold), expected / (1 - threshold)
    return np.minimum(one, other), np.maximum(one, other)
