"""The share of `pulses` for every change, every tenth crash point; and what the first run after a gap shows of it.

The whole is ``python -m tests.reliability.pulses``.
"""

import logging
from pathlib import Path

import pandas as pd
import pytest

from anomalert import DayLagRatio, FrameSource, Ledger, Metric, Monitor, Pipeline
from anomalert.testing import FakeNotifier, synthetic_panel
from tests.reliability.harness import printed
from tests.stubs.heartbeat import watcher

SLOT = pd.Timedelta("15min")


def test_a_killed_run_is_never_heard_to_have_gone_well() -> None:
    """The watcher hears that it began, and of the next one that it began and went well."""
    figures = printed("pulses", "--step", "10")["killed while watched"]
    assert figures["kills"] == figures["starts_of_killed_runs"] == figures["completed"] >= 12
    assert figures["successes_of_killed_runs"] == figures["failures_of_killed_runs"] == 0


@pytest.mark.parametrize("drops", [False, True])
def test_the_first_run_after_a_gap_shows_what_was_missed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, drops: bool
) -> None:
    """Ten slots without a run: the watcher hears nothing, then the report judges each of them and the log names them.

    People get a message only of what was anomalous among them.
    """
    panel, chat = synthetic_panel(3, seed=2)[["views"]], FakeNotifier()
    if drops:
        panel.iloc[-9:-5] *= 0.1
    ends = [slot + SLOT for slot in panel.index[-12:]]
    monitor = Monitor(FrameSource(panel, name="feed"), [Metric("views", DayLagRatio())])
    with watcher() as stub, caplog.at_level(logging.INFO, "anomalert.pipeline"):
        pipeline = Pipeline([monitor], [chat], Ledger(tmp_path / "alerts.db"), heartbeat=stub.url)
        pipeline.run(at=ends[0])
        assert caplog.messages == []
        report = pipeline.run(at=ends[-1])
    assert stub.heard == ["GET /start HTTP/1.1", "GET / HTTP/1.1"] * 2
    assert report.judgements["slot"].tolist() == list(panel.index[-11:])
    assert set(report.judgements["status"]) == ({"ok", "anomaly"} if drops else {"ok"})
    (line,) = caplog.messages
    assert "judges 11 slots at once" in line
    assert f"from {panel.index[-11]} to {panel.index[-2]}" in line
    assert len(chat.messages) == drops
    assert not drops or [alert.kind for alert in chat.messages[0].alerts] == ["opened", "resolved"]
