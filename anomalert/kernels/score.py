"""The one scale of all detectors: how far outside its bounds a value lies."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

__all__ = ["LARGEST_SCORE", "score"]

LARGEST_SCORE = 1e6
"""Scores are capped here, so that they stay finite where the bounds have no width."""

EQUAL_WITHIN = 8.0
"""Units in the last place by which a value may miss bounds of zero width and still count as equal."""

HUGE = 1e300

JUST_ABOVE_ONE = np.nextafter(1.0, 2.0)


def score(value: Floats, expected: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return the distance from `expected` in units of the distance to the bound on that side.

    0 is as expected, 1 on the bound, above 1 outside; at most `LARGEST_SCORE`. Where the bound has no distance
    from `expected` the score is 0 if the value equals it within 8 units in the last place, else the cap. NaN where
    the value or one of the other three is unknown. A bound may be infinite: nothing on that side is unusual.

    Examples
    --------
    >>> four = np.array([100.0, 75.0, 50.0, 40.0])
    >>> score(four, np.full(4, 100.0), np.full(4, 50.0), np.full(4, 200.0))
    array([0. , 0.5, 1. , 1.2])
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        # A quarter of a huge value has room for the difference of two; nothing below depends on the unit.
        scale = np.where(np.maximum(np.abs(value), np.abs(expected)) > HUGE, 0.25, 1.0)
        value, expected, lower, upper = value * scale, expected * scale, lower * scale, upper * scale
        width = np.abs(np.where(value >= expected, upper, lower) - expected)
        distance = np.abs(value - expected)
        level = np.maximum(np.abs(value), np.abs(expected))
        equal = distance <= EQUAL_WITHIN * np.spacing(np.where(np.isfinite(level), level, 0.0))
        relative = np.minimum(distance / width, LARGEST_SCORE)
        # The division rounds; which side of the bound the value lies on does not.
        outside = (value > upper) | (value < lower)
        relative = np.where(outside, np.maximum(relative, JUST_ABOVE_ONE), np.minimum(relative, 1.0))
    relative = np.where(width == 0, np.where(equal, 0.0, LARGEST_SCORE), relative)
    known = np.isfinite(value) & np.isfinite(expected) & ~np.isnan(lower) & ~np.isnan(upper)
    return np.where(known, relative, np.nan)
