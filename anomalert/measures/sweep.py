"""Recall within a budget of false alerts: the cut of the scores is swept, precision and recall are those of alerts.

Notebooks, comparisons and tuning call this; it calls `scored`, `intervals` and `matching`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError
from anomalert.measures.alerts import WEEK
from anomalert.measures.intervals import opens_alert
from anomalert.measures.matching import as_tolerance
from anomalert.measures.scored import ScoredMetric, Scores, scored_metrics
from anomalert.panel import as_duration
from anomalert.settings import is_number

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

__all__ = ["recall_at"]


def recall_at(
    found: Scores,
    labels: pd.DataFrame,
    *,
    rate: float = 1.0,
    join: str | pd.Timedelta = "4h",
    tolerance: str | pd.Timedelta = "15min",
    slot: str | pd.Timedelta | None = None,
) -> float:
    """Return the largest event recall at which a metric gives at most `rate` false alerts a week.

    One cut is swept over the scores of all metrics: at each, slots with a score at or above it are flags, the 4-hour
    model (`alerts_from_scores`) makes alerts of them, and recall and false alerts are those of `event_recall` and
    `false_alerts_per_week`, over the weeks for which there are scores (`judged_weeks`). The result says how well scores
    rank, whatever their scale; nobody could have chosen that cut beforehand.

    Parameters
    ----------
    found : Series, DataFrame or mapping of Series
        Scores, as for `point_auc_pr`; NaN is never a flag.
    labels : pandas.DataFrame
        Events, as for `point_auc_pr`. Those outside the slots of their metric are left out.
    rate : float, default 1.0
        False alerts per metric-week, 0 or more.
    join : str or Timedelta, default "4h"
        How long an alert collects flags.
    tolerance : str or Timedelta, default "15min"
        How long after its end an event may still be found, 0 or more.
    slot : str or Timedelta, optional
        As for `point_auc_pr`.

    Returns
    -------
    float
        In [0, 1]; 0 if no event can be caught within the budget. NaN if there are no events, or nothing was judged.

    Raises
    ------
    ConfigurationError
        If a setting makes no sense; else as of `point_auc_pr`.
    InvalidPanelError
        If `found` is no panel.

    References
    ----------
    One point of the free-response receiver operating characteristic: Bunch, Hamilton, Sanderson and Simmons, A Free
    Response Approach to the Measurement and Characterization of Radiographic-Observer Performance, 1977.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=14 * 24, freq="1h")
    >>> scores = pd.Series(0.0, index, name="likes")
    >>> scores.iloc[[40, 100, 200, 300]] = [9.0, 7.0, 5.0, 3.0]
    >>> events = index[[40, 200, 300]]
    >>> labels = pd.DataFrame({"metric": "likes", "start": events, "end": events + pd.Timedelta("1h")})
    >>> recall_at(scores, labels, rate=0.5), round(recall_at(scores, labels, rate=0.25), 3)
    (1.0, 0.333)
    """
    if not is_number(rate) or not rate >= 0:
        raise ConfigurationError(f"`rate` is {rate!r}: false alerts per metric-week are needed, 0 or more")
    collect, late = as_duration(join, "join").value, as_tolerance(tolerance).value
    scored = scored_metrics(found, labels, slot)
    weeks = sum(metric.judged * metric.slot for metric in scored) / WEEK.value
    metrics = [_swept(metric, collect, late) for metric in scored]
    peaks = np.concatenate([np.zeros(0), *(metric.peaks for metric in metrics)])
    if not len(peaks) or not weeks:
        return float("nan")
    # The fewest false alerts only grow as the cut falls: where even they are too many, no lower cut will do.
    cuts = np.unique(np.concatenate([metric.ranks[metric.ranks > -np.inf] for metric in metrics]))
    low, high = 0, len(cuts)
    while low < high:
        middle = (low + high) // 2
        fewest = sum(metric.fewest_false_alerts(cuts[middle], collect) for metric in metrics)
        low, high = (middle + 1, high) if fewest / weeks > rate else (low, middle)
    for cut in cuts[low:]:
        if sum(metric.false_alerts(cut, collect) for metric in metrics) / weeks <= rate:
            return float(np.mean(peaks >= cut))
    return 0.0


@dataclass(frozen=True)
class _Swept:
    """What of a metric is the same for every cut.

    `near` are the slots that meet an event, `far` those that no alert can share with such a slot, `peaks` the highest
    score that each event shows.
    """

    times: Integers
    ranks: Floats
    near: Booleans
    far: Booleans
    peaks: Floats

    def false_alerts(self, cut: float, join: int) -> int:
        """Return how many alerts of the slots at or above `cut` meet no event."""
        flagged = self.ranks >= cut
        opens = opens_alert(self.times[flagged], join)
        numbers = np.cumsum(opens) - 1
        right = np.bincount(numbers, weights=self.near[flagged], minlength=int(opens.sum()))
        return int(np.count_nonzero(right == 0))

    def fewest_false_alerts(self, cut: float, join: int) -> int:
        """Return how many alerts the far slots need at least; false alerts can never be fewer."""
        return int(opens_alert(self.times[(self.ranks >= cut) & self.far], join).sum())


def _swept(metric: ScoredMetric, join: int, late: int) -> _Swept:
    near = metric.labelled(late)
    places = metric.starts[near]
    following = np.searchsorted(places, metric.starts)
    # Where there is no such slot before or behind, one that is just far enough stands in.
    behind = metric.starts - np.append(metric.starts[:1] - join, places)[following]
    ahead = np.append(places, metric.starts[-1:] + join)[following] - metric.starts
    first, after = metric.rows(late)
    peaks = [metric.ranks[a:b].max(initial=-np.inf) for a, b in zip(first.tolist(), after.tolist(), strict=True)]
    far = (behind >= join) & (ahead >= join)
    return _Swept(metric.starts, metric.ranks, near, far, np.array(peaks, dtype=np.float64))
