"""What a backtest says of one metric, cut out of its verdicts: its course, what was told, what was held back and why.

`Backtest` and its page call this; it calls `policy` for the names of the steps, and knows no picture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.episodes import Said
from anomalert.errors import ConfigurationError
from anomalert.monitor import Monitor
from anomalert.policy import STEPS
from anomalert.verdicts import Verdicts

__all__ = ["MetricCourse", "events_of", "held_back", "marks_of", "monitor_of", "no_data_warning", "without_data"]

STEP_NAMES = tuple(name for name, _ in STEPS)

KINDS_OF_SIGHT = {"no_data": "no data", "source_failed": "no data", "data_back": "data back"}
"""What is said of a source, and how a picture calls it."""


@dataclass(frozen=True, eq=False)
class MetricCourse:
    """A metric over a stretch of slots.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``value, expected, lower, upper, is_anomaly`` over the slots, in the zone of its monitor.
    rows : pandas.DataFrame of bool
        Over the same slots: a column for each step of the policy that held an anomaly back, and ``told``.
    """

    frame: pd.DataFrame
    rows: pd.DataFrame

    @classmethod
    def of(
        cls, blocks: Sequence[Verdicts], metric: str, zone: str, start: pd.Timestamp, end: pd.Timestamp
    ) -> "MetricCourse":
        """Return the course of a metric in `[start, end)`, out of the verdicts of its monitor in their order."""
        whole = pd.concat([_cut(block, metric, start, end) for block in blocks]).tz_convert(zone)
        steps = whole["steps"].to_numpy(dtype=np.uint8)
        held = {name: (steps >> np.uint8(bit) & np.uint8(1)).astype(bool) for bit, name in enumerate(STEP_NAMES)}
        rows = {name: flags for name, flags in held.items() if flags.any()}
        frame = whole[["value", "expected", "lower", "upper", "is_anomaly"]]
        return cls(frame, pd.DataFrame({**rows, "told": whole["told"].to_numpy()}, whole.index))


def held_back(verdicts: Mapping[str, Sequence[Verdicts]]) -> pd.DataFrame:
    """Return how many anomalies of each metric there were, each step held back, and were told.

    Returns
    -------
    pandas.DataFrame
        A row a metric; columns ``anomalies``, the steps by name, ``told``. Each step counts for itself, so that an
        anomaly that two steps hold back counts for both.
    """
    counts: dict[str, NDArray[np.int64]] = {}
    for block in (block for blocks in verdicts.values() for block in blocks):
        bits = [(block.steps >> np.uint8(bit) & np.uint8(1)).sum(axis=0) for bit in range(len(STEPS))]
        columns = np.stack([(block.score > 1.0).sum(axis=0), *bits, block.is_alert.sum(axis=0)], axis=1)
        for metric, row in zip(block.metrics, columns.astype(np.int64), strict=True):
            counts[metric] = counts.get(metric, 0) + row
    names = ["anomalies", *STEP_NAMES, "told"]
    frame = pd.DataFrame.from_dict(counts, orient="index", columns=names).astype("int64")
    return frame.rename_axis(index="metric")


def without_data(verdicts: Mapping[str, Sequence[Verdicts]]) -> tuple[str, ...]:
    """Return the monitors that were judged and had no value of any metric in any slot."""
    return tuple(
        name
        for name, blocks in verdicts.items()
        if any(block.is_judged.any() for block in blocks) and all(np.isnan(block.value).all() for block in blocks)
    )


def no_data_warning(monitors: tuple[str, ...]) -> str:
    """Return what has to be said of monitors that were judged on nothing."""
    return f"NO DATA: {', '.join(monitors)} had no value in any slot of the range: is it the range that was meant?"


def marks_of(said: Sequence[Said], monitor: Monitor, metric: str) -> pd.DataFrame:
    """Return what was told of a metric or of its source: ``slot`` (UTC) and ``kind``, as the timeline names it."""
    rows = [
        (each.slot, KINDS_OF_SIGHT.get(each.kind, each.kind))
        for each in said
        if any(incident.metric == metric for incident, _ in each.about)
        or any(outage.monitor == monitor.name and outage.metric in (None, metric) for outage in each.outages)
    ]
    return pd.DataFrame(rows, columns=["slot", "kind"], dtype=object).astype({"slot": "datetime64[ns, UTC]"})


def events_of(labels: pd.DataFrame | None, metric: str) -> pd.DataFrame | None:
    """Return the labelled events of a metric as ``start, end``."""
    return None if labels is None else labels.loc[labels["metric"] == metric, ["start", "end"]]


def monitor_of(monitors: Sequence[Monitor], metric: str | None) -> tuple[Monitor, str]:
    """Return the monitor of a metric, which may be left out if it is alone, and the metric's name.

    Raises
    ------
    ConfigurationError
        If there is none of that name.
    """
    known = {each.name: monitor for monitor in monitors for each in monitor.metrics}
    name = next(iter(known)) if metric is None and len(known) == 1 else metric
    if name is None or name not in known:
        raise ConfigurationError(f"`metric` is {metric!r}: name one of {', '.join(map(repr, known))}")
    return known[name], name


def _cut(block: Verdicts, metric: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Return one metric within a range: what is drawn, its steps and whether it was told."""
    rows = slice(int(block.slots.searchsorted(start)), int(block.slots.searchsorted(end)))
    own = block.rows(rows).ordered((metric,))
    columns = {name: getattr(own, name)[:, 0] for name in ("value", "expected", "lower", "upper", "steps")}
    return pd.DataFrame({**columns, "is_anomaly": own.score[:, 0] > 1.0, "told": own.is_alert[:, 0]}, own.slots)
