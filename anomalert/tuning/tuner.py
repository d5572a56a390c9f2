"""The tuner: tries settings on the older part of history, and reports the choice on the part that nothing was chosen by.

Part of `anomalert.tuning`; notebooks call `tune`. It calls the other parts and `backtesting`.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from anomalert.backtesting import Backtest, backtest
from anomalert.detection import Detector
from anomalert.errors import ConfigurationError
from anomalert.labels import as_labels
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.panel import as_duration, as_instant, slot_length
from anomalert.policy import Policy
from anomalert.sources import FrameSource
from anomalert.tuning.choice import WEEK, Choice, choose, loosest_within, quality, recall_by_size
from anomalert.tuning.settings import Search, per_week
from anomalert.tuning.trials import Ground, Trial, nanoseconds

__all__ = ["Tuned", "tune"]

STRICTER = 2
"""How many levels beyond the loosest one within the budget are tried too: the past may have been quieter."""


@dataclass(frozen=True, repr=False, eq=False)
class Tuned:
    """What a tuner chose, and how that does on the last part of the history, which it was not chosen by.

    Parameters
    ----------
    monitor : Monitor
        As it was given, with the chosen detectors and policies.
    budget : float
        Messages a week and channel that it was chosen for; infinite if by labels alone.
    report : Backtest
        Of the chosen monitor over the untouched part.
    recall : pandas.DataFrame
        By metric and size: how many incidents were planted into the untouched part, how many were told of.
    trials : pandas.DataFrame
        What was tried on the older part: metric, detector, persist, messages a week, quality, whether it was chosen.
    unkept : tuple of str
        Metrics for which nothing that finds an incident kept the budget; for these the quietest is taken.
    """

    monitor: Monitor
    budget: float
    report: Backtest
    recall: pd.DataFrame
    trials: pd.DataFrame
    unkept: tuple[str, ...] = ()

    @property
    def metric(self) -> Metric:
        """The chosen setting, if there is one metric."""
        if len(self.monitor.metrics) > 1:
            raise ConfigurationError("there are several metrics: see `monitor.metrics`")
        return self.monitor.metrics[0]

    @property
    def keeps_budget(self) -> bool:
        """Whether the untouched part has no more messages a week than the budget."""
        return self.report.rate <= self.budget

    def smallest(self, metric: str | None = None, recall: float = 0.8) -> str | None:
        """Return the smallest size from which on planted incidents are found at least so often; None if none is."""
        of_metric = self.recall.loc[metric or self.metric.name, "recall"]
        enough = [size for size, share in of_metric.items() if (of_metric.loc[size:] >= recall).all() and share >= recall]
        return str(enough[0]) if enough else None

    def __repr__(self) -> str:
        lines = []
        for metric in self.monitor.metrics:
            k, n = metric.policy.persist
            lines.append(f"{metric.name}: {metric.detector!r}, persist=({k}, {n})")
            if metric.name in self.unkept:
                lines.append("  THE BUDGET CANNOT BE KEPT: nothing that finds an incident is quiet enough; the quietest is taken")
        kept = "within" if self.keeps_budget else "ABOVE"
        lines.append(
            f"untouched part, {self.report.start:%Y-%m-%d} to {self.report.end:%Y-%m-%d}: {self.report.rate:.2f} messages "
            f"a week, {kept} the budget of {self.budget:g}"
        )
        return "\n".join(lines)


def tune(
    target: Metric | Monitor,
    history: pd.DataFrame | None = None,
    *,
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    budget: str | float | None = None,
    labels: pd.DataFrame | None = None,
    search: Search | None = None,
    progress: bool = True,
) -> Tuned:
    """Choose for every metric the detector and persistence that find the smallest incidents within a message budget.

    Small drops are planted into the metric's own history, and a setting is better the more of them it tells of. It may
    send no more messages than the budget on the history as it is. The choice is made on the older part, walk-forward,
    and reported on the last part, by which nothing was chosen. Direction, least change and volume of each policy stay
    as they are.

    Parameters
    ----------
    target : Metric or Monitor
        What is tuned. A metric alone needs `history`; its slots and zone are those of the history.
    history : DataFrame, optional
        A column for every metric and denominator, aware slots; by default the monitor's source is read, once.
    start, end : str or Timestamp, optional
        From where to where to read a monitor's source.
    budget : str or float, optional
        Messages a channel may get, such as ``"2 per week"``, the default without labels; a number is a week's. Several
        metrics share it evenly.
    labels : DataFrame, optional
        ``metric, start, end``: incidents that are known to have been. Then these are to be told of and nothing else
        (the best F1, within the budget if there is one), and planted ones only show what the choice can find.
    search : Search, optional
        What is tried, what is planted, and how much is left untouched.
    progress : bool, default True
        Whether to show a bar with the time left.

    Returns
    -------
    Tuned

    Raises
    ------
    ConfigurationError
        If the history is too short, or the arguments make no sense.
    SourceError
        If the source could not be read.

    Examples
    --------
    >>> from anomalert import DayLagRatio, WeeklyAverage
    >>> from anomalert.testing import synthetic_panel
    >>> from anomalert.tuning import Search
    >>> history = synthetic_panel(days=42, seed=3)
    >>> levels = (0.1, 0.2, 0.3, 0.5)
    >>> search = Search(candidates=[[DayLagRatio(7, each) for each in levels]], persist=[(1, 1)], holdout="7D")
    >>> tuned = tune(Metric("views", WeeklyAverage()), history, budget="2 per week", search=search, progress=False)
    >>> tuned.metric.detector, tuned.keeps_budget
    (DayLagRatio(days=7, threshold=0.3), True)
    """
    from tqdm.auto import tqdm

    looking = search or Search()
    monitor, first, last = _framed(target, history, start, end, looking)
    known = None if labels is None else as_labels(labels)
    allowed = float("inf") if budget is None and known is not None else per_week("2 per week" if budget is None else budget)
    split = _split(first, last, monitor, looking)
    share = allowed / len(monitor.metrics)
    chosen, tables, unkept = [], [], []
    combinations = len(monitor.metrics) * len(looking.candidates) * len(looking.persist)
    with closing(tqdm(total=combinations, disable=not progress, unit="candidate", desc="tune")) as bar:
        for metric in monitor.metrics:
            ground = _ground(monitor, metric, (first, split), looking, known)
            trials = [trial for trial in _tried(ground, looking, share, bar)]
            choice = choose(trials, ground, share, looking.folds)
            if choice is None:
                choice = _quietest(trials, metric)
                unkept.append(metric.name)
            chosen.append(choice.trial.metric)
            tables.append(_table(trials, ground, choice))
    after = [_ground(monitor, metric, (split, last), looking, None) for metric in chosen]
    recall = {each.metric.name: _recall(each) for each in after}
    original = target if isinstance(target, Monitor) else monitor
    return Tuned(
        monitor=replace(original, metrics=chosen, name=original.name),
        budget=allowed,
        report=replace(
            backtest(replace(monitor, metrics=chosen), start=split, end=last, labels=labels, progress=False),
            monitors=(replace(original, metrics=chosen, name=original.name),),
        ),
        recall=pd.concat(recall, names=["metric", "size"]),
        trials=pd.concat(tables, ignore_index=True),
        unkept=tuple(unkept),
    )


def _framed(
    target: Metric | Monitor,
    history: pd.DataFrame | None,
    start: str | pd.Timestamp | None,
    end: str | pd.Timestamp | None,
    search: Search,
) -> tuple[Monitor, pd.Timestamp, pd.Timestamp]:
    """Return a monitor over a frame that was read once, the first slot to judge and the first that is not."""
    if isinstance(target, Metric):
        if history is None:
            raise ConfigurationError(f"metric {target.name!r} alone has no source: pass `history`, or a Monitor")
        index = pd.DatetimeIndex(history.index)
        zone = "UTC" if index.tz is None else str(index.tz)
        target = Monitor(FrameSource(history, name="history"), [target], slot=slot_length(index), timezone=zone)
    elif history is not None:
        target = replace(target, source=FrameSource(history, name=target.name), name=target.name)
    elif start is None or end is None:
        raise ConfigurationError("`start` and `end` are needed to read the monitor's source")
    length = target.slot_length
    if history is not None and not len(history):
        raise ConfigurationError("`history` has no rows")
    begin = as_instant(history.index[0] if start is None and history is not None else start, "start").ceil(length)
    stop = (as_instant(history.index[-1], "end") + length if end is None and history is not None else as_instant(end, "end")).floor(length)
    panel = target.panel(begin, stop).tz_convert("UTC")
    reach = search.lookback + max(n for _, n in search.persist) * length
    first = (begin + reach).ceil(length)
    return replace(target, source=FrameSource(panel, name=target.name), name=target.name), first, stop


def _split(first: pd.Timestamp, last: pd.Timestamp, monitor: Monitor, search: Search) -> pd.Timestamp:
    """Return where the untouched part begins."""
    holdout = as_duration(search.holdout, "holdout")
    split = (last - holdout).floor(monitor.slot_length)
    if split - first < search.folds * pd.Timedelta("2D"):
        raise ConfigurationError(
            f"the history is too short: after the lookback of the candidates ({search.lookback}) and before the "
            f"untouched part ({holdout}) {max(split - first, pd.Timedelta(0))} are left, and {search.folds} folds need two "
            "days each: give more history, a shorter `Search.holdout`, or candidates that look back less"
        )
    return split


def _ground(
    monitor: Monitor,
    metric: Metric,
    span: tuple[pd.Timestamp, pd.Timestamp],
    search: Search,
    labels: pd.DataFrame | None,
) -> Ground:
    """Return what settings of one metric are tried on: known events, or planted ones."""
    alone = replace(monitor, metrics=[metric], name=monitor.name)
    ground = Ground(alone, *span, events=pd.DataFrame({"start": [], "end": [], "size": []}))
    if labels is None:
        return ground.with_planted(search)
    events = labels[labels["metric"] == metric.name]
    inside = (nanoseconds(events["start"]) >= span[0].value) & (nanoseconds(events["start"]) < span[1].value)
    if not inside.any():
        raise ConfigurationError(f"`labels` has no event of metric {metric.name!r} between {span[0]} and {span[1]}")
    return replace(ground, events=events[inside])


def _tried(ground: Ground, search: Search, budget: float, bar: Any) -> Iterator[Trial]:
    """Try every candidate: with a budget, around the loosest level that keeps it; with labels, at every level."""
    most = budget * (ground.end - ground.start) / WEEK
    for family in search.candidates:
        for persist in search.persist:
            levels = _Levels(ground, family, replace(ground.metric.policy, persist=tuple(persist)))
            wanted = range(len(family))
            if ground.planted is not None:
                first = loosest_within(levels.tried, len(family), most)
                # Where none keeps the budget, the strictest is the closest to it.
                start = len(family) - 1 if first is None else max(first - 1, 0)
                wanted = range(start, min(len(family), start + 2 + STRICTER))
            trials = (levels.tried(level) for level in wanted)
            yield from (ground.with_found(trial) for trial in trials if trial is not None)
            bar.update()


class _Levels:
    """The levels of one candidate, each tried once."""

    def __init__(self, ground: Ground, family: "tuple[Detector, ...] | list[Detector] | Any", policy: Policy) -> None:
        self._ground, self._family, self._policy = ground, family, policy
        self._known: dict[int, Trial | None] = {}

    def tried(self, level: int) -> Trial | None:
        if level not in self._known:
            self._known[level] = self._ground.tried(self._family[level], self._policy)
        return self._known[level]


def _quietest(trials: list[Trial], metric: Metric) -> Choice:
    if not trials:
        raise ConfigurationError(f"no candidate can judge metric {metric.name!r}: their windows may hold no slot of it")
    finding = [trial for trial in trials if trial.found.any()]
    return Choice(min(finding or trials, key=lambda trial: len(trial.sent)), 1.0)


def _recall(ground: Ground) -> pd.DataFrame:
    trial = ground.tried(ground.metric.detector, ground.metric.policy)
    assert trial is not None  # noqa: S101 - it judged the older part
    return recall_by_size(ground.events, ground.with_found(trial).found)


def _table(trials: list[Trial], ground: Ground, choice: Choice) -> pd.DataFrame:
    weeks = (ground.end - ground.start) / WEEK
    rows = [
        {
            "metric": trial.metric.name,
            "detector": repr(trial.metric.detector),
            "persist": trial.metric.policy.persist,
            "messages_per_week": len(trial.sent) / weeks,
            "quality": quality(trial, ground, ground.end),
            "chosen": trial is choice.trial,
            "margin": choice.margin if trial is choice.trial else float("nan"),
        }
        for trial in trials
    ]
    return pd.DataFrame(rows).sort_values(["chosen", "quality"], ascending=False, ignore_index=True)
