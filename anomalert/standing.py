"""How one setting of a comparison stands: what its backtest comes to, as a row, by the week, and slot by slot.

Comparisons call this; it calls `backtesting`, `measures` and `resampling`.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.backtesting import Backtest
from anomalert.backtesting.course import MetricCourse, monitor_of
from anomalert.backtesting.scoring import TOLERANCE, alerts_of, scores_of
from anomalert.labels import as_labels
from anomalert.measures import detection_delay, false_alerts_per_week, vus_pr
from anomalert.measures.matching import match
from anomalert.resampling import Tallies, Weeks, interval

Flags = NDArray[np.bool_]

__all__ = ["course_of", "row_of", "shared", "tallied", "told_cells"]


def row_of(found: Backtest, tallies: Tallies, labels: pd.DataFrame | None) -> dict[str, object]:
    """Return the row of a setting: see `Comparison.table`."""
    low, high = interval(tallies.messages_resampled)
    blocks = [block for of_monitor in found.verdicts.values() for block in of_monitor]
    scores = np.concatenate([block.score.ravel() for block in blocks])
    known = sum(int(np.count_nonzero(~np.isnan(block.value))) for block in blocks)
    judged = np.count_nonzero(~np.isnan(scores))
    row: dict[str, object] = {
        "messages_per_week": found.rate,
        "low": low,
        "high": high,
        "incidents": len(found.known_incidents),
        "judged": judged / known if known else float("nan"),
        "anomalous": np.count_nonzero(scores > 1) / judged if judged else float("nan"),
    }
    return row if labels is None else row | _by_labels(found, tallies, labels)


def _by_labels(found: Backtest, tallies: Tallies, labels: pd.DataFrame) -> dict[str, object]:
    alerts, span = alerts_of(found), (found.start, found.end)
    low, high = interval(tallies.f1_resampled)
    return {
        "event_f1": tallies.f1,
        "f1_low": low,
        "f1_high": high,
        "event_precision": tallies.precision,
        "event_recall": tallies.recall,
        "detection_delay": detection_delay(alerts, labels, tolerance=TOLERANCE, span=span),
        "false_alerts_per_week": false_alerts_per_week(
            alerts, labels, tolerance=TOLERANCE, span=span, metrics=len(found.metrics)
        ),
        "vus_pr": vus_pr(scores_of(found), labels),
    }


def tallied(found: Backtest, labels: pd.DataFrame | None) -> Tallies:
    """Return what a setting did in each week; events as the measures match them."""
    weeks = Weeks(found.start, found.end)
    messages = weeks.counted(found.messages["slot"])
    if labels is None:
        return Tallies(messages, found.weeks)
    # In the order in which they are matched.
    alerts = as_labels(alerts_of(found), name="incidents")
    events = labels[(labels["end"] > found.start) & (labels["start"] < found.end)]
    matching = match(alerts, events, TOLERANCE, None)
    return Tallies(
        messages,
        found.weeks,
        alerts=weeks.counted(alerts["start"]),
        right=weeks.counted(alerts["start"][matching.right]),
        events=weeks.counted(events["start"]),
        caught=weeks.counted(events["start"][matching.caught]),
    )


def told_cells(found: Backtest) -> Flags:
    """Return whether each slot of each metric is told of, the metrics by name."""
    blocks = (block.ordered(sorted(block.metrics)) for of_monitor in found.verdicts.values() for block in of_monitor)
    return np.concatenate([block.is_alert.ravel() for block in blocks])


def shared(one: Flags, other: Flags) -> float:
    """Return which share of what either tells of both do; NaN if there is nothing."""
    either = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / either if either else float("nan")


def course_of(found: Backtest, metric: str, zone: str) -> pd.DataFrame:
    """Return what is drawn of a setting; marked is what it tells."""
    monitor, name = monitor_of(found.monitors, metric)
    course = MetricCourse.of(found.verdicts[monitor.name], name, zone, found.start, found.end)
    return course.frame.assign(is_anomaly=course.rows["told"])
