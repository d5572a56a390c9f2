"""What a second reading found: each a way to lose, repeat or misjudge, on a pipeline with a ledger."""

from pathlib import Path

import pandas as pd
import pytest

from anomalert import DayLagRatio, Ledger, Metric, Monitor, Pipeline, Policy, crashpoints
from anomalert.errors import LedgerError, RejectedError, SourceError
from anomalert.ledger import LedgerSession
from anomalert.testing import FakeNotifier, FakeSource, synthetic_panel

QUARTER = pd.Timedelta("15min")


class Killed(BaseException):
    """What a process that dies would have felt."""


def dropping(slots: int = 1) -> pd.DataFrame:
    """Return three days of which the last `slots` slots are a drop."""
    panel = synthetic_panel(3, seed=2)[["views"]]
    panel.iloc[-slots:] *= 0.1
    return panel


def monitor_of(panel: pd.DataFrame, name: str = "feed", **settings: str) -> Monitor:
    """Return a monitor of one metric named after its source."""
    source = FakeSource(panel.set_axis([f"views of {name}"], axis=1), name=name)
    return Monitor(source, [Metric(f"views of {name}", DayLagRatio())], **settings)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("point", range(1, 40))
def test_a_kill_loses_no_refused_message(tmp_path: Path, point: int) -> None:
    """Wherever the process dies, what one channel refuses is told by the fallback in the end."""
    panel = dropping()
    broken, spare = FakeNotifier([RejectedError("no such chat")] * 9, name="broken"), FakeNotifier(name="spare")

    def run() -> None:
        Pipeline([monitor_of(panel)], [broken], Ledger(tmp_path / "a.db"), fallback=spare).run(
            panel.index[-1] + QUARTER
        )

    count = 0

    def observer(_: str) -> None:
        nonlocal count
        count += 1
        if count >= point:
            raise Killed

    crashpoints.observers.append(observer)
    try:
        run()
    except Killed:
        pass
    finally:
        crashpoints.observers.remove(observer)
    run()
    run()
    assert [m.alerts[0].kind for m in spare.messages][:1] == ["opened"]
    assert len(spare.messages) <= 2


def test_a_ledger_that_fails_for_the_fallback_has_nobody_told_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When queueing for the fallback fails, the channel that accepted is not written to again."""
    panel = dropping()
    works, broken = FakeNotifier(name="works"), FakeNotifier([RejectedError("no such chat")], name="broken")

    def fail(*_: object) -> None:
        raise LedgerError("disk full")

    monkeypatch.setattr(LedgerSession, "queue", fail)
    pipeline = Pipeline(
        [monitor_of(panel)], [works, broken], Ledger(tmp_path / "a.db"), fallback=FakeNotifier(name="spare")
    )
    pipeline.run(panel.index[-1] + QUARTER)
    assert len(works.messages) == 1


def test_longer_slots_are_not_judged_by_the_rows_of_shorter_ones(tmp_path: Path) -> None:
    """After a monitor's slots become an hour long, a flat metric stays usual, from whatever slot it goes on."""
    index = pd.date_range("2026-11-01", periods=96 * 3, freq="15min", tz="UTC")
    quarters = pd.DataFrame({"views of feed": 25.0}, index=index)
    hours = quarters.resample("1h").sum()
    ledger = Ledger(tmp_path / "a.db")
    metrics = [Metric("views of feed", DayLagRatio())]
    Pipeline([Monitor(FakeSource(quarters, name="feed"), metrics)], [], ledger).run(index[-31] + QUARTER)
    later = Pipeline([Monitor(FakeSource(hours, name="feed"), metrics, slot="1h")], [], ledger)
    report = later.run(hours.index[-4])
    report.raise_for_status()
    assert set(report.judgements["status"]) == {"ok"}


def test_sources_that_fail_together_and_come_back_apart_are_both_told(tmp_path: Path) -> None:
    """The return of each source is a message, also where both say it of the same missed slot."""
    panel = synthetic_panel(3, seed=2)[["views"]]
    one, other, chat = monitor_of(panel, "a"), monitor_of(panel, "b"), FakeNotifier()
    pipeline = Pipeline([one, other], [chat], Ledger(tmp_path / "a.db"))
    pipeline.run(panel.index[-6])
    for number, failing in enumerate(((one, other), (other,), ())):
        for monitor in failing:
            monitor.source._errors = iter([SourceError("down")])  # type: ignore[attr-defined]
        pipeline.run(panel.index[-5 + number])
    told = [message.headline for message in chat.messages]
    assert [line for line in told if "Data again" in line] == ["✔ Data again from a", "✔ Data again from b"]


def test_an_old_instant_whose_source_fails_is_told_to_nobody(tmp_path: Path) -> None:
    """A re-run of a slot before the ledger began says nothing, and leaves no outage behind."""
    panel = synthetic_panel(3, seed=2)[["views"]]
    monitor, chat = monitor_of(panel), FakeNotifier()
    pipeline = Pipeline([monitor], [chat], Ledger(tmp_path / "a.db"))
    pipeline.run(panel.index[-2])
    monitor.source._errors = iter([SourceError("down")])  # type: ignore[attr-defined]
    assert pipeline.run(panel.index[-10]).exit_code == 1
    assert pipeline.run(panel.index[-1]).exit_code == 0
    assert chat.messages == []


def test_a_monitor_that_settles_later_is_not_told_as_late(tmp_path: Path) -> None:
    """What its newest slot gives to say goes out as it is, not as a digest of what could not be told."""
    fast, slow = synthetic_panel(3, seed=2)[["views"]], dropping()
    chat = FakeNotifier()
    pipeline = Pipeline(
        [monitor_of(fast, "fast"), monitor_of(slow, "slow", settle="20min")], [chat], Ledger(tmp_path / "a.db")
    )
    end = slow.index[-1] + QUARTER
    pipeline.run(end - QUARTER)
    pipeline.run(end + pd.Timedelta("25min"))
    assert [message.alerts[0].kind for message in chat.messages if message.alerts[0].metric == "views of slow"] == [
        "opened"
    ]
    assert not any("While nothing" in message.headline for message in chat.messages)


def test_slots_that_are_given_up_are_in_the_report(tmp_path: Path) -> None:
    """After more than a week without runs the report names the slots that are not judged any more."""
    panel = synthetic_panel(14, seed=2)[["views"]]
    pipeline = Pipeline([monitor_of(panel)], [], Ledger(tmp_path / "a.db"))
    pipeline.run(panel.index[2 * 96])
    report = pipeline.run(panel.index[-1])
    assert any("missed too long ago" in str(error) for error in report.errors)


def test_an_incident_that_comes_back_within_its_episode_has_ended(tmp_path: Path) -> None:
    """The ledger knows the end of each incident, also of one that another of its metric followed."""
    panel = synthetic_panel(3, seed=2)
    panel.iloc[-20:-4, 1] *= 0.1
    panel.iloc[-20:-18, 0] *= 0.1
    panel.iloc[-12:-10, 0] *= 0.1
    metrics = [Metric(name, DayLagRatio(), policy=Policy(remind=None)) for name in panel.columns]
    ledger = Ledger(tmp_path / "a.db")
    pipeline = Pipeline([Monitor(FakeSource(panel), metrics)], [], ledger)
    for slot in panel.index[-22:]:
        pipeline.run(slot + QUARTER)
    incidents = ledger.history().incidents
    assert len(incidents) == 3
    assert incidents["ended"].notna().all()


def test_a_ledger_that_was_moved_aside_is_named_also_when_no_new_one_can_be_made(tmp_path: Path) -> None:
    """Damaged, and the disk full: the alert goes out from memory, marked, and the report says where the file is."""
    panel, chat, place = dropping(), FakeNotifier(), tmp_path / "a.db"
    pipeline = Pipeline([monitor_of(panel)], [chat], Ledger(place))
    pipeline.run(panel.index[-1])
    place.write_bytes(b"nothing that was written")

    def full(name: str) -> None:
        if name == "commit: to begin":
            raise LedgerError("the disk is full")

    crashpoints.observers.append(full)
    try:
        report = pipeline.run(panel.index[-1] + QUARTER)
    finally:
        crashpoints.observers.remove(full)
    assert [message.headline.endswith("(may be a repeat)") for message in chat.messages] == [True]
    assert any("it was moved to" in str(error) for error in report.errors)
    assert any("the disk is full" in str(error) for error in report.errors)
    crashpoints.observers.append(full_at_making)
    try:
        place.write_bytes(b"nothing that was written")
        report = pipeline.run(panel.index[-1] + QUARTER)
    finally:
        crashpoints.observers.remove(full_at_making)
    assert any("it was moved to" in str(error) for error in report.errors)
    assert any("no room for a new one" in str(error) for error in report.errors)


def full_at_making(name: str) -> None:
    """Fail where a new ledger is put in place."""
    if name == "make: to be put in place":
        raise LedgerError("no room for a new one")
