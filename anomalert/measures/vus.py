"""Volume under the surface of precision and recall over the width of a buffer around the labels (VUS-PR).

Notebooks and comparisons call this; it calls `scored`.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError
from anomalert.measures.scored import Scores, scored_metrics

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

__all__ = ["volume_under_pr", "vus_pr", "widened"]


def vus_pr(
    found: Scores,
    labels: pd.DataFrame,
    *,
    window: int = 8,
    thresholds: int | None = 250,
    slot: str | pd.Timedelta | None = None,
) -> float:
    r"""Return the volume under the precision-recall surface: the mean area over buffers 0, 1, ..., `window` slots wide.

    People's labels begin and end a little early or late, so a buffer of ``h = l // 2`` slots on either side of a run
    of labelled slots counts in part: at distance d from it a slot has the label ``sqrt(1 - d / l)``, where buffers
    overlap their sum, at most 1. For a cut that flags n slots, with y the labels so widened, P the number of labelled
    slots and B the sum of y over flagged slots of buffers::

        TP = sum of y over flagged slots
        precision = TP / n
        recall = min(1, TP / (P + B / 2)) * share of the events with a flagged slot in their buffered range

    Runs whose buffers touch or overlap are one event in that share. The area is
    ``sum over cuts of (recall(n) - recall(n-1)) precision(n)``, cuts from the highest score down. The slots of all
    metrics are ranked together (micro-averaged); buffers end where a metric's slots do.

    Parameters
    ----------
    found : Series, DataFrame or mapping of Series
        Scores, as for `point_auc_pr`; NaN ranks below every score.
    labels : pandas.DataFrame
        Events, as for `point_auc_pr`.
    window : int, default 8
        Widest buffer in slots, both sides together, 0 or more; with 0, and every cut, it is the average precision times
        existence. TSB-AD takes the period of the series.
    thresholds : int or None, default 250
        How many cuts, at equal distances in the ranking, 2 or more: 250 is what the published code takes, and so what
        its numbers are made with. None takes every distinct score.
    slot : str or Timedelta, optional
        As for `point_auc_pr`.

    Returns
    -------
    float
        In [0, 1]. NaN if no slot is labelled, since recall is then 0 / 0.

    Raises
    ------
    ConfigurationError
        If a setting makes no sense; else as of `point_auc_pr`.
    InvalidPanelError
        If `found` is no panel.

    Notes
    -----
    With the defaults this is the measure of the TSB-AD benchmark (its ``generate_curve`` of version "opt") to rounding.
    The paper takes half of *all* of the buffer into the denominator of recall; the authors' code, of which the
    published numbers are, only what is flagged of it, and so does this.

    References
    ----------
    Paparrizos, Boniol, Palpanas, Tsay, Elmore and Franklin, Volume Under the Surface, PVLDB 15 (2022),
    doi 10.14778/3551793.3551830; Liu and Paparrizos, The Elephant in the Room (TSB-AD), NeurIPS 2024.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=12, freq="15min")
    >>> labels = pd.DataFrame({"metric": ["likes"], "start": [index[5]], "end": [index[7]]})
    >>> on_time, late = (pd.Series(0.0, index, name="likes") for _ in range(2))
    >>> on_time.iloc[[5, 6]], late.iloc[[7, 8]] = 2.0, 2.0
    >>> vus_pr(on_time, labels), round(vus_pr(late, labels), 2)
    (1.0, 0.51)
    """
    if isinstance(window, bool) or not isinstance(window, int) or window < 0:
        raise ConfigurationError(f"`window` is {window!r}: a whole number of slots, 0 or more, is needed")
    if thresholds is not None and (isinstance(thresholds, bool) or not isinstance(thresholds, int) or thresholds < 2):
        raise ConfigurationError(f"`thresholds` is {thresholds!r}: a whole number, 2 or more, or None is needed")
    metrics = scored_metrics(found, labels, slot)
    ranks = np.concatenate([np.zeros(0), *(metric.ranks for metric in metrics)])
    return volume_under_pr(ranks, [metric.labelled() for metric in metrics], window, thresholds)


def volume_under_pr(ranks: Floats, labelled: list[Booleans], window: int, thresholds: int | None) -> float:
    """Return VUS-PR of the `ranks` of all metrics, shape (n,), and the labels of each metric, n together.

    Examples
    --------
    >>> volume_under_pr(np.array([0.0, 1.0, 0.5]), [np.array([False, True, False])], window=2, thresholds=None)
    1.0
    """
    plain = np.concatenate([np.zeros(0), *labelled])
    if not plain.any():
        return float("nan")
    offsets = np.cumsum([0, *(len(each) for each in labelled)])
    runs = [_runs(each) for each in labelled]
    order = np.argsort(-ranks, kind="stable")
    flagged, cuts = _cuts(ranks[order], thresholds)
    certain = np.cumsum(plain[order])[flagged - 1]
    areas = np.zeros(window + 1)
    for width in range(window + 1):
        parts = zip(labelled, runs, strict=True)
        weights = np.concatenate([widened(each, *run, width) for each, run in parts])
        positive = np.cumsum(weights[order])[flagged - 1]
        recall = np.minimum(positive / (plain.sum() + (positive - certain) / 2), 1.0)
        peaks = [
            _peaks(ranks[first:after], *run, width // 2)
            for first, after, run in zip(offsets[:-1], offsets[1:], runs, strict=True)
        ]
        recall *= _share_at_least(np.concatenate(peaks), cuts)
        areas[width] = np.sum(np.diff(recall, prepend=0.0) * (positive / flagged))
    return float(areas.mean())


def _cuts(descending: Floats, thresholds: int | None) -> tuple[Integers, Floats]:
    """Return how many slots each cut flags, ties included, and its score."""
    if thresholds is None:
        cuts = np.unique(descending)[::-1]
    else:
        cuts = descending[np.linspace(0, len(descending) - 1, thresholds).astype(np.int64)]
    return np.searchsorted(-descending, -cuts, side="right").astype(np.int64), cuts


def _runs(labelled: Booleans) -> tuple[Integers, Integers]:
    """Return the first and the last slot of every run of labelled slots."""
    changes = np.diff(labelled.astype(np.int64), prepend=0, append=0)
    return np.flatnonzero(changes == 1).astype(np.int64), np.flatnonzero(changes == -1).astype(np.int64) - 1


def widened(labelled: Booleans, first: Integers, last: Integers, width: int) -> Floats:
    """Return labels with buffers: at distance d from a run ``sqrt(1 - d / width)`` more, up to ``d = width // 2``."""
    distance = np.arange(1, width // 2 + 1)
    slots = np.concatenate([(first[:, None] - distance).ravel(), (last[:, None] + distance).ravel()])
    # At width 0 there are no distances, and nothing to divide by.
    weights = np.tile(np.sqrt(1 - distance / max(width, 1)), 2 * len(first))
    inside = (slots >= 0) & (slots < len(labelled))
    buffers = np.bincount(slots[inside], weights=weights[inside], minlength=len(labelled))
    return np.minimum(labelled + buffers, 1.0)


def _peaks(ranks: Floats, first: Integers, last: Integers, half: int) -> Floats:
    """Return the highest rank in the buffered range of every event, those that touch taken together."""
    if not len(first):
        return np.zeros(0)
    parted = np.append(True, last[:-1] + half < first[1:] - half)
    starts = np.maximum(first[parted] - half, 0)
    ends = np.minimum(last[np.append(parted[1:], True)] + half, len(ranks) - 1)
    edges = np.stack([starts, ends + 1], axis=1).ravel()
    return np.asarray(np.maximum.reduceat(np.append(ranks, -np.inf), edges)[::2], dtype=np.float64)


def _share_at_least(peaks: Floats, cuts: Floats) -> Floats:
    below = np.searchsorted(np.sort(peaks), cuts, side="left")
    return np.asarray((len(peaks) - below) / len(peaks), dtype=np.float64)
