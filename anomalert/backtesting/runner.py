"""The backtest: a pipeline over history, in stretches, here or on many workers, telling nobody.

Notebooks and the command line call `backtest`; it calls `spans`, `telling` and `result`, and opens no channel.
"""

import logging
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import pandas as pd

from anomalert.backtesting.result import Backtest
from anomalert.backtesting.scoring import labels_in_utc
from anomalert.backtesting.spans import Judged, Span, judge_span
from anomalert.backtesting.telling import tell
from anomalert.episodes import State
from anomalert.errors import ConfigurationError
from anomalert.interfaces import plugin_name
from anomalert.judging import Verdicts
from anomalert.monitor import Monitor
from anomalert.panel import as_duration, as_instant, local_instant
from anomalert.pipeline import Pipeline
from anomalert.sources import FrameSource

__all__ = ["Target", "backtest"]

logger = logging.getLogger(__name__)

Target = Pipeline | Monitor | Callable[[], Pipeline]

SHARES = 8
"""Into how many parts the metrics of a monitor are shared out at most: each part reads the source for itself."""


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
    pipeline = _pipeline_of(target)
    monitors = [_over(monitor, history) for monitor in pipeline.monitors]
    given = monitors if history is not None else [target if callable(target) else each for each in monitors]
    first, last = _range(monitors, history, start, end)
    zones = {metric.name: monitor.timezone for monitor in monitors for metric in monitor.metrics}
    known = None if labels is None else labels_in_utc(labels, zones)
    plan = _Plan(monitors, given, first, last, as_duration(chunk, "chunk"), shared=executor is not None)
    work = _Work(plan, progress)
    work.run(executor)
    told = tell(monitors, work.blocks(), State())
    return Backtest(
        pipeline=pipeline.name,
        monitors=tuple(monitors),
        channels=tuple(map(plugin_name, pipeline.notifiers)),
        start=first,
        end=work.end,
        verdicts=work.blocks(),
        said=tuple(told.said),
        known_incidents=tuple(told.incidents),
        errors=tuple(error for parts in work.done.values() for part in parts for error in part.errors),
        labels=known,
        is_complete=work.end == last,
    )


@dataclass(frozen=True)
class _Plan:
    """Which spans there are: every monitor in shares of its metrics, each share in chunks."""

    monitors: Sequence[Monitor]
    given: Sequence[Monitor | Callable[[], Pipeline]]
    start: pd.Timestamp
    end: pd.Timestamp
    chunk: pd.Timedelta
    shared: bool

    @property
    def edges(self) -> list[pd.Timestamp]:
        """The starts of the chunks, and the end of the last one, on the grid of every monitor."""
        longest = max(monitor.slot_length for monitor in self.monitors)
        step = max(self.chunk.floor(longest), longest)
        return [*pd.date_range(self.start, self.end, freq=step, inclusive="left"), self.end]

    def shares(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Give the number of a monitor and the metrics of it that are judged together."""
        for number, monitor in enumerate(self.monitors):
            names = [metric.name for metric in monitor.metrics]
            shares = min(len(names), SHARES) if self.shared else 1
            for share in range(shares):
                yield number, tuple(names[share::shares])

    def span(self, share: tuple[int, tuple[str, ...]], chunk: int, state: State) -> Span:
        """Return one span."""
        number, metrics = share
        shortest = min(monitor.slot_length for monitor in self.monitors)
        start, end = self.edges[chunk], self.edges[chunk + 1]
        return Span(self.given[number], self.monitors[number].name, metrics, start, end, shortest, state)


@dataclass
class _Work:
    """Spans that are done and to be done."""

    plan: _Plan
    progress: bool
    done: dict[tuple[int, tuple[str, ...]], list[Judged]] = field(default_factory=dict)

    def run(self, executor: Executor | None) -> None:
        """Do all there is; what is done when the user interrupts it is kept."""
        from tqdm.auto import tqdm

        shares, chunks = list(self.plan.shares()), len(self.plan.edges) - 1
        self.done = {share: [] for share in shares}
        with closing(tqdm(total=len(shares) * chunks, disable=not self.progress, unit="part", desc="backtest")) as bar:
            try:
                if executor is None:
                    self._run_here(chunks, bar)
                else:
                    self._run_on(executor, chunks, bar)
            except KeyboardInterrupt:
                logger.warning("the backtest was interrupted: what follows %s is not judged", self.end)

    def _run_here(self, chunks: int, bar: Any) -> None:
        for chunk in range(chunks):
            for share, parts in self.done.items():
                parts.append(judge_span(self.plan.span(share, chunk, parts[-1].state if parts else State())))
                bar.update()

    def _run_on(self, executor: Executor, chunks: int, bar: Any) -> None:
        """Judge each share chunk after chunk, since a chunk needs what is known at its start; shares side by side."""
        spans = {share: self.plan.span(share, 0, State()) for share in self.done}
        running = {executor.submit(judge_span, span.narrowed()): share for share, span in spans.items()}
        try:
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    share = running.pop(future)
                    parts = self.done[share]
                    parts.append(_result(future, spans[share]))
                    bar.update()
                    if len(parts) < chunks:
                        spans[share] = self.plan.span(share, len(parts), parts[-1].state)
                        running[executor.submit(judge_span, spans[share].narrowed())] = share
        finally:
            for future in running:
                future.cancel()

    @property
    def chunks_done(self) -> int:
        """How many chunks are done of every share."""
        return min(map(len, self.done.values()))

    @property
    def end(self) -> pd.Timestamp:
        """The first slot that is not judged."""
        return self.plan.edges[self.chunks_done]

    def blocks(self) -> dict[str, tuple[Verdicts, ...]]:
        """Return the verdicts of every monitor, chunk by chunk, its metrics in their order."""
        blocks: dict[str, tuple[Verdicts, ...]] = {}
        for number, monitor in enumerate(self.plan.monitors):
            shares = [parts for (of, _), parts in self.done.items() if of == number]
            columns = [metric.name for metric in monitor.metrics]
            blocks[monitor.name] = tuple(
                reduce(Verdicts.beside, [parts[chunk].verdicts for parts in shares]).ordered(columns)
                for chunk in range(self.chunks_done)
            )
        return blocks


def _result(future: "Future[Judged]", span: Span) -> Judged:
    """Return what a worker gave; say so in words if the span could not be sent to it."""
    try:
        return future.result()
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        # Pools report it as the future's own error, and threads do not send anything.
        if _travels(span):
            raise
        raise _cannot_travel(span, error) from error


def _travels(span: Span) -> bool:
    try:
        return bool(pickle.dumps(span))
    except (TypeError, AttributeError, pickle.PicklingError):
        return False


def _cannot_travel(span: Span, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"monitor {span.name!r} cannot be sent to the executor's workers: {error}. Pass `backtest` a function of an "
        "importable module that returns the pipeline; every worker then makes its own"
    )


def _pipeline_of(target: Target) -> Pipeline:
    if isinstance(target, Monitor):
        return Pipeline([target])
    if isinstance(target, Pipeline):
        return target
    if not callable(target):
        raise ConfigurationError(
            f"`target` is a {type(target).__name__}: pass a Pipeline, a Monitor, or a function that returns a Pipeline"
        )
    made = target()
    if not isinstance(made, Pipeline):
        raise ConfigurationError(f"`target` gives a {type(made).__name__}, not a Pipeline")
    return made


def _over(monitor: Monitor, history: pd.DataFrame | Mapping[str, pd.DataFrame] | None) -> Monitor:
    """Return a monitor of the same name that reads `history`."""
    if history is None:
        return monitor
    frame = history
    if not isinstance(frame, pd.DataFrame):
        if monitor.name not in frame:
            raise ConfigurationError(f"`history` has no frame for monitor {monitor.name!r}; it has {list(frame)}")
        frame = frame[monitor.name]
    missing = [column for column in monitor.columns if column not in frame.columns]
    if missing:
        raise ConfigurationError(
            f"`history` has no column {missing[0]!r} for monitor {monitor.name!r}; it has {list(frame.columns)}"
        )
    # A name of its own, since without one a monitor is called as its source is.
    return replace(monitor, source=FrameSource(frame[monitor.columns], name=monitor.name), name=monitor.name)


def _range(
    monitors: Sequence[Monitor],
    history: pd.DataFrame | Mapping[str, pd.DataFrame] | None,
    start: str | pd.Timestamp | None,
    end: str | pd.Timestamp | None,
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first slot to judge and the first that is not, in UTC."""
    longest = max(monitor.slot_length for monitor in monitors)
    if history is None and (start is None or end is None):
        raise ConfigurationError("`start` and `end` are needed: what is in the sources is not known beforehand")
    held = [] if history is None else [history] if isinstance(history, pd.DataFrame) else list(history.values())
    if any(not len(frame) for frame in held):
        raise ConfigurationError("`history` has no rows")
    if start is None:
        lookback = max(monitor.lookback for monitor in monitors)
        first = (max(as_instant(frame.index[0], "start") for frame in held) + lookback).ceil(longest)
    else:
        first = _instant(start, "start", monitors)
    if end is None:
        last = (max(as_instant(frame.index[-1], "end") for frame in held) + pd.Timedelta(1)).ceil(longest)
    else:
        last = _instant(end, "end", monitors)
    for name, instant in (("start", first), ("end", last)):
        if instant != instant.floor(longest):
            raise ConfigurationError(f"`{name}` is {instant}, which is no start of a slot of {longest}")
    if first >= last:
        raise ConfigurationError(
            f"there is nothing to judge from {first} to {last}"
            + ("" if start is not None else ": the history is no longer than the lookback of the detectors")
        )
    return first, last


def _instant(value: str | pd.Timestamp, name: str, monitors: Sequence[Monitor]) -> pd.Timestamp:
    """Return an instant in UTC; one without a zone is a local time of the monitors."""
    try:
        instant = pd.Timestamp(value)
    except (TypeError, ValueError):
        return as_instant(value, name)
    zones = {monitor.timezone for monitor in monitors}
    if pd.isna(instant) or instant.tzinfo is not None:
        return as_instant(instant, name)
    if len(zones) > 1:
        raise ConfigurationError(
            f"`{name}` is {value!r}, without a time zone, and the monitors have several: {', '.join(sorted(zones))}"
        )
    return local_instant(instant, name, zones.pop())
