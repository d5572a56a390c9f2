"""The one scale of all detectors: against exact fractions, and the rules at its edges."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anomalert.kernels import LARGEST_SCORE, score
from tests import oracles
from tests.strategies import levels

FINITE = st.one_of(levels(), st.floats(allow_infinity=False, allow_nan=False))


def score_of(value: float, expected: float, lower: float, upper: float) -> float:
    """Return the score of one value."""
    return float(score(*(np.array([number]) for number in (value, expected, lower, upper)))[0])


@given(value=FINITE, edges=st.tuples(FINITE, FINITE, FINITE).map(sorted))
@example(value=1.0, edges=[-1.7e308, -1.6e308, 1.7e308])
@example(value=-1e308, edges=[-1.7e308, 1.6e308, 1.7e308])
@settings(deadline=None)
def test_score_is_the_exact_ratio(value: float, edges: list[float]) -> None:
    """The score agrees with exact fractions, for bounds of any width and values of any size, without a warning."""
    lower, expected, upper = edges
    right = oracles.score(value, oracles.Expected(expected, lower, upper))
    assert score_of(value, expected, lower, upper) == pytest.approx(right, rel=1e-12)


@given(value=FINITE, edges=st.tuples(FINITE, FINITE, FINITE).map(sorted))
@settings(deadline=None)
def test_score_is_above_one_exactly_outside(value: float, edges: list[float]) -> None:
    """The bounds decide: above 1 is outside, but for equality within 8 ulp where the bound has no distance."""
    lower, expected, upper = edges
    found = score_of(value, expected, lower, upper)
    assert 0 <= found <= LARGEST_SCORE
    no_width = (upper if value >= expected else lower) == expected
    if not (no_width and found == 0):
        assert (found > 1) == (not lower <= value <= upper)


@given(st.lists(st.sampled_from([0.0, 1.0, -2.5, math.nan, math.inf, -math.inf]), min_size=4, max_size=4))
@settings(deadline=None)
def test_unknown_is_unknown(numbers: list[float]) -> None:
    """The score is NaN exactly where value or expected is not finite or a bound is NaN; bounds may be infinite."""
    value, expected, lower, upper = numbers
    unknown = not (math.isfinite(value) and math.isfinite(expected)) or math.isnan(lower) or math.isnan(upper)
    assert math.isnan(score_of(value, expected, lower, upper)) == unknown


@pytest.mark.parametrize("level", [100.0, 0.1, 1e9, -7.3, 1e307])
def test_without_width_equality_is_eight_ulp_wide(level: float) -> None:
    """Where the bounds have no width, 8 units in the last place still count as equal, and 10 are an anomaly."""
    ulp = math.ulp(level)
    assert score_of(level + 8 * ulp, level, level, level) == 0.0
    assert score_of(level - 8 * ulp, level, level, level) == 0.0
    assert score_of(level + 10 * ulp, level, level, level) == LARGEST_SCORE
    assert score_of(level - 10 * ulp, level, level, level) == LARGEST_SCORE


def test_rounding_moves_nothing_across_a_bound() -> None:
    """One step outside scores above 1 and the bound itself 1, also where both distances round to the same number."""
    outside = math.nextafter(0.3, 1.0)
    assert outside - -1e16 == 0.3 - -1e16
    assert score_of(outside, -1e16, -2e16, 0.3) > 1.0
    assert score_of(0.3, -1e16, -2e16, 0.3) == 1.0


def test_a_ratio_of_nothing_is_an_anomaly_on_any_traffic() -> None:
    """Where 0 is expected without width, 0 is as expected and anything else has the largest score."""
    assert score_of(0.0, 0.0, 0.0, 0.0) == 0.0
    assert score_of(1e-9, 0.0, 0.0, 0.0) == LARGEST_SCORE


def test_an_infinite_bound_forgives_its_side() -> None:
    """Nothing is unusual on the side of an infinite bound, not even the largest float."""
    assert score_of(1.7e308, 1.0, 0.5, math.inf) == 0.0
    assert score_of(0.25, 1.0, 0.5, math.inf) == 1.5


@given(value=st.floats(1.0, 2.0), scale=st.integers(-60, 60))
@settings(deadline=None)
def test_score_has_no_unit(value: float, scale: int) -> None:
    """Value and bounds in another unit, by a power of two, have the same score to the last bit."""
    numbers = (value, 1.3, 1.1, 1.7)
    assert score_of(*(number * 2.0**scale for number in numbers)) == score_of(*numbers)
