"""What a tuner tries: detectors from loose to strict, and how it plants incidents; and what a budget is.

Part of `anomalert.tuning`, and public, so that other detectors can be tried; calls `detectors` and `panel`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from anomalert.detector import Detector
from anomalert.detectors import IQR, DayLagRatio, RollingSigma, WeeklyAverage
from anomalert.errors import ConfigurationError
from anomalert.panel import as_duration
from anomalert.settings import all_of, check_whole, is_number

__all__ = ["Search", "per_week", "usual_candidates"]

LEVELS = 28
"""Of each detector: neighbours differ by about an eighth, which is as finely as a few weeks can tell them apart."""

THRESHOLDS = tuple(np.geomspace(0.04, 0.9, LEVELS).round(3).tolist())
SIGMAS = tuple(np.geomspace(1.5, 20.0, LEVELS).round(2).tolist())
FENCES = tuple(np.geomspace(0.75, 20.0, LEVELS).round(2).tolist())

PERIODS = {"day": 7.0, "week": 1.0, "month": 12 * 7 / 365.25}

BUDGET = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:per|a)\s+(day|week|month)\s*")


def usual_candidates() -> tuple[tuple[Detector, ...], ...]:
    """Return the built-in detectors, each from loose to strict."""
    return (
        tuple(DayLagRatio(1, each) for each in THRESHOLDS),
        tuple(DayLagRatio(7, each) for each in THRESHOLDS),
        tuple(WeeklyAverage(7, each) for each in THRESHOLDS),
        tuple(IQR("14D", "1D", k=each) for each in FENCES),
        tuple(IQR("2h", None, k=each) for each in FENCES),
        tuple(RollingSigma("14D", "1D", sigmas=each) for each in SIGMAS),
        tuple(RollingSigma("2h", None, sigmas=each) for each in SIGMAS),
    )


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is tried, and by which planted incidents it is judged.

    Parameters
    ----------
    candidates : sequence of sequences of Detector
        Each from loose to strict: the stricter, the fewer messages. By default the built-in detectors.
    persist : sequence of (int, int)
        What each is tried with; see `Policy`.
    kind : {"drop", "spike"}, optional
        What is planted; by default drops, or spikes where the metric's policy tells only what is above.
    sizes : sequence of str
        Of the planted incidents, in percent, the smallest first.
    length : str or Timedelta, optional
        How long each lasts; by default four slots.
    every : str or Timedelta, default "36h"
        One is planted in each stretch of this length.
    holdout : str or Timedelta, default "56D"
        The last part of the history: nothing is chosen by it, and the choice is reported on it.
    folds : int, default 4
        Into how many parts the history before is cut: what is chosen on some is checked on the one that follows.
    seed : int, default 0
        What the places of incidents are drawn from, 0 or more.

    Examples
    --------
    >>> from anomalert import IQR
    >>> search = Search(candidates=[[IQR(k=each) for each in (1.5, 3.0, 6.0)]], holdout="28D", seed=1)
    >>> search.lookback
    Timedelta('14 days 03:00:00')
    """

    candidates: Sequence[Sequence[Detector]] = field(default_factory=usual_candidates, repr=False)
    persist: Sequence[tuple[int, int]] = ((1, 1), (2, 3))
    kind: Literal["drop", "spike"] | None = None
    sizes: Sequence[str] = ("10%", "15%", "20%", "30%", "40%", "60%", "80%")
    length: str | pd.Timedelta | None = None
    every: str | pd.Timedelta = "36h"
    holdout: str | pd.Timedelta = "56D"
    folds: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        families = tuple(all_of(family, Detector, "candidates") for family in self.candidates)  # type: ignore[type-abstract]
        object.__setattr__(self, "candidates", families)
        if not self.candidates or not all(self.candidates):
            raise ConfigurationError("`candidates` is empty, or holds an empty sequence: give detectors to try")
        if not self.persist:
            raise ConfigurationError("`persist` is empty: give at least (1, 1), which tells every anomaly")
        if isinstance(self.sizes, str) or not self.sizes:
            raise ConfigurationError(f"`sizes` is {self.sizes!r}: give the sizes of planted incidents, as ['20%']")
        if self.kind not in (None, "drop", "spike"):
            raise ConfigurationError(f"`kind` is {self.kind!r}: take 'drop' or 'spike', or leave it out")
        if not (isinstance(self.folds, int) and self.folds >= 2):
            raise ConfigurationError(f"`folds` is {self.folds!r}: to choose on one part and check on another takes 2")
        check_whole(self.seed, "seed", least=0)
        as_duration(self.every, "every")
        as_duration(self.holdout, "holdout")
        if self.length is not None:
            as_duration(self.length, "length")

    @property
    def lookback(self) -> pd.Timedelta:
        """The longest history that a candidate needs."""
        return max(detector.lookback for family in self.candidates for detector in family)


def per_week(budget: str | float) -> float:
    """Return a message budget in messages a week; a bare number is one already.

    Examples
    --------
    >>> per_week("2 per week"), per_week("1 a day"), per_week(3)
    (2.0, 7.0, 3.0)
    """
    if is_number(budget) and float(budget) > 0:
        return float(budget)
    match = BUDGET.fullmatch(budget) if isinstance(budget, str) else None
    if match is None or float(match[1]) == 0:
        raise ConfigurationError(f"`budget` is {budget!r}: write it as '2 per week', '1 per day' or '5 per month'")
    return float(match[1]) * PERIODS[match[2]]
