"""Replay is what runs do: slot by slot with a ledger, the same verdicts and the same messages."""

import socket
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from anomalert import (
    IQR,
    DayLagRatio,
    Detector,
    FrameSource,
    Ledger,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    RollingSigma,
    WeeklyAverage,
)
from anomalert.errors import ConfigurationError
from anomalert.replay import replay
from anomalert.testing import FakeNotifier, FakeSource, synthetic_panel

SLOT = pd.Timedelta("3h")
JUDGED = 40

detectors = st.sampled_from(
    [DayLagRatio(), WeeklyAverage(days=3, min_count=2), IQR(window="3D"), RollingSigma(window="12h", sigmas=2.0)]
)
policies = st.builds(
    Policy,
    direction=st.sampled_from(["both", "up", "down"]),
    min_change=st.sampled_from([0.0, 0.3]),
    persist=st.sampled_from([(1, 1), (2, 2), (2, 3)]),
    recover=st.integers(1, 3),
    remind=st.sampled_from(["6h", "1D", None]),
    adapt=st.sampled_from(["6h", "3D"]),
)
zones = st.sampled_from(["UTC", "Europe/Moscow", "Europe/Berlin", "America/New_York"])


@st.composite
def panels(draw: st.DrawFn) -> pd.DataFrame:
    """Two metrics over a stretch with a clock change, with incidents, gaps and missing rows."""
    slots = 6 * 8 + JUDGED
    index = pd.date_range("2026-10-22", periods=slots, freq=SLOT, tz="UTC")
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = 100 * rng.lognormal(0, 0.1, (slots, 2))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(6 * 8 - 4, slots - 1))
        columns = draw(st.sampled_from([slice(0, 1), slice(1, 2), slice(0, 2)]))
        values[start : start + draw(st.integers(1, 9)), columns] *= draw(st.sampled_from([0.0, 0.2, 5.0, np.nan]))
    panel = pd.DataFrame(values, index=index, columns=["views", "likes"])
    missing = draw(st.lists(st.integers(0, slots - 1), max_size=6))
    return panel.drop(index=panel.index[missing])


# Not shrunk: an example is forty runs, and its panel is printed whole.
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(panels(), detectors, detectors, policies, zones)
def test_a_replay_says_what_runs_said(
    panel: pd.DataFrame, one: Detector, other: Detector, policy: Policy, zone: str
) -> None:
    """Verdicts, messages and numbers of a replay are those of runs that were made slot by slot."""
    metrics = [Metric("views", one, absent="zero", policy=policy), Metric("likes", other, policy=policy)]
    monitor = Monitor(FakeSource(panel), metrics, slot=SLOT, timezone=zone)
    slots = pd.date_range("2026-10-22", periods=6 * 8 + JUDGED, freq=SLOT, tz="UTC")[-JUDGED:]
    with tempfile.TemporaryDirectory() as folder:
        chat = FakeNotifier()
        pipeline = Pipeline([monitor], [chat], Ledger(Path(folder, "alerts.db")))
        reports = [pipeline.run(at=slot + SLOT) for slot in slots]
    walked = replay([monitor], {monitor.name: monitor.panel(slots[0] - 6 * 8 * SLOT, slots[-1] + SLOT)}, slots[0])
    live = pd.concat([report.judgements for report in reports], ignore_index=True)
    key = ["slot", "metric"]
    pd.testing.assert_frame_equal(
        walked.judgements.sort_values(key, ignore_index=True), live.sort_values(key, ignore_index=True), rtol=1e-9
    )
    said = [(each.kind, each.slot, sorted({i.metric for i, _ in each.about})) for each in walked.said if each.about]
    told = [
        (m.alerts[0].kind, m.alerts[0].slot, sorted({alert.metric for alert in m.alerts}))
        for m in chat.messages
        if m.alerts[0].direction is not None
    ]
    # Two episodes may have something to say of one slot: in which order they are sent says nothing.
    assert sorted(told, key=str) == sorted(said, key=str)


def test_a_monitor_without_a_panel_is_refused() -> None:
    """The error names the monitor and what there is."""
    monitor = Monitor(FakeSource(pd.DataFrame()), [Metric("views", DayLagRatio())], name="feed")
    with pytest.raises(ConfigurationError, match="no panel for monitor 'feed'"):
        replay([monitor], {"other": pd.DataFrame()}, "2026-11-01T00:00Z")


def test_a_replay_opens_no_socket_and_sends_nothing() -> None:
    """Ten days with drops in them, while an audit hook notes every socket that this thread makes."""
    panel = synthetic_panel(days=12, seed=4)
    for start in (300, 700, 1000):
        panel.iloc[start : start + 8] *= 0.1
    monitor = Monitor(FrameSource(panel, name="feed"), [Metric(str(name), DayLagRatio()) for name in panel.columns])
    whole = monitor.panel(panel.index[0], panel.index[-1] + pd.Timedelta("15min"))
    made: list[str] = []
    me, watching = threading.get_ident(), True

    def hook(event: str, _: object) -> None:
        if watching and event.startswith("socket.") and threading.get_ident() == me:
            made.append(event)

    sys.addaudithook(hook)
    said = replay([monitor], {"feed": whole}, panel.index[192]).said
    assert len(said) >= 6
    assert made == []
    socket.socket().close()
    watching = False
    assert made
