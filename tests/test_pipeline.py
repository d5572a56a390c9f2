"""Runs without a ledger: what a report says, what is told to whom, and what of all that may fail."""

import json
import math
import os
import time
import traceback
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import repeat
from typing import Any

import pandas as pd
import pytest

from anomalert import (
    Baseline,
    Bounds,
    DayLagRatio,
    Detector,
    FrameSource,
    Message,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    RunReport,
    WeeklyAverage,
)
from anomalert.errors import (
    ConfigurationError,
    DetectorError,
    NotSentError,
    RejectedError,
    RunError,
    SourceError,
    UnknownOutcomeError,
)
from anomalert.testing import FakeNotifier, FakeSource, synthetic_panel
from tests.stubs.heartbeat import watcher

SLOT = pd.Timestamp("2026-11-02T10:00Z")
AT = SLOT + pd.Timedelta("15min")
QUARTER = pd.Timedelta("15min")
DEADLINE = "5s"


def panel_of(**changes: float | None) -> pd.DataFrame:
    """Return ten days of likes and views, the slot in question changed: multiplied, or None for no row at all."""
    panel = synthetic_panel(10, start="2026-10-24")
    for metric, factor in changes.items():
        change(panel, metric, SLOT, math.nan if factor is None else factor)
    return panel


def change(panel: pd.DataFrame, metric: str, first: pd.Timestamp, factor: float, slots: int = 1) -> None:
    """Multiply some slots of a metric."""
    is_changed = (panel.index >= first) & (panel.index < first + slots * (panel.index[1] - panel.index[0]))
    panel[metric] = panel[metric].where(~is_changed, panel[metric] * factor)


def monitor_of(panel: pd.DataFrame, *metrics: Metric, name: str = "feed", **settings: Any) -> Monitor:
    """Return a monitor of likes and views."""
    watched = metrics or (
        Metric("likes", WeeklyAverage(), links={"Board": "https://bi"}),
        Metric("views", DayLagRatio()),
    )
    return Monitor(FakeSource(panel, name=name), watched, **settings)


def run(panel: pd.DataFrame, *notifiers: FakeNotifier, at: Any = AT, **settings: Any) -> RunReport:
    """Run a pipeline once."""
    return Pipeline([monitor_of(panel)], notifiers, deadline=DEADLINE, **settings).run(at=at)


def test_a_quiet_run() -> None:
    """It has a row for each metric, says nothing, and is a success."""
    chat = FakeNotifier()
    report = run(panel_of(), chat)
    assert report.at == AT
    assert report.judgements[["metric", "slot", "status"]].to_numpy().tolist() == [
        ["likes", SLOT, "ok"],
        ["views", SLOT, "ok"],
    ]
    assert (report.alerts, report.deliveries, report.errors) == ((), (), ())
    assert (report.status, report.exit_code) == ("done", 0)
    assert chat.attempts == []
    report.raise_for_status()


def test_an_anomaly_is_a_success_that_is_told() -> None:
    """The alert has the numbers of the judgement, the delivery its receipt, the message its picture and its link."""
    chat = FakeNotifier()
    report = run(panel_of(likes=0.1), chat, name="shop")
    row = report.judgements.set_index("metric").loc["likes"]
    (alert,) = report.alerts
    assert (alert.kind, alert.pipeline, alert.metric, alert.slot) == ("opened", "shop", "likes", SLOT)
    assert all(
        getattr(alert, name) == row[name] for name in ("value", "expected", "lower", "upper", "deviation", "score")
    )
    assert (alert.direction, alert.incident) == ("down", "likes/down/20261102T1000Z")
    (message,) = chat.messages
    (delivery,) = report.deliveries
    assert (delivery.message, delivery.notifier, delivery.outcome, delivery.receipt) == (
        message.key,
        "fake",
        "accepted",
        "1",
    )
    assert message.alerts == (alert,)
    assert message.links == {"Board": "https://bi"}
    assert message.pictures[0].draw().startswith(b"\x89PNG")
    assert (report.status, report.exit_code) == ("done", 0)


def test_a_run_told_again_has_the_same_key() -> None:
    """Without a memory a repeated run tells again; the key is the same, so that a channel can tell."""
    chat = FakeNotifier()
    pipeline = Pipeline([monitor_of(panel_of(likes=0.1))], [chat])
    first, again = pipeline.run(at=AT), pipeline.run(at=AT + pd.Timedelta("14min59s"))
    assert [message.key for message in chat.messages] == [chat.messages[0].key] * 2
    pd.testing.assert_frame_equal(first.judgements, again.judgements)


def test_an_anomaly_that_lasts_is_told_in_every_slot() -> None:
    """Nothing is remembered: each run judges the newest complete slot on its own."""
    panel = panel_of()
    change(panel, "likes", SLOT, 0.1, slots=3)
    chat = FakeNotifier()
    pipeline = Pipeline([monitor_of(panel)], [chat])
    reports = [pipeline.run(at=AT + number * QUARTER) for number in range(4)]
    assert [len(report.alerts) for report in reports] == [1, 1, 1, 0]
    assert len({message.key for message in chat.messages}) == 3


def test_metrics_of_two_monitors_are_told_as_one() -> None:
    """What falls in one slot is one message, whichever source it comes from; each has its picture."""
    panel = panel_of(likes=0.1)
    posts = panel_of(views=0.05)[["views"]].rename(columns={"views": "posts"})
    chat = FakeNotifier()
    monitors = [monitor_of(panel), monitor_of(posts, Metric("posts", DayLagRatio()), name="other")]
    report = Pipeline(monitors, [chat]).run(at=AT)
    assert list(report.judgements["metric"]) == ["likes", "views", "posts"]
    (message,) = chat.messages
    assert [alert.metric for alert in message.alerts] == ["posts", "likes"]
    assert [picture.name for picture in message.pictures] == ["posts-20261102T1000Z", "likes-20261102T1000Z"]


def test_every_channel_is_told() -> None:
    """The report lists a delivery for each message and channel."""
    chats = [FakeNotifier(name="one"), FakeNotifier(name="two")]
    report = run(panel_of(likes=0.1, views=9.0), *chats)
    assert [each.notifier for each in report.deliveries] == ["one", "one", "two", "two"]
    assert [message.headline[:7] for message in chats[0].messages] == ["▼ likes", "▲ views"]
    assert [message.key for message in chats[0].messages] == [message.key for message in chats[1].messages]


def test_russian_messages() -> None:
    """The language of a pipeline is that of its messages."""
    chat = FakeNotifier()
    run(panel_of(likes=0.1), chat, language="ru")
    assert chat.messages[0].facts[0].heading == "Метрика likes:"


def test_a_source_without_the_slot_is_told_with_what_was_expected() -> None:
    """No data is told as such, once for all metrics, each with the value that it should have had."""
    chat = FakeNotifier()
    report = run(panel_of().drop(SLOT), chat)
    (message,) = chat.messages
    assert message.headline == "✖ No data from feed"
    assert [(alert.kind, alert.metric, alert.direction) for alert in report.alerts] == [
        ("no_data", "likes", None),
        ("no_data", "views", None),
    ]
    assert all(math.isnan(alert.value) and alert.expected > 0 for alert in report.alerts)
    expected = [f"expected {alert.expected:.2f}" for alert in report.alerts]
    assert [fact.lines[0] for fact in message.facts[:2]] == expected
    assert list(report.judgements["status"]) == ["no_data", "no_data"]
    assert (report.status, report.exit_code) == ("done", 0)


def test_a_metric_without_a_value_is_no_outage() -> None:
    """One gap among values is in the judgements, and told to nobody."""
    chat = FakeNotifier()
    report = run(panel_of(likes=None), chat)
    assert list(report.judgements["status"]) == ["no_data", "ok"]
    assert (report.alerts, chat.attempts) == ((), [])


def test_a_short_history_is_no_failure() -> None:
    """A metric that cannot be judged yet is warming up: no alert and no error."""
    report = run(panel_of().loc["2026-11-02":])
    assert list(report.judgements["status"]) == ["warming_up", "warming_up"]
    assert (report.alerts, report.exit_code) == ((), 0)


def test_slots_of_two_lengths_in_one_pipeline() -> None:
    """At the full hour a quarter and an hour are told as one, each alert in its own slot."""
    hours = synthetic_panel(10, start="2026-10-24", slot="1h")[["likes"]].rename(columns={"likes": "orders"})
    change(hours, "orders", SLOT - 4 * QUARTER, 0.1)
    panel = panel_of()
    change(panel, "likes", SLOT - QUARTER, 0.1)
    chat = FakeNotifier()
    coarse = monitor_of(hours, Metric("orders", WeeklyAverage()), name="shop", slot="1h")
    report = Pipeline([coarse, monitor_of(panel)], [chat]).run(at=SLOT)
    (message,) = chat.messages
    assert {alert.metric: alert.slot for alert in message.alerts} == {
        "orders": SLOT - 4 * QUARTER,
        "likes": SLOT - QUARTER,
    }
    assert {picture.name for picture in message.pictures} == {"orders-20261102T0900Z", "likes-20261102T0945Z"}
    assert report.exit_code == 0


class Raises:
    """A source of other people that fails in a way of its own."""

    def __init__(self, error: BaseException, name: str = "other") -> None:
        self.error, self.name = error, name

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG002 - the seam of sources
        """Raise."""
        raise self.error


PLACE = f" in {__file__}, line {Raises.read.__code__.co_firstlineno + 2}"
FAILURES = [
    (SourceError("source 'other': the server is down"), "source 'other': the server is down"),
    (OSError("http://reader:canary@db"), f"source 'other': raised OSError{PLACE}; the cause is chained"),
    (MemoryError(), f"source 'other': raised MemoryError{PLACE}; the cause is chained"),
    (KeyError("canary"), f"source 'other': raised KeyError{PLACE}; the cause is chained"),
    (NotSentError("wrong tree"), "wrong tree"),
]


@pytest.mark.parametrize(("error", "text"), FAILURES, ids=lambda each: type(each).__name__)
def test_a_source_that_fails_is_told_and_stops_no_other(error: Exception, text: str) -> None:
    """Its slots stay unjudged, people know, the other source is judged and told, and the run has failed."""
    chat = FakeNotifier()
    broken = Monitor(Raises(error), [Metric("posts", DayLagRatio())])
    report = Pipeline([broken, monitor_of(panel_of(likes=0.1))], [chat]).run(at=AT)
    assert set(report.judgements["metric"]) == {"likes", "views"}
    assert [message.headline[:19] for message in chat.messages] == ["▼ likes −90%", "✖ Cannot read other"]
    assert [(alert.kind, alert.metric) for alert in report.alerts] == [("opened", "likes"), ("source_failed", "posts")]
    assert [str(each) for each in report.errors] == [text]
    assert (report.status, report.exit_code) == ("failed", 1)
    with pytest.raises(RunError, match="the run at 2026-11-02T10:15:00") as caught:
        report.raise_for_status()
    assert f"- {type(report.errors[0]).__name__}: {text}" in str(caught.value)
    assert "canary" not in json.dumps(report.to_dict()) + str(caught.value)


def by_column(start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG001 - the seam of functions
    """Ask pandas for a column that is not there, as a bug does."""
    return pd.DataFrame({"likes": [1.0]})["lieks"].to_frame()


def by_instant(start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG001 - the seam of functions
    """Fail within compiled code, whose lines name no folder."""
    return pd.DataFrame({"posts": [1.0]}, [pd.Timestamp("no instant")])


def test_the_line_of_a_plugin_is_named_also_if_compiled_code_raised() -> None:
    """As above, of what has no Python lines."""
    monitor = Monitor(FrameSource(by_instant, name="shop"), [Metric("posts", DayLagRatio())])
    (error,) = Pipeline([monitor], [FakeNotifier()]).run(at=AT).errors
    assert f" in {__file__}, line {by_instant.__code__.co_firstlineno + 2}; the cause" in str(error)


@pytest.mark.parametrize("first", [NotSentError("no network"), None])
def test_a_bug_of_a_plugin_is_found_from_the_log_of_a_scheduler(first: NotSentError | None) -> None:
    """The text names the plug-in's own line, not one within pandas; the traceback of what is raised shows all."""
    monitor = Monitor(FrameSource(by_column, name="shop"), [Metric("posts", DayLagRatio())])
    report = Pipeline([monitor], [FakeNotifier()]).run(at=AT)
    (error,) = report.errors
    line = by_column.__code__.co_firstlineno + 2
    assert f"its function raised KeyError in {__file__}, line {line}; the cause is chained" in str(error)
    with pytest.raises(RunError) as caught:
        replace(report, errors=(error,) if first is None else (first, error)).raise_for_status()
    assert caught.value.__cause__ is error
    logged = "".join(traceback.format_exception(caught.value))
    assert '["lieks"]' in logged
    assert "KeyError: 'lieks'" in logged


def test_all_sources_down_is_one_message_and_an_empty_report() -> None:
    """However many sources fail in a slot, people get one message; the judgements are empty and have their columns."""
    chat = FakeNotifier()
    names = ["a", "b", "c"]
    monitors = [Monitor(Raises(OSError(), name), [Metric(f"m{name}", DayLagRatio())]) for name in names]
    report = Pipeline(monitors, [chat]).run(at=AT)
    (message,) = chat.messages
    assert message.headline == "✖ Cannot read a, b, c"
    assert len(report.errors) == 3
    assert len(report.judgements[report.judgements["is_alert"]]) == 0
    assert list(report.judgements.columns) == list(run(panel_of()).judgements.columns)


@dataclass(frozen=True)
class Broken(Detector):
    """A detector of other people that raises."""

    error: BaseException

    @property
    def lookback(self) -> pd.Timedelta:
        """Return a day."""
        return pd.Timedelta("1D")

    def bounds(self, baseline: Baseline) -> Bounds:  # noqa: ARG002 - the seam of detectors
        """Raise."""
        raise self.error


def test_a_detector_that_raises_fails_its_metric_and_the_run() -> None:
    """The other metrics are judged and told, and the error names metric and detector."""
    chat = FakeNotifier()
    metrics = Metric("likes", Broken(ValueError("bad shape"))), Metric("views", DayLagRatio())
    report = Pipeline([monitor_of(panel_of(views=0.1), *metrics)], [chat]).run(at=AT)
    assert [(alert.kind, alert.metric) for alert in report.alerts] == [("opened", "views")]
    (error,) = report.errors
    assert isinstance(error, DetectorError)
    where = f"{__file__}, line {Broken.bounds.__code__.co_firstlineno + 2}"
    shown = f"metric 'likes': Broken(error=ValueError('bad shape')): raised ValueError: bad shape (in {where})"
    assert str(error).startswith(shown)
    assert report.exit_code == 1


@dataclass(frozen=True)
class FailsOnGaps(DayLagRatio):
    """A detector of other people that judges the newest slot and fails on the unknown rest of its day."""

    def bounds(self, baseline: Baseline) -> Bounds:
        """Raise if the last row is unknown."""
        if baseline.frame.iloc[-1].isna().any():
            raise ValueError("the last row is unknown")
        return super().bounds(baseline)


def test_an_alert_whose_picture_cannot_be_made_is_told_all_the_same() -> None:
    """The text never depends on the picture."""
    chat = FakeNotifier()
    report = Pipeline([monitor_of(panel_of(likes=0.1), Metric("likes", FailsOnGaps()))], [chat]).run(at=AT)
    (message,) = chat.messages
    assert (message.headline[:7], message.pictures) == ("▼ likes", ())
    assert report.exit_code == 0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NotSentError("no network"), "not_sent"),
        (RejectedError("kicked"), "rejected"),
        (UnknownOutcomeError("no answer"), "unknown"),
    ],
)
def test_an_undelivered_alert_is_a_failed_run(error: Any, outcome: str) -> None:
    """After every other channel was tried, and with the alert still in the report."""
    bad, good = FakeNotifier(repeat(error), name="bad"), FakeNotifier(name="good")
    report = run(panel_of(likes=0.1), bad, good)
    assert [(each.notifier, each.outcome) for each in report.deliveries] == [("bad", outcome), ("good", "accepted")]
    assert report.errors == (error,)
    assert report.exit_code == 1
    assert len(report.alerts) == 1


def test_the_fallback_gets_what_is_refused() -> None:
    """It is told instead, and the run has failed all the same: somebody has to mend the channel."""
    bad, last = FakeNotifier(repeat(RejectedError("kicked")), name="bad"), FakeNotifier(name="last")
    report = run(panel_of(likes=0.1), bad, fallback=last)
    assert [(each.notifier, each.outcome) for each in report.deliveries] == [("bad", "rejected"), ("last", "accepted")]
    assert [message.key for message in last.messages] == [bad.attempts[0].key]
    assert report.exit_code == 1


def test_a_dry_run_sends_nothing() -> None:
    """It reads, judges and reports as a run does; neither channel, fallback nor watcher hears of it."""
    chat, last = FakeNotifier(), FakeNotifier(name="last")
    with watcher() as stub:
        pipeline = Pipeline([monitor_of(panel_of(likes=0.1))], [chat], fallback=last, heartbeat=stub.url)
        dry, real = pipeline.run(at=AT, dry_run=True), None
        assert (chat.attempts, last.attempts, stub.heard) == ([], [], [])
        real = pipeline.run(at=AT)
    assert (dry.alerts, dry.deliveries, dry.exit_code) == (real.alerts, (), 0)
    pd.testing.assert_frame_equal(dry.judgements, real.judgements)


def reports() -> dict[str, RunReport]:
    """Return reports of all kinds."""
    bad = FakeNotifier(repeat(RejectedError("kicked")))
    down = Pipeline([Monitor(Raises(OSError()), [Metric("posts", DayLagRatio())])], [FakeNotifier()])
    return {
        "quiet": run(panel_of()),
        "told": run(panel_of(likes=0.1, views=9.0), FakeNotifier()),
        "refused": run(panel_of(likes=0.1), bad),
        "no data": run(panel_of().drop(SLOT), FakeNotifier()),
        "warming up": run(panel_of().loc["2026-11-02":]),
        "a drop to nothing": run(panel_of(likes=0.0), FakeNotifier()),
        "source down": down.run(at=AT),
    }


def test_every_report_is_json() -> None:
    """Lists, dicts, texts, numbers and None, without NaN; the numbers are those of the report."""
    for name, report in reports().items():
        plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
        assert plain == report.to_dict(), name
        assert list(plain) == ["at", "status", "exit_code", "judgements", "alerts", "deliveries", "errors"]
        assert (plain["at"], plain["exit_code"]) == ("2026-11-02T10:15:00+00:00", report.exit_code)
        assert [row["metric"] for row in plain["judgements"]] == list(report.judgements["metric"])
        assert [row["metric"] for row in plain["alerts"]] == [alert.metric for alert in report.alerts]
        assert [row["type"] for row in plain["errors"]] == [type(error).__name__ for error in report.errors]
    row = next(row for row in reports()["told"].to_dict()["judgements"] if row["metric"] == "likes")
    assert (row["slot"], row["direction"], row["is_alert"]) == ("2026-11-02T10:00:00+00:00", "down", True)
    assert reports()["no data"].to_dict()["alerts"][0]["value"] is None


def test_bounds_on_one_side_are_told() -> None:
    """A detector for which nothing is too low has an infinite bound, which no message stumbles over."""

    @dataclass(frozen=True)
    class NotAbove(DayLagRatio):
        def bounds(self, baseline: Baseline) -> Bounds:
            bounds = super().bounds(baseline)
            return Bounds(bounds.expected, bounds.lower * 0 - math.inf, bounds.upper)

    chat = FakeNotifier()
    report = Pipeline([monitor_of(panel_of(likes=9.0), Metric("likes", NotAbove()))], [chat]).run(at=AT)
    assert report.alerts[0].lower == -math.inf
    assert "usually −∞ to " in chat.messages[0].facts[0].lines[2]
    assert chat.messages[0].pictures[0].draw().startswith(b"\x89PNG")
    assert report.exit_code == 0
    assert json.dumps(report.to_dict(), allow_nan=False)


@pytest.mark.parametrize("at", ["2026-11-02T10:15", datetime(2026, 11, 2, 10, 15), "now", "soon", None, 7, pd.NaT])  # noqa: DTZ001
def test_an_instant_without_a_zone_is_refused(at: Any) -> None:
    """No zone is guessed, and the clock is never read; nothing is sent, not even a heartbeat."""
    with watcher() as stub:
        pipeline = Pipeline([monitor_of(panel_of())], heartbeat=stub.url)
        with pytest.raises(ConfigurationError, match="`at` is"):
            pipeline.run(at=at)
    assert stub.heard == []


@pytest.mark.parametrize(
    "at",
    [
        AT,
        "2026-11-02T10:15Z",
        "2026-11-02T13:15:00+03:00",
        datetime(2026, 11, 2, 10, 15, tzinfo=UTC),
        datetime(2026, 11, 2, 15, 45, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        AT.tz_convert("America/New_York"),
    ],
)
def test_an_instant_is_an_instant_in_every_zone(at: Any) -> None:
    """Whatever it is written in, the slot and the report are the same."""
    report = run(panel_of(likes=0.1), at=at)
    assert (report.at, str(report.at.tz)) == (AT, "UTC")
    assert set(report.judgements["slot"]) == {SLOT}


def test_the_zone_of_the_host_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under several values of TZ the reports and messages are the same, to the byte."""
    texts = set()
    for zone in ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        chat = FakeNotifier()
        pipeline = Pipeline([monitor_of(panel_of(likes=0.1), timezone="Europe/Berlin")], [chat])
        report = pipeline.run(at="2026-11-02T11:15+01:00")
        texts.add(json.dumps(report.to_dict()) + repr([(m.headline, m.facts) for m in chat.messages]))
    monkeypatch.undo()
    time.tzset()
    assert len(texts) == 1
    assert "TZ" not in os.environ or os.environ["TZ"] != "Australia/Lord_Howe"


def test_heartbeats_of_a_run_that_goes_well() -> None:
    """The watcher hears of the start, and of the success only after everything was sent."""
    heard_while_sending: list[list[str]] = []

    class Chat(FakeNotifier):
        def send(self, message: Message) -> str:
            heard_while_sending.append(list(stub.heard))
            return super().send(message)

    with watcher() as stub:
        report = run(panel_of(likes=0.1), Chat(), heartbeat=f"{stub.url}/canary")
    assert heard_while_sending == [["GET /canary/start HTTP/1.1"]]
    assert stub.heard == ["GET /canary/start HTTP/1.1", "GET /canary HTTP/1.1"]
    assert report.exit_code == 0


def test_heartbeats_of_a_run_that_fails() -> None:
    """What could not be read, judged or delivered is a failure to the watcher too."""
    with watcher() as stub:
        run(panel_of(likes=0.1), FakeNotifier(repeat(RejectedError("kicked"))), heartbeat=stub.url)
        Pipeline([Monitor(Raises(OSError()), [Metric("posts", DayLagRatio())])], heartbeat=stub.url).run(at=AT)
    assert stub.heard == ["GET /start HTTP/1.1", "GET /fail HTTP/1.1"] * 2


def test_a_watcher_that_is_gone_fails_no_run() -> None:
    """The run is judged and told as ever, and its report shows no trace of the URL."""
    chat = FakeNotifier()
    report = run(panel_of(likes=0.1), chat, heartbeat="http://127.0.0.1:9/canary")
    assert len(chat.messages) == 1
    assert report.exit_code == 0
    pipeline = Pipeline([monitor_of(panel_of())], heartbeat="http://127.0.0.1:9/canary")
    assert "canary" not in f"{pipeline!r} {vars(pipeline)} {json.dumps(report.to_dict())}"


def pipeline_of(**settings: Any) -> Pipeline:
    """Return a pipeline with settings that may make no sense."""
    monitors = settings.pop("monitors", None)
    return Pipeline([monitor_of(panel_of())] if monitors is None else monitors, **settings)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"monitors": []}, "pipeline 'anomalert' has no monitors: name at least one"),
        ({"monitors": [FrameSource(panel_of())]}, "`monitors` holds FrameSource: each has to be a Monitor"),
        ({"monitors": [monitor_of(panel_of()), monitor_of(panel_of())]}, "has two monitors named 'feed': rename one"),
        (
            {"monitors": [monitor_of(panel_of()), monitor_of(panel_of(), name="b")]},
            "has two metrics named 'likes': rename one",
        ),
        ({"notifiers": [FakeNotifier(), FakeNotifier()]}, "has two notifiers named 'fake': rename one"),
        ({"notifiers": [FakeNotifier()], "fallback": FakeNotifier()}, "has two notifiers named 'fake'"),
        ({"notifiers": [{"token": "canary"}]}, "`notifiers` holds dict: each has to be a Notifier"),
        ({"fallback": "canary"}, "`fallback` holds str: each has to be a Notifier"),
        ({"language": "fr"}, "`language` is 'fr': take one of en, ru"),
        ({"deadline": 60}, "`deadline` is the bare number 60"),
        ({"deadline": "0s"}, "`deadline` is '0s': a duration above 0 is needed"),
        ({"heartbeat": "watch/canary"}, "`heartbeat` is no http or https URL"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], text: str) -> None:
    """The error names what is wrong, and shows nothing that may be a secret."""
    with pytest.raises(ConfigurationError) as caught:
        pipeline_of(**settings)
    assert text in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_pipeline_shows_what_it_watches_and_whom_it_tells() -> None:
    """Its repr is one sentence."""
    assert repr(Pipeline([monitor_of(panel_of())], [FakeNotifier(name="chat")], name="shop")) == (
        "Pipeline 'shop': watches feed (likes, views); tells chat; without a ledger, so it remembers nothing"
    )


def test_why_was_i_not_told() -> None:
    """The judgements say of every anomaly which step of the policy held it back."""
    metric = Metric("likes", WeeklyAverage(), policy=Policy(direction="up", persist=(2, 3)))
    report = Pipeline([monitor_of(panel_of(likes=0.1), metric)]).run(at=AT)
    row = report.judgements.iloc[0]
    assert (row["status"], row["is_alert"]) == ("anomaly", False)
    assert [name for name in report.judgements.columns if name.startswith("held_by_") and row[name]] == [
        "held_by_direction",
        "held_by_persist",
    ]
    assert report.alerts == ()
