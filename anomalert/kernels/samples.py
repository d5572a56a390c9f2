"""Summaries of samples: for every judged slot and metric, of the past values it is compared with.

A sample is an array of shape ``(n_past, n_slots, n_metrics)``; NaN is an unknown value and is left out. Every
result has the shape ``(n_slots, n_metrics)`` and is NaN where fewer than `min_count` values are known. Sums run
over the first axis one value after the other, so a slot's number does not depend on which slots stand beside it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

__all__ = ["mean", "mean_and_std", "quantiles"]


def mean(sample: Floats, min_count: int = 1) -> Floats:
    """Return the arithmetic mean of the known values, exact for equal ones.

    Examples
    --------
    >>> mean(np.array([[[1.0]], [[np.nan]], [[4.0]]]), min_count=2)
    array([[2.5]])
    """
    return _mean(sample, _anchor(sample), min_count)


def mean_and_std(sample: Floats, min_count: int = 2) -> tuple[Floats, Floats]:
    """Return mean and standard deviation (``ddof=1``) of the known values.

    Two passes, the second about the mean of the first with its residue taken out (the corrected two-pass
    algorithm of Chan, Golub and LeVeque, The American Statistician 37 (1983), equation 1.7), so that a level
    of 1e9 or a spike of 1e15 costs no digits. The standard deviation of equal values is exactly 0.

    Examples
    --------
    >>> mean_and_std(np.array([[[1.0]], [[2.0]], [[3.0]]]))
    (array([[2.]]), array([[1.]]))
    """
    centre = _mean(sample, _anchor(sample), max(min_count, 2))
    count = _count(sample)
    squares, residue = np.zeros_like(centre), np.zeros_like(centre)
    with np.errstate(over="ignore", invalid="ignore"):
        for values in sample:
            difference = np.where(np.isnan(values), 0.0, values - centre)
            squares += difference * difference
            residue += difference
        variance = (squares - residue * residue / np.maximum(count, 1)) / np.maximum(count - 1, 1)
    return centre, np.where(np.isnan(centre), np.nan, np.sqrt(np.maximum(variance, 0.0)))


def quantiles(sample: Floats, at: Sequence[float], min_count: int = 1) -> tuple[Floats, ...]:
    """Return the quantiles `at` (each in [0, 1]) of the known values, linear between order statistics.

    This is definition 7 of Hyndman and Fan, The American Statistician 50 (1996), and numpy's default.

    Examples
    --------
    >>> quantiles(np.array([[[1.0]], [[2.0]], [[4.0]]]), [0.5, 0.75])
    (array([[2.]]), array([[3.]]))
    """
    ordered = np.sort(sample, axis=0)
    count = _count(sample)
    return tuple(np.where(count >= max(min_count, 1), _quantile(ordered, count, q), np.nan) for q in at)


def _quantile(ordered: Floats, count: NDArray[np.intp], q: float) -> Floats:
    position = np.maximum(count - 1, 0) * q
    below = position.astype(np.intp)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    low = np.take_along_axis(ordered, below[None], axis=0)[0]
    high = np.take_along_axis(ordered, above[None], axis=0)[0]
    share = position - below
    with np.errstate(over="ignore", invalid="ignore"):
        step = high - low
        # The first form is exact between equal values, the second where their difference overflows.
        between: Floats = np.where(np.isfinite(step), low + share * step, low * (1 - share) + high * share)
    return between


def _count(sample: Floats) -> NDArray[np.intp]:
    known: NDArray[np.intp] = np.count_nonzero(~np.isnan(sample), axis=0)
    return known


def _anchor(sample: Floats) -> Floats:
    """Return the first known value of each sample: sums of differences from it keep small what is small."""
    first = np.argmax(~np.isnan(sample), axis=0)
    anchor: Floats = np.take_along_axis(sample, first[None], axis=0)[0]
    return anchor


def _mean(sample: Floats, anchor: Floats, min_count: int) -> Floats:
    total = np.zeros_like(anchor)
    with np.errstate(over="ignore", invalid="ignore"):
        for values in sample:
            total += np.where(np.isnan(values), 0.0, values - anchor)
        count = _count(sample)
        average = anchor + total / np.maximum(count, 1)
    return np.where(count >= max(min_count, 1), average, np.nan)
