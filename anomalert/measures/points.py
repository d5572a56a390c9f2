"""Measures that count slots: the area under the precision-recall curve of the scores.

Notebooks and comparisons call this; it calls `scored`.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.measures.scored import Scores, scored_metrics

Floats = NDArray[np.float64]

__all__ = ["average_precision", "point_auc_pr"]


def point_auc_pr(found: Scores, labels: pd.DataFrame, *, slot: str | pd.Timedelta | None = None) -> float:
    """Return the area under the precision-recall curve over slots, as the average precision.

    ``AP = sum over cuts n of (R(n) - R(n-1)) P(n)``, the cuts being the distinct scores from the highest down; P and R
    are precision and recall of the slots with a score at or above the cut. Slots with equal scores are flagged
    together, in no order. There is no interpolation, which would be too optimistic. The slots of all metrics are ranked
    together (micro-averaged), as one cut for all metrics is what the scale of scores promises.

    Parameters
    ----------
    found : Series, DataFrame or mapping of Series
        Scores over slot starts, one column per metric, higher is more anomalous; NaN is a slot that was not judged: it
        ranks below every score, so that what is not judged is not found. A mapping from metrics to Series is for
        metrics that do not share their slots.
    labels : pandas.DataFrame
        Events: ``metric, start, end``, half-open; naive or aware as the scores are. A slot is labelled if it shares an
        instant with an event of its metric. What lies outside the slots of its metric is left out.
    slot : str or Timedelta, optional
        Length of a slot; by default the smallest step of the index, which then has to divide a day.

    Returns
    -------
    float
        In (0, 1]; for random scores about the share of labelled slots. NaN if no slot is labelled, since recall is
        then 0 / 0.

    Raises
    ------
    ConfigurationError
        If labels are of a metric without scores, or only one of the two has a time zone.
    InvalidPanelError
        If `found` is no panel.

    References
    ----------
    Zhu, Recall, Precision and Average Precision, 2004; scikit-learn's ``average_precision_score`` gives the same
    number. On why precision and not the false positive rate: Davis and Goadrich, ICML 2006.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=4, freq="1h")
    >>> scores = pd.Series([0.2, 3.0, 1.5, 2.0], index, name="likes")
    >>> labels = pd.DataFrame({"metric": ["likes"], "start": [index[1]], "end": [index[3]]})
    >>> round(point_auc_pr(scores, labels), 4)
    0.8333
    """
    metrics = scored_metrics(found, labels, slot)
    ranks = np.concatenate([np.zeros(0), *(metric.ranks for metric in metrics)])
    labelled = np.concatenate([np.zeros(0, np.bool_), *(metric.labelled() for metric in metrics)])
    return average_precision(ranks, labelled)


def average_precision(ranks: Floats, labelled: NDArray[np.bool_]) -> float:
    """Return the average precision of `ranks`, highest first, for the `labelled` points; both of shape (n,).

    Examples
    --------
    >>> average_precision(np.array([2.0, 1.0, 1.0]), np.array([True, True, False]))
    0.8333333333333333
    """
    positives = np.count_nonzero(labelled)
    if not positives:
        return float("nan")
    order = np.argsort(-ranks, kind="stable")
    descending = ranks[order]
    last = np.append(descending[:-1] != descending[1:], True)
    found = np.cumsum(labelled[order])[last]
    precision = found / (np.flatnonzero(last) + 1)
    return float(np.sum(np.diff(found, prepend=0) / positives * precision))
