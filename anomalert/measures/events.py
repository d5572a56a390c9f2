"""Measures that count alerts and events: precision, recall, F1, delay, false alerts a week.

Notebooks, backtests and comparisons call these; they call `matching`.
"""

import pandas as pd

from anomalert.errors import ConfigurationError
from anomalert.measures.alerts import WEEK
from anomalert.measures.matching import Span, as_span, match
from anomalert.settings import is_number

__all__ = ["detection_delay", "event_f1", "event_precision", "event_recall", "false_alerts_per_week"]


def event_precision(
    found: pd.DataFrame, labels: pd.DataFrame, *, tolerance: str | pd.Timedelta = "15min", span: Span | None = None
) -> float:
    """Return the share of the alerts that are right: right alerts / alerts.

    An alert is right if one of its stretches shares an instant with `[start, end + tolerance)` of an event of its
    metric. The alerts of all metrics are counted together (micro-averaged): a metric weighs what it alerts.

    Parameters
    ----------
    found : pandas.DataFrame
        Alerts: ``metric, start, end``, half-open. Rows that share an ``alert`` are stretches of one alert; without that
        column each row is an alert. `alerts_from_scores` makes such a frame, and `Detection.events` does.
    labels : pandas.DataFrame
        Events: ``metric, start, end``, half-open; naive or aware as `found` is.
    tolerance : str or Timedelta, default "15min"
        How long after its end an event may still be found, 0 or more.
    span : (start, end), optional
        What was judged, half-open: alerts and events that do not meet it are left out. By default all count.

    Returns
    -------
    float
        In [0, 1]; NaN if there are no alerts, since nothing was said that could be right. Without events it is 0.

    Raises
    ------
    ConfigurationError
        If a frame is no frame of events, only one of them has a time zone, or a setting makes no sense.

    References
    ----------
    The overlap rule is existence, the first reward of Tatbul et al., Precision and Recall for Time Series, NeurIPS
    2018, without those for size and position: who is on call needs to be told once.

    Examples
    --------
    >>> found = pd.DataFrame({"metric": "likes", "start": ["2026-11-01 10:15", "2026-11-01 20:00"],
    ...                       "end": ["2026-11-01 10:30", "2026-11-01 20:15"]})
    >>> labels = pd.DataFrame({"metric": "likes", "start": ["2026-11-01 10:00"], "end": ["2026-11-01 11:00"]})
    >>> event_precision(found, labels)
    0.5
    """
    return match(found, labels, tolerance, span).precision


def event_recall(
    found: pd.DataFrame, labels: pd.DataFrame, *, tolerance: str | pd.Timedelta = "15min", span: Span | None = None
) -> float:
    """Return the share of the events that are caught: caught events / events.

    An event is caught if any stretch of any alert of its metric shares an instant with `[start, end + tolerance)`. The
    events of all metrics are counted together (micro-averaged). One alert may catch several events.

    Parameters
    ----------
    found, labels : pandas.DataFrame
        Alerts and events, as for `event_precision`.
    tolerance : str or Timedelta, default "15min"
        How long after its end an event may still be found, 0 or more.
    span : (start, end), optional
        What was judged, as for `event_precision`.

    Returns
    -------
    float
        In [0, 1]; NaN if there are no events, since nothing could be caught. Without alerts it is 0.

    Raises
    ------
    ConfigurationError
        As of `event_precision`.

    References
    ----------
    As of `event_precision`.

    Examples
    --------
    >>> found = pd.DataFrame({"metric": "likes", "start": ["2026-11-01 11:00"], "end": ["2026-11-01 11:15"]})
    >>> labels = pd.DataFrame({"metric": "likes", "start": ["2026-11-01 10:00"], "end": ["2026-11-01 11:00"]})
    >>> event_recall(found, labels), event_recall(found, labels, tolerance="0min")
    (1.0, 0.0)
    """
    return match(found, labels, tolerance, span).recall


def event_f1(
    found: pd.DataFrame, labels: pd.DataFrame, *, tolerance: str | pd.Timedelta = "15min", span: Span | None = None
) -> float:
    """Return the harmonic mean of event precision and event recall: ``2 P R / (P + R)``.

    Parameters
    ----------
    found, labels : pandas.DataFrame
        Alerts and events, as for `event_precision`.
    tolerance : str or Timedelta, default "15min"
        How long after its end an event may still be found, 0 or more.
    span : (start, end), optional
        What was judged, as for `event_precision`.

    Returns
    -------
    float
        In [0, 1]. 0 if no alert is right, also where there are events and no alerts, or alerts and no events; NaN if
        there are neither, since there was nothing to say and nothing was said.

    Raises
    ------
    ConfigurationError
        As of `event_precision`.

    References
    ----------
    van Rijsbergen, Information Retrieval, 1979, chapter 7; overlap rule as of `event_precision`.

    Examples
    --------
    >>> found = pd.DataFrame({"metric": "likes", "start": ["2026-11-01 10:15", "2026-11-01 20:00"],
    ...                       "end": ["2026-11-01 10:30", "2026-11-01 20:15"]})
    >>> labels = pd.DataFrame({"metric": "likes", "start": ["2026-11-01 10:00"], "end": ["2026-11-01 11:00"]})
    >>> round(event_f1(found, labels), 3)
    0.667
    """
    matching = match(found, labels, tolerance, span)
    if not len(matching.right) and not len(matching.caught):
        return float("nan")
    if not matching.right.any() or not matching.caught.any():
        return 0.0
    precision, recall = matching.precision, matching.recall
    return 2 * precision * recall / (precision + recall)


def detection_delay(
    found: pd.DataFrame, labels: pd.DataFrame, *, tolerance: str | pd.Timedelta = "15min", span: Span | None = None
) -> pd.Timedelta:
    """Return the median over the caught events of the time from the start of the event to what first flags it.

    For an event the delay is ``max(0, start of the first stretch that meets it - start of the event)``: 0 if its first
    slot is flagged. A slot is judged at its end and when it has settled, so people are told that much later. Events
    that are not caught have no delay: read it beside `event_recall`.

    Parameters
    ----------
    found, labels : pandas.DataFrame
        Alerts and events, as for `event_precision`.
    tolerance : str or Timedelta, default "15min"
        How long after its end an event may still be found, 0 or more.
    span : (start, end), optional
        What was judged, as for `event_precision`.

    Returns
    -------
    pandas.Timedelta
        0 or more; of an even number of events the mean of the middle two. NaT if no event is caught.

    Raises
    ------
    ConfigurationError
        As of `event_precision`.

    References
    ----------
    The time to detect of Lavin and Ahmad, ICMLA 2015, in units of time.

    Examples
    --------
    >>> found = pd.DataFrame({"metric": "likes", "start": ["2026-11-01 10:15"], "end": ["2026-11-01 10:30"]})
    >>> labels = pd.DataFrame({"metric": "likes", "start": ["2026-11-01 10:00"], "end": ["2026-11-01 11:00"]})
    >>> detection_delay(found, labels)
    Timedelta('0 days 00:15:00')
    """
    delays = match(found, labels, tolerance, span).delays
    return pd.Series(pd.to_timedelta(delays, unit="ns")).median()


def false_alerts_per_week(
    found: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    weeks: float | None = None,
    span: Span | None = None,
    metrics: int = 1,
    tolerance: str | pd.Timedelta = "15min",
) -> float:
    """Return how many alerts that are not right a metric gives in a week: false alerts / metric-weeks judged.

    Parameters
    ----------
    found, labels : pandas.DataFrame
        Alerts and events, as for `event_precision`.
    weeks : float, optional
        How many metric-weeks were judged, all metrics together: `judged_weeks` of the scores gives it.
    span : (start, end), optional
        What was judged, half-open, as for `event_precision`. Without `weeks`, its length times `metrics` is taken.
    metrics : int, default 1
        With `span` alone: how many metrics were judged, those without alerts included.
    tolerance : str or Timedelta, default "15min"
        How long after its end an event may still be found, 0 or more.

    Returns
    -------
    float
        0 or more.

    Raises
    ------
    ConfigurationError
        If neither `weeks` nor `span` says what was judged, they make no sense, or there are alerts and events of more
        metrics than `metrics`; else as of `event_precision`.

    References
    ----------
    The false alarm rate of statistical process control, per unit of time: Montgomery, Introduction to Statistical
    Quality Control, 2012, chapter 5.

    Examples
    --------
    >>> found = pd.DataFrame({"metric": "likes", "start": ["2026-11-01 10:15", "2026-11-01 20:00"],
    ...                       "end": ["2026-11-01 10:30", "2026-11-01 20:15"]})
    >>> labels = pd.DataFrame({"metric": "likes", "start": ["2026-11-01 10:00"], "end": ["2026-11-01 11:00"]})
    >>> false_alerts_per_week(found, labels, span=("2026-11-01", "2026-11-15"))
    0.5
    """
    matching = match(found, labels, tolerance, span)
    wrong = int((~matching.right).sum())
    if weeks is not None:
        if not is_number(weeks) or not weeks > 0:
            raise ConfigurationError(f"`weeks` is {weeks!r}: the metric-weeks judged are needed, a number above 0")
        return float(wrong / weeks)
    if span is None:
        raise ConfigurationError(
            "give `weeks`, the metric-weeks judged, or `span`, from when to when: a rate needs one"
        )
    if isinstance(metrics, bool) or not isinstance(metrics, int) or metrics < max(1, matching.n_metrics):
        raise ConfigurationError(
            f"`metrics` is {metrics!r}, and alerts and events are of {matching.n_metrics}: say how many were judged"
        )
    start, end = as_span(span)
    return float(wrong / (metrics * ((end - start) / WEEK)))
