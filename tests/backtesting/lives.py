"""Lives of pipelines, run slot by slot with a ledger: what a backtest has to equal."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from anomalert import (
    IQR,
    Backtest,
    DayLagRatio,
    Ledger,
    Message,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    RollingSigma,
    WeeklyAverage,
)
from anomalert.testing import FakeNotifier, FakeSource

START = pd.Timestamp("2026-10-22T00:00Z")

detectors = st.sampled_from(
    [DayLagRatio(), WeeklyAverage(days=3, min_count=2), IQR(window="3D"), RollingSigma(window="12h", sigmas=2.0)]
)
policies = st.builds(
    Policy,
    direction=st.sampled_from(["both", "up", "down"]),
    min_change=st.sampled_from([0.0, 0.3]),
    min_volume=st.sampled_from([None, 60.0]),
    persist=st.sampled_from([(1, 1), (2, 2), (2, 3)]),
    recover=st.integers(1, 3),
    remind=st.sampled_from(["6h", "1D", None]),
    adapt=st.sampled_from(["6h", "3D"]),
    quiet=st.sampled_from([(), ("22:00-07:00",), ("Sat-Sun", "Wed 12:00-13:00")]),
    missing=st.sampled_from(["2h", "9h", "1D", None]),
)
zones = st.sampled_from(["UTC", "Europe/Moscow", "Europe/Berlin", "America/New_York", "America/Sao_Paulo"])


@st.composite
def rows_of(draw: st.DrawFn, columns: Sequence[str], slot: pd.Timedelta, days: int) -> pd.DataFrame:
    """Draw what a source holds: metrics with incidents, gaps, and slots without a row, over a clock change."""
    slots = days * pd.Timedelta("1D") // slot
    index = pd.date_range(START, periods=slots, freq=slot)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = 100 * rng.lognormal(0, 0.1, (slots, len(columns)))
    for _ in range(draw(st.integers(0, 5))):
        first = draw(st.integers(slots // 3, slots - 1))
        places = draw(st.lists(st.integers(0, len(columns) - 1), min_size=1, unique=True))
        length = draw(st.integers(1, 9))
        values[first : first + length, places] *= draw(st.sampled_from([0.0, 0.2, 5.0, np.nan]))
    frame = pd.DataFrame(values, index=index, columns=list(columns))
    missing = draw(st.lists(st.integers(0, slots - 1), max_size=6))
    return frame.drop(index=frame.index[missing])


@st.composite
def feeds(draw: st.DrawFn) -> Monitor:
    """Draw a monitor of a count, a value and a ratio over slots of three hours."""
    rows = draw(rows_of(["views", "likes", "shown"], pd.Timedelta("3h"), 11))
    rows["ctr"] = rows["likes"] / rows["shown"].where(rows["shown"] != 0)
    metrics = [
        Metric("views", draw(detectors), absent="zero", policy=draw(policies)),
        Metric("likes", draw(detectors), policy=draw(policies)),
        Metric("ctr", draw(detectors), denominator="shown", policy=draw(policies)),
    ]
    settle = draw(st.sampled_from(["0s", "2min"]))
    empty: Literal["no_data", "zero"] = draw(st.sampled_from(["no_data", "zero"]))
    source = FakeSource(rows, name="feed")
    return Monitor(source, metrics, slot="3h", timezone=draw(zones), settle=settle, empty=empty)


@st.composite
def messengers(draw: st.DrawFn) -> Monitor:
    """Draw a second monitor, whose slots may be longer and be settled later."""
    slot = draw(st.sampled_from(["3h", "6h"]))
    rows = draw(rows_of(["sent", "read"], pd.Timedelta(slot), 11))
    metrics = [Metric(name, draw(detectors), policy=draw(policies)) for name in ("sent", "read")]
    settle = draw(st.sampled_from(["0s", "2min", "4h"]))
    return Monitor(FakeSource(rows, name="messenger"), metrics, slot=slot, timezone=draw(zones), settle=settle)


@dataclass(frozen=True)
class Lived:
    """What runs said, slot by slot."""

    judgements: pd.DataFrame
    messages: tuple[Message, ...]
    incidents: pd.DataFrame
    is_quiet_before: bool


def lived(monitors: Sequence[Monitor], start: pd.Timestamp, end: pd.Timestamp) -> Lived:
    """Run a pipeline as soon as a slot of one of its monitors is settled, from the slot `start` on."""
    ready = {
        slot + monitor.slot_length + monitor.settle_time
        for monitor in monitors
        for slot in pd.date_range(start, end, freq=monitor.slot_length, inclusive="left")
    }
    with tempfile.TemporaryDirectory(dir=shared_memory()) as folder:
        chat, ledger = FakeNotifier(), Ledger(Path(folder, "alerts.db"))
        pipeline = Pipeline(monitors, [chat], ledger)
        reports = [pipeline.run(at) for at in sorted(ready)]
        for report in reports:
            report.raise_for_status()
        judgements = pd.concat([report.judgements for report in reports], ignore_index=True)
        early = judgements["slot"] < start
        # The first run judges the newest slot of each monitor, and that of a slow one may lie before `start`.
        is_quiet = not (judgements["is_alert"] | (judgements["status"] == "no_data"))[early].any()
        judged = judgements[~early & (judgements["slot"] < end)].drop_duplicates(["metric", "slot"])
        # While the last slots of a slow monitor settle, runs judge others that the backtest ends before.
        messages = tuple(message for message in chat.messages if message.alerts[0].slot < end)
        return Lived(judged, messages, ledger.history().incidents, is_quiet)


def shared_memory() -> str | None:
    """Return a folder in memory, where there is one: what is compared does not depend on the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def assert_same(found: Backtest, live: Lived) -> None:
    """Hold that a backtest found what runs found: verdicts, numbers to 1e-9, messages, incidents."""
    by = ["slot", "metric"]
    pd.testing.assert_frame_equal(
        found.judgements.sort_values(by, ignore_index=True),
        live.judgements.sort_values(by, ignore_index=True),
        rtol=1e-9,
    )
    # What two episodes have to say of one slot is sent in either order, so both are sorted.
    told = sorted((m.key, m.alerts[0].kind, named(m)) for m in live.messages)
    columns = [found.messages[name] for name in ("key", "kind", "metrics")]
    said = sorted(
        (key, kind, tuple(filter(None, metrics.split(", ")))) for key, kind, metrics in zip(*columns, strict=True)
    )
    assert told == said
    opened = live.incidents[live.incidents["start"] < found.end] if len(live.incidents) else live.incidents
    assert sorted(found.incidents["key"]) == sorted(opened["incident"])
    ended = found.incidents.dropna(subset="end").sort_values("key", ignore_index=True)
    if len(ended):
        told_of = opened[opened["key"].isin(ended["key"])].sort_values("key", ignore_index=True)
        times = dict.fromkeys(("start", "end", "peak_slot"), "datetime64[ns, UTC]")
        pd.testing.assert_frame_equal(ended, told_of[ended.columns].astype(times), rtol=1e-9)


def named(message: Message) -> tuple[str, ...]:
    """Return the metrics that a message says something of; what it says of a source names none."""
    # What is said of metrics that have no values shares the name of a monitor and one of them; of sources, their names.
    is_about_source = any(alert.incident.count("/") == 1 for alert in message.alerts)
    return () if is_about_source else tuple(sorted({alert.metric for alert in message.alerts}))
