"""A metric: one column of a source, the detector that says what is usual, the policy that says what is told.

Monitors call this, and users by its name in `anomalert`; it calls `detector` and `policy`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

import pandas as pd

from anomalert.detector import Detector
from anomalert.errors import ConfigurationError, DetectorError, raised
from anomalert.foreign import ends_the_run, shown
from anomalert.panel import DAY
from anomalert.policy import Policy

__all__ = ["Metric", "known_lookback", "learning_of", "lookback_of"]

T = TypeVar("T")

MIN_EVENTS = 10.0
"""Below this many events, of a count or under a ratio, a relative change says nothing."""


@dataclass(frozen=True)
class Metric:
    """One column of a source, how it is judged and when that is told.

    Parameters
    ----------
    name : str
        The column's name, and the metric's in every message.
    detector : Detector
        Says what was expected and what is usual.
    absent : {"gap", "zero"}, default "gap"
        What a missing value means in a slot that has other values: unknown, or no events, that is 0.
    denominator : str, optional
        For a ratio: the column with its denominators. Where that is 0 the ratio is a gap.
    policy : Policy, optional
        Which anomalies are told.
    links : mapping of str to str, optional
        Label to URL: where to look for the cause.

    Examples
    --------
    >>> from anomalert import WeeklyAverage
    >>> Metric("likes", WeeklyAverage(), absent="zero", policy=Policy(direction="down")).policy.min_volume
    10.0
    """

    name: str
    detector: Detector
    absent: Literal["gap", "zero"] = "gap"
    denominator: str | None = None
    policy: Policy = field(default_factory=Policy)
    links: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.detector, Detector):
            raise ConfigurationError(
                f"metric {self.name!r}: `detector` is {self.detector!r}, no Detector: IQR() is one"
            )
        if self.absent not in ("gap", "zero"):
            raise ConfigurationError(f"metric {self.name!r}: `absent` is {self.absent!r}: take 'gap' or 'zero'")
        if self.denominator is not None and self.absent == "zero":
            raise ConfigurationError(f"metric {self.name!r} is a ratio: without a value it is unknown, never 0")
        if not isinstance(self.policy, Policy):
            raise ConfigurationError(f"metric {self.name!r}: `policy` is {self.policy!r}: Policy(...) makes one")
        if not isinstance(self.links, Mapping) or not all(
            isinstance(t, str) for pair in self.links.items() for t in pair
        ):
            raise ConfigurationError(
                f"metric {self.name!r}: `links` is {self.links!r}: write {{'Dashboard': 'https://...'}}"
            )
        if self.policy.min_volume is None:
            counted = self.absent == "zero" or self.denominator is not None
            # A frozen class: the policy's open default is settled here, where the kind of the metric is known.
            object.__setattr__(self, "policy", replace(self.policy, min_volume=MIN_EVENTS if counted else 0.0))


def lookback_of(detector: Detector) -> pd.Timedelta:
    """Return how much history a detector needs, or raise a `DetectorError` if it does not say."""
    lookback = _asked(detector, "`lookback`", lambda: pd.Timedelta(detector.lookback))
    if not lookback >= pd.Timedelta(0):
        raise DetectorError(f"{shown(detector)}: `lookback` is {lookback}: a Timedelta of 0 or more is needed")
    return lookback


def known_lookback(metric: Metric) -> pd.Timedelta:
    """Return how much history a metric needs: none, if its detector does not say; then it is not judged either."""
    try:
        return lookback_of(metric.detector)
    except DetectorError:
        return pd.Timedelta(0)


def learning_of(detector: Detector) -> tuple[pd.Timedelta, float]:
    """Return a detector's `recurrence` and `ordinary_score`, or raise a `DetectorError` if it does not say."""
    recurrence, score = _asked(
        detector,
        "`recurrence` or `ordinary_score`",
        lambda: (pd.Timedelta(detector.recurrence), float(detector.ordinary_score)),
    )
    if recurrence < DAY or recurrence % DAY:
        raise DetectorError(f"{shown(detector)}: `recurrence` is {recurrence}: whole days are needed")
    if not 0 <= score <= 1:
        raise DetectorError(f"{shown(detector)}: `ordinary_score` is {score}: take one from 0 to 1")
    return recurrence, score


def _asked(detector: Detector, what: str, ask: Callable[[], T]) -> T:
    """Return what a detector says of itself, or raise a `DetectorError` that names what it would not say."""
    try:
        return ask()
    except BaseException as error:
        if ends_the_run(error):
            raise
        raise raised(DetectorError, f"{shown(detector)}: {what}", error) from error
