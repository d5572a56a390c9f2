"""The tuner: tries settings on the older part of history, and reports its choice on the part it did not choose by.

Part of `anomalert.tuning`; notebooks call `tune`. It calls the other parts and `backtesting`.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import pandas as pd

from anomalert.backtesting import backtest
from anomalert.backtesting.scoring import labels_in_utc
from anomalert.errors import ConfigurationError
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.tuning.choice import Choice, choose, quality, recall_by_size
from anomalert.tuning.history import History, history_of
from anomalert.tuning.levels import Candidate, tried
from anomalert.tuning.result import Tuned
from anomalert.tuning.settings import Search, per_week
from anomalert.tuning.trials import Ground, Trial

__all__ = ["tune"]


def tune(
    target: Metric | Monitor,
    history: pd.DataFrame | None = None,
    *,
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    budget: str | float | None = None,
    labels: pd.DataFrame | None = None,
    search: Search | None = None,
    executor: Executor | None = None,
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
        From where to where to read; by default all of `history`. Without a time zone they are local times of the
        monitor.
    budget : str or float, optional
        Messages a channel may get, such as ``"2 per week"``, the default without labels; a number is a week's. Several
        metrics share it evenly. What is said of the source itself (``no_data``) is not counted for the choice, since
        no setting changes it.
    labels : DataFrame, optional
        ``metric, start, end``: incidents that are known to have been. Then these are to be told of and nothing else
        (the best F1, within the budget if there is one), and planted ones only show what the choice can find. Instants
        without a time zone are local times of the monitor.
    search : Search, optional
        What is tried, what is planted, and how much is left untouched.
    executor : concurrent.futures.Executor, optional
        Where candidates are tried: processes, or ``dask.distributed``'s ``client.get_executor()``. By default here.
    progress : bool, default True
        Whether to show a bar with the time left.

    Returns
    -------
    Tuned

    Raises
    ------
    ConfigurationError
        If the history is too short, or the arguments make no sense, or no candidate can judge a metric.
    SourceError
        If the source could not be read.

    Examples
    --------
    >>> from anomalert import DayLagRatio, WeeklyAverage
    >>> from anomalert.testing import synthetic_panel
    >>> from anomalert.tuning import Search
    >>> history = synthetic_panel(days=56, seed=5)
    >>> levels = (0.1, 0.13, 0.17, 0.22, 0.3, 0.4)
    >>> search = Search(candidates=[[DayLagRatio(7, each) for each in levels]], persist=[(1, 1)], holdout="14D")
    >>> tuned = tune(Metric("views", WeeklyAverage()), history, budget="2 per week", search=search, progress=False)
    >>> tuned.metric.detector, tuned.keeps_budget
    (DayLagRatio(days=7, threshold=0.22), True)
    """
    looking = search or Search()
    within = history_of(target, history, start, end, looking)
    names = [metric.name for metric in within.monitor.metrics]
    known = None if labels is None else labels_in_utc(labels, dict.fromkeys(names, within.monitor.timezone))
    by_labels_alone = budget is None and known is not None
    allowed = float("inf") if by_labels_alone else per_week("2 per week" if budget is None else budget)
    grounds = [_older(within, metric, looking, known) for metric in within.monitor.metrics]
    after = [_untouched(within, metric, looking) for metric in within.monitor.metrics]
    picked = list(_picked(grounds, looking, allowed / len(names), executor, progress))
    chosen = [each.choice.trial.metric for each in picked]
    original = target if isinstance(target, Monitor) else within.monitor
    monitor = replace(original, metrics=chosen, name=original.name)
    tuned = replace(within.monitor, metrics=chosen, name=within.monitor.name)
    report = backtest(tuned, start=within.split, end=within.end, labels=known, progress=False)
    recall = {metric.name: _recall(ground, metric) for ground, metric in zip(after, chosen, strict=True)}
    return Tuned(
        monitor=monitor,
        budget=allowed,
        report=replace(report, monitors=(monitor,)),
        recall=pd.concat(recall, names=["metric", "size"]),
        trials=pd.concat([each.table for each in picked], ignore_index=True),
        unkept=tuple(each.choice.trial.metric.name for each in picked if not each.is_kept),
    )


@dataclass(frozen=True)
class _Picked:
    """What was chosen for one metric, from what, and whether it keeps the budget."""

    choice: Choice
    is_kept: bool
    table: pd.DataFrame


def _picked(
    grounds: Iterable[Ground], search: Search, budget: float, executor: Executor | None, progress: bool
) -> Iterator[_Picked]:
    """Try every candidate on every ground, and choose."""
    from tqdm.auto import tqdm

    grounds = list(grounds)
    candidates: list[Candidate] = list(product(search.candidates, search.persist))
    mapped: Any = map if executor is None else executor.map
    total = len(grounds) * len(candidates)
    with closing(tqdm(total=total, disable=not progress, unit="candidate", desc="tune")) as bar:
        for ground in grounds:
            trials: list[Trial] = []
            for some in mapped(partial(tried, ground, search, budget), candidates):
                trials += some
                bar.update()
            choice = choose(trials, ground, budget, search.folds)
            picked = choice or _quietest(trials, ground)
            yield _Picked(picked, choice is not None, _table(trials, ground, picked))


def _older(within: History, metric: Metric, search: Search, labels: pd.DataFrame | None) -> Ground:
    """Return what settings of one metric are tried on: known events, or planted ones."""
    if labels is None:
        return Ground.planting(_alone(within, metric), within.panel, within.start, within.split, search)
    events = labels[labels["metric"] == metric.name]
    events = events[(events["start"] >= within.start) & (events["start"] < within.split)]
    if not len(events):
        raise ConfigurationError(
            f"`labels` has no event of metric {metric.name!r} between {within.start} and {within.split}, by which it "
            "could be tuned: without labels incidents are planted"
        )
    return Ground(_alone(within, metric), within.panel, within.start, within.split, events)


def _untouched(within: History, metric: Metric, search: Search) -> Ground:
    """Return what the choice is reported on."""
    return Ground.planting(_alone(within, metric), within.panel, within.split, within.end, search)


def _alone(within: History, metric: Metric) -> Monitor:
    return replace(within.monitor, metrics=[metric], name=within.monitor.name)


def _quietest(trials: Sequence[Trial], ground: Ground) -> Choice:
    """Return what sends least, of what finds any incident if anything does."""
    if not trials:
        raise ConfigurationError(
            f"no candidate can judge metric {ground.metric.name!r}: their windows may hold no slot of it"
        )
    asked = [trial if trial.found is not None else ground.with_found(trial) for trial in trials]
    finding = [trial for trial in asked if trial.found is not None and trial.found.any()]
    return Choice(min(finding or asked, key=lambda trial: len(trial.sent)), 1.0)


def _recall(ground: Ground, metric: Metric) -> pd.DataFrame:
    trial = ground.tried(metric.detector, metric.policy)
    if trial is None:
        raise ConfigurationError(f"{metric.detector!r} judged the older part of {metric.name!r} and fails on the newer")
    return recall_by_size(ground.events, ground.with_found(trial))


def _table(trials: Sequence[Trial], ground: Ground, choice: Choice) -> pd.DataFrame:
    rows = [
        {
            "metric": trial.metric.name,
            "detector": repr(trial.metric.detector),
            "persist": trial.metric.policy.persist,
            "messages_per_week": len(trial.sent) / ground.weeks,
            "quality": quality(trial, ground, ground.end),
            "chosen": trial.metric is choice.trial.metric,
            "margin": choice.margin if trial.metric is choice.trial.metric else float("nan"),
        }
        for trial in trials
    ]
    return pd.DataFrame(rows).sort_values(["chosen", "quality"], ascending=False, ignore_index=True)
