"""After slots that were missed: what is still so is told as it is now, and what is past as past."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anomalert import DayLagRatio, FrameSource, Ledger, Metric, Monitor, Pipeline
from anomalert.episodes import State
from anomalert.errors import SourceError
from anomalert.findings import Watchers, find
from anomalert.intake import NoMemory
from anomalert.testing import FakeNotifier

SLOT = pd.Timedelta("15min")
INDEX = pd.date_range("2026-11-01", periods=3 * 96, freq=SLOT, tz="UTC")
FIRST = 200
"""The slot of the run before the gap."""


def flat() -> pd.DataFrame:
    """Return three days of two metrics."""
    return pd.DataFrame({"views": 1000.0, "likes": 100.0}, INDEX)


def runs(rows: pd.DataFrame, folder: Path, *slots: int) -> FakeNotifier:
    """Run a pipeline with a ledger for some slots only."""
    chat = FakeNotifier()
    monitor = Monitor(FrameSource(rows, name="feed"), [Metric(str(name), DayLagRatio()) for name in rows])
    for slot in slots:
        Pipeline([monitor], [chat], Ledger(folder / "alerts.db")).run(INDEX[slot] + SLOT).raise_for_status()
    return chat


def test_what_began_in_a_gap_and_lasts_is_told_as_it_is(tmp_path: Path) -> None:
    """One message with the newest values and since when, of all that joined meanwhile; the next slot adds nothing."""
    rows = flat()
    rows.iloc[FIRST + 2 :, 0] = 300.0
    rows.iloc[FIRST + 5 :, 1] = 10.0
    rows.iloc[FIRST + 8 :, 0] = 100.0
    chat = runs(rows, tmp_path, FIRST, FIRST + 8, FIRST + 9)
    (opened,) = chat.messages
    assert opened.headline == "▼ likes −90%, views −90%"
    assert [(alert.kind, alert.slot, alert.value) for alert in opened.alerts] == [
        ("opened", INDEX[FIRST + 8], 10.0),
        ("opened", INDEX[FIRST + 8], 100.0),
    ]
    views = next(fact for fact in opened.facts if "views" in fact.heading)
    assert "incident: 2026-11-03 02:30–04:15, UTC (1 h 45 min)" in views.lines


def test_what_is_over_is_told_after_what_is_not(tmp_path: Path) -> None:
    """A drop that came and went in the gap stands in the digest, with its end; a rise that lasts comes before it."""
    rows = flat()
    rows.iloc[FIRST + 1 : FIRST + 4, 0] = 100.0
    rows.iloc[FIRST + 6 :, 1] = 900.0
    chat = runs(rows, tmp_path, FIRST, FIRST + 10)
    assert len(chat.messages) == 2
    assert chat.messages[0].headline == "▲ likes ×9.0"
    assert {alert.metric for alert in chat.messages[1].alerts} == {"views"}
    assert {alert.kind for alert in chat.messages[1].alerts} == {"opened", "resolved"}


def test_the_end_follows_an_opening_that_was_told_late(tmp_path: Path) -> None:
    """What was told as it was then is resolved as a reply to that."""
    rows = flat()
    rows.iloc[FIRST + 2 : FIRST + 10, 0] = 100.0
    chat = runs(rows, tmp_path, FIRST, FIRST + 8, FIRST + 9, FIRST + 10, FIRST + 11)
    assert [message.alerts[0].kind for message in chat.messages] == ["opened", "resolved"]
    assert chat.messages[1].reply_to == "1"


def test_getting_worse_is_measured_from_what_was_told(tmp_path: Path) -> None:
    """It was told at its worst, so it is no news that it is as bad as that."""
    rows = flat()
    rows.iloc[FIRST + 2 :, 0] = 400.0
    rows.iloc[FIRST + 8 :, 0] = 100.0
    chat = runs(rows, tmp_path, FIRST, FIRST + 8, FIRST + 9, FIRST + 10)
    assert [message.headline for message in chat.messages] == ["▼ views −90%"]


def test_data_that_is_back_or_missing_now_is_no_past(tmp_path: Path) -> None:
    """That a source is silent is told as what is newest, and so is its return, however long ago it began."""
    rows = flat()
    rows.iloc[FIRST + 1 : FIRST + 20] = np.nan
    chat = runs(rows, tmp_path, FIRST, FIRST + 8, FIRST + 30)
    assert [message.headline for message in chat.messages] == ["✖ No data from feed", "✔ Data again from feed"]


def test_an_outage_that_is_over_is_not_taken_for_the_one_after_it(tmp_path: Path) -> None:
    """A source that fell silent twice in the gap: what is now stands first and alone, the first time is past."""
    rows = flat()
    rows.iloc[[FIRST + 2, FIRST + 3, FIRST + 5, FIRST + 6]] = np.nan
    chat = runs(rows, tmp_path, FIRST, FIRST + 6)
    assert [message.headline for message in chat.messages] == [
        "✖ No data from feed",
        "While nothing could be told: 2 messages, all over by now: ✖ No data from feed",
    ]
    assert chat.messages[0].alerts[0].incident.endswith(f"{INDEX[FIRST + 5]:%Y%m%dT%H%MZ}")


def test_a_return_that_did_not_last_is_not_taken_for_the_one_after_it(tmp_path: Path) -> None:
    """A source that came back, fell silent again and is back: one return is told as what is, the rest as past."""
    rows = flat()
    rows.iloc[[FIRST, FIRST + 1, FIRST + 3, FIRST + 4]] = np.nan
    chat = runs(rows, tmp_path, FIRST, FIRST + 7)
    assert [message.headline for message in chat.messages] == [
        "✖ No data from feed",
        "✔ Data again from feed",
        "While nothing could be told: 2 messages, all over by now: ✖ No data from feed",
    ]


class Failing:
    """A source that cannot be read."""

    name = "slow"

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Fail."""
        raise SourceError(f"source {self.name!r} does not answer for {start} to {end}")


@pytest.mark.parametrize(("slot", "settle"), [("1h", "0s"), ("15min", "40min")])
def test_a_failed_read_of_a_slower_monitor_is_news(slot: str, settle: str) -> None:
    """That its newest slot began before that of a quicker one makes it no past: it goes first, and on its own."""
    quick = Monitor(FrameSource(flat()[["views"]], name="quick"), [Metric("views", DayLagRatio())])
    slow = Monitor(Failing(), [Metric("likes", DayLagRatio())], slot=slot, settle=settle)
    found = find(Watchers((quick, slow), "anomalert", "en"), INDEX[FIRST], NoMemory(), State())
    assert [(draft.headline, draft.slot) for draft in found.drafts] == [("✖ Cannot read slow", found.newest)]
    assert found.newest == INDEX[FIRST - 1]


def test_an_incident_that_was_open_before_the_gap_goes_on(tmp_path: Path) -> None:
    """It was told already: nothing is opened again, and its end is told once."""
    rows = flat()
    rows.iloc[FIRST : FIRST + 6, 0] = 100.0
    chat = runs(rows, tmp_path, FIRST, FIRST + 4, FIRST + 12)
    assert [message.alerts[0].kind for message in chat.messages] == ["opened", "resolved"]


def test_what_got_worse_in_a_gap_is_told_as_it_is(tmp_path: Path) -> None:
    """Of an incident that was told before, and of what joined it: with the newest values, and not if it is over."""
    rows = flat().assign(shares=50.0)
    rows.iloc[FIRST:, 0] = 400.0
    rows.iloc[FIRST + 2 : FIRST + 6, 2] = 5.0
    rows.iloc[FIRST + 3 :, 1] = 20.0
    rows.iloc[FIRST + 9 :, 1] = 10.0
    chat = runs(rows, tmp_path, FIRST, FIRST + 12)
    assert [message.headline for message in chat.messages] == ["▼ views −60%", "▼ Getting worse: likes −90%"]
    assert [alert.slot for alert in chat.messages[1].alerts] == [INDEX[FIRST + 12]]
    assert chat.messages[1].reply_to == "1"


def test_what_joined_in_a_gap_and_is_over_is_no_news(tmp_path: Path) -> None:
    """The episode goes on and its end will name the metric; nobody has to be told now that it was worse for a while."""
    rows = flat()
    rows.iloc[FIRST:, 0] = 400.0
    rows.iloc[FIRST + 2 : FIRST + 6, 1] = 5.0
    chat = runs(rows, tmp_path, FIRST, FIRST + 12)
    assert [message.headline for message in chat.messages] == ["▼ views −60%"]
