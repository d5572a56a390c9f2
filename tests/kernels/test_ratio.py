"""Relative differences: against exact fractions, at the edges of floats, and what the bounds mean for counts."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from anomalert import kernels
from tests import oracles
from tests.strategies import levels

ANY = st.one_of(levels(), st.floats(allow_infinity=False, allow_nan=True))
COUNTS = st.one_of(st.integers(0, 10).map(float), st.floats(1e-3, 1e12))


def deviation(value: float, expected: float) -> float:
    """Return the deviation of one value."""
    return float(kernels.deviation(np.array([value]), np.array([expected]))[0])


@given(value=ANY, expected=ANY)
@settings(deadline=None)
def test_deviation_is_the_exact_one(value: float, expected: float) -> None:
    """The deviation agrees with exact fractions, up to the largest and down to the smallest floats."""
    right = oracles.deviation(value, expected)
    assert deviation(value, expected) == pytest.approx(right, rel=1e-12, abs=1e-15, nan_ok=True)


@given(value=COUNTS, expected=COUNTS)
@settings(deadline=None)
def test_deviation_of_counts_is_one_minus_min_over_max(value: float, expected: float) -> None:
    """For counts its size is 1 - min/max, at most 1, and its sign is the direction."""
    found = deviation(value, expected)
    largest = max(value, expected)
    assert abs(found) <= 1
    assert abs(found) == pytest.approx(1 - min(value, expected) / largest if largest else 0.0, abs=1e-12)
    assert np.sign(found) == np.sign(value - expected)
    assert deviation(expected, value) == -found


@given(expected=levels(), threshold=st.floats(1e-6, 1 - 1e-6))
@settings(deadline=None)
def test_bounds_are_in_order_and_exact(expected: float, threshold: float) -> None:
    """The bounds agree with exact fractions and enclose what is expected, for negative values too."""
    lower, upper = kernels.ratio_bounds(np.array([expected]), threshold)
    right = oracles.ratio_bounds(expected, threshold)
    assert lower[0] <= expected <= upper[0]
    # 1 - threshold rounds, by half a unit in the last place of 1.
    reach = 1e-15 / (1 - threshold)
    assert (lower[0], upper[0]) == (pytest.approx(right.lower, rel=reach), pytest.approx(right.upper, rel=reach))


@given(value=COUNTS, expected=COUNTS, threshold=st.floats(0.01, 0.99))
@settings(deadline=None)
def test_outside_the_bounds_means_a_larger_ratio_than_the_threshold(
    value: float, expected: float, threshold: float
) -> None:
    """For counts, outside the bounds is exactly 1 - min/max > threshold, but for rounding on the edge itself."""
    lower, upper = kernels.ratio_bounds(np.array([expected]), threshold)
    largest = max(Fraction(value), Fraction(expected))
    ratio = 1 - min(Fraction(value), Fraction(expected)) / largest if largest else Fraction(0)
    assume(abs(ratio - Fraction(threshold)) > Fraction(1, 10**12))
    assert bool((value < lower[0]) or (value > upper[0])) == (ratio > Fraction(threshold))


def test_bounds_of_the_largest_float_overflow_quietly() -> None:
    """Where a bound is beyond the largest float it is infinite: nothing on that side is unusual."""
    lower, upper = kernels.ratio_bounds(np.array([1.7e308, -1.7e308]), 0.9)
    assert (upper[0], lower[1]) == (math.inf, -math.inf)
