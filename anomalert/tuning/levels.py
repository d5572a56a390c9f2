"""The levels of one candidate, from loose to strict: which of them are worth a trial, each tried once.

Part of `anomalert.tuning`; calls `choice` and `trials`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from anomalert.detector import Detector
from anomalert.policy import Policy
from anomalert.tuning.choice import is_hopeless, loosest_within
from anomalert.tuning.settings import Search
from anomalert.tuning.trials import Ground, Trial

__all__ = ["Candidate", "tried"]

Candidate = tuple[Sequence[Detector], tuple[int, int]]
"""A detector from loose to strict, and what it persists by."""

STRICTER = 2
"""How many levels beyond the loosest one within the budget are tried too: the past may have been quieter."""

LOUD = 4
"""So many runs of alerts for every message allowed are too many, whatever becomes of the baseline: no need to try."""


def tried(ground: Ground, search: Search, budget: float, candidate: Candidate) -> list[Trial]:
    """Try a candidate: around the loosest level that keeps the budget, or by known events at all levels.

    Parameters
    ----------
    ground : Ground
        On what.
    search : Search
        Says how the choice is made.
    budget : float
        Messages a week.
    candidate : tuple
        What is tried.

    Returns
    -------
    list of Trial
        None if its detector cannot judge the metric. What cannot be chosen is not asked what it finds.
    """
    family, persist = candidate
    levels = _Levels(ground, family, replace(ground.metric.policy, persist=persist), budget * ground.weeks)
    last = len(family) - 1
    if ground.planted is None:
        wanted: Iterable[int] = [level for level in range(last) if not levels.is_loud(level)] + [last]
    else:
        # Where none keeps the budget, the strictest is the closest to it.
        first = min(max(loosest_within(levels.keeps, len(family)) - 1, 0), last)
        wanted = range(first, min(first + 2 + STRICTER, len(family)))
    trials = [trial for trial in map(levels.tried, wanted) if trial is not None]
    return [each if is_hopeless(each, ground, budget, search.folds) else ground.with_found(each) for each in trials]


@dataclass
class _Levels:
    """The levels of one candidate on one ground, where `most` messages are allowed."""

    ground: Ground
    family: Sequence[Detector]
    policy: Policy
    most: float
    _known: dict[int, Trial | None] = field(default_factory=dict)

    def is_loud(self, level: int) -> bool:
        """Whether a level has so many alerts that it cannot keep the budget."""
        alerts = self.ground.alerts(self.family[level], self.policy)
        return alerts is not None and alerts > LOUD * self.most

    def keeps(self, level: int) -> bool:
        """Whether a level keeps the budget; one that cannot judge does not."""
        if self.is_loud(level):
            return False
        trial = self.tried(level)
        return trial is not None and len(trial.sent) <= self.most

    def tried(self, level: int) -> Trial | None:
        """Return what became of a level."""
        if level not in self._known:
            self._known[level] = self.ground.tried(self.family[level], self.policy)
        return self._known[level]
