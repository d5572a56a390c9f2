"""What a backtest takes and gives: ranges, histories, counts, errors, interruption, and that it tells nobody."""

import socket
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anomalert import (
    Backtest,
    Baseline,
    Bounds,
    DayLagRatio,
    Detector,
    FrameSource,
    Ledger,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    TelegramNotifier,
    WeeklyAverage,
    backtest,
)
from anomalert.backtesting.work import shares_for
from anomalert.errors import ConfigurationError, SourceError
from anomalert.testing import FakeNotifier, FakeSource, synthetic_panel

SLOT = pd.Timedelta("15min")
ZONE = "Europe/Moscow"


def history(days: int = 16, incidents: int = 5) -> pd.DataFrame:
    """Return two metrics with some hours of trouble in each."""
    panel = synthetic_panel(days=days, seed=2, timezone=ZONE)
    rng = np.random.default_rng(3)
    for column in range(2):
        for first in rng.integers(9 * 96, len(panel) - 30, incidents):
            panel.iloc[first : first + rng.integers(2, 12), column] *= 0.2
    return panel


def monitor(panel: pd.DataFrame, detector: Detector | None = None, **settings: Any) -> Monitor:
    """Return a monitor of a panel's columns."""
    metrics = [Metric(name, detector or WeeklyAverage(), absent="zero") for name in panel.columns]
    return Monitor(FrameSource(panel, name="feed"), metrics, **{"timezone": ZONE, **settings})


def run(panel: pd.DataFrame, **settings: Any) -> Backtest:
    """Return the backtest of a panel over what it holds."""
    return backtest(monitor(panel), panel, progress=False, **settings)


@pytest.mark.parametrize("chunk", ["15min", "1D", "37h", "365D"])
def test_the_chunking_changes_nothing(chunk: str) -> None:
    """Judgements, messages and incidents are the same in chunks of any length."""
    panel = history(12)
    whole, parts = run(panel), run(panel, chunk=chunk)
    assert len(whole.messages) > 4
    by = ["metric", "slot"]
    pd.testing.assert_frame_equal(
        parts.judgements.sort_values(by, ignore_index=True), whole.judgements.sort_values(by, ignore_index=True)
    )
    pd.testing.assert_frame_equal(parts.messages, whole.messages)
    pd.testing.assert_frame_equal(parts.incidents, whole.incidents)


def test_shares_know_what_only_all_columns_tell() -> None:
    """Metrics in shares get what they get together: no events, or an outage, is a matter of every column."""
    panel = history(12).iloc[:, :2]
    panel.iloc[-300:-290] = np.nan
    panel.iloc[-200:-190, 0] = np.nan
    panel.iloc[-100:-90, 1] = np.nan
    metrics = [Metric("views", WeeklyAverage(), absent="gap"), Metric("likes", WeeklyAverage(), absent="zero")]
    watched = Monitor(FrameSource(panel, name="feed"), metrics, timezone=ZONE)
    together = backtest(watched, panel, progress=False)
    with ThreadPoolExecutor(1) as one:
        apart = backtest(watched, panel, executor=one, progress=False)
    assert list(together.messages["kind"]).count("no_data") == 2, "of the source, and of the metric with a gap"
    assert len(together.messages) > 5
    pd.testing.assert_frame_equal(apart.messages, together.messages)
    by = ["metric", "slot"]
    pd.testing.assert_frame_equal(
        apart.judgements.sort_values(by, ignore_index=True), together.judgements.sort_values(by, ignore_index=True)
    )


def test_a_small_pool_gets_few_shares() -> None:
    """Each share reads the source: there are two for a worker, at most eight, and one where there is no pool."""
    assert shares_for(None) == 1
    assert shares_for(Executor()) == 8
    for workers, shares in ((1, 2), (2, 4), (20, 8)):
        with ThreadPoolExecutor(workers) as pool:
            assert shares_for(pool) == shares


def test_ten_thousand_slots_open_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notifiers are not called and no socket is made; the ledger is not touched."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a backtest opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    panel = history(115, incidents=40)
    chat, telegram = FakeNotifier(), TelegramNotifier(token="123456:a-token", chat_id=-1)
    ledger = Ledger("nowhere/at/all.db")
    found = backtest(Pipeline([monitor(panel)], [chat, telegram], ledger), panel, progress=False)
    assert len(found.judgements) // 2 > 10_000
    assert len(found.messages) > 20
    assert chat.attempts == []
    assert found.messages_per_channel.to_dict() == dict.fromkeys(("fake", "TelegramNotifier"), len(found.messages))


def test_counts_add_up() -> None:
    """The weeks hold every message once, and the metrics every message that names them."""
    found = run(history(30, incidents=12))
    assert found.messages_per_week.to_numpy().sum() == len(found.messages)
    assert {day.day_name() for day in found.messages_per_week.index} == {"Monday"}
    named = found.messages["metrics"].str.split(", ").explode().value_counts()
    assert found.messages_per_metric["total"].to_dict() == named.to_dict()
    kinds = found.messages.explode("metrics")["kind"]
    assert set(kinds) <= {"opened", "worsened", "reminder", "resolved"}
    assert found.rate == pytest.approx(len(found.messages) / found.weeks)
    opened = found.messages[found.messages["kind"] == "opened"]
    assert sorted(opened["episode"]) == sorted(found.incidents["episode"].unique())


def test_what_is_said_of_sources_counts_too() -> None:
    """An hour without any row is one message that it is gone and one that it is back, under no metric."""
    panel = history(12, incidents=0)
    silent = panel.drop(index=panel.index[-60:-56])
    found = run(silent)
    assert found.messages[["kind", "metric"]].to_numpy().tolist() == [["no_data", None], ["data_back", None]]
    assert found.messages_per_week["sources"].sum() == 2
    assert found.messages_per_metric["total"].sum() == 0


def test_without_a_zone_times_are_local() -> None:
    """A date means midnight in the monitor's zone, and an aware instant what it says."""
    panel = history(12)
    local = run(panel, start="2026-10-14", end="2026-10-16 12:00")
    aware = run(panel, start="2026-10-13T21:00Z", end="2026-10-16T09:00Z")
    assert (local.start, local.end) == (aware.start, aware.end)
    assert len(local.judgements) == 2 * (4 * 24 * 2 + 4 * 12)
    pd.testing.assert_frame_equal(local.judgements, aware.judgements)


def test_by_default_all_that_can_be_judged_is() -> None:
    """The first slot is that which has the lookback before it, the last one that of the history."""
    panel = history(12)
    found = run(panel)
    # A metric counts as missing after two hours, so these are looked back to as well.
    assert found.start == panel.index[0] + WeeklyAverage().lookback + pd.Timedelta("1h45min")
    assert found.end == panel.index[-1] + SLOT
    assert not (found.judgements["status"] == "warming_up").any()


def test_histories_by_monitor() -> None:
    """Two monitors with a column of one name get the frame of their own; the settings of the pipeline stay."""
    one, other = history(12), history(12) * 2
    names = [Metric("views", DayLagRatio()), Metric("likes", DayLagRatio())]
    pipeline = Pipeline(
        [
            Monitor(FakeSource(one), names[:1], name="feed", timezone=ZONE),
            Monitor(FakeSource(other), names[1:], name="messenger", timezone=ZONE),
        ]
    )
    found = backtest(pipeline, {"feed": one, "messenger": other}, progress=False)
    values = found.judgements.groupby("metric")["value"].first()
    start = found.start.tz_convert(ZONE)
    assert values.to_dict() == {"views": one.loc[start, "views"], "likes": other.loc[start, "likes"]}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"start": "2026-10-20"}, "`start` and `end` are needed"),
    ({"history": pd.DataFrame({"views": []}, pd.DatetimeIndex([], tz="UTC"))}, "no column 'likes'"),
    ({"history": history(12)[["views"]]}, "`history` has no column 'likes' for monitor 'feed'"),
    ({"history": {"other": history(12)}}, "`history` has no frame for monitor 'feed'; it has \\['other'\\]"),
    ({"history": history(12), "start": "2026-10-20 00:07"}, "is no start of a slot"),
    ({"history": history(12), "start": "2026-10-20", "end": "2026-10-20"}, "nothing to judge"),
    ({"history": history(5, 0)}, "no longer than the lookback"),
    ({"history": history(12), "chunk": 5}, "`chunk` is the bare number 5"),
    ({"history": history(12), "start": "yesterday-ish"}, "`start` is 'yesterday-ish'"),
    (
        {
            "history": history(12),
            "labels": pd.DataFrame({"metric": ["x"], "start": ["2026-10-20"], "end": ["2026-10-21"]}),
        },
        "`labels` name metric 'x'; what is watched is views, likes",
    ),
]


@pytest.mark.parametrize(("arguments", "text"), WRONG)
def test_what_makes_no_sense_is_refused_in_words(arguments: dict[str, Any], text: str) -> None:
    """The error names the argument, what was found and what to do."""
    with pytest.raises(ConfigurationError, match=text):
        backtest(monitor(history(12)), **arguments, progress=False)


def test_a_range_without_data_is_no_quiet_pipeline() -> None:
    """Each monitor without a value in any slot is named, in the words of the backtest too; one value is enough."""
    panel = history()
    empty = synthetic_panel(days=16, seed=2, timezone=ZONE) * np.nan
    empty.columns = ["posts", "shares"]
    once = empty.rename(columns={"posts": "orders", "shares": "carts"})
    once.iloc[-3, 1] = 7.0
    monitors = [
        Monitor(FrameSource(data, name=name), [Metric(str(column), DayLagRatio()) for column in data], timezone=ZONE)
        for name, data in (("feed", panel), ("shop", empty), ("cart", once))
    ]
    found = backtest(Pipeline(monitors), start=panel.index[-300], end=panel.index[-1], progress=False)
    assert found.without_data == ("shop",)
    assert "NO DATA: shop had no value in any slot of the range" in repr(found)
    assert "NO DATA: shop had" in found._repr_html_()
    assert 'class="warning">NO DATA: shop had' in found.to_html(pictures=0)
    after = panel.index[-1] + pd.Timedelta("30D")
    nothing = backtest(Pipeline(monitors), start=after, end=after + pd.Timedelta("7D"), progress=False)
    assert nothing.without_data == ("feed", "shop", "cart")
    quiet = backtest(Pipeline(monitors[:1]), start=panel.index[-300], end=panel.index[-1], progress=False)
    assert quiet.without_data == ()
    assert "NO DATA" not in repr(quiet) + quiet.to_html(pictures=0)


def test_a_target_that_is_none_is_refused() -> None:
    """A detector is no pipeline, nor is what a function gives that makes something else."""
    with pytest.raises(ConfigurationError, match="`target` is a WeeklyAverage"):
        backtest(WeeklyAverage(), history(12))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="`target` gives a int, not a Pipeline"):
        backtest(lambda: 3, history(12))  # type: ignore[arg-type,return-value]


def test_a_source_that_cannot_be_read_ends_it() -> None:
    """What a source raises comes through: a part of an answer is never judged."""
    broken = Monitor(FakeSource(history(12), errors=[SourceError("no network")]), [Metric("views", DayLagRatio())])
    with pytest.raises(SourceError, match="no network"):
        backtest(broken, start="2026-10-20", end="2026-10-21", progress=False)


class BreaksOnDay(Detector):
    """A detector that fails on one day of the month, whenever it is among what is judged."""

    @property
    def lookback(self) -> pd.Timedelta:
        """A day and three hours."""
        return DayLagRatio().lookback

    def bounds(self, baseline: Baseline) -> Bounds:
        """Fail on the 20th."""
        judged = pd.DatetimeIndex(baseline.frame.index[baseline.first :])
        if (judged.day == 20).any():
            raise ZeroDivisionError("it is the 20th")
        return DayLagRatio().bounds(baseline)


def test_a_monitor_whose_detectors_all_fail_had_data() -> None:
    """It is in the errors, and is not said to have had none."""
    watched = Monitor(FrameSource(history()), [Metric("views", BreaksOnDay())], timezone=ZONE)
    found = backtest(watched, start="2026-10-20", end="2026-10-21", progress=False)
    assert len(found.errors) == 1
    assert found.without_data == ()


def test_a_detector_that_fails_on_a_day_loses_that_day_only() -> None:
    """Its other days and the other metrics are judged as ever; one error names metric and detector."""
    panel = history(16)
    metrics = [Metric("views", BreaksOnDay(), policy=Policy(min_volume=0)), Metric("likes", DayLagRatio())]
    watched = Monitor(FrameSource(panel, name="feed"), metrics, timezone=ZONE)
    found = backtest(watched, panel, progress=False)
    right = backtest(
        Monitor(
            FrameSource(panel), [Metric("views", DayLagRatio(), policy=Policy(min_volume=0)), metrics[1]], timezone=ZONE
        ),
        panel,
        progress=False,
    )
    (error,) = found.errors
    assert str(error).startswith(f"metric 'views': {metrics[0].detector!r}: raised ZeroDivisionError: it is the 20th (")
    days = {"views": set(range(6, 21)) - {20}, "likes": set(range(6, 21))}
    judged = found.judgements.assign(day=found.judgements["slot"].dt.tz_convert(ZONE).dt.day)
    assert {metric: set(rows["day"]) for metric, rows in judged.groupby("metric")} == days
    ours, theirs = (each.judgements[each.judgements["metric"] == "likes"] for each in (found, right))
    pd.testing.assert_frame_equal(ours.reset_index(drop=True), theirs.reset_index(drop=True))


class Interrupting(FakeSource):
    """A source during whose third read the user presses Ctrl-C."""

    count = 0

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Read, or be interrupted."""
        self.count += 1
        if self.count > 2:
            raise KeyboardInterrupt
        return super().read(start, end)


def test_an_interrupted_backtest_gives_back_what_is_done(caplog: pytest.LogCaptureFixture) -> None:
    """Two chunks were judged: the result is that of a backtest of these two, and says that it is not complete."""
    panel = history(16)
    names = [Metric(name, DayLagRatio()) for name in panel.columns]
    watched = Monitor(Interrupting(panel, name="feed"), names, timezone=ZONE)
    begin, stop = "2026-10-08", "2026-10-20"
    found = backtest(watched, start=begin, end=stop, chunk="3D", progress=False)
    assert not found.is_complete
    assert "interrupted" in caplog.text
    assert "interrupted" in repr(found)
    assert found.end == pd.Timestamp("2026-10-14", tz=ZONE)
    same = backtest(replaced(watched, panel), start=begin, end="2026-10-14", progress=False)
    pd.testing.assert_frame_equal(found.messages, same.messages)
    assert len(found.judgements) == len(same.judgements)


def replaced(watched: Monitor, panel: pd.DataFrame) -> Monitor:
    """Return a monitor with a source that works."""
    return Monitor(FrameSource(panel, name="feed"), watched.metrics, timezone=watched.timezone)


def test_scores_against_labels() -> None:
    """Labels that are its own incidents are all found; one more is missed; without labels there is nothing to say."""
    panel = history(20)
    found = run(panel)
    own = found.incidents.assign(end=found.incidents["end"].fillna(found.end))[["metric", "start", "end"]]
    quiet = pd.DataFrame({"metric": ["views"], "start": [found.start], "end": [found.start + SLOT]})
    scored = run(panel, labels=pd.concat([own, quiet])).scores
    assert list(scored.index) == ["views", "likes", "all"]
    measures = ["event_precision", "event_recall", "event_f1"]
    assert scored.loc[["likes"], measures].to_numpy().tolist() == [[1, 1, 1]]
    views = own["metric"].tolist().count("views")
    assert scored.loc["views", "event_recall"] == pytest.approx(views / (views + 1))
    assert scored["false_messages_per_week"].tolist() == [0, 0, 0]
    wrong = run(panel, labels=quiet).scores
    assert wrong.loc["all", "event_precision"] == 0
    messages = found.messages["kind"].isin(["opened", "worsened", "reminder", "resolved"]).sum()
    assert wrong.loc["all", "false_messages_per_week"] == pytest.approx(messages / found.weeks)
    with pytest.raises(ConfigurationError, match="no labels"):
        found.scores  # noqa: B018 - asking for it is what fails
