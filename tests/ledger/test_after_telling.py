"""A ledger that fails once everything was told must not have it told again."""

from pathlib import Path

import pandas as pd
import pytest

from anomalert import DayLagRatio, Ledger, Metric, Monitor, Pipeline
from anomalert.errors import LedgerError
from anomalert.ledger import LedgerSession
from anomalert.testing import FakeNotifier, FakeSource, synthetic_panel


def test_a_failure_after_the_delivery_repeats_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When pruning fails at the start of a day, the message goes out once, and the run says what failed."""
    panel = synthetic_panel(days=3, seed=1).iloc[: 2 * 96 + 1]
    panel.iloc[-1] *= 0.1
    chat = FakeNotifier()
    pipeline = Pipeline(
        [Monitor(FakeSource(panel), [Metric("views", DayLagRatio())])], [chat], Ledger(tmp_path / "alerts.db")
    )

    def fail(*_: object) -> None:
        raise LedgerError("disk full")

    monkeypatch.setattr(LedgerSession, "prune", fail)
    report = pipeline.run(at=panel.index[-1] + pd.Timedelta("15min"))
    assert [message.alerts[0].kind for message in chat.messages] == ["opened"]
    assert [str(error) for error in report.errors] == ["disk full"]
    assert report.exit_code == 1
