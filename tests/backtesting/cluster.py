"""A backtest on a real cluster, of which a worker is killed under way, against the same in one process.

``python -m tests.backtesting.cluster`` starts a scheduler and three workers on 127.0.0.1 that speak TCP, and prints
what came of it; `test_cluster` runs it for every change. It needs anomalert[dask].
"""

import os
import signal
import tempfile
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pandas as pd

from anomalert import backtest
from tests.backtesting.on_disk import DAYS, START, pipeline_on, written

FIRST = START + pd.Timedelta("9D")
LAST = START + pd.Timedelta(days=DAYS)
CHUNK = "4D"


class Killing(Executor):
    """Another executor, which has a worker killed once some parts are handed out."""

    def __init__(self, executor: Any, worker: int, after: int) -> None:
        self._executor, self._worker, self._after, self.submitted = executor, worker, after, 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Hand a part out."""
        self.submitted += 1
        future: Future[Any] = self._executor.submit(fn, *args, **kwargs)
        if self.submitted == self._after:
            os.kill(self._worker, signal.SIGKILL)
        return future


def main() -> None:
    """Compare, and print."""
    from distributed import Client, LocalCluster

    with tempfile.TemporaryDirectory() as folder:
        pipeline = pipeline_on(written(Path(folder)))
        alone = backtest(pipeline, start=FIRST, end=LAST, progress=False)
        address = "tcp://127.0.0.1:0"
        with (
            LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=3, threads_per_worker=1, host=address, dashboard_address=None, silence_logs=50
            ) as cluster,
            Client(cluster) as client,  # type: ignore[no-untyped-call]
        ):
            workers = client.run(os.getpid)
            assert all(place.startswith("tcp://127.0.0.1") for place in workers), workers
            executor = Killing(client.get_executor(), worker=next(iter(workers.values())), after=6)
            shared = backtest(pipeline, start=FIRST, end=LAST, chunk=CHUNK, executor=executor, progress=False)
            left = [pid for pid in workers.values() if pid in client.run(os.getpid).values()]
    by = ["slot", "metric"]
    pd.testing.assert_frame_equal(
        shared.judgements.sort_values(by, ignore_index=True), alone.judgements.sort_values(by, ignore_index=True)
    )
    pd.testing.assert_frame_equal(shared.messages, alone.messages)
    pd.testing.assert_frame_equal(shared.incidents, alone.incidents)
    assert shared.is_complete
    assert len(alone.messages) > 10, "a comparison of next to nothing"
    assert len(left) == 2, "the worker was not killed"
    print(
        f"{executor.submitted} parts on 3 workers, one killed: {len(shared.judgements)} verdicts and "
        f"{len(shared.messages)} messages as in one process"
    )


if __name__ == "__main__":
    main()
