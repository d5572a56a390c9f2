"""How a backtest is shared out: metrics in shares, time in chunks, done here or by an executor.

The runner calls this; it calls `spans`.
"""

import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pandas as pd

from anomalert.backtesting.spans import Judged, Span, judge_span
from anomalert.episodes import State
from anomalert.errors import ConfigurationError
from anomalert.monitor import Monitor
from anomalert.pipeline import Pipeline
from anomalert.verdicts import Verdicts

__all__ = ["Plan", "Work", "shares_for"]

logger = logging.getLogger(__name__)

SHARES = 8
"""Into how many parts the metrics of a monitor are shared out at most: each part reads the source for itself."""


def shares_for(executor: Executor | None) -> int:
    """Return into how many parts the metrics of a monitor are shared out: one if all is done here.

    Two for each worker, so that none waits long for the last; more of them would only read more.
    """
    if executor is None:
        return 1
    # Pools have no public word for it; other executors may have none at all.
    workers = getattr(executor, "_max_workers", SHARES)
    return min(2 * workers, SHARES)


@dataclass(frozen=True)
class Plan:
    """Which spans there are: every monitor in at most `parts` shares of its metrics, each share in chunks."""

    monitors: Sequence[Monitor]
    given: Sequence[Monitor | Callable[[], Pipeline]]
    start: pd.Timestamp
    end: pd.Timestamp
    chunk: pd.Timedelta
    parts: int

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
            shares = min(len(names), self.parts)
            # Neighbours, so that their verdicts are joined without looking for the place of each.
            for first, after in pairwise(len(names) * share // shares for share in range(shares + 1)):
                yield number, tuple(names[first:after])

    def span(self, share: tuple[int, tuple[str, ...]], chunk: int, state: State) -> Span:
        """Return one span."""
        number, metrics = share
        shortest = min(monitor.slot_length for monitor in self.monitors)
        start, end = self.edges[chunk], self.edges[chunk + 1]
        return Span(self.given[number], self.monitors[number].name, metrics, start, end, shortest, state)


@dataclass
class Work:
    """Spans that are done and to be done."""

    plan: Plan
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
                Verdicts.side_by_side([parts[chunk].verdicts for parts in shares]).ordered(columns)
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
