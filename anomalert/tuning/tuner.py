"""The tuner: tries settings on the older part of history, and reports its choice on the part it did not choose by.

Part of `anomalert.tuning`; notebooks call `tune`. It calls the other parts and `backtesting`.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pandas as pd

from anomalert.backtesting import backtest
from anomalert.detection import Detector
from anomalert.errors import ConfigurationError
from anomalert.labels import as_labels
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.policy import Policy
from anomalert.tuning.choice import WEEK, Choice, choose, loosest_within, quality, recall_by_size
from anomalert.tuning.history import framed, split_of
from anomalert.tuning.result import Tuned
from anomalert.tuning.settings import Search, per_week
from anomalert.tuning.trials import Ground, Trial, nanoseconds

__all__ = ["tune"]

STRICTER = 2
"""How many levels beyond the loosest one within the budget are tried too: the past may have been quieter."""


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
    monitor, first, last = framed(target, history, start, end, looking)
    known = None if labels is None else as_labels(labels)
    by_labels_alone = budget is None and known is not None
    allowed = float("inf") if by_labels_alone else per_week("2 per week" if budget is None else budget)
    split = split_of(first, last, monitor, looking)
    share = allowed / len(monitor.metrics)
    chosen, tables, unkept = [], [], []
    combinations = len(monitor.metrics) * len(looking.candidates) * len(looking.persist)
    with closing(tqdm(total=combinations, disable=not progress, unit="candidate", desc="tune")) as bar:
        for metric in monitor.metrics:
            ground = _ground(monitor, metric, (first, split), looking, known)
            trials = list(_tried(ground, looking, share, bar))
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
            levels = _Levels(ground, family, replace(ground.metric.policy, persist=persist))
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

    def __init__(self, ground: Ground, family: Sequence[Detector], policy: Policy) -> None:
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
