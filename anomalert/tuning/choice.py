"""Which of the settings that were tried is taken: pure functions over what became of them.

Part of `anomalert.tuning`; calls `trials`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.tuning.trials import Ground, Trial

__all__ = ["Choice", "choose", "loosest_within", "quality", "recall_by_size"]

WEEK = pd.Timedelta("7D")

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
        kept the budget on the parts that followed.
    """

    trial: Trial
    margin: float


def choose(trials: Sequence[Trial], ground: Ground, budget: float, folds: int) -> Choice | None:
    """Return the setting that does best within a budget; None if none that finds anything keeps it.

    Walk-forward: on the first k parts the best within the budget is chosen and its messages are counted on the part
    that follows, for every k. If those are too many, the past is allowed a smaller share of the budget.

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
    edges = [ground.start + (ground.end - ground.start) * part / folds for part in range(folds + 1)]
    tested = (edges[-1] - edges[1]) / WEEK
    for margin in MARGINS:
        sent = 0
        for before, after in pairwise(edges[1:]):
            best = _best(trials, ground, before, budget * margin)
            sent += 0 if best is None else best.count(before, after)
        final = _best(trials, ground, ground.end, budget * margin)
        if final is not None and (sent <= budget * tested or margin == MARGINS[-1]):
            return Choice(final, margin)
    return None


def quality(trial: Trial, ground: Ground, until: pd.Timestamp) -> float:
    """Return how well a setting does before `until`: the recall of planted incidents, the F1 of known ones.

    What else is told than planted incidents may be as real as they, so only the budget holds it down; where what has
    been is known, what else is told is wrong.
    """
    past = ground.ends <= until.value
    if not past.any() or not trial.found[past].any():
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
    finding = [(quality(trial, ground, until), -len(trial.sent), trial) for trial in within]
    finding = [each for each in finding if each[0] > 0]
    return max(finding, key=lambda each: each[:2])[2] if finding else None


def loosest_within(tried: Callable[[int], Trial | None], n_levels: int, most: float) -> int | None:
    """Return the first level, from loose to strict, with no more messages than `most`, by bisection; None if none.

    Messages become fewer with strictness but for single ones, so a level beside the one found may do too.
    """
    low, high = 0, n_levels
    while low < high:
        middle = (low + high) // 2
        trial = tried(middle)
        if trial is None:
            return None
        if len(trial.sent) <= most:
            high = middle
        else:
            low = middle + 1
    return low if low < n_levels else None


def recall_by_size(events: pd.DataFrame, found: NDArray[np.bool_]) -> pd.DataFrame:
    """Return for every size how many were planted, and what share of them was found."""
    grouped = pd.DataFrame({"size": events["size"], "found": found}).groupby("size", sort=False)["found"]
    frame = pd.DataFrame({"planted": grouped.size(), "found": grouped.sum(), "recall": grouped.mean()})
    return frame.loc[sorted(frame.index, key=lambda size: float(str(size).rstrip("%")))]
