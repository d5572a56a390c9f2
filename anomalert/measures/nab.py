"""The score of the Numenta Anomaly Benchmark: early detections in a window earn, late alarms and missed windows cost.

Notebooks and comparisons call this; it calls `scored`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError
from anomalert.measures.scored import ScoredMetric, Scores, scored_metrics
from anomalert.settings import is_number

Floats = NDArray[np.float64]

__all__ = ["PROFILES", "NabProfile", "nab_score", "scaled_sigmoid"]

SHORT_SERIES = 5000
"""The probation of a longer series is that of one with so many rows."""

FAR = 3.0
"""From this many window lengths on, a false positive costs its whole weight."""


@dataclass(frozen=True)
class NabProfile:
    """What an application of NAB weighs: a window found at once earns 1.

    Parameters
    ----------
    false_positive : float
        Cost of a flag far from any window.
    false_negative : float
        Cost of a window that is missed.

    Raises
    ------
    ConfigurationError
        If a weight is no number of 0 or more.

    Examples
    --------
    >>> PROFILES["reward_low_FP_rate"] == NabProfile(false_positive=0.22, false_negative=1.0)
    True
    """

    false_positive: float
    false_negative: float

    def __post_init__(self) -> None:
        for name, weight in (("false_positive", self.false_positive), ("false_negative", self.false_negative)):
            if not is_number(weight) or not 0 <= weight < np.inf:
                raise ConfigurationError(f"`{name}` is {weight!r}: a weight of 0 or more is needed")


PROFILES = {
    "standard": NabProfile(0.11, 1.0),
    "reward_low_FP_rate": NabProfile(0.22, 1.0),
    "reward_low_FN_rate": NabProfile(0.11, 2.0),
}
"""Those of NAB's own ``config/profiles.json``."""


def nab_score(
    found: Scores,
    labels: pd.DataFrame,
    *,
    profile: str | NabProfile = "standard",
    threshold: float | None = 1.0,
    probation: float = 0.15,
    slot: str | pd.Timedelta | None = None,
) -> float:
    r"""Return NAB's score: ``100 (raw - null) / (perfect - null)``, 0 for saying nothing, 100 for every window at once.

    With ``S(y) = 2 / (1 + exp(5 y)) - 1`` and a window of w rows from row l to row r,

    - a window earns ``S(-(r - i + 1) / w) / S(-1)`` for its **earliest** flagged row i: 1 for its first row, less the
      later; further flags in it count for nothing;
    - a window without a flag costs the profile's weight of false negatives;
    - each flagged row i outside of windows adds ``S((i - r) / (w - 1))``, which is below 0, times the weight of false
      positives, r and w being those of the last window before it: little right behind a window, the whole weight from
      three lengths on and where no window came before;
    - the first rows, `probation` of them, count for nothing: a detector may learn there.

    Raw is the sum over all rows and metrics, null that of no flags at all, perfect 1 for each window.

    Parameters
    ----------
    found : Series, DataFrame or mapping of Series
        Scores, as for `point_auc_pr`; NaN is not flagged. For NAB's own files pass a mapping from file to Series, as
        each has rows and a probation of its own.
    labels : pandas.DataFrame
        Windows: ``metric, start, end``, half-open, as `read_nab_labels` gives them. NAB draws them wide, a tenth of a
        series together. A window that lies in the probation whole is left out, as those without a slot are.
    profile : str or NabProfile, default "standard"
        ``"standard"``, ``"reward_low_FP_rate"``, ``"reward_low_FN_rate"``, or weights of one's own.
    threshold : float or None, default 1.0
        A row is flagged if its score is above. None takes the cut with the best result, one for all metrics, as NAB
        does for its scoreboard: to stand beside that, and flattering.
    probation : float, default 0.15
        Share of the rows, in [0, 1); at most that of 5,000 rows.
    slot : str or Timedelta, optional
        As for `point_auc_pr`.

    Returns
    -------
    float
        At most 100; below 0 where false alarms cost more than what is found. NaN if no window counts: perfect and null
        are then both 0.

    Raises
    ------
    ConfigurationError
        If a setting makes no sense; else as of `point_auc_pr`.
    InvalidPanelError
        If `found` is no panel.

    Notes
    -----
    As NAB's own code (``nab/sweeper.py``), which divides by ``S(-1)`` and counts a window from its first to its last
    row; the paper leaves both open. That code cannot tell how far behind a window of a single row a flag lies (w - 1
    is 0); here such a window counts as two rows long. Where windows overlap, which they do not in NAB, a row counts for
    each; of those that end in one row the last to begin is the one before.

    References
    ----------
    Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark, ICMLA 2015,
    arXiv 1510.03336; https://github.com/numenta/NAB.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=100, freq="15min")
    >>> labels = pd.DataFrame({"metric": ["likes"], "start": [index[50]], "end": [index[60]]})
    >>> scores = pd.Series(0.0, index, name="likes")
    >>> nab_score(scores, labels)
    0.0
    >>> scores.iloc[50] = 1.5
    >>> nab_score(scores, labels)
    100.0
    >>> scores.iloc[50], scores.iloc[55] = 0.0, 1.5
    >>> round(nab_score(scores, labels), 2)
    92.99
    """
    weights = PROFILES.get(profile) if isinstance(profile, str) else profile
    if not isinstance(weights, NabProfile):
        raise ConfigurationError(f"`profile` is {profile!r}: take {', '.join(map(repr, PROFILES))}, or a NabProfile")
    if threshold is not None and (not is_number(threshold) or np.isnan(threshold)):
        raise ConfigurationError(f"`threshold` is {threshold!r}: a number is needed, or None for the best one")
    if not is_number(probation) or not 0 <= probation < 1:
        raise ConfigurationError(f"`probation` is {probation!r}: a share of the rows is needed, from 0 to below 1")
    parts = [_parts(metric, weights, probation) for metric in scored_metrics(found, labels, slot)]
    n_windows = sum(windows for _, _, windows in parts)
    if not n_windows:
        return float("nan")
    cuts, gains = (np.concatenate([part[which] for part in parts]) for which in (0, 1))
    # Each gain is on top of the null score: what raw and null have in common is never added up.
    gained = _best(cuts, gains) if threshold is None else float(gains[cuts > threshold].sum())
    return 100 * gained / (n_windows * (1 + weights.false_negative))


def scaled_sigmoid(position: Floats) -> Floats:
    """Return ``2 / (1 + exp(5 y)) - 1`` of positions in window lengths: -1 is a left edge, 0 a right one.

    Examples
    --------
    >>> scaled_sigmoid(np.array([-1.0, 0.0, 1.0, 4.0])).round(5)
    array([ 0.98661,  0.     , -0.98661, -1.     ])
    """
    return np.where(position > FAR, -1.0, 2 / (1 + np.exp(5 * np.minimum(position, FAR))) - 1)


def _parts(metric: ScoredMetric, weights: NabProfile, probation: float) -> tuple[Floats, Floats, int]:
    """Return rows with their ranks and what flagging each adds when those above it are flagged, and the windows."""
    n_rows = len(metric.starts)
    learnt = int(np.ceil(min(np.floor(probation * n_rows), probation * SHORT_SERIES)))
    first, after = metric.rows()
    # A window in a hole between rows has none: nothing can lie behind it.
    first, after = first[after > first], after[after > first]
    windows = [
        (max(a, learnt), b, b - a) for a, b in zip(first.tolist(), after.tolist(), strict=True) if b > max(a, learnt)
    ]
    ranks, gains = [np.zeros(0)], [np.zeros(0)]
    for start, end, width in windows:
        rows = np.arange(start, end)
        earned = scaled_sigmoid(-(end - rows) / width) / scaled_sigmoid(np.array(-1.0))
        order = np.lexsort((rows, -metric.ranks[start:end]))
        best = np.maximum.accumulate(earned[order])
        ranks.append(metric.ranks[start:end][order])
        gains.append(np.diff(best, prepend=-weights.false_negative))
    outside = np.flatnonzero(~metric.labelled() & (np.arange(n_rows) >= learnt))
    ranks.append(metric.ranks[outside])
    gains.append(weights.false_positive * _cost(outside, first, after))
    return np.concatenate(ranks), np.concatenate(gains), len(windows)


def _cost(rows: NDArray[np.intp], first: NDArray[np.int64], after: NDArray[np.int64]) -> Floats:
    """Return the scaled sigmoid of each row outside of windows, by how far it lies behind the last one before it."""
    order = np.lexsort((first, after))
    before = np.searchsorted(after[order], rows, side="right") - 1
    right, width = (np.append(each[order], 1) for each in (after - 1, after - first))
    position = (rows - right[before]) / np.maximum(width[before] - 1, 1)
    return np.where(before >= 0, scaled_sigmoid(position), -1.0)


def _best(cuts: Floats, gains: Floats) -> float:
    """Return the largest sum of the gains at and above a cut; 0, that of no flag, if none is better."""
    judged = cuts > -np.inf
    order = np.argsort(-cuts[judged], kind="stable")
    ranked = cuts[judged][order]
    last = np.append(ranked[:-1] != ranked[1:], True)[: len(ranked)]
    return float(np.cumsum(gains[judged][order])[last].max(initial=0.0))
