"""The detectors' kit catches mistakes, lets the right ones pass, and says what to do."""

from collections.abc import Callable

import pandas as pd
import pytest

from anomalert.detector import Baseline, Bounds, Detector
from anomalert.detectors import IQR, DayLagRatio, RollingSigma, WeeklyAverage
from anomalert.errors import ConfigurationError
from anomalert.testing import check_detector, detector_checks, parametrize_with_checks
from tests.registry import DETECTORS
from tests.testing.wrong_detectors import (
    CAUGHT_BY,
    AddsAnEpsilon,
    IncludesItself,
    ScoresItsBaseline,
    ScoresOnItsOwn,
    Trailing,
)


@parametrize_with_checks(DETECTORS)
def test_built_in_detectors_keep_the_contract(detector: Detector, check: Callable[[Detector], None]) -> None:
    """Every built-in detector keeps every promise."""
    check(detector)


@pytest.mark.parametrize("slot", ["1D", "12h", "1h", "5min"])
@pytest.mark.parametrize("detector", [DayLagRatio(), WeeklyAverage(), IQR(), RollingSigma(window="2D")], ids=repr)
def test_built_in_detectors_keep_the_contract_on_other_slots(detector: Detector, slot: str) -> None:
    """The promises hold for slots from five minutes to a day."""
    check_detector(detector, slot)


@parametrize_with_checks([AddsAnEpsilon()], expected_failures={"units": "its smallest width is meant"})
def test_an_expected_failure_is_a_strict_xfail(detector: Detector, check: Callable[[Detector], None]) -> None:
    """A check that is expected to fail, with a reason, does not make the suite fail."""
    check(detector)


@pytest.mark.parametrize(("detector", "name"), CAUGHT_BY, ids=[f"{type(d).__name__}-{name}" for d, name in CAUGHT_BY])
def test_a_wrong_detector_is_caught_by_the_check_that_names_its_mistake(detector: Detector, name: str) -> None:
    """Each seeded mistake fails the check that stands beside it, with a text that names detector and check."""
    with pytest.raises(AssertionError) as failure:
        detector_checks()[name](detector)
    assert repr(detector) in str(failure.value)
    assert f"`{name}`" in str(failure.value)


def test_every_check_is_the_one_to_name_some_mistake() -> None:
    """No check is there for nothing: each catches one of the seeded mistakes."""
    assert {name for _, name in CAUGHT_BY} == set(detector_checks())


@pytest.mark.parametrize("right", [Trailing(), ScoresOnItsOwn()], ids=repr)
def test_the_wrong_ones_are_made_from_right_ones(right: Detector) -> None:
    """The mistakes are what is caught: the detectors that they were planted in pass."""
    check_detector(right)


def test_a_score_from_the_baseline_is_told_as_such() -> None:
    """Its author reads what to compute the score from."""
    with pytest.raises(AssertionError, match="from the values it is called with"):
        detector_checks()["baseline"](ScoresItsBaseline())


def test_all_failures_are_told_at_once() -> None:
    """`check_detector` tells every broken promise, with metric, slot, what was found and what to do."""
    with pytest.raises(AssertionError, match="2 checks fail") as failure:
        check_detector(OwnValueAndEpsilon())
    text = str(failure.value)
    assert "fails the check `self_exclusion`: `expected` of 'views' at 2026-10-30 03:00:00-04:00 is" in text
    assert "with the slot's own value, and" in text
    assert "Compute the bounds of a row from the rows before it" in text
    assert "fails the check `units`" in text


def test_a_single_failure_is_told_plainly() -> None:
    """One broken promise is one sentence, not a list of one."""
    with pytest.raises(AssertionError, match=r"^IncludesItself\(\) fails the check `self_exclusion`"):
        check_detector(IncludesItself())


def test_an_exception_of_the_detector_is_a_failure_with_its_cause() -> None:
    """A detector that raises fails the check, and the traceback leads to where it raised."""
    with pytest.raises(AssertionError, match="it raised ZeroDivisionError: division by zero") as failure:
        detector_checks()["spike"](Raises())
    assert isinstance(failure.value.__cause__, ZeroDivisionError)


def test_an_unknown_expected_failure_is_refused() -> None:
    """A misspelt name of a check would silently expect nothing."""
    with pytest.raises(ValueError, match="'unit', no check: there are aligned"):
        parametrize_with_checks([DayLagRatio()], expected_failures={"unit": "misspelt"})


def test_a_slot_that_is_none_is_refused() -> None:
    """The panels are made of slots that divide a day."""
    with pytest.raises(ConfigurationError, match="does not divide a day"):
        check_detector(DayLagRatio(), slot="7min")


class OwnValueAndEpsilon(IncludesItself, AddsAnEpsilon):
    """Two mistakes."""


class Raises(Detector):
    """A detector with a bug."""

    @property
    def lookback(self) -> pd.Timedelta:
        """An hour."""
        return pd.Timedelta("1h")

    def bounds(self, baseline: Baseline) -> Bounds:
        """Divide by zero."""
        return Bounds(1 / 0, baseline.frame, baseline.frame)
