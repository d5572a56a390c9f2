"""The backtest: a pipeline over history, in stretches, here or on many workers, telling nobody.

Notebooks and the command line call `backtest`; it calls `spans`, `telling` and `result`, and opens no channel.
"""

from collections.abc import Mapping
from concurrent.futures import Executor

import pandas as pd

from anomalert.backtesting.history import Target, over, pipeline_of, range_of
from anomalert.backtesting.result import Backtest
from anomalert.backtesting.scoring import labels_in_utc
from anomalert.backtesting.telling import tell
from anomalert.backtesting.work import Plan, Work, shares_for
from anomalert.episodes import State
from anomalert.interfaces import plugin_name
from anomalert.panel import as_duration

__all__ = ["Target", "backtest"]


def backtest(
    target: Target,
    history: pd.DataFrame | Mapping[str, pd.DataFrame] | None = None,
    *,
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    labels: pd.DataFrame | None = None,
    chunk: str | pd.Timedelta = "56D",
    executor: Executor | None = None,
    progress: bool = True,
) -> Backtest:
    """Replay a pipeline over history: the verdicts, incidents and messages that its runs would have given.

    The very objects of the pipeline are used: detectors, policies, incidents and their grouping. Every slot is judged
    as by a run, with a ledger, that came as soon as the slot was settled. No notifier is called.

    Parameters
    ----------
    target : Pipeline, Monitor, or a function that returns a Pipeline
        What is replayed. With an executor of processes or machines, a pipeline whose sources hold passwords cannot
        travel: pass the function that makes it, which every worker calls.
    history : DataFrame, or mapping of str to DataFrame, optional
        What is judged in place of what the sources hold: aware slots, a column for every metric and denominator; by
        the name of the monitor if several have columns of one name.
    start, end : str or Timestamp, optional
        The first slot to judge, and the first that is not. Without a time zone they are local times of the monitors.
        Needed unless `history` is given: then by default the first slot that has `lookback` before it, and the end.
    labels : DataFrame, optional
        Events that are known to have been: ``metric, start, end``; see `anomalert.labels`. `Backtest.scores` uses them.
    chunk : str or Timedelta, default "56D"
        How much is judged at a time: bounds the memory needed, beside 35 bytes for each verdict, and changes nothing
        else.
    executor : concurrent.futures.Executor, optional
        Where to judge: processes, threads, or ``dask.distributed``'s ``client.get_executor()``. Each worker reads
        what it judges from the source. By default all is done here.
    progress : bool, default True
        Whether to show a bar with the time left.

    Returns
    -------
    Backtest
        Of what was done by then, if it is interrupted (Ctrl-C): see `Backtest.end`.

    Raises
    ------
    ConfigurationError
        If the range, the history or the labels make no sense, or the target cannot travel to the workers.
    SourceError
        If a source could not be read.

    Examples
    --------
    >>> from anomalert import DayLagRatio, FrameSource, Metric, Monitor
    >>> from anomalert.testing import synthetic_panel
    >>> history = synthetic_panel(days=14, seed=1)
    >>> history.iloc[-200:-190] *= 0.3
    >>> metrics = [Metric("views", DayLagRatio()), Metric("likes", DayLagRatio())]
    >>> found = backtest(Monitor(FrameSource(history), metrics), history, progress=False)
    >>> found.messages[["kind", "metrics"]].values.tolist()
    [['opened', 'likes, views'], ['resolved', 'likes, views']]
    """
    pipeline = pipeline_of(target)
    monitors = [over(monitor, history) for monitor in pipeline.monitors]
    given = monitors if history is not None else [target if callable(target) else each for each in monitors]
    first, last = range_of(monitors, history, start, end)
    zones = {metric.name: monitor.timezone for monitor in monitors for metric in monitor.metrics}
    known = None if labels is None else labels_in_utc(labels, zones)
    plan = Plan(monitors, given, first, last, as_duration(chunk, "chunk"), shares_for(executor))
    work = Work(plan, progress)
    work.run(executor)
    verdicts = work.blocks()
    told = tell(monitors, verdicts, State())
    return Backtest(
        pipeline=pipeline.name,
        monitors=tuple(monitors),
        channels=tuple(map(plugin_name, pipeline.notifiers)),
        start=first,
        end=work.end,
        verdicts=verdicts,
        said=tuple(told.said),
        known_incidents=tuple(told.incidents),
        errors=tuple(error for parts in work.done.values() for part in parts for error in part.errors),
        labels=known,
        is_complete=work.end == last,
    )
