"""The one path from a panel to verdicts: metrics that are judged alike are judged together, as arrays.

Notebooks (through `Monitor.judge`), runs, catch-up and backtests all come through here, so that they say the same of
every slot. Monitors, walks and backtests call this; it calls `metric` and what lies below.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert import kernels
from anomalert.errors import AnomalertError, DetectorError, raised
from anomalert.foreign import ends_the_run, shown
from anomalert.learning import is_trailing
from anomalert.metric import Metric, learning_of, lookback_of
from anomalert.verdicts import ARRAYS, Verdicts

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

__all__ = ["judge", "judged_alike"]


def judge(
    metrics: Sequence[Metric],
    panel: pd.DataFrame,
    start: pd.Timestamp,
    slot: pd.Timedelta,
    baseline: pd.DataFrame | None = None,
) -> tuple[Verdicts, list[AnomalertError]]:
    """Judge every slot of `panel` from `start` on: detection, then each metric's policy.

    Parameters
    ----------
    metrics : sequence of Metric
        Columns of the panel, their denominators too.
    panel : pandas.DataFrame
        As `Monitor.panel` gives it, beginning early enough for detectors and policies.
    start : pandas.Timestamp
        The first slot to judge, aware.
    slot : pandas.Timedelta
        The length of a slot.
    baseline : pandas.DataFrame, optional
        What the detectors take for the past in place of the panel; holds a column for every metric.

    Returns
    -------
    tuple
        The verdicts, and an error for each metric that its detector failed to judge.
    """
    first = int(panel.index.searchsorted(start))
    slots = pd.DatetimeIndex(panel.index[first:]).tz_convert("UTC").as_unit("ns")
    parts: list[Verdicts] = []
    errors: list[AnomalertError] = []
    for group in judged_alike(metrics):
        judged = _judged(group, panel, start, slot, baseline)
        if isinstance(judged, AnomalertError) and len(group) > 1:
            # One metric that fails must not take along those that are only judged like it.
            results = [(each, _judged([each], panel, start, slot, baseline)) for each in group]
        else:
            results = [(group[0], judged)]
        errors += [result for _, result in results if isinstance(result, AnomalertError)]
        parts += [
            result if isinstance(result, Verdicts) else Verdicts.unjudged(slots, [metric.name], slot)
            for metric, result in results
        ]
    verdicts = Verdicts.side_by_side(parts) if parts else Verdicts.unjudged(slots, [], slot)
    return verdicts.ordered([metric.name for metric in metrics]), errors


def judged_alike(metrics: Iterable[Metric]) -> list[list[Metric]]:
    """Return the metrics in groups of equal detector and policy; a detector judges every column for itself."""
    groups: dict[object, list[Metric]] = {}
    for metric in metrics:
        try:
            key: object = (metric.detector, metric.policy, metric.denominator is None)
            groups.setdefault(key, []).append(metric)
        except BaseException as error:
            if ends_the_run(error):
                raise
            # A detector of other people that gives no hash, or cannot be compared: it is like no other.
            groups[id(metric)] = [metric]
    return list(groups.values())


def _judged(
    group: Sequence[Metric],
    panel: pd.DataFrame,
    start: pd.Timestamp,
    slot: pd.Timedelta,
    baseline: pd.DataFrame | None,
) -> Verdicts | AnomalertError:
    """Return the verdicts of metrics that are judged alike, or what kept the first of them from being judged."""
    metric = group[0]
    try:
        return _detected(group, panel, start, slot, baseline)
    except AnomalertError as error:
        return raised(DetectorError, f"metric {metric.name!r}", error)
    except BaseException as error:
        if ends_the_run(error):
            raise
        # Other people's code: this metric fails, the others go on.
        return raised(DetectorError, f"metric {metric.name!r}: {shown(metric.detector)}", error)


def _detected(
    group: Sequence[Metric],
    panel: pd.DataFrame,
    start: pd.Timestamp,
    slot: pd.Timedelta,
    baseline: pd.DataFrame | None,
) -> Verdicts:
    names = [metric.name for metric in group]
    policy = group[0].policy
    lookback = lookback_of(group[0].detector)  # Of one that cannot say it, too little may have been read.
    learning_of(group[0].detector)  # And what it looks back to may not be what it should be.
    weights = _weights(group, panel)
    detection = group[0].detector.detect(
        panel[names],
        start - policy.memory(slot) * slot,
        baseline=None if baseline is None else baseline[names],
        weights=weights,
    )
    held = policy.hold(detection, None if weights is None else weights.loc[detection.value.index])
    judged = pd.DatetimeIndex(detection.value.index)
    rows = slice(int(judged.searchsorted(start)), None)
    shape = (len(judged), len(names))
    arrays: dict[str, Any] = {
        # Copies, since a frame's own arrays may be read-only.
        **{name: getattr(detection, name).to_numpy(copy=True) for name in ARRAYS[:4]},
        "steps": held.steps,
        "is_alert": held.is_alert,
        "is_judged": np.ones(shape, dtype=bool),
        "is_missing": kernels.missing(
            detection.value.to_numpy(),
            detection.expected.to_numpy(),
            None if weights is None else held.volume,
            policy.missing_slots(slot),
            trailing=is_trailing(lookback),
        ),
        "is_empty": np.zeros(len(judged), dtype=bool),
        "own_score": None if detection.own_score is None else detection.own_score.to_numpy(copy=True),
        "denominator": None if weights is None else held.volume.copy(),
    }
    return Verdicts(judged.tz_convert("UTC").as_unit("ns"), tuple(names), slot, **arrays).rows(rows)


def _weights(group: Sequence[Metric], panel: pd.DataFrame) -> pd.DataFrame | None:
    if group[0].denominator is None:
        return None
    return pd.DataFrame({metric.name: panel[metric.denominator] for metric in group})
