"""Settings that make no sense are refused when a detector is built, or laid on a panel that it can never judge."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anomalert.detector import Detector
from anomalert.detectors import IQR, DayLagRatio, RollingSigma, WeeklyAverage
from anomalert.errors import ConfigurationError

DAILY = pd.Series(np.arange(40.0), pd.date_range("2026-11-01", periods=40, freq="1D"))
HOURLY = pd.Series(np.arange(40.0), pd.date_range("2026-11-01", periods=40, freq="1h"))


@pytest.mark.parametrize("detector", [DayLagRatio, WeeklyAverage])
@pytest.mark.parametrize("threshold", [0, 1, -0.5, 1.5, float("nan")])
def test_a_threshold_is_a_share(detector: Callable[..., Detector], threshold: float) -> None:
    """A relative difference is above 0 and below 1."""
    with pytest.raises(ConfigurationError, match=r"`threshold` is .*above 0 and below 1"):
        detector(threshold=threshold)


@pytest.mark.parametrize("detector", [DayLagRatio, WeeklyAverage])
@pytest.mark.parametrize("days", [0, -1, 1.5, "7", True, None])
def test_days_are_whole(detector: Callable[..., Detector], days: Any) -> None:
    """A number of days is a whole number, 1 or more."""
    with pytest.raises(ConfigurationError, match=r"`days` is .*whole number"):
        detector(days=days)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"window": "0h"}, "`window` is '0h': a duration above 0"),
        ({"window": 14}, "`window` is the bare number 14"),
        ({"season": "12h"}, "`season` is '12h': whole days are needed"),
        ({"window": "3D", "season": "7D"}, "`window` is '3D' and holds no `season` of '7D'"),
        ({"min_count": 0}, "`min_count` is 0"),
        ({"min_count": 2.5}, "`min_count` is 2.5: a whole number"),
        (
            {"window": "3D", "season": "1D", "min_count": 4},
            "`min_count` is 4, but a window of .* has only 3 past slots",
        ),
    ],
)
def test_samples_have_to_make_sense(settings: dict[str, Any], found: str) -> None:
    """Window, season and minimum of known values are held against each other, for both detectors that sample."""
    for detector in (IQR, RollingSigma):
        with pytest.raises(ConfigurationError, match=found):
            detector(**settings)


@pytest.mark.parametrize("width", [0, -1, float("inf"), float("nan")])
def test_widths_are_above_zero(width: float) -> None:
    """A range without width, or without end, is no usual range."""
    with pytest.raises(ConfigurationError, match="`k` is"):
        IQR(k=width)
    with pytest.raises(ConfigurationError, match="`sigmas` is"):
        RollingSigma(sigmas=width)


def test_what_could_never_be_judged_is_refused() -> None:
    """A sample that cannot reach what is needed is an error, not a metric that warms up for ever."""
    with pytest.raises(ConfigurationError, match=r"`min_count` is 5 but there are only 4 `days`: nothing could ever"):
        WeeklyAverage(days=4, min_count=5)
    with pytest.raises(ConfigurationError, match=r"at least 2 known values are needed, but a window of .* has only 1"):
        RollingSigma(window="1D", season="1D")
    with pytest.raises(ConfigurationError, match=r"at least 2 known values are needed, but a window of .* has only 1"):
        RollingSigma(window="1h").detect(HOURLY)
    with pytest.raises(ConfigurationError, match=r"`min_count` is 30, but a window of .* has only 24 past slots"):
        IQR(window="1D", season=None, min_count=30).detect(HOURLY)
    with pytest.raises(ConfigurationError, match="a window of 0 days 02:00:00 holds no slot of 1 days"):
        RollingSigma().detect(DAILY)


@pytest.mark.parametrize(
    ("detector", "lookback"),
    [
        (DayLagRatio(days=3), "3D 3h"),
        (WeeklyAverage(), "7D 3h"),
        (IQR(), "14D 3h"),
        (IQR(window="14D", season=None), "14D"),
        (RollingSigma(), "2h"),
        (RollingSigma(window="28D", season="7D"), "28D 3h"),
    ],
)
def test_lookback_leaves_room_where_the_wall_clock_matters(detector: Detector, lookback: str) -> None:
    """Detectors that look for the same slot of another day need three hours more, trailing ones do not."""
    assert detector.lookback == pd.Timedelta(lookback)
