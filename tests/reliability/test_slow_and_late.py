"""Runs that take longer than a slot, and rows that take longer than they are waited for."""

import logging
from pathlib import Path
from threading import Event, Thread

import pandas as pd
import pytest

from anomalert import DayLagRatio, Ledger, Metric, Monitor, Pipeline, RunReport
from anomalert.errors import LedgerBusyError
from anomalert.testing import FakeNotifier, FakeSource, synthetic_panel

SLOT = pd.Timedelta("15min")


class Slow(FakeSource):
    """A source that answers when it is let go, and says when it was asked."""

    def __init__(self, panel: pd.DataFrame) -> None:
        super().__init__(panel, name="feed")
        self.asked, self.go = Event(), Event()

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Wait, then read."""
        self.asked.set()
        assert self.go.wait(30)
        return super().read(start, end)


def pipeline(source: FakeSource, chat: FakeNotifier, place: Path, wait: str = "60s", settle: str = "0s") -> Pipeline:
    """Return a pipeline of one metric that falls in the last two slots."""
    monitor = Monitor(source, [Metric("views", DayLagRatio())], settle=settle)
    return Pipeline([monitor], [chat], Ledger(place, wait=wait))


def falling() -> pd.DataFrame:
    """Return three days of one metric that is down to a tenth in the last two slots."""
    panel = synthetic_panel(3, seed=2)[["views"]]
    panel.iloc[-2:] *= 0.1
    return panel


@pytest.mark.parametrize("wait", ["60s", "50ms"])
def test_a_run_that_is_longer_than_a_slot_is_never_doubled(tmp_path: Path, wait: str) -> None:
    """The next run waits for it, or says that it is in the way; each slot is judged once, and told once."""
    panel, chat, place = falling(), FakeNotifier(), tmp_path / "alerts.db"
    before, last = panel.index[-2] + SLOT, panel.index[-1] + SLOT
    pipeline(FakeSource(panel, name="feed"), chat, place).run(at=before - SLOT)
    slow = Slow(panel)
    reports: list[RunReport] = []
    first = Thread(target=lambda: reports.append(pipeline(slow, chat, place).run(at=before)))
    first.start()
    assert slow.asked.wait(30)
    second = Thread(
        target=lambda: reports.append(pipeline(FakeSource(panel, name="feed"), chat, place, wait).run(at=last))
    )
    second.start()
    if wait == "50ms":
        second.join(30)
        (busy,) = reports
        assert [type(error) for error in busy.errors] == [LedgerBusyError]
        assert "in use" in str(busy.errors[0])
        assert (busy.exit_code, len(busy.judgements), chat.messages) == (1, 0, [])
    slow.go.set()
    first.join(30)
    second.join(30)
    pipeline(FakeSource(panel, name="feed"), chat, place).run(at=last)
    assert [message.alerts[0].kind for message in chat.messages] == ["opened"]
    judged = Ledger(place).history().judgements
    assert judged["slot"].tolist() == list(panel.index[-3:])


@pytest.mark.parametrize("lag", range(4))
def test_rows_that_come_after_their_slot_was_judged_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, lag: int
) -> None:
    """Events of one slot come `lag` slots late: within `settle` it is judged whole and nothing is said of lateness."""
    whole, chat, place = synthetic_panel(3, seed=2)[["views"]], FakeNotifier(), tmp_path / "alerts.db"
    settle = "30min"
    late = whole.index[-8]
    source = FakeSource(whole.copy(), name="feed")
    with caplog.at_level(logging.WARNING, "anomalert.pipeline"):
        for slot in whole.index[-12:]:
            at = slot + SLOT
            has_come = at >= late + SLOT + lag * SLOT
            source.panel.loc[late, "views"] = whole.loc[late, "views"] * (1 if has_come else 0.2)
            pipeline(source, chat, place, settle=settle).run(at=at)
    is_too_late = lag > 2
    warned = [record.getMessage() for record in caplog.records if "changed after they were judged" in record.message]
    assert len(warned) == is_too_late
    assert all(str(late) in text and "`settle`" in text for text in warned)
    kinds = [message.alerts[0].kind for message in chat.messages]
    assert kinds == (["opened", "resolved"] if is_too_late else [])
    assert len(Ledger(place).history().revisions) == is_too_late
