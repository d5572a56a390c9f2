"""A process that runs a pipeline again and again, as a scheduler's worker does: what of it grows.

``python -m tests.reliability.endurance`` prints the figures of 1,000 runs with a ledger and pictures, sent to
Telegram's stub over real sockets and to the terminal. `test_endurance` makes a share of them for every change.
"""

import argparse
import gc
import io
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from anomalert import (
    ConsoleNotifier,
    DayLagRatio,
    FrameSource,
    Ledger,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    TelegramNotifier,
)
from tests.reliability.printing import print_figures
from tests.stubs.telegram import CHAT, TOKEN, TelegramStub, wait_for_senders

__all__ = ["Endured", "endured"]

SLOT = pd.Timedelta("15min")
WARM_UP = 0.1
"""The share of the runs that may leave something behind for good: modules, fonts, caches."""


@dataclass
class Endured:
    """What a life came to; what has grown is counted from the end of the warm-up.

    Parameters
    ----------
    runs, pictures, failed : int
        How many runs, pictures that Telegram got, and runs that did not end well.
    megabytes, files, threads : float or int
        By how much the process has grown: its resident size, its open files and its threads.
    seconds : float
        All of it.
    """

    runs: int
    pictures: int = 0
    failed: int = 0
    megabytes: float = 0.0
    files: int = 0
    threads: int = 0
    seconds: float = 0.0


def endured(runs: int, seed: int = 1) -> Endured:
    """Run so many slots, in most of which something is told with a picture."""
    panel, found, begun = _restless(runs, seed), Endured(runs), time.monotonic()
    metrics = [Metric(str(name), DayLagRatio(), policy=Policy(recover=1)) for name in panel]
    with tempfile.TemporaryDirectory() as folder, TelegramStub() as chat:
        telegram = TelegramNotifier(TOKEN, CHAT, api_url=chat.url)
        console = ConsoleNotifier(Path(folder, "pictures"), _Nowhere())
        monitor = Monitor(FrameSource(panel, name="feed"), metrics)
        pipeline = Pipeline([monitor], [telegram, console], Ledger(Path(folder, "alerts.db")))
        before = _size()
        for number, slot in enumerate(panel.index[-runs:]):
            found.failed += pipeline.run(at=slot + SLOT).exit_code
            found.pictures += sum(len(request.files) for request in chat.requests)
            chat.requests.clear()
            chat.posts.clear()
            if number == int(WARM_UP * runs):
                before = _size()
        after = _size()
        found.megabytes, found.files, found.threads = after[0] - before[0], after[1] - before[1], after[2] - before[2]
    found.seconds = time.monotonic() - begun
    return found


def _restless(runs: int, seed: int) -> pd.DataFrame:
    """Return a panel of two metrics, each of which falls in every other slot or so."""
    index = pd.date_range("2026-11-02", periods=2 * 96 + runs, freq=SLOT, tz="UTC")
    values = np.full((len(index), 2), 1000.0)
    values[2 * 96 :][np.random.default_rng(seed).random((runs, 2)) < 0.4] = 100.0
    return pd.DataFrame(values, index, columns=["views", "likes"])


class _Nowhere(io.StringIO):
    """A terminal that remembers nothing."""

    def write(self, text: str) -> int:
        return len(text)


def _size() -> tuple[float, int, int]:
    """Return the resident size in megabytes, the number of open files and of threads, once nothing is under way."""
    wait_for_senders()
    gc.collect()
    until = time.monotonic() + 5
    while any("process_request_thread" in thread.name for thread in threading.enumerate()) and time.monotonic() < until:
        time.sleep(0.01)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    files = len(list(Path("/proc/self/fd").iterdir()))
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, files, threading.active_count()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="as a line of JSON")
    options = parser.parse_args()
    found, name = endured(options.runs, options.seed), f"{options.runs} runs, seed {options.seed}"
    print_figures(name, found, as_json=options.json)


if __name__ == "__main__":
    main()
