"""Pins the types that users of the package see: mypy checks this file, nobody runs it.

Each function is a thing that other people's code does. A changed signature fails here before it fails there.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, assert_type

import pandas as pd

from anomalert import (
    IQR,
    Alert,
    Baseline,
    Bounds,
    ClickHouseSource,
    Comparison,
    ConsoleNotifier,
    DayLagRatio,
    Delivery,
    Detection,
    Detector,
    FrameSource,
    Injected,
    Ledger,
    Message,
    Metric,
    Monitor,
    Notifier,
    Pipeline,
    Policy,
    RollingSigma,
    RunReport,
    Sensitivity,
    Source,
    TelegramNotifier,
    Tuned,
    WeeklyAverage,
    compare,
    detectable,
    inject,
    noise_of,
    tune,
    usual_of,
)
from anomalert.errors import AnomalertError, ConfigurationError, InvalidPanelError
from anomalert.labels import as_labels, labels_from_points
from anomalert.measures import (
    alerts_from_scores,
    detection_delay,
    event_f1,
    event_recall,
    false_alerts_per_week,
    judged_weeks,
    nab_score,
    vus_pr,
)
from anomalert.reference import feed_messenger
from anomalert.testing import FakeNotifier, FakeSource, check_detector, synthetic_panel
from anomalert.tuning import Search


@dataclass(frozen=True)
class OwnDetector(Detector):
    """A detector that somebody else wrote."""

    @property
    def lookback(self) -> pd.Timedelta:
        """An hour."""
        return pd.Timedelta("1h")

    def bounds(self, baseline: Baseline) -> Bounds:
        """Frames are taken as arrays are."""
        expected = baseline.frame.rolling("1h", closed="left").median()
        return Bounds(expected, expected / 2, expected * 2)


class OwnSource:
    """A source that inherits nothing."""

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Give no rows."""
        return pd.DataFrame({"likes": []}, index=pd.date_range(start, end, freq="15min")[:0])


class OwnNotifier:
    """A notifier that inherits nothing; one that has no receipt returns None."""

    def send(self, message: Message) -> None:
        """Print what there is."""
        assert_type(message.alerts, tuple[Alert, ...])
        assert_type(message.reply_to, str | None)
        for picture in message.pictures:
            assert_type(picture.draw(), bytes)


def detectors_take_durations_as_texts_or_timedeltas() -> list[Detector]:
    """Take settings of the types that the documentation names."""
    return [
        DayLagRatio(days=3, threshold=0.5),
        WeeklyAverage(days=7, threshold=0.5, min_count=4),
        IQR(window="14D", season=pd.Timedelta("1D"), k=1.5),
        IQR(window="6h", season=None, min_count=12),
        RollingSigma(window=pd.Timedelta("2h"), sigmas=3.0),
        OwnDetector(),
    ]


def a_notebook_gets_frames(detector: Detector, series: pd.Series, panel: pd.DataFrame) -> None:
    """Take a Series or a frame, and give frames."""
    assert_type(detector.lookback, pd.Timedelta)
    assert_type(detector.detect(series), Detection)
    detection = detector.detect(panel, start="2026-11-01", baseline=panel, weights=panel)
    for frame in (detection.value, detection.expected, detection.lower, detection.upper, detection.status):
        assert_type(frame, pd.DataFrame)
    assert_type(detection.to_frame(), pd.DataFrame)
    assert_type(detection.events(), pd.DataFrame)
    assert_type(Policy(direction="down").judge(detection), pd.DataFrame)


def a_notebook_gets_numbers(scores: pd.DataFrame, points: pd.Series) -> None:
    """Labels are frames, measures are numbers, and a mapping of Series may stand for a panel."""
    labels = assert_type(labels_from_points(points, gap=2), pd.DataFrame)
    alerts = assert_type(alerts_from_scores(scores, join="4h"), pd.DataFrame)
    assert_type(event_f1(alerts, as_labels(labels), tolerance=pd.Timedelta("30min")), float)
    assert_type(event_recall(alerts, labels, span=("2026-11-01", pd.Timestamp("2026-11-08"))), float)
    assert_type(detection_delay(alerts, labels), pd.Timedelta)
    assert_type(false_alerts_per_week(alerts, labels, weeks=judged_weeks(scores)), float)
    assert_type(vus_pr({"views": scores["views"]}, labels, thresholds=None), float)
    assert_type(nab_score(scores, labels, profile="reward_low_FN_rate", threshold=None), float)


def incidents_are_planted_as_the_data_came(series: pd.Series, panel: pd.DataFrame) -> None:
    """Take a Series or a frame, and give the same back; what comes back has names or unpacks."""
    assert_type(inject(panel, "zero"), Injected[pd.DataFrame])
    injected, labels = inject(series, "drop", size="40%", length=pd.Timedelta("1h"), count=3, seed=1)
    assert_type(injected, pd.Series)
    assert_type(labels, pd.DataFrame)
    assert_type(inject(panel, "shift", size=-3, length=None, metrics=["likes"], at=["2026-11-01"]).panel, pd.DataFrame)
    assert_type(noise_of(series), pd.DataFrame)
    assert_type(usual_of(panel), pd.DataFrame)


def recall_is_a_frame_and_a_number(detector: Detector, panel: pd.DataFrame) -> None:
    """Take sizes as texts or as numbers."""
    result = detectable(detector, panel, kind="spike", sizes=["20%", "40%"], length="30min", count=20, seed=2)
    assert_type(result, Sensitivity)
    assert_type(result.frame, pd.DataFrame)
    assert_type(result.smallest(recall=0.8), float)
    detectable(detector, panel, sizes=[3, 4.5])


def settings_are_compared(detector: Detector, policy: Policy, monitor: Monitor, panel: pd.DataFrame) -> None:
    """Detectors, pairs and monitors stand in one mapping; a Series is a panel."""
    found = compare({"own": detector, "pair": (detector, policy), "all": monitor}, panel, labels=panel)
    assert_type(found, Comparison)
    for frame in (found.table, found.agreement, found.messages_per_week):
        assert_type(frame, pd.DataFrame)
    assert_type(compare({"own": detector}, panel["likes"], executor=None).labels, pd.DataFrame | None)


def settings_are_tuned(metric: Metric, monitor: Monitor, panel: pd.DataFrame, detector: Detector) -> Metric:
    """Take a metric with its history or a monitor with a range, and a budget in words or a number."""
    search = Search(candidates=[[detector]], persist=[(2, 3)], sizes=["20%"], length="1h", holdout=pd.Timedelta("28D"))
    tuned = assert_type(tune(metric, panel, budget="2 per week", search=search, progress=False), Tuned)
    tune(monitor, start="2026-09-01", end=pd.Timestamp("2026-11-01"), budget=1.5, labels=panel, executor=None)
    assert_type(tuned.smallest("likes", recall=0.9), str | None)
    assert_type(tuned.monitor, Monitor)
    assert_type(tuned.recall, pd.DataFrame)
    return tuned.metric


def sources_and_notifiers_fit_their_seams() -> tuple[list[Source], list[Notifier]]:
    """Built-in and other people's plug-ins are accepted alike, without inheritance."""
    panel = synthetic_panel(days=1)
    sources: list[Source] = [
        OwnSource(),
        FrameSource(panel),
        FrameSource(lambda start, end: panel.loc[start:end]),
        ClickHouseSource("SELECT ...", {"host": "...", "database": "...", "user": "...", "password": "..."}),
        FakeSource(panel),
    ]
    notifiers: list[Notifier] = [
        OwnNotifier(),
        ConsoleNotifier(Path("alerts")),
        TelegramNotifier(token="...", chat_id=-100),
        FakeNotifier(),
    ]
    return sources, notifiers


def a_pipeline_is_wired_from_objects(source: Source, notifier: Notifier) -> Pipeline:
    """Wire what README.md shows, with every setting that a team is likely to give."""
    policy = Policy(direction="down", min_change=0.3, min_volume=50, persist=(2, 3), remind=None)
    likes = Metric("likes", WeeklyAverage(), absent="zero", policy=policy, links={"Dashboard": "https://bi.example"})
    ratio = Metric("ctr", WeeklyAverage(), denominator="views")
    monitor = Monitor(source, [likes, ratio], slot="15min", timezone="Europe/Moscow", settle="2min", empty="zero")
    assert_type(monitor.panel("2026-11-01T00:00Z", pd.Timestamp("2026-11-02", tz="UTC")), pd.DataFrame)
    assert_type(monitor.lookback, pd.Timedelta)
    return Pipeline([monitor], [notifier], Ledger("alerts.db"), name="feed", language="ru", fallback=notifier)


def a_scheduler_gets_plain_data(pipeline: Pipeline, at: datetime) -> None:
    """Take an instant in any of the usual forms, and give a report of plain types."""
    for instant in (at, pd.Timestamp(at), "2026-11-01T10:15Z"):
        pipeline.run(at=instant, dry_run=True)
    report = pipeline.run(at)
    assert_type(report, RunReport)
    assert_type(report.judgements, pd.DataFrame)
    assert_type(report.alerts, tuple[Alert, ...])
    assert_type(report.deliveries, tuple[Delivery, ...])
    assert_type(report.errors, tuple[AnomalertError, ...])
    assert_type(report.status, Literal["done", "failed"])
    assert_type(report.exit_code, int)
    assert_type(report.to_dict(), dict[str, Any])
    for alert in report.alerts:
        assert_type(alert.direction, Literal["up", "down"] | None)
        assert_type(alert.slot, pd.Timestamp)
    for delivery in report.deliveries:
        assert_type(delivery.outcome, Literal["accepted", "not_sent", "rejected", "unknown"])


def the_reference_is_a_pipeline() -> Pipeline:
    """Take what pandahouse takes."""
    return feed_messenger({"host": "..."}, [ConsoleNotifier()], Ledger("alerts.db"), settle="2min", language="en")


def mistakes_are_value_errors(error: ConfigurationError | InvalidPanelError) -> ValueError:
    """Code that knows nothing of us may catch ValueError."""
    return error


def a_test_checks_its_detector() -> None:
    """Give the kits the objects themselves."""
    check_detector(OwnDetector(), slot="5min")
