"""Measures of detection against labelled events: plain functions ``measure(found, labels, *, settings)``.

Measures of events take alerts (a frame of ``metric, start, end``) as `found`, measures of points take scores. Each says
in its name what it counts. Notebooks, backtests and comparisons call these; they call `labels`, `panel` and `errors`,
and know of no detector, monitor or pipeline.

Point-adjusted F1 is not among them: with it even random scores look excellent (Kim et al., AAAI 2022).
"""

from anomalert.measures.alerts import alerts_from_scores, judged_weeks
from anomalert.measures.events import (
    detection_delay,
    event_f1,
    event_precision,
    event_recall,
    false_alerts_per_week,
)
from anomalert.measures.nab import NabProfile, nab_score
from anomalert.measures.points import point_auc_pr
from anomalert.measures.sweep import recall_at
from anomalert.measures.vus import vus_pr

__all__ = [
    "NabProfile",
    "alerts_from_scores",
    "detection_delay",
    "event_f1",
    "event_precision",
    "event_recall",
    "false_alerts_per_week",
    "judged_weeks",
    "nab_score",
    "point_auc_pr",
    "recall_at",
    "vus_pr",
]
