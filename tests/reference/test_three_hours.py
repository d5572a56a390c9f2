"""Three hours of trouble in four of the six reference metrics: two messages with a ledger, 48 alerts without."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from anomalert import Ledger
from anomalert.reference import PlantedIncident, create_tables, feed_messenger, generate_events, load_events
from anomalert.reference.events import TIMEZONE
from anomalert.sources import ChdbClient
from anomalert.testing import FakeNotifier

DATABASE = "three_hours"
START = pd.Timestamp("2026-09-10 12:00", tz=TIMEZONE)
END = START + pd.Timedelta("3h")
SLOT = pd.Timedelta("15min")
TROUBLE = (
    PlantedIncident("drop_to_zero", START, END, "feed_actions"),
    PlantedIncident("partial_drop", START, END, "message_actions", size=1.0),
)


@pytest.mark.chdb
def test_a_drop_of_four_metrics_is_two_messages(chdb_session: Any, tmp_path: Path) -> None:
    """One message opens, with the four metrics, and one that follows it ends; a job without memory alerts 48 times."""
    create_tables(chdb_session.query, DATABASE)
    load_events(chdb_session, *generate_events("2026-09-01", days=10, seed=3, incidents=TROUBLE), DATABASE)
    client = ChdbClient(chdb_session, database=DATABASE)
    chat = FakeNotifier()
    remembering = feed_messenger(client=client, notifiers=[chat], ledger=Ledger(tmp_path / "alerts.db"))
    forgetful = feed_messenger(client=client)
    slots = pd.date_range(START - 2 * SLOT, END + 4 * SLOT, freq=SLOT)
    for slot in slots:
        assert remembering.run(at=slot + SLOT).exit_code == 0
    alerts = [alert for slot in slots for alert in forgetful.run(at=slot + SLOT).alerts]
    opened, resolved = chat.messages
    assert sorted(alert.metric for alert in opened.alerts) == ["ctr", "likes", "sent_message", "users_message"]
    assert [alert.kind for alert in resolved.alerts] == ["resolved"] * 4
    assert resolved.reply_to == "1"
    assert len(alerts) == 48
