"""Detectors and policies side by side on one history: what they cost in messages, what they find, where they agree.

Notebooks call `compare`; it calls `backtesting`, `standing` and `charts`.
"""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from anomalert.backtesting import Backtest, backtest
from anomalert.backtesting.course import monitor_of
from anomalert.backtesting.scoring import labels_in_utc
from anomalert.detector import Detector
from anomalert.errors import ConfigurationError, DetectorError, raised
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.panel import as_panel, slot_length
from anomalert.policy import Policy
from anomalert.resampling import Tallies
from anomalert.sources import FrameSource
from anomalert.standing import course_of, row_of, shared, tallied, told_cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Setting = Detector | tuple[Detector, Policy] | Monitor

__all__ = ["Comparison", "Setting", "compare"]


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Several settings over the same slots of the same metrics.

    Parameters
    ----------
    backtests : mapping of str to Backtest
        By name, in the order they were given.
    labels : pandas.DataFrame, optional
        What is known to have been: ``metric, start, end`` in UTC.
    """

    backtests: Mapping[str, Backtest]
    labels: pd.DataFrame | None = None

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a setting: by F1 of events, the best first, if there are labels; else by messages, the fewest first.

        ``messages_per_week`` and channel, with its 95 % interval (``low``, ``high``: bootstrap over weeks);
        ``incidents``; ``judged``, the share of the known values that could be judged, and ``anomalous``, the share of
        those that lie outside of their bounds.

        With labels also ``event_f1`` of the incidents with its interval (``f1_low``, ``f1_high``),
        ``event_precision``, ``event_recall``, ``detection_delay``, ``false_alerts_per_week`` of a metric, and
        ``vus_pr`` of the scores, which knows no policy. Equal F1 stand by their messages.

        ``tie``: whether the paired interval of its difference to the first row, in what the table is sorted by, holds
        0, so that these weeks cannot tell which of the two is better. Of less than two weeks there are no intervals
        (NaN), and but for equal figures ties are unknown (``<NA>``).
        """
        rows = {name: row_of(each, self._tallies[name], self.labels) for name, each in self.backtests.items()}
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("setting")
        by = ["messages_per_week"] if self.labels is None else ["event_f1", "messages_per_week"]
        frame = frame.sort_values(by, ascending=[each != "event_f1" for each in by], kind="stable")
        best = self._tallies[frame.index[0]]
        ties = [self._tallies[str(name)].ties_with(best) for name in frame.index]
        return frame.assign(tie=pd.array(ties, dtype="boolean"))

    @cached_property
    def messages_per_week(self) -> pd.DataFrame:
        """What each setting costs: messages a channel would have got, a row a week (from Monday), a column a setting.

        The first and the last week may be shorter than seven days.
        """
        return pd.DataFrame({name: each.messages_per_week.sum(axis=1) for name, each in self.backtests.items()})

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """How far two settings tell of the same slots: those that both tell of, of those that either does (Jaccard).

        From 0 to 1; NaN where neither tells of any.
        """
        told = {name: told_cells(each) for name, each in self.backtests.items()}
        matrix = {one: {other: shared(told[one], told[other]) for other in told} for one in told}
        return pd.DataFrame.from_dict(matrix, orient="index", columns=list(told))

    def plot(self, metric: str | None = None) -> "Figure":
        """Draw one metric, a strip for each setting: its usual range, and the slots that it tells of.

        Parameters
        ----------
        metric : str, optional
            May be left out if it is alone.

        Returns
        -------
        matplotlib.figure.Figure
            Shows itself in a notebook; nothing of pyplot is used. Labelled events are shaded.

        Raises
        ------
        ConfigurationError
            If there is no such metric.
        """
        from anomalert import charts

        first = next(iter(self.backtests.values()))
        monitor, chosen = monitor_of(first.monitors, metric)
        strips = {name: course_of(each, chosen, monitor.timezone) for name, each in self.backtests.items()}
        events = None if self.labels is None else self.labels[self.labels["metric"] == chosen]
        return charts.draw_multiples(strips, chosen, events)

    def __repr__(self) -> str:
        return f"{self._headline}\n{self.table.to_string()}"

    def _repr_html_(self) -> str:
        return f"<p>{self._headline}</p>{self.table.to_html(float_format='{:.3g}'.format)}"

    @property
    def _headline(self) -> str:
        first = next(iter(self.backtests.values()))
        span = f"{first.start:%Y-%m-%d %H:%M} to {first.end:%Y-%m-%d %H:%M} UTC"
        return f"Comparison of {len(self.backtests)} settings, {span}, {first.weeks:.1f} weeks"

    @cached_property
    def _tallies(self) -> dict[str, Tallies]:
        return {name: tallied(each, self.labels) for name, each in self.backtests.items()}


def compare(
    settings: Mapping[str, Setting],
    panel: pd.Series | pd.DataFrame,
    labels: pd.DataFrame | None = None,
    *,
    executor: Executor | None = None,
) -> Comparison:
    """Run several settings over one history, each slot by slot with its incidents, and set them side by side.

    Parameters
    ----------
    settings : mapping of str to Detector, (Detector, Policy) or Monitor
        By name. A detector alone has the default policy; detectors judge every column of the panel as a metric. A
        monitor's source is replaced by the panel. All judge the same metrics in slots of the same length.
    panel : Series or DataFrame
        History: all settings judge the slots that the one with the longest lookback can judge. A naive index is taken
        for UTC.
    labels : DataFrame, optional
        Events that are known to have been: ``metric, start, end``. Naive instants are in the zone of the panel.
    executor : concurrent.futures.Executor, optional
        Where to judge, as for `backtest`.

    Returns
    -------
    Comparison

    Raises
    ------
    ConfigurationError
        If a setting is none, settings judge different metrics, an event is of none of them, or the panel is no longer
        than the longest lookback.
    DetectorError
        If a detector fails: what it cannot judge would make it look quiet.
    InvalidPanelError
        If the panel breaks the contract.

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
    history = _history(panel)
    monitors = {name: _monitor_of(name, setting, history) for name, setting in settings.items()}
    _check_alike(monitors)
    start = _first_judged(history, list(monitors.values()))
    metrics = [metric.name for metric in next(iter(monitors.values())).metrics]
    zones = dict.fromkeys(metrics, str(pd.DatetimeIndex(history.index).tz))
    known = None if labels is None else labels_in_utc(labels, zones)
    backtests = {}
    for name, monitor in monitors.items():
        found = backtest(monitor, history, start=start, labels=known, executor=executor, progress=False)
        if not found.is_complete:  # Settings over different stretches are not comparable.
            raise KeyboardInterrupt
        if found.errors:
            raise raised(DetectorError, f"setting {name!r}", found.errors[0])
        backtests[name] = found
    return Comparison(backtests, known)


def _history(panel: pd.Series | pd.DataFrame) -> pd.DataFrame:
    """Return a panel as a history that monitors can read: aware, its columns named by texts, as metrics are."""
    history = as_panel(panel).rename(columns=str)
    if not history.size:
        raise ConfigurationError("`panel` holds nothing: a row for every slot and a column for every metric are needed")
    return history if pd.DatetimeIndex(history.index).tz is not None else history.tz_localize("UTC")


def _monitor_of(name: str, setting: Setting, history: pd.DataFrame) -> Monitor:
    if isinstance(setting, Monitor):
        return setting
    detector, policy = setting if isinstance(setting, tuple) and len(setting) == 2 else (setting, Policy())
    if not isinstance(detector, Detector) or not isinstance(policy, Policy):
        raise ConfigurationError(
            f"setting {name!r} is {setting!r}: give a Detector, a pair (Detector, Policy), or a Monitor"
        )
    index = pd.DatetimeIndex(history.index)
    metrics = [Metric(column, detector, policy=policy) for column in history.columns]
    return Monitor(FrameSource(history, name="history"), metrics, slot=slot_length(index), timezone=str(index.tz))


def _check_alike(monitors: Mapping[str, Monitor]) -> None:
    """Refuse settings whose slots cannot be compared one by one."""
    (first, one), *others = monitors.items()
    for name, other in others:
        mine, theirs = (sorted(metric.name for metric in each.metrics) for each in (one, other))
        if mine != theirs:
            raise ConfigurationError(
                f"setting {first!r} judges {mine}, setting {name!r} {theirs}: compare settings of the same metrics; "
                "detectors judge every column of the panel"
            )
        if one.slot_length != other.slot_length:
            raise ConfigurationError(
                f"setting {first!r} has slots of {one.slot_length}, setting {name!r} of {other.slot_length}"
            )


def _first_judged(history: pd.DataFrame, monitors: list[Monitor]) -> pd.Timestamp:
    """Return the first slot that every setting can judge."""
    index, slot = pd.DatetimeIndex(history.index).tz_convert("UTC"), monitors[0].slot_length
    lookback = max(monitor.lookback for monitor in monitors)
    start = (index[0] + lookback).ceil(slot)
    if start > index[-1]:
        raise ConfigurationError(
            f"`panel` reaches from {index[0]} to {index[-1]}, and the settings look back {lookback}: nothing is "
            "left to judge; give more history"
        )
    return start
