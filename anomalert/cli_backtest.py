"""The command ``anomalert backtest``: replays a pipeline, prints how often it would have written, and writes a page.

Part of the command line, which calls it; it calls `backtesting` and `loading`, and writes to the terminal.
"""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import contextmanager, nullcontext, redirect_stdout
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from anomalert.backtesting import Backtest, backtest
from anomalert.backtesting.course import no_data_warning
from anomalert.errors import ConfigurationError, SourceError
from anomalert.labels import as_labels
from anomalert.loading import Place, load_pipeline

__all__ = ["add_backtest", "counts_of"]


def add_backtest(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "backtest", help="replay a pipeline over its history and count messages; sends nothing"
    )
    parser.add_argument("pipeline", metavar="package.module:pipeline", help="where the Pipeline is, as for `run`")
    instant = "%s, as 2026-09-01 or 2026-09-01T10:00Z; without a zone it is a local time of the monitors"
    parser.add_argument(
        "--from", dest="start", metavar="INSTANT", required=True, help=instant % "the first slot to judge"
    )
    parser.add_argument("--to", dest="end", metavar="INSTANT", required=True, help=instant % "the first that is not")
    parser.add_argument(
        "--labels", metavar="FILE", help="events that are known to have been: a CSV file with metric, start and end"
    )
    parser.add_argument(
        "--html", metavar="FILE", help="write a page with tables and pictures, which needs nothing else"
    )
    parser.add_argument(
        "--workers", metavar="N", type=_count, default=1, help="judge in so many processes (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the counts as one line of JSON instead of tables")
    parser.set_defaults(command=run_backtest)


def run_backtest(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    labels = None if options.labels is None else _labels(Path(options.labels))
    if options.html is not None and not Path(options.html).absolute().parent.is_dir():
        raise ConfigurationError(f"`--html` is {options.html!r}: there is no such folder")
    # Whoever reads the JSON reads standard output, and the module of the pipeline may write there too.
    with redirect_stdout(sys.stderr) if options.json else nullcontext(), _executor(options.workers) as executor:
        try:
            found = backtest(
                # Each worker makes its own pipeline, since passwords do not travel.
                load_pipeline(options.pipeline) if executor is None else Place(options.pipeline),
                start=options.start,
                end=options.end,
                labels=labels,
                executor=executor,
                progress=sys.stderr.isatty(),
            )
        except BrokenExecutor as error:
            raise SourceError(f"a worker process ended before its part was done: {error}") from error
    if options.html is not None:
        _write(found, options.html)
    print(json.dumps(counts_of(found), ensure_ascii=False) if options.json else _shown(found))  # noqa: T201
    if options.json and found.without_data:  # Who reads the JSON only looks at its figures.
        print(f"anomalert: {no_data_warning(found.without_data)}", file=sys.stderr)  # noqa: T201
    return 0 if found.is_complete and not found.errors and not found.without_data else 1


def counts_of(found: Backtest) -> dict[str, Any]:
    """Return the counts of a backtest as plain data that JSON can hold."""
    weeks = found.messages_per_week
    return {
        "pipeline": found.pipeline,
        "start": found.start.isoformat(),
        "end": found.end.isoformat(),
        "is_complete": found.is_complete,
        "weeks": round(found.weeks, 3),
        "messages": len(found.said),
        "messages_a_week": None if not found.weeks else round(found.rate, 3),
        "incidents": len(found.known_incidents),
        "messages_per_week": {f"{week:%Y-%m-%d}": int(total) for week, total in weeks.sum(axis=1).items()},
        "messages_per_metric": _plain(found.messages_per_metric),
        "held": _plain(found.held),
        "without_data": list(found.without_data),
        "errors": [str(error) for error in found.errors],
    }


def _plain(frame: pd.DataFrame) -> dict[str, dict[str, int]]:
    return {str(name): {str(column): int(number) for column, number in row.items()} for name, row in frame.iterrows()}


def _shown(found: Backtest) -> str:
    """Return the summary and the tables."""
    weeks = found.messages_per_week
    per_week = weeks.assign(all=weeks.sum(axis=1)).rename(index=lambda week: f"{week:%Y-%m-%d}")
    tables = {
        "messages a channel, by week and gravest metric": per_week,
        "messages that name each metric": found.messages_per_metric,
        "anomalous slots, how many each step of the policy held back, and how many were told": found.held,
    }
    shown = (f"{title}\n{table.to_string()}" for title, table in tables.items())
    errors = [f"{type(error).__name__}: {error}" for error in found.errors]
    return "\n\n".join([repr(found), *shown, *errors])


def _write(found: Backtest, path: str) -> None:
    try:
        found.to_html(path)
    except OSError as error:
        raise ConfigurationError(f"`--html`: {path!r} cannot be written: {error.strerror}") from error
    print(f"written: {path}", file=sys.stderr)  # noqa: T201


def _labels(path: Path) -> pd.DataFrame:
    """Return the events of a CSV file; times without a zone stay local times of the monitors."""
    try:
        labels = pd.read_csv(path, dtype=dict.fromkeys(("metric", "start", "end"), str))
    except OSError as error:
        raise ConfigurationError(f"`--labels`: {str(path)!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"`--labels`: {str(path)!r} is no table: {error}") from error
    return as_labels(labels, name=f"--labels {path}")


@contextmanager
def _executor(workers: int) -> Iterator[Executor | None]:
    """Give so many processes, or None for one: each makes the pipeline for itself."""
    if workers == 1:
        yield None
        return
    # Not forked: threads of libraries that hold a lock at that moment would hold it for ever in the worker.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin_work) as executor:
        yield executor


def _begin_work() -> None:
    """End at once, without a word, on Ctrl-C; leave standard output to the process that has the results."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.stdout = sys.stderr


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: take 1 or more")
    return number
