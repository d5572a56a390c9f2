"""A backtest held against what is known to have been: measures of its incidents, messages and scores.

Results call this; it calls `measures` and `labels`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from anomalert.errors import ConfigurationError
from anomalert.labels import as_labels
from anomalert.measures import (
    alerts_from_scores,
    detection_delay,
    event_f1,
    event_precision,
    event_recall,
    point_auc_pr,
    vus_pr,
)
from anomalert.measures.matching import match
from anomalert.panel import local_instant

if TYPE_CHECKING:
    from anomalert.backtesting.result import Backtest

__all__ = ["alerts_of", "labels_in_utc", "scores_against", "scores_of"]

TOLERANCE = pd.Timedelta("15min")


def labels_in_utc(labels: pd.DataFrame, zones: Mapping[str, str]) -> pd.DataFrame:
    """Return labelled events in UTC; instants without a zone are local times of their metric's monitor.

    Parameters
    ----------
    labels : pandas.DataFrame
        ``metric, start, end``.
    zones : mapping of str to str
        Metric to the IANA name of its monitor's zone.

    Raises
    ------
    ConfigurationError
        If the frame is no frame of events, or names a metric that is not watched.
    """
    known = as_labels(labels)
    unwatched = sorted({str(metric) for metric in known["metric"]} - set(zones))
    if unwatched:
        raise ConfigurationError(f"`labels` name metric {unwatched[0]!r}; what is watched is {', '.join(zones)}")
    if not len(known) or known["start"].dt.tz is not None:
        return known
    zone_of = [zones[metric] for metric in known["metric"]]
    edges = (zip(zone_of, known[name], strict=True) for name in ("start", "end"))
    start, end = (pd.DatetimeIndex([local_instant(each, "labels", zone) for zone, each in pairs]) for pairs in edges)
    return as_labels(known.assign(start=start, end=end))


def alerts_of(found: "Backtest") -> pd.DataFrame:
    """Return the incidents as alerts, ``metric, start, end``; one that is not over lasts to the end."""
    incidents = found.incidents
    return incidents[["metric", "start", "end", "key"]].assign(end=incidents["end"].fillna(found.end))


def scores_of(found: "Backtest") -> dict[str, pd.Series]:
    """Return the scores of every metric over its slots; metrics of several monitors may differ in them."""
    frames = (
        pd.concat([pd.DataFrame(block.score, block.slots, list(block.metrics)) for block in blocks])
        for blocks in found.verdicts.values()
    )
    return {str(metric): frame[metric] for frame in frames for metric in frame}


def scores_against(found: "Backtest", labels: pd.DataFrame) -> pd.DataFrame:
    """Return what `Backtest.scores` says; see there."""
    if not any(found.verdicts.values()):  # It was interrupted before anything was judged.
        return pd.DataFrame(index=pd.Index(found.metrics, name="metric"))
    scores = scores_of(found)
    rows = {metric: _row(found, labels, {metric: scores[metric]}, [metric]) for metric in found.metrics}
    if len(rows) > 1:
        rows["all"] = _row(found, labels, scores, found.metrics)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")


def _row(
    found: "Backtest", labels: pd.DataFrame, scores: Mapping[str, pd.Series], metrics: Sequence[str]
) -> dict[str, object]:
    span, events = (found.start, found.end), labels[labels["metric"].isin(metrics)]
    alerts = alerts_of(found)
    alerts = alerts[alerts["metric"].isin(metrics)]
    row: dict[str, object] = {"events": len(events), "incidents": len(alerts)}
    for measure in (event_precision, event_recall, event_f1, detection_delay):
        row[measure.__name__] = measure(alerts, events, tolerance=TOLERANCE, span=span)
    row["false_messages_per_week"] = _false_messages(found, alerts, events) / found.weeks
    row["point_auc_pr"] = point_auc_pr(scores, events)
    row["vus_pr"] = vus_pr(scores, events)
    four_hours = [alerts_from_scores(series.rename(metric)) for metric, series in scores.items()]
    joined = pd.concat([each.assign(alert=each["metric"] + "/" + each["alert"].astype(str)) for each in four_hours])
    row["four_hour_model_f1"] = event_f1(joined, events, tolerance=TOLERANCE, span=span)
    return row


def _false_messages(found: "Backtest", alerts: pd.DataFrame, events: pd.DataFrame) -> int:
    """Return how many messages about these metrics are about no incident of theirs that meets an event."""
    ordered = as_labels(alerts, name="incidents")
    right = set(ordered["key"][match(ordered, events, TOLERANCE, None).right])
    ours = set(ordered["key"])
    count = 0
    for said in found.said:
        keys = {incident.key for incident, _ in said.about} & ours
        count += bool(keys) and not keys & right
    return int(count)
