"""Of which sources and metrics nothing is seen: the state machine on its own, and through a pipeline."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

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
    backtest,
)
from anomalert.backtesting.course import marks_of
from anomalert.backtesting.result import KINDS
from anomalert.episodes import Outage, State, state_from_dict, state_to_dict
from anomalert.errors import SourceError
from anomalert.sight import lose_metrics, lose_sight
from anomalert.testing import FakeNotifier, FakeSource

SLOT = pd.Timedelta("15min")
START = pd.Timestamp("2026-11-02T10:00", tz="UTC")


def test_an_outage_is_told_once_for_all_sources_and_its_end_once() -> None:
    """Two sources that fail in one slot are one message, and one more when they are back."""
    state, said = lose_sight(State(), START, {"feed": "source_failed", "messages": "source_failed"})
    assert [(each.kind, len(each.outages)) for each in said] == [("source_failed", 2)]
    state, said = lose_sight(state, START + SLOT, {"feed": "source_failed", "messages": "no_data"})
    assert said == []
    state, said = lose_sight(state, START + 2 * SLOT, {"feed": None, "messages": None})
    assert [(each.kind, len(each.outages)) for each in said] == [("data_back", 2)]
    assert state.outages == ()


def test_outages_of_half_a_minute_have_names_of_their_own() -> None:
    """Keys tell apart outages that begin in one minute."""
    starts = pd.date_range("2026-11-02T10:00Z", periods=4, freq="30s")
    sight = [lose_sight(State(), slot, {"feed": "no_data"})[1][0].subject for slot in starts]
    assert len(set(sight)) == 4


def lacking(*metrics: str) -> list[Outage]:
    """Return that metrics have had no values since half an hour before `START`."""
    return [Outage("feed", "no_data", START - 2 * SLOT, "", metric) for metric in metrics]


def test_metrics_that_stop_together_are_told_together_and_once() -> None:
    """Three that lack values in one slot are one message, later slots say nothing, and each return is told."""
    watched = ("likes", "ctr", "views")
    state, said = lose_metrics(State(), START, lacking(*watched), ())
    assert [(each.kind, [outage.metric for outage in each.outages]) for each in said] == [("no_data", list(watched))]
    state, said = lose_metrics(state, START + SLOT, lacking(*watched), ())
    assert said == []
    state, said = lose_metrics(state, START + 2 * SLOT, lacking("ctr"), ("likes", "views"))
    assert [(each.kind, [outage.metric for outage in each.outages]) for each in said] == [
        ("data_back", ["likes", "views"])
    ]
    assert state_from_dict(state_to_dict(state)) == state
    state, said = lose_metrics(state, START + 3 * SLOT, [], ("ctr",))
    assert [each.kind for each in said] == ["data_back"]
    assert state == State()


def test_a_monitor_may_be_named_as_a_metric_of_another(tmp_path: Path) -> None:
    """Source and metric of one name are lost and come back in the same slots: each is told in messages of its own."""
    rows, other = feed()[["views"]], feed()[["likes", "shown"]]
    stop, back = rows.index[300], rows.index[312]
    rows.loc[stop + 7 * SLOT : back - SLOT] = np.nan
    other.loc[stop : back - SLOT, "likes"] = np.nan
    watched = [
        Monitor(FrameSource(rows, name="likes"), [Metric("views", DayLagRatio())]),
        Monitor(FrameSource(other, name="feed"), [Metric(name, DayLagRatio()) for name in ("likes", "shown")]),
    ]
    chat = FakeNotifier()
    pipeline = Pipeline(watched, [chat], Ledger(tmp_path / "alerts.db"))
    for slot in pd.date_range(stop - SLOT, back + SLOT, freq=SLOT):
        pipeline.run(at=slot + SLOT).raise_for_status()
    follows = {m.headline: m.reply_to and chat.messages[int(m.reply_to) - 1].headline for m in chat.messages}
    assert follows == {
        "✖ No data from likes": None,
        "✖ No values of likes": None,
        "✔ Data again from likes": "✖ No data from likes",
        "✔ Values again of likes": "✖ No values of likes",
    }


def test_an_outage_of_a_source_and_one_of_its_metric_are_two_things() -> None:
    """A source that comes back does not bring back the metric that it lacks, and the other way round."""
    state, _ = lose_metrics(State(), START, lacking("likes"), ())
    state, said = lose_sight(state, START + SLOT, {"feed": "no_data"})
    assert [each.kind for each in said] == ["no_data"]
    state, said = lose_sight(state, START + 2 * SLOT, {"feed": None})
    assert [each.kind for each in said] == ["data_back"]
    assert [outage.metric for outage in state.outages] == ["likes"]


def test_a_metric_that_is_watched_no_more_is_forgotten(tmp_path: Path) -> None:
    """Nobody waits for the values of a metric that was taken out of the configuration."""
    rows = feed()
    rows.loc[rows.index[300] :, ["likes", "shown"]] = np.nan
    chat, ledger = FakeNotifier(), Ledger(tmp_path / "alerts.db")
    for names, slots in ((["views", "likes", "shown"], rows.index[299:310]), (["views", "shown"], rows.index[310:312])):
        watched = Monitor(FrameSource(rows, name="feed"), [Metric(name, DayLagRatio()) for name in names])
        for slot in slots:
            Pipeline([watched], [chat], ledger).run(at=slot + SLOT).raise_for_status()
    with ledger.open("anomalert") as session:
        state = state_from_dict(session.state())
    assert [message.headline for message in chat.messages] == ["✖ No values of likes, shown"]
    assert [outage.metric for outage in state.outages] == ["shown"]


def test_nothing_is_kept_of_a_monitor_that_was_taken_out(tmp_path: Path) -> None:
    """Its outage, and what is known of its metrics' incidents, is forgotten; of those that stay it is kept."""
    rows, other = feed(), feed().rename(columns={"likes": "sent"})
    for panel in (rows, other):
        panel.iloc[300:302] = 10.0
        panel.iloc[310:] = np.nan
    kept = Monitor(FrameSource(rows, name="feed"), [Metric("likes", DayLagRatio())])
    gone = Monitor(FrameSource(other, name="messages"), [Metric("sent", RollingSigma())])
    chat, ledger = FakeNotifier(), Ledger(tmp_path / "alerts.db")
    states = []
    for watched, slots in (([kept, gone], rows.index[299:312]), ([kept], rows.index[312:314])):
        for slot in slots:
            Pipeline(watched, [chat], ledger).run(at=slot + SLOT).raise_for_status()
        with ledger.open("anomalert") as session:
            states.append(state_from_dict(session.state()))
    assert [[outage.monitor for outage in state.outages] for state in states] == [["feed", "messages"], ["feed"]]
    assert [list(state.replaced) for state in states] == [["likes", "sent"], ["likes"]]
    assert [{incident.metric for incident in state.recent} for state in states] == [{"sent"}, set()]


def feed(days: int = 4) -> pd.DataFrame:
    """Return a flat panel of three columns."""
    index = pd.date_range("2026-11-01", periods=days * 96, freq="15min", tz="UTC")
    return pd.DataFrame({"views": 1000.0, "likes": 100.0, "shown": 500.0}, index)


def monitor(rows: pd.DataFrame, policy: Policy | None = None, links: Mapping[str, str] | None = None) -> Monitor:
    """Return a monitor of a count, a value and a ratio."""
    rows = rows.assign(ctr=rows["likes"] / rows["shown"])
    policy = policy or Policy()
    metrics = [
        Metric("views", DayLagRatio(), absent="zero", policy=policy, links=links or {}),
        Metric("likes", DayLagRatio(), policy=policy),
        Metric("ctr", DayLagRatio(), denominator="shown", policy=policy),
    ]
    return Monitor(FrameSource(rows, name="feed"), metrics)


def lived(watched: Monitor, folder: Path, start: pd.Timestamp, end: pd.Timestamp) -> FakeNotifier:
    """Run every slot of ``[start, end)``, each twice, with a ledger."""
    chat = FakeNotifier()
    pipeline = Pipeline([watched], [chat], Ledger(folder / "alerts.db"))
    for slot in pd.date_range(start, end, freq=SLOT, inclusive="left"):
        for _ in range(2):
            pipeline.run(at=slot + SLOT).raise_for_status()
    return chat


def test_a_metric_that_stops_reporting_is_told_once_and_its_return_once(tmp_path: Path) -> None:
    """Others go on, so the source is not silent; after two hours it is said of the one column that is."""
    rows = feed()
    stop, back = rows.index[300], rows.index[330]
    rows.loc[stop : back - SLOT, "likes"] = np.nan
    chat = lived(monitor(rows), tmp_path, stop - SLOT, back + 4 * SLOT)
    first, last = chat.messages
    assert first.headline == "✖ No values of likes, ctr"
    assert last.headline == "✔ Values again of likes, ctr"
    assert [alert.slot for alert in first.alerts] == [stop + 7 * SLOT] * 2
    assert [alert.expected for alert in first.alerts] == [100.0, 0.2]
    assert f"since {stop:%Y-%m-%d %H:%M}, UTC" in [fact.heading for fact in first.facts]
    assert [fact.heading for fact in last.facts] == [
        f"no values from {stop:%Y-%m-%d %H:%M} to {back:%H:%M} (7 h 30 min), UTC"
    ]
    assert last.reply_to == "1"


@pytest.mark.parametrize(
    ("change", "policy"),
    [
        pytest.param({"shown": 0.0, "likes": 0.0}, Policy(direction="up"), id="a ratio of nothing"),
        pytest.param({"views": np.nan}, Policy(direction="up"), id="a count that is zero"),
        pytest.param({"likes": np.nan}, Policy(missing=None), id="one that is allowed to be missing"),
    ],
)
def test_what_is_no_missing_metric(change: dict[str, float], policy: Policy, tmp_path: Path) -> None:
    """Decided absences and ratios over 0 are no lost sight."""
    rows = feed()
    rows.loc[rows.index[300] :, list(change)] = list(change.values())
    chat = lived(monitor(rows, policy), tmp_path, rows.index[299], rows.index[320])
    assert chat.messages == []


def test_a_silent_source_is_not_told_again_by_metric(tmp_path: Path) -> None:
    """Where the source has nothing at all that is one message, however long it lasts."""
    rows = feed()
    rows.loc[rows.index[300] : rows.index[319]] = np.nan
    chat = lived(monitor(rows), tmp_path, rows.index[299], rows.index[324])
    assert [message.headline for message in chat.messages] == ["✖ No data from feed", "✔ Data again from feed"]


@pytest.mark.parametrize("links", [{}, {"Runbook": "https://wiki/feed"}])
def test_a_source_that_fails_says_what_is_not_watched_and_for_how_long(tmp_path: Path, links: dict[str, str]) -> None:
    """It names the metrics and where to look; its return says until when nothing was seen, missed slots included."""
    rows = feed()
    failing = FakeSource(rows, name="feed")
    watched = monitor(rows, links=links)
    watched = Monitor(failing, watched.metrics[:2])
    chat = FakeNotifier()
    pipeline = Pipeline([watched], [chat], Ledger(tmp_path / "alerts.db"))
    pipeline.run(at=rows.index[299] + SLOT)
    for number in range(300, 310):
        failing._errors = iter([SourceError("down")])
        assert pipeline.run(at=rows.index[number] + SLOT).exit_code == 1
    pipeline.run(at=rows.index[310] + SLOT).raise_for_status()
    lost, back = chat.messages
    start, end = rows.index[300], rows.index[311]
    assert (lost.facts[0].heading, lost.facts[0].lines) == (
        f"since {start:%Y-%m-%d %H:%M}, UTC",
        ("not watched meanwhile: views, likes",),
    )
    assert lost.links == links
    assert back.facts[0].heading == (f"nothing was seen from {start:%Y-%m-%d %H:%M} to {end:%H:%M} (2 h 45 min), UTC")
    assert {alert.incident for alert in back.alerts} == {alert.incident for alert in lost.alerts}


def test_an_open_incident_outlasts_the_values(tmp_path: Path) -> None:
    """That a metric stopped reporting is not the end of its incident, and is said beside it."""
    rows = feed()
    rows.loc[rows.index[300] : rows.index[303], "likes"] = 10.0
    rows.loc[rows.index[304] : rows.index[319], "likes"] = np.nan
    chat = lived(monitor(rows), tmp_path, rows.index[299], rows.index[324])
    assert [message.alerts[0].kind for message in chat.messages] == ["opened", "no_data", "data_back", "resolved"]


@pytest.mark.parametrize("stopped", [1, 100, 199])
def test_however_many_stop_nothing_is_said_to_be_over(stopped: int, tmp_path: Path) -> None:
    """Of 200 metrics in an incident some stop: that is one message that names three and counts the rest, no end."""
    index = pd.date_range("2026-11-01", periods=200, freq="15min", tz="UTC")
    rows = pd.DataFrame(100.0, index, [f"m{number:03d}" for number in range(200)])
    rows.iloc[149:] = 10.0
    rows.iloc[151:, :stopped] = np.nan
    watched = Monitor(FrameSource(rows, name="feed"), [Metric(str(name), DayLagRatio()) for name in rows])
    chat = lived(watched, tmp_path, index[148], index[162])
    assert [message.alerts[0].kind for message in chat.messages] == ["opened", "no_data"]
    rest = "" if stopped == 1 else f", m001, m002 and {stopped - 3} more"
    assert chat.messages[1].headline == f"✖ No values of m000{rest}"
    assert len(chat.messages[1].alerts) == stopped


def test_a_backtest_counts_what_is_said_of_missing_metrics(tmp_path: Path) -> None:
    """The same messages as runs, under the metric's own name."""
    rows = feed(days=5)
    rows.loc[rows.index[300] : rows.index[330], "likes"] = np.nan
    watched = monitor(rows)
    chat = lived(watched, tmp_path, rows.index[290], rows.index[-1])
    found = backtest(watched, start=rows.index[290], end=rows.index[-1], chunk="2D", progress=False)
    assert found.messages["key"].tolist() == [message.key for message in chat.messages]
    assert found.messages[["kind", "metric", "metrics"]].to_numpy().tolist() == [
        ["no_data", "likes", "ctr, likes"],
        ["data_back", "likes", "ctr, likes"],
    ]
    assert found.messages_per_metric.loc["ctr"].to_dict() == {
        **dict.fromkeys(KINDS, 0),
        "no_data": 1,
        "data_back": 1,
        "total": 2,
    }
    assert marks_of(found.said, watched, "likes")["kind"].tolist() == ["no data", "data back"]
    assert marks_of(found.said, watched, "views").empty


def test_days_without_a_baseline_are_not_missing() -> None:
    """Where nothing was expected, nothing is missed: the flags begin when the detector can say what should be there."""
    rows = feed(days=9)
    rows["likes"] = np.nan
    rows.loc[rows.index[: 4 * 96], "likes"] = 100.0
    metric = Metric("likes", WeeklyAverage(min_count=4))
    watched = Monitor(FrameSource(rows, name="feed"), [metric])
    panel = watched.panel(rows.index[0], rows.index[-1] + SLOT)
    verdicts, _ = watched.verdicts(panel, rows.index[2 * 96])
    first = int(np.flatnonzero(verdicts.is_missing[:, 0])[0])
    assert verdicts.slots[first] == rows.index[4 * 96] + 7 * SLOT
    assert math.isnan(verdicts.expected[-1, 0])
    assert not verdicts.is_missing[-1, 0]


@pytest.mark.parametrize(
    "detector", [RollingSigma(), IQR(window="6h", season=None), WeeklyAverage(days=2, min_count=1)]
)
def test_every_detector_misses_a_metric_in_time(detector: Detector, tmp_path: Path) -> None:
    """After two hours, also where the window of what is expected is no longer than that."""
    rows = feed()
    stop = rows.index[300]
    rows.loc[stop:, "likes"] = np.nan
    watched = Monitor(FrameSource(rows, name="feed"), [Metric(str(name), detector) for name in ("views", "likes")])
    chat = lived(watched, tmp_path, stop - SLOT, stop + 12 * SLOT)
    assert [(message.headline, message.alerts[0].slot) for message in chat.messages] == [
        ("✖ No values of likes", stop + 7 * SLOT)
    ]
