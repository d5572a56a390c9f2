"""The contract of detectors as checks: for a notebook, for pytest, and one by one.

The tests of a detector, ours or yours, call this; it calls `causality` and `verdicts`, where the checks are.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from anomalert.detector import Detector
from anomalert.panel import as_slot
from anomalert.testing import causality, verdicts
from anomalert.testing.failure import guarded, promise_of, run_all
from anomalert.testing.trials import Trial

if TYPE_CHECKING:
    from pytest import MarkDecorator  # noqa: PT013 - only a type; pytest itself is imported where it is used

__all__ = ["DetectorCheck", "check_detector", "detector_checks", "parametrize_with_checks"]

CHECKS = (
    verdicts.aligned,
    verdicts.pure,
    verdicts.repeatable,
    causality.alone,
    causality.prefix,
    causality.self_exclusion,
    causality.lookback,
    causality.start,
    causality.chunks,
    causality.baseline,
    verdicts.warm_up,
    verdicts.missing,
    verdicts.infinite,
    verdicts.score_and_bounds,
    verdicts.spike,
    verdicts.flat,
    verdicts.units,
)


@dataclass(frozen=True)
class DetectorCheck:
    """One promise of a detector: call it with a detector, and it raises an AssertionError if that breaks it.

    Parameters
    ----------
    name : str
        Such as ``"prefix"``.
    promise : str
        What it holds, in a sentence.
    """

    name: str
    promise: str
    _run: Callable[[Trial], None]

    def __call__(self, detector: Detector, slot: str | pd.Timedelta = "15min") -> None:
        """Try `detector` on panels with slots of length `slot`."""
        trial = Trial(detector, as_slot(slot))
        guarded(repr(detector), self.name, self.promise, partial(self._run, trial))


def detector_checks() -> dict[str, DetectorCheck]:
    """Return every check of a detector by its name.

    Examples
    --------
    >>> from anomalert import DayLagRatio
    >>> checks = detector_checks()
    >>> checks["prefix"].promise
    'later rows change nothing: the first n rows alone get the verdicts they get among all.'
    >>> checks["prefix"](DayLagRatio())
    """
    return {check.__name__: DetectorCheck(check.__name__, promise_of(check), check) for check in CHECKS}


def check_detector(detector: Detector, slot: str | pd.Timedelta = "15min") -> None:
    """Try whether a detector keeps the contract of `anomalert.Detector`: that the same slot always gets one verdict.

    Parameters
    ----------
    detector : Detector
        A configured one. The panels are twice its `lookback` long, so a short window is tried faster.
    slot : str or Timedelta, default "15min"
        Length of the slots of the panels that it is tried on.

    Raises
    ------
    AssertionError
        If it breaks a promise; the text lists each one, with metric, slot, what was found and what to do.

    Examples
    --------
    >>> from anomalert import RollingSigma
    >>> check_detector(RollingSigma(window="2h"))
    """
    run_all(partial(check, detector, slot) for check in detector_checks().values())


def parametrize_with_checks(
    detectors: Iterable[Detector],
    expected_failures: Mapping[str, str] | None = None,
    slot: str | pd.Timedelta = "15min",
) -> "MarkDecorator":
    """Return a decorator for a pytest test with the arguments `detector` and `check`: one test for each pair.

    Parameters
    ----------
    detectors : iterable of Detector
        Configured ones.
    expected_failures : mapping of str to str, optional
        Name of a check to the reason why these detectors may not pass it: the test is a strict xfail.
    slot : str or Timedelta, default "15min"
        Length of the slots of the panels.

    Raises
    ------
    ValueError
        If an expected failure names no check.

    Examples
    --------
    >>> from anomalert import IQR, DayLagRatio
    >>> @parametrize_with_checks([DayLagRatio(), IQR(window="7D")])
    ... def test_contract(detector, check):
    ...     check(detector)
    """
    import pytest

    checks, reasons = detector_checks(), dict(expected_failures or {})
    unknown = sorted(set(reasons) - set(checks))
    if unknown:
        raise ValueError(f"`expected_failures` names {unknown[0]!r}, no check: there are {', '.join(checks)}")
    parameters = [
        pytest.param(
            detector,
            _AtSlot(check, slot),
            id=f"{detector!r}-{name}",
            marks=_xfail(reasons[name]) if name in reasons else [],
        )
        for detector in detectors
        for name, check in checks.items()
    ]
    return pytest.mark.parametrize(("detector", "check"), parameters)


def _xfail(reason: str) -> "MarkDecorator":
    import pytest

    return pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)


@dataclass(frozen=True)
class _AtSlot:
    """A check with the slot already chosen, so that a test body needs to say `check(detector)` only."""

    check: DetectorCheck
    slot: str | pd.Timedelta

    def __call__(self, detector: Detector) -> None:
        self.check(detector, self.slot)
