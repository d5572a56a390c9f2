"""Which of the settings that were tried is taken: pure functions over what became of them.

Part of `anomalert.tuning`; calls `trials`.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from anomalert.tuning.trials import WEEK, Ground, Trial

__all__ = ["Choice", "choose", "is_hopeless", "loosest_within", "quality", "recall_by_size"]

MARGINS = (1.0, 0.8, 0.6, 0.45, 0.3)
"""Shares of the budget that the past may use, so that what follows keeps all of it."""


@dataclass(frozen=True)
class Choice:
    """The setting that was chosen.

    Parameters
    ----------
    trial : Trial
        The setting, and what became of it.
    margin : float
        The share of the budget that it was allowed on the past: the largest with which what was chosen on some parts
        kept the budget on the parts that followed; or else the smallest with which anything is found.
    """

    trial: Trial
    margin: float


def choose(trials: Sequence[Trial], ground: Ground, budget: float, folds: int) -> Choice | None:
    """Return the setting that does best within a budget; None if none that finds anything keeps it.

    Walk-forward: on the first k parts the best within the budget is chosen and its messages are counted on the part
    that follows, for every k. If those are too many, the past is allowed a smaller share of the budget, as long as
    anything that finds an incident keeps to it.

    Parameters
    ----------
    trials : sequence of Trial
        What was tried.
    ground : Ground
        On what.
    budget : float
        Messages a week; infinite if there is none.
    folds : int
        Into how many parts the ground is cut.
    """
    edges = _edges(ground, folds)
    tested = (edges[-1] - edges[0]) / WEEK
    choice = None
    for margin in MARGINS:
        best = _best(trials, ground, ground.end, budget * margin)
        if best is None:
            break
        choice = Choice(best, margin)
        chosen = [(_best(trials, ground, before, budget * margin), before, after) for before, after in pairwise(edges)]
        if sum(trial.count(before, after) for trial, before, after in chosen if trial is not None) <= budget * tested:
            break
    return choice


def is_hopeless(trial: Trial, ground: Ground, budget: float, folds: int) -> bool:
    """Whether a setting is above the budget on every part that anything is chosen on, so that it is never chosen."""
    return all(
        trial.count(ground.start, until) > budget * ((until - ground.start) / WEEK) for until in _edges(ground, folds)
    )


def _edges(ground: Ground, folds: int) -> list[pd.Timestamp]:
    """Return where the parts end."""
    return [ground.start + (ground.end - ground.start) * part / folds for part in range(1, folds + 1)]


def quality(trial: Trial, ground: Ground, until: pd.Timestamp) -> float:
    """Return how well a setting does before `until`: the recall of planted incidents, the F1 of known ones; 0 to 1.

    NaN if nobody looked what it finds, since it is too loud.

    What else is told than planted incidents may be as real as they, so only the budget holds it down; where what has
    been is known, what else is told is wrong.
    """
    if trial.found is None:
        return float("nan")
    past = ground.ends <= until.value
    if not trial.found[past].any():
        return 0.0
    recall = float(trial.found[past].mean())
    if ground.planted is not None:
        return recall
    told = trial.told[trial.told < until.value]
    order = np.argsort(ground.starts)
    # Among events that begin before a message, one that ends after it is enough.
    reach = np.maximum.accumulate(ground.ends[order])
    latest = ground.starts[order].searchsorted(told, side="right") - 1
    precision = float(np.mean((latest >= 0) & (told < reach[latest])))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _best(trials: Sequence[Trial], ground: Ground, until: pd.Timestamp, allowed: float) -> Trial | None:
    """Return what does best before `until` with no more messages a week than `allowed`; of equals, the quietest."""
    weeks = (until - ground.start) / WEEK
    within = [trial for trial in trials if trial.count(ground.start, until) <= allowed * weeks]
    # Silence is no solution.
    finding = [(quality(trial, ground, until), -trial.count(ground.start, until), trial) for trial in within]
    finding = [each for each in finding if each[0] > 0]
    return max(finding, key=lambda each: each[:2])[2] if finding else None


def loosest_within(keeps: Callable[[int], bool], n_levels: int) -> int:
    """Return the first level, from loose to strict, that keeps the budget, by bisection; `n_levels` if none does.

    Messages become fewer with strictness but for single ones, so a level beside the one found may do too.

    Examples
    --------
    >>> loosest_within(lambda level: level >= 5, 28), loosest_within(lambda level: False, 28)
    (5, 28)
    """
    return bisect_left(range(n_levels), True, key=keeps)


def recall_by_size(events: pd.DataFrame, trial: Trial) -> pd.DataFrame:
    """Return for every size how many were planted, and what share of them was found; the smallest first."""
    grouped = pd.DataFrame({"size": events["size"], "found": trial.found}).groupby("size", sort=False)["found"]
    frame = pd.DataFrame({"planted": grouped.size(), "found": grouped.sum(), "recall": grouped.mean()})
    return frame.loc[sorted(frame.index, key=lambda size: float(str(size).rstrip("%")))]
