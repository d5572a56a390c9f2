"""Detectors and policies side by side on one history: what they cost in messages, what they find, where they agree.

Notebooks call `compare`; it calls `backtesting`, `measures` and `charts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.backtesting import Backtest, backtest
from anomalert.detection import Detector
from anomalert.errors import ConfigurationError
from anomalert.labels import as_labels
from anomalert.measures import detection_delay, false_alerts_per_week, vus_pr
from anomalert.measures.matching import match
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.panel import as_panel, slot_length
from anomalert.policy import Policy
from anomalert.resampling import WEEK, Tallies, interval
from anomalert.sources import FrameSource

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Flags = NDArray[np.bool_]
Setting = Detector | tuple[Detector, Policy] | Monitor

__all__ = ["Comparison", "Setting", "compare"]

TOLERANCE = pd.Timedelta("15min")


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Several settings over the same slots.

    Parameters
    ----------
    backtests : mapping of str to Backtest
        By name, in the order they were given.
    labels : pandas.DataFrame, optional
        What is known to have been.
    """

    backtests: Mapping[str, Backtest]
    labels: pd.DataFrame | None = None

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a setting, the best first: by F1 of events if there are labels, else by fewest messages.

        ``messages_per_week`` with its 95 % interval (``low``, ``high``: bootstrap over weeks), ``incidents``, and
        ``anomalous``, the share of the judged slots. With labels ``event_f1`` of its incidents with its interval
        (``f1_low``, ``f1_high``), ``event_precision``, ``event_recall``, ``detection_delay``,
        ``false_alerts_per_week`` (a metric), ``vus_pr``. ``tie``: whether the paired 95 % interval of its difference
        to the best one spans 0, so that these weeks cannot tell which of the two is better.
        """
        rows = {name: self._row(name) for name in self.backtests}
        by = "messages_per_week" if self.labels is None else "event_f1"
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("setting")
        frame = frame.sort_values(by, ascending=self.labels is None, kind="stable", na_position="last")
        best = self._tallies[frame.index[0]]
        frame["tie"] = [self._tallies[str(name)].ties_with(best) for name in frame.index]
        return frame

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """How far two settings tell of the same slots: those that both tell of, of those that either does (Jaccard).

        NaN where neither tells of any.
        """
        told = {name: _told_cells(each) for name, each in self.backtests.items()}
        matrix = {one: {other: _jaccard(told[one], told[other]) for other in told} for one in told}
        return pd.DataFrame(matrix).T

    def plot(self, metric: str | None = None) -> "Figure":
        """Draw one metric, a strip for each setting: its usual range, and the slots that it tells of."""
        from anomalert import charts

        names = next(iter(self.backtests.values())).metrics
        chosen = names[0] if metric is None and len(names) == 1 else metric
        if chosen not in names:
            raise ConfigurationError(f"`metric` is {metric!r}: name one of {', '.join(map(repr, names))}")
        strips = {name: _course(each, chosen) for name, each in self.backtests.items()}
        labels = None if self.labels is None else self.labels[self.labels["metric"] == chosen]
        return charts.draw_multiples(strips, str(chosen), labels)

    def __repr__(self) -> str:
        weeks = next(iter(self.backtests.values())).weeks
        return f"Comparison of {len(self.backtests)} settings over {weeks:.1f} weeks\n{self.table}"

    def _repr_html_(self) -> str:
        weeks = next(iter(self.backtests.values())).weeks
        return f"<p>Comparison of {len(self.backtests)} settings over {weeks:.1f} weeks</p>{self.table.to_html()}"

    @cached_property
    def _tallies(self) -> dict[str, Tallies]:
        return {name: _tallied(each, self.labels) for name, each in self.backtests.items()}

    def _row(self, name: str) -> dict[str, object]:
        found, tallies = self.backtests[name], self._tallies[name]
        low, high = interval(tallies.messages_resampled)
        judged = np.concatenate([block.is_judged.ravel() for blocks in found.verdicts.values() for block in blocks])
        scores = np.concatenate([block.score.ravel() for blocks in found.verdicts.values() for block in blocks])
        row: dict[str, object] = {
            "messages_per_week": found.rate,
            "low": low,
            "high": high,
            "incidents": len(found.known_incidents),
            "anomalous": float((scores > 1).sum() / max((judged & ~np.isnan(scores)).sum(), 1)),
        }
        if self.labels is None:
            return row
        alerts, span = _alerts(found), (found.start, found.end)
        low, high = interval(tallies.f1_resampled)
        return row | {
            "event_f1": tallies.f1,
            "f1_low": low,
            "f1_high": high,
            "event_precision": tallies.precision,
            "event_recall": tallies.recall,
            "detection_delay": detection_delay(alerts, self.labels, tolerance=TOLERANCE, span=span),
            "false_alerts_per_week": false_alerts_per_week(
                alerts, self.labels, tolerance=TOLERANCE, span=span, metrics=len(found.metrics)
            ),
            "vus_pr": vus_pr(_scores(found), self.labels),
        }


def compare(
    settings: Mapping[str, Setting], panel: pd.Series | pd.DataFrame, labels: pd.DataFrame | None = None
) -> Comparison:
    """Run several settings over one history, each slot by slot with its incidents, and set them side by side.

    Parameters
    ----------
    settings : mapping of str to Detector, (Detector, Policy) or Monitor
        By name. A detector alone has the default policy; detectors judge every column of the panel as a metric. A
        monitor's source is replaced by the panel.
    panel : Series or DataFrame
        History: all settings judge the slots that the one with the longest lookback can judge. A naive index is taken
        for UTC.
    labels : DataFrame, optional
        Events that are known to have been: ``metric, start, end``.

    Returns
    -------
    Comparison

    Raises
    ------
    ConfigurationError
        If a setting is none, or the panel is no longer than the longest lookback.

    Examples
    --------
    >>> from anomalert import DayLagRatio, WeeklyAverage
    >>> from anomalert.testing import synthetic_panel
    >>> panel = synthetic_panel(days=28, seed=1)
    >>> panel.iloc[-200:-190] *= 0.3
    >>> settings = {"yesterday": DayLagRatio(), "10 %": DayLagRatio(threshold=0.1), "week": WeeklyAverage()}
    >>> found = compare(settings, panel)
    >>> found.table["tie"].to_dict()
    {'yesterday': True, 'week': True, '10 %': False}
    """
    if not settings:
        raise ConfigurationError("`settings` is empty: give at least one, as {'yesterday': DayLagRatio()}")
    history = as_panel(panel)
    index = pd.DatetimeIndex(history.index)
    history = history if index.tz is not None else history.tz_localize("UTC")
    monitors = {name: _monitor_of(name, setting, history) for name, setting in settings.items()}
    longest = max(monitor.slot_length for monitor in monitors.values())
    lookback = max(monitor.lookback for monitor in monitors.values())
    start = (history.index[0].tz_convert("UTC") + lookback).ceil(longest)
    known = None if labels is None else _in_zone(as_labels(labels))
    return Comparison(
        {name: backtest(each, history, start=start, progress=False) for name, each in monitors.items()}, known
    )


def _monitor_of(name: str, setting: Setting, history: pd.DataFrame) -> Monitor:
    if isinstance(setting, Monitor):
        return setting
    detector, policy = setting if isinstance(setting, tuple) and len(setting) == 2 else (setting, Policy())
    if not isinstance(detector, Detector) or not isinstance(policy, Policy):
        raise ConfigurationError(
            f"setting {name!r} is {setting!r}: give a Detector, a pair (Detector, Policy), or a Monitor"
        )
    index = pd.DatetimeIndex(history.index)
    metrics = [Metric(str(column), detector, policy=policy) for column in history.columns]
    return Monitor(FrameSource(history, name="history"), metrics, slot=slot_length(index), timezone=str(index.tz))


def _in_zone(labels: pd.DataFrame) -> pd.DataFrame:
    """Return labels with instants in UTC; naive ones are taken for UTC, as those of a panel are."""
    if not len(labels) or labels["start"].dt.tz is not None:
        return labels
    return labels.assign(start=labels["start"].dt.tz_localize("UTC"), end=labels["end"].dt.tz_localize("UTC"))


def _alerts(found: Backtest) -> pd.DataFrame:
    """Return incidents as alerts: `metric, start, end`; one that is not over lasts to the end."""
    incidents = found.incidents[["metric", "start", "end"]]
    return as_labels(incidents.assign(end=incidents["end"].fillna(found.end)), name="incidents")


def _scores(found: Backtest) -> pd.DataFrame:
    frames = [
        pd.concat([pd.DataFrame(block.score, block.slots, list(block.metrics)) for block in blocks])
        for blocks in found.verdicts.values()
    ]
    return pd.concat(frames, axis=1)


def _tallied(found: Backtest, labels: pd.DataFrame | None) -> Tallies:
    weeks = int(np.ceil((found.end - found.start) / WEEK))
    messages = np.bincount(_weeks(found.messages["slot"], found), minlength=weeks)
    if labels is None:
        return Tallies(messages, found.weeks)
    alerts = _alerts(found)
    inside = (labels["end"] > found.start) & (labels["start"] < found.end)
    events = labels[inside]
    matching = match(alerts, events, TOLERANCE, None)
    of_alerts, of_events = _weeks(alerts["start"], found), _weeks(events["start"], found)
    return Tallies(
        messages,
        found.weeks,
        alerts=np.bincount(of_alerts, minlength=weeks),
        right=np.bincount(of_alerts[matching.right], minlength=weeks),
        events=np.bincount(of_events, minlength=weeks),
        caught=np.bincount(of_events[matching.caught], minlength=weeks),
    )


def _weeks(instants: pd.Series, found: Backtest) -> NDArray[np.int64]:
    """Return in which week after the first slot each instant lies; what began before lies in the first."""
    if not len(instants):
        return np.zeros(0, dtype=np.int64)
    weeks = ((instants - found.start) // WEEK).to_numpy(dtype=np.int64)
    return np.maximum(weeks, 0)


def _told_cells(found: Backtest) -> Flags:
    parts = [block.is_alert.ravel() for blocks in found.verdicts.values() for block in blocks]
    return np.concatenate(parts)


def _jaccard(one: Flags, other: Flags) -> float:
    if one.shape != other.shape:
        raise ConfigurationError("the settings judge different metrics, so that their slots cannot be compared")
    either = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / either if either else float("nan")


def _course(found: Backtest, metric: str) -> pd.DataFrame:
    rows = found.judgements[found.judgements["metric"] == metric].set_index("slot")
    frame = rows[["value", "expected", "lower", "upper"]].assign(is_anomaly=rows["is_alert"].astype(bool))
    return frame.tz_convert(found.monitors[0].timezone)
