"""A backtest with all that a picture or a page may have to show, small enough to be replayed at once."""

from collections.abc import Mapping
from functools import cache

import pandas as pd

from anomalert import (
    Backtest,
    Baseline,
    Bounds,
    DayLagRatio,
    Detector,
    FrameSource,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    backtest,
)
from anomalert.testing import FakeNotifier, synthetic_panel

ZONE = "Europe/Moscow"

START, END = "2026-10-12", "2026-10-26"
"""Two local weeks, from Monday to Monday."""

DROP = pd.Timestamp("2026-10-14 15:00", tz=ZONE)

TAGGED = "<b>x</b>"

MARKUP = '<script>alert("1")</script>&amp;'
"""What somebody may have written into a name."""


class Failing(Detector):
    """A detector that breaks, with words that are markup."""

    @property
    def lookback(self) -> pd.Timedelta:
        """None is needed."""
        return pd.Timedelta(0)

    def bounds(self, baseline: Baseline) -> Bounds:
        """Fail, whatever there is."""
        raise ValueError(f"{MARKUP} in {baseline.frame.shape[1]} metrics")


def panel() -> pd.DataFrame:
    """Return three weeks in which views and likes fall for two hours, and once more, for a slot, views alone."""
    rows = synthetic_panel(days=21, seed=4, timezone=ZONE)
    rows.loc[DROP : DROP + pd.Timedelta("105min")] *= 0.1
    alone = DROP + pd.Timedelta("3D")
    rows.loc[alone:alone, "views"] *= 0.1
    risen = DROP + pd.Timedelta("5D")
    rows.loc[risen : risen + pd.Timedelta("1h"), "likes"] *= 4
    return rows.rename(columns={"likes": TAGGED})


def labels() -> pd.DataFrame:
    """Return one event that is known to have been, in local time."""
    start = DROP.tz_localize(None)
    return pd.DataFrame({"metric": ["views"], "start": [start], "end": [start + pd.Timedelta("2h")]})


def pipeline(links: Mapping[str, str] | None = None) -> Pipeline:
    """Return a pipeline with two metrics, one of which persists and one of which looks down only."""
    metrics = [
        Metric("views", DayLagRatio(), absent="zero", policy=Policy(persist=(2, 3)), links=links or {}),
        Metric(TAGGED, DayLagRatio(), policy=Policy(direction="down")),
    ]
    return Pipeline([Monitor(FrameSource(panel(), name="feed"), metrics, timezone=ZONE)], [FakeNotifier()], name=MARKUP)


@cache
def found() -> Backtest:
    """Return the backtest, with labels."""
    return backtest(pipeline(), start=START, end=END, labels=labels(), progress=False)
