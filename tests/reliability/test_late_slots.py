"""Slots in which the source had nothing: judged once something comes, whether it lagged or the run was too early."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomalert import Baseline, Bounds, DayLagRatio, Ledger, Metric, Monitor, Pipeline, RunReport, backtest
from anomalert.testing import FakeNotifier, FakeSource, synthetic_panel

SLOT = pd.Timedelta("15min")
PANEL = synthetic_panel(4, seed=2)[["views"]]
NOW = PANEL.index[-96]
"""The first slot that is judged; the last day is still to come."""


class Fails(DayLagRatio):
    """A detector that fails."""

    def bounds(self, baseline: Baseline) -> Bounds:  # noqa: ARG002 - the seam of detectors
        """Fail."""
        raise ValueError("it fails")


class Job:
    """A pipeline with a ledger, run at any instant with the rows that have come by then."""

    def __init__(self, folder: Path) -> None:
        self.chat = FakeNotifier()
        self.ledger = Ledger(folder / "alerts.db")

    def run(self, slot: int, rows: pd.DataFrame = PANEL) -> RunReport:
        """Run at the end of the n-th slot from `NOW` on."""
        source = FakeSource(rows, name="feed")
        pipeline = Pipeline([Monitor(source, [Metric("views", DayLagRatio())])], [self.chat], self.ledger)
        return pipeline.run(at=NOW + (slot + 1) * SLOT)

    @property
    def told(self) -> list[str]:
        """What people read, a line a message, without numbers."""
        return [" ".join(message.headline.split()[:3]) for message in self.chat.messages]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Give a job with a ledger of its own."""
    return Job(tmp_path)


def up_to(slot: int, rows: pd.DataFrame = PANEL) -> pd.DataFrame:
    """Return the rows that have come when the n-th slot has ended."""
    return rows.truncate(after=NOW + slot * SLOT)


def dropped(first: int, last: int) -> pd.DataFrame:
    """Return the panel with a drop from the n-th slot to another."""
    rows = PANEL.copy()
    rows.loc[NOW + first * SLOT : NOW + last * SLOT, "views"] *= 0.1
    return rows


def test_what_comes_after_a_stall_is_judged_and_told(job: Job) -> None:
    """Two hours without rows are told; when they come, a drop within them is told too, and no slot stays unjudged."""
    rows = dropped(14, 17)
    for slot in range(30):
        job.run(slot, up_to(min(slot, 11) if slot < 20 else slot, rows)).raise_for_status()
    assert job.told[0] == "✖ No data"
    later = "\n".join(str(message) for message in job.chat.messages[1:])
    assert "✔ Data again from feed" in later
    assert "views" in later
    assert "Back to usual" in later
    judged = job.ledger.history().judgements.set_index("slot")["status"]
    assert not (judged == "no_data").any()
    assert judged[NOW + 14 * SLOT] == "anomaly"
    assert job.ledger.verify() == []


def test_what_comes_late_is_said_with_the_time_until_it_came(job: Job) -> None:
    """Nothing was seen until the run that saw it, whatever slots the rows are of; of slots to come there is no span."""
    for slot in range(30):
        job.run(slot, up_to(min(slot, 11) if slot < 20 else slot))
    first, until = ((NOW + slot * SLOT).tz_convert("UTC").strftime("%H:%M") for slot in (12, 21))
    assert f"{first} to {until} (2 h 15 min)" in job.chat.messages[-1].facts[0].heading
    job.run(35_040, up_to(29))
    job.run(30)
    assert job.chat.messages[-1].headline == "✔ Data again from feed"
    assert job.chat.messages[-1].facts == ()


def test_a_run_that_was_missed_hides_nothing_that_came(job: Job) -> None:
    """The newest slot is empty, but one that no run has seen has come, and one before it that was empty."""
    rows = dropped(2, 2)
    for slot, come in ((0, 0), (1, 1), (2, 1), (4, 3), (5, 5), (6, 6)):
        job.run(slot, up_to(come, rows))
    judged = job.ledger.history().judgements.set_index("slot")["status"]
    assert judged[NOW + 2 * SLOT] == "anomaly"


def test_slots_that_had_rows_are_judged_once(tmp_path: Path) -> None:
    """Neither a ratio over 0, nor a detector that fails, nor a metric that is watched since makes a slot empty."""
    rows = pd.DataFrame({"likes": 0.0, "shown": 0.0, "other": 5.0}, PANEL.index).assign(rate=np.nan)
    sets: list[list[Metric]] = [
        [Metric("rate", DayLagRatio(), denominator="shown")],
        [Metric("likes", Fails()), Metric("rate", DayLagRatio())],
    ]
    for number, metrics in enumerate(sets):
        ledger = Ledger(tmp_path / f"{number}.db")
        for slot in range(6):
            watched = Monitor(FakeSource(up_to(slot, rows), name="feed"), metrics)
            report = Pipeline([watched], [FakeNotifier()], ledger).run(NOW + (slot + 1) * SLOT)
            assert set(report.judgements["slot"]) == {(NOW + slot * SLOT).tz_convert("UTC")}
    watched = Monitor(FakeSource(up_to(6, rows), name="feed"), [Metric("other", DayLagRatio())])
    report = Pipeline([watched], [FakeNotifier()], ledger).run(NOW + 7 * SLOT)
    assert report.judgements["slot"].tolist() == [NOW + 6 * SLOT]


def test_a_source_that_always_lags_is_told_once(job: Job) -> None:
    """If every slot comes an hour late, there is one message that data is missing, and not two in every run."""
    for slot in range(40):
        job.run(slot, up_to(slot if slot < 5 else slot - 4))
    assert job.told == ["✖ No data"]


def test_a_slot_that_comes_one_run_late_is_made_up_for(job: Job) -> None:
    """What was only a little late is judged in the next run: two messages, and an anomaly in it is told as well."""
    rows = dropped(10, 10)
    for slot in range(20):
        job.run(slot, up_to(9 if slot == 10 else slot, rows))
    assert job.told[0] == "✖ No data"
    assert pd.to_datetime(job.ledger.history().incidents["start"]).tolist() == [NOW + 10 * SLOT]
    # What came is judged for the first time, so it is no change of a verdict.
    assert job.ledger.history().judgements["status"].tolist().count("no_data") == 0


def test_an_outage_that_is_run_again_says_nothing(job: Job) -> None:
    """As long as nothing has come, retries and back-fills of empty slots are silent."""
    for slot in range(20):
        job.run(slot, up_to(min(slot, 5)))
    told = len(job.chat.messages)
    for slot in (19, 8, 6, 15, 5, 0, -30):
        for _ in range(3):
            report = job.run(slot, up_to(5))
            assert (report.exit_code, report.alerts) == (0, ())
    assert len(job.chat.messages) == told == 1


@pytest.mark.parametrize("ahead", [3, 8, 600, 35_040])
@pytest.mark.parametrize("has_history", [True, False])
def test_a_run_in_the_future_silences_nobody(job: Job, ahead: int, has_history: bool) -> None:
    """A wrong `at` says that there is no data; the true runs after it are told of as ever, a drop and its end too."""
    rows = dropped(12, 20)
    if has_history:
        job.run(0, up_to(0))
    job.run(1 + ahead, up_to(0))
    for slot in range(1, 30):
        job.run(slot, up_to(slot, rows)).raise_for_status()
        job.run(slot, up_to(slot, rows)).raise_for_status()
    told = [message.alerts[0].kind for message in job.chat.messages]
    assert told == ["no_data", "data_back", "opened", "resolved"]


def test_an_outage_before_a_future_that_was_judged_is_told(job: Job) -> None:
    """That slots to come were judged as empty does not hide that the source stops now."""
    job.run(0, up_to(0))
    job.run(600, up_to(0))
    for slot in range(1, 20):
        job.run(slot, up_to(min(slot, 9)))
    assert [message.alerts[0].kind for message in job.chat.messages] == ["no_data", "data_back", "no_data"]


def test_old_slots_that_are_run_again_say_nothing(job: Job) -> None:
    """In any order, each three times, also slots from before the first run: an ordinary re-run is a success."""
    for slot in range(30):
        job.run(slot)
    for slot in (29, 3, 11, -40, 25, 0, -1, 17):
        for _ in range(3):
            report = job.run(slot)
            assert (report.exit_code, report.errors, report.alerts) == (0, (), ())


def test_after_a_week_without_data_nothing_is_given_up(job: Job) -> None:
    """Slots that were judged as empty are not missed ones, however long ago."""
    job.run(0, up_to(0))
    for slot in range(1, 9 * 96, 48):
        report = job.run(slot, up_to(0))
        assert report.errors == ()


@given(st.lists(st.integers(0, 12), min_size=40, max_size=40), st.integers(0, 30))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_in_the_end_verdicts_are_those_of_a_backtest(lags: list[int], begin: int) -> None:
    """However whole slots lag, each is judged as a backtest does, or stays empty because a later one came before it."""
    rows = dropped(begin, begin + 6)
    came = {NOW + number * SLOT: number + lag for number, lag in enumerate(lags)}
    with tempfile.TemporaryDirectory() as folder:
        job = Job(Path(folder))
        for slot in range(40):
            known = rows[[came.get(each, -1 if each < NOW else 99) <= slot for each in rows.index]]
            job.run(slot, known).raise_for_status()
        job.run(40, up_to(40, rows))
        judged = job.ledger.history().judgements.set_index("slot")
    watched = Monitor(FakeSource(rows, name="feed"), [Metric("views", DayLagRatio())])
    truth = backtest(watched, start=NOW, end=NOW + 41 * SLOT, progress=False).judgements.set_index("slot")
    empty = judged.index[judged["status"] == "no_data"]
    assert (judged["status"].drop(empty) == truth["status"].drop(empty)).all()
    np.testing.assert_allclose(judged["expected"].astype(float), truth["expected"])
    for slot in empty:
        assert any(came[later] < came[slot] for later in came if later > slot)
