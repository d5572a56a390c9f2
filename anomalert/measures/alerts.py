"""Scores made into alerts by the 4-hour model, which is simpler than our own incidents and the same for every detector.

Notebooks and comparisons call this; it calls `scored` and `intervals`.
"""

import numpy as np
import pandas as pd

from anomalert.errors import ConfigurationError
from anomalert.labels import nanoseconds
from anomalert.measures.intervals import opens_alert
from anomalert.measures.scored import Column, Scores, columns_of
from anomalert.panel import as_duration
from anomalert.settings import is_number

__all__ = ["alerts_from_scores", "judged_weeks"]

WEEK = pd.Timedelta("7D")


def alerts_from_scores(
    scores: Scores,
    *,
    join: str | pd.Timedelta = "4h",
    threshold: float = 1.0,
    slot: str | pd.Timedelta | None = None,
) -> pd.DataFrame:
    """Return the alerts of the **4-hour model**: a flag opens an alert, flags in the next four hours belong to it.

    A flag is a slot with ``score > threshold``. One at `t` opens an alert of its metric; those in `[t, t + join)`
    belong to it; the next one at or after ``t + join`` opens a new one, also in the middle of a run of flags. So what
    flags everything costs six alerts a day. It is a model for comparing detectors, with nothing to set but `join`; what
    a pipeline sends follows from policy, incidents and episodes instead.

    Parameters
    ----------
    scores : Series, DataFrame or mapping of Series
        Over slot starts, one column per metric; NaN is a slot that was not judged, and not flagged. A mapping from
        metrics to Series is for metrics that do not share their slots.
    join : str or Timedelta, default "4h"
        How long an alert collects flags.
    threshold : float, default 1.0
        On the score: 1 is the bound of the usual range.
    slot : str or Timedelta, optional
        Length of a slot; by default the smallest step of the index, which then has to divide a day.

    Returns
    -------
    pandas.DataFrame
        ``metric, start, end, alert``: one row per stretch of flagged neighbouring slots of an alert, half-open;
        `alert` is a number, the same in all stretches of one alert. By metric, then by time.

    Raises
    ------
    ConfigurationError
        If a setting makes no sense, or the metrics are in different time zones.
    InvalidPanelError
        If `scores` is no panel.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=20, freq="1h")
    >>> scores = pd.Series(0.2, index, name="likes")
    >>> scores.iloc[[2, 3, 5, 7, 15]] = 1.7
    >>> alerts_from_scores(scores)
      metric               start                 end  alert
    0  likes 2026-11-01 02:00:00 2026-11-01 04:00:00      0
    1  likes 2026-11-01 05:00:00 2026-11-01 06:00:00      0
    2  likes 2026-11-01 07:00:00 2026-11-01 08:00:00      1
    3  likes 2026-11-01 15:00:00 2026-11-01 16:00:00      2
    """
    if not is_number(threshold) or np.isnan(threshold):
        raise ConfigurationError(f"`threshold` is {threshold!r}: a number is needed, such as 1")
    length = as_duration(join, "join")
    columns = list(columns_of(scores, slot))
    zones = {str(column.index.tz) for column in columns}
    if len(zones) > 1:
        raise ConfigurationError(f"the metrics of `scores` are in the time zones {', '.join(sorted(zones))}: take one")
    frames, opened = [], 0
    for column in columns:
        alerts = _alerts(column, length.value, threshold)
        frames.append(alerts.assign(alert=alerts["alert"] + opened))
        opened += alerts["alert"].nunique()
    if not frames:
        return pd.DataFrame({"metric": [], "start": pd.DatetimeIndex([]), "end": pd.DatetimeIndex([]), "alert": []})
    return pd.concat(frames, ignore_index=True)


def judged_weeks(scores: Scores, *, slot: str | pd.Timedelta | None = None) -> float:
    """Return for how many metric-weeks there are scores: judged slots of all metrics times the length of a slot.

    Parameters
    ----------
    scores : Series, DataFrame or mapping of Series
        As for `alerts_from_scores`.
    slot : str or Timedelta, optional
        As for `alerts_from_scores`.

    Returns
    -------
    float
        Two metrics judged through three weeks make 6.0.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=14 * 24, freq="1h")
    >>> judged_weeks(pd.DataFrame({"views": 0.5, "likes": [float("nan")] * 168 + [0.5] * 168}, index))
    3.0
    """
    judged = (int(np.count_nonzero(~np.isnan(each.scores))) * each.slot.value for each in columns_of(scores, slot))
    return sum(judged) / WEEK.value


def _alerts(column: Column, join: int, threshold: float) -> pd.DataFrame:
    with np.errstate(invalid="ignore"):
        flagged = np.flatnonzero(column.scores > threshold)
    times = nanoseconds(column.index)[flagged]
    opens = opens_alert(times, join)
    begins = opens | (np.diff(times, prepend=times[:1]) > column.slot.value)
    ends = np.append(begins[1:], True)[: len(times)]
    index = column.index[flagged]
    frame = pd.DataFrame({"start": index[begins], "end": index[ends] + column.slot})
    frame.insert(0, "metric", pd.Series([column.metric] * len(frame), dtype=object))
    return frame.assign(alert=(np.cumsum(opens) - 1)[begins])
