"""A source that travels as a name: rows of a file, so that workers in other processes read for themselves."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from anomalert import FrameSource, Metric, Monitor, Pipeline, Policy, WeeklyAverage
from anomalert.testing import synthetic_panel

__all__ = ["DAYS", "START", "FileSource", "pipeline_on", "written"]

DAYS = 42
START = pd.Timestamp("2026-10-05T00:00Z")


@dataclass(frozen=True)
class FileSource:
    """Rows of a frame that lies in a file; every read is noted beside it."""

    path: str
    name: str = "feed"

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Return the rows of ``[start, end)``, and note that they were asked for."""
        with Path(f"{self.path}.reads").open("a", encoding="utf-8") as notes:
            notes.write(f"{start.isoformat()} {end.isoformat()}\n")
        values = np.load(self.path)
        index = pd.date_range(START, periods=len(values), freq="15min")
        return FrameSource(pd.DataFrame(values, index, ["views", "likes", "shares", "replies"])).read(start, end)

    def reads(self) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
        """Return what was asked for."""
        lines = Path(f"{self.path}.reads").read_text(encoding="utf-8").splitlines()
        return [(pd.Timestamp(line.split()[0]), pd.Timestamp(line.split()[1])) for line in lines]


def written(folder: Path) -> FileSource:
    """Write a history with incidents, and return a source of it."""
    panel = synthetic_panel(days=DAYS, seed=4)
    values = np.hstack([panel.to_numpy(), panel.to_numpy()[:, ::-1]])
    rng = np.random.default_rng(5)
    for first in rng.integers(10 * 96, len(values) - 20, 24):
        values[first : first + rng.integers(1, 12), rng.integers(0, 4)] *= rng.choice([0.1, 0.3, 4.0])
    path = folder / "history.npy"
    np.save(path, values)
    return FileSource(str(path))


def pipeline_on(source: FileSource) -> Pipeline:
    """Return a pipeline that watches four metrics of a source."""
    policy = Policy(min_change=0.3, persist=(1, 2))
    names = ("views", "likes", "shares", "replies")
    metrics = [Metric(name, WeeklyAverage(threshold=0.4), absent="zero", policy=policy) for name in names]
    return Pipeline([Monitor(source, metrics, timezone="Europe/Moscow")], name="feed")
