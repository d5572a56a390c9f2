"""Summaries of past values: against exact fractions, and the accuracy of the standard deviation where it is hard."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anomalert import kernels
from anomalert.detector import Baseline
from tests import oracles
from tests.strategies import levels, samples

Floats = NDArray[np.float64]

WINDOW = 96
QUARTILES = (0.25, 0.5, 0.75)


def known_values(sample: Floats) -> list[tuple[int, int, list[float]]]:
    """Return for each slot and metric the values that are known."""
    _, n_slots, n_metrics = sample.shape
    return [
        (slot, metric, [float(value) for value in sample[:, slot, metric] if not math.isnan(value)])
        for slot in range(n_slots)
        for metric in range(n_metrics)
    ]


@given(sample=samples(), min_count=st.integers(1, 4))
@settings(deadline=None)
def test_mean_is_the_exact_mean(sample: Floats, min_count: int) -> None:
    """The mean is exact to 1e-15 of the largest value for each value, and NaN where too few are known."""
    found = kernels.mean(sample, min_count)
    for slot, metric, known in known_values(sample):
        if len(known) < min_count:
            assert math.isnan(found[slot, metric])
        else:
            reach = 1e-15 * len(known) * max(map(abs, known))
            assert found[slot, metric] == pytest.approx(float(oracles.mean(known)), rel=0, abs=reach)


@given(sample=samples(), min_count=st.integers(1, 4))
@settings(deadline=None)
def test_standard_deviation_is_the_exact_one(sample: Floats, min_count: int) -> None:
    """The standard deviation agrees with exact fractions to 1e-12 of itself, whatever the level."""
    centre, spread = kernels.mean_and_std(sample, min_count)
    np.testing.assert_array_equal(centre, kernels.mean(sample, max(min_count, 2)))
    for slot, metric, known in known_values(sample):
        if len(known) < max(min_count, 2):
            assert math.isnan(spread[slot, metric])
        else:
            assert spread[slot, metric] == pytest.approx(oracles.standard_deviation(known), rel=1e-12, abs=0)


@given(sample=samples(), min_count=st.integers(1, 4))
@settings(deadline=None)
def test_quantiles_lie_on_the_line_between_order_statistics(sample: Floats, min_count: int) -> None:
    """Quartiles agree with exact fractions and with numpy, and come in order."""
    found = kernels.quantiles(sample, QUARTILES, min_count)
    assert not (found[0] > found[1]).any()
    assert not (found[1] > found[2]).any()
    for slot, metric, known in known_values(sample):
        for share, result in zip(QUARTILES, found, strict=True):
            if len(known) < min_count:
                assert math.isnan(result[slot, metric])
                continue
            right, reach = float(oracles.quantile(known, Fraction(share))), 1e-15 * max(map(abs, known))
            assert result[slot, metric] == pytest.approx(right, rel=0, abs=reach)
            assert np.quantile(known, share) == pytest.approx(right, rel=0, abs=4 * reach)


@given(level=levels(), count=st.integers(2, 40))
@settings(deadline=None)
def test_equal_values_have_no_spread(level: float, count: int) -> None:
    """Of equal values the mean and the quartiles are that value, and the standard deviation is exactly 0."""
    sample = np.full((count, 1, 1), level)
    centre, spread = kernels.mean_and_std(sample)
    assert (centre[0, 0], spread[0, 0], kernels.mean(sample)[0, 0]) == (level, 0.0, level)
    assert [quartile[0, 0] for quartile in kernels.quantiles(sample, QUARTILES)] == [level] * 3


@given(sample=samples())
@settings(deadline=None)
def test_a_slot_does_not_depend_on_its_neighbours(sample: Floats) -> None:
    """A slot alone gets, to the last bit, the numbers that it gets among others."""
    for slot in range(sample.shape[1]):
        alone = sample[:, [slot]]
        np.testing.assert_array_equal(kernels.mean(alone)[0], kernels.mean(sample)[slot])
        for one, other in zip(kernels.mean_and_std(alone), kernels.mean_and_std(sample), strict=True):
            np.testing.assert_array_equal(one[0], other[slot])
        for one, other in zip(kernels.quantiles(alone, QUARTILES), kernels.quantiles(sample, QUARTILES), strict=True):
            np.testing.assert_array_equal(one[0], other[slot])


def test_quantiles_of_huge_values_are_finite() -> None:
    """Where the difference of two neighbours overflows, what lies between them does not."""
    sample = np.array([-1.7e308, 1.7e308]).reshape(2, 1, 1)
    found = [float(quartile[0, 0]) for quartile in kernels.quantiles(sample, QUARTILES)]
    assert found == pytest.approx([-0.85e308, 0.0, 0.85e308], rel=1e-15)


def test_no_metric_is_no_error() -> None:
    """A panel without columns gives results without columns."""
    assert kernels.mean(np.empty((3, 5, 0))).shape == (5, 0)
    assert kernels.quantiles(np.empty((3, 5, 0)), [0.5])[0].shape == (5, 0)


def hard_series() -> dict[str, Floats]:
    """Return the series on which running sums, cumulative sums and naive variances fail."""
    rng = np.random.default_rng(20261101)
    noise = rng.standard_normal(1400)
    spikes = {}
    for size in (1e9, 1e15):
        spikes[size] = noise.copy()
        spikes[size][[1000, 1054, 1055, 1056]] = size
    return {
        "noise": noise,
        "noise at 1e6": 1e6 + noise,
        "noise at 1e9": 1e9 + noise,
        "noise at 1e12": 1e12 + noise,
        "noise of 1e-6 at 1e6": 1e6 + 1e-6 * noise,
        "spikes of 1e9": spikes[1e9],
        "spikes of 1e15": spikes[1e15],
        "step of 1e9": noise + np.where(np.arange(1400) < 700, 1e9, 0.0),
    }


def rolling_std(series: Floats) -> Floats:
    """Return the standard deviation of the window before each slot, as a detector computes it."""
    index = pd.date_range("2026-11-01", periods=len(series), freq="15min")
    baseline = Baseline(pd.DataFrame({"value": series}, index), 0, pd.Timedelta("15min"))
    window = WINDOW * baseline.slot
    _, spread = baseline.summarize(window, None, lambda sample: kernels.mean_and_std(sample, WINDOW))
    return np.asarray(spread[:, 0])


@pytest.mark.parametrize("name", hard_series())
def test_rolling_standard_deviation_is_accurate(name: str) -> None:
    """In the eight cases that break other methods the relative error of every window stays below 1e-12."""
    series = hard_series()[name]
    found = rolling_std(series)
    errors = [
        abs(found[row] / oracles.standard_deviation(list(series[row - WINDOW : row])) - 1)
        for row in range(WINDOW, len(series), 3)
    ]
    assert max(errors) <= 1e-12


@pytest.mark.parametrize("level", [0.1, 1e-9, 123456.789, -3.3, 1e300])
def test_a_constant_window_has_no_spread_after_noise(level: float) -> None:
    """Once noise of 1e8 has left the window, the standard deviation of a constant is exactly 0."""
    series = np.concatenate([1e8 * np.random.default_rng(1).standard_normal(300), np.full(200, level)])
    assert (rolling_std(series)[300 + WINDOW :] == 0.0).all()


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_nothing_strange_leaves_a_trace(strange: float) -> None:
    """Once an unknown or infinite value has left the window, the numbers are those of a series without it."""
    series = 1e6 + np.random.default_rng(2).standard_normal(600)
    spoilt = series.copy()
    spoilt[200] = strange
    with np.errstate(invalid="ignore"):
        found = rolling_std(spoilt)
    np.testing.assert_array_equal(found[201 + WINDOW :], rolling_std(series)[201 + WINDOW :])
    assert np.isfinite(found[201 + WINDOW :]).all()
