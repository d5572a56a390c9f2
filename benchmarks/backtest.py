"""What a backtest costs: wall time, and its ratio to a plain copy of the panel, in one run.

``python benchmarks/backtest.py`` prints, over seeded synthetic metrics with planted incidents and a policy:

- six metrics over a year with each of four detectors, from a source, in chunks;
- a thousand metrics over 90 days with each of two detectors;
- the same with two processes against one, each reading what it judges from the file;
- the peak of memory over a year against that over one chunk (`tracemalloc`: what Python and numpy allocate).
"""

import argparse
import tempfile
import time
import tracemalloc
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from anomalert import (
    IQR,
    Backtest,
    DayLagRatio,
    Detector,
    Metric,
    Monitor,
    Policy,
    RollingSigma,
    WeeklyAverage,
    backtest,
)
from anomalert.testing import synthetic_panel

SLOTS_A_DAY = 96
HISTORY = pd.Timedelta("15D")
POLICY = Policy(direction="down", min_change=0.3, persist=(2, 3))
DETECTORS: tuple[Detector, ...] = (DayLagRatio(), WeeklyAverage(), IQR(), RollingSigma("14D", "1D"))


@dataclass(frozen=True)
class FileSource:
    """Rows of a file of numbers, of which only those that are asked for are read: it travels as a name."""

    path: str
    start: pd.Timestamp
    columns: tuple[str, ...]
    name: str = "file"

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Return the rows of ``[start, end)``."""
        values = np.load(self.path, mmap_mode="r")
        slot = pd.Timedelta("15min")
        first, last = (int(np.clip((each - self.start) // slot, 0, len(values))) for each in (start, end))
        index = pd.date_range(self.start + first * slot, periods=last - first, freq=slot)
        return pd.DataFrame(np.array(values[first:last]), index=index, columns=list(self.columns))


def written(folder: str, n_metrics: int, days: int, incidents: int) -> FileSource:
    """Write the history of so many metrics, each with so many drops, and return a source of it."""
    panel = synthetic_panel(days=days, seed=1)
    rng = np.random.default_rng(2)
    course = panel["views"].to_numpy()[:, None] / (1 + np.arange(n_metrics) % 7)
    values = np.round(course * np.exp(0.05 * rng.standard_normal((len(panel), n_metrics))))
    for metric in range(n_metrics):
        for first in rng.integers(len(panel) // 5, len(panel) - 20, incidents):
            values[first : first + rng.integers(2, 16), metric] *= 0.3
    path = Path(folder, f"{n_metrics}x{days}.npy")
    np.save(path, values)
    return FileSource(str(path), panel.index[0], tuple(f"metric{number}" for number in range(n_metrics)))


def run(source: FileSource, detector: Detector, days: int, executor: Executor | None = None) -> Backtest:
    """Backtest all metrics of a source but for the days of history that the detectors need."""
    metrics = [Metric(name, detector, absent="zero", policy=POLICY) for name in source.columns]
    end = source.start + pd.Timedelta(days=days)
    monitor = Monitor(source, metrics)
    return backtest(monitor, start=source.start + HISTORY, end=end, executor=executor, progress=False)


def copying(source: FileSource) -> float:
    """Return the seconds that a plain copy of the panel takes: the median of five."""
    values = np.load(source.path)
    target, seconds = np.empty_like(values), []
    for _ in range(5):
        begun = time.perf_counter()
        np.copyto(target, values)
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds))


def timed(what: str, source: FileSource, detector: Detector, days: int, executor: Executor | None = None) -> float:
    """Run once, print the figures, and return the seconds."""
    copy, begun = copying(source), time.perf_counter()
    found = run(source, detector, days, executor)
    seconds = time.perf_counter() - begun
    cells = len(source.columns) * days * SLOTS_A_DAY
    print(
        f"{what}, {detector!r}: {seconds:.2f} s, {1e9 * seconds / cells:.0f} ns a cell, {seconds / copy:.0f} x copy; "
        f"{len(found.said)} messages, {len(found.known_incidents)} incidents",
        flush=True,
    )
    return seconds


def peaks(source: FileSource, days: int) -> None:
    """Print the peak of memory over all days against that over one chunk of 56."""
    measured = {}
    for name, until in (("one chunk", int(HISTORY.days) + 56), ("all", days)):
        run(source, WeeklyAverage(), until)  # What is imported and cached once does not count.
        tracemalloc.start()
        run(source, WeeklyAverage(), until)
        measured[name] = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    ratio = measured["all"] / measured["one chunk"]
    print(f"peak memory: one chunk {measured['one chunk']:.1f} MB, {days} days {measured['all']:.1f} MB, {ratio:.2f} x")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365 + HISTORY.days, help="of the six metrics")
    parser.add_argument("--metrics", type=int, default=1000, help="of the wide panel")
    parser.add_argument("--wide-days", type=int, default=90 + HISTORY.days, help="of the wide panel")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        few = written(folder, 6, options.days, incidents=options.days // 14)
        for detector in DETECTORS:
            timed(f"6 metrics x {options.days - HISTORY.days} days", few, detector, options.days)
        peaks(few, options.days)
        many = written(folder, options.metrics, options.wide_days, incidents=1)
        what = f"{options.metrics} metrics x {options.wide_days - HISTORY.days} days"
        alone = [timed(what, many, detector, options.wide_days) for detector in DETECTORS[:2]][-1]
        with ProcessPoolExecutor(2) as two:
            shared = timed(f"{what}, two processes", many, DETECTORS[1], options.wide_days, two)
        print(f"two processes against one: {shared / alone:.2f} of the time")


if __name__ == "__main__":
    main()
