"""Settings side by side: every number is that of the backtest and the measures, ties are ties, mistakes are told."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anomalert import (
    Backtest,
    Comparison,
    DayLagRatio,
    FrameSource,
    Metric,
    Monitor,
    Policy,
    RollingSigma,
    WeeklyAverage,
    backtest,
    compare,
)
from anomalert.errors import ConfigurationError, DetectorError, InvalidPanelError
from anomalert.measures import (
    detection_delay,
    event_f1,
    event_precision,
    event_recall,
    false_alerts_per_week,
    vus_pr,
)
from anomalert.standing import tallied
from anomalert.testing import synthetic_panel

ZONE = "Europe/Moscow"
DROPS = ["2026-10-20 15:00", "2026-10-29 12:00", "2026-11-05 18:00"]


@cache
def panel() -> pd.DataFrame:
    """Return five weeks with three drops of an hour and a half: two in both metrics, one in views alone."""
    rows = synthetic_panel(days=35, seed=6, timezone=ZONE)
    for number, text in enumerate(DROPS):
        start = pd.Timestamp(text, tz=ZONE)
        columns = ["views"] if number == 1 else ["views", "likes"]
        rows.loc[start : start + pd.Timedelta("75min"), columns] *= 0.3
    return rows


def labels() -> pd.DataFrame:
    """Return what is known of the drops, in local time: of one metric each."""
    starts = pd.to_datetime(DROPS)
    return pd.DataFrame({"metric": ["views", "views", "likes"], "start": starts, "end": starts + pd.Timedelta("90min")})


def same_as_week() -> Monitor:
    """Return a monitor that does what the weekly average does, its metrics in another order, over no data."""
    metrics = [Metric(name, WeeklyAverage()) for name in ("likes", "views")]
    return Monitor(FrameSource(panel().iloc[:0], name="nothing"), metrics, timezone=ZONE)


SETTINGS: dict[str, Any] = {
    "twelve percent": (WeeklyAverage(threshold=0.12), Policy(direction="down")),
    "yesterday": DayLagRatio(),
    "week": WeeklyAverage(),
    "monitor": same_as_week(),
    "silent": WeeklyAverage(threshold=0.95),
}


@cache
def found(*, is_labelled: bool = True) -> Comparison:
    """Return the comparison of all of these."""
    return compare(SETTINGS, panel(), labels() if is_labelled else None)


def row_of(comparison: Comparison, name: str) -> dict[str, Any]:
    """Return one row of the table."""
    return {str(column): comparison.table[column][name] for column in comparison.table}


def one_by_one(name: str) -> Backtest:
    """Return the backtest of one setting, as its user would run it."""
    setting = SETTINGS[name]
    detector, policy = setting if isinstance(setting, tuple) else (setting, Policy())
    monitor = setting
    if not isinstance(setting, Monitor):
        monitor = Monitor(
            FrameSource(panel()), [Metric(each, detector, policy=policy) for each in panel().columns], timezone=ZONE
        )
    return backtest(monitor, panel(), start=found().backtests[name].start, progress=False)


@pytest.mark.parametrize("name", SETTINGS)
def test_each_row_holds_the_numbers_of_its_backtest_and_the_measures(name: str) -> None:
    """Every column equals what is computed by hand from a backtest of its own, counted in the simplest way."""
    alone, row = one_by_one(name), row_of(found(), name)
    known = labels().assign(start=labels()["start"].dt.tz_localize(ZONE), end=labels()["end"].dt.tz_localize(ZONE))
    judgements, span = alone.judgements, (alone.start, alone.end)
    alerts = alone.incidents[["metric", "start", "end"]].assign(end=alone.incidents["end"].fillna(alone.end))
    judged = judgements["status"].isin(["ok", "anomaly"])
    assert row["messages_per_week"] == pytest.approx(
        len(alone.messages) * pd.Timedelta("7D") / (alone.end - alone.start)
    )
    assert row["incidents"] == len(alone.incidents)
    assert row["judged"] == judged.sum() / judgements["value"].notna().sum()
    assert row["anomalous"] == pytest.approx((judgements["status"] == "anomaly").sum() / judged.sum())
    assert row["event_f1"] == pytest.approx(event_f1(alerts, known, span=span))
    np.testing.assert_equal(row["event_precision"], event_precision(alerts, known, span=span))
    np.testing.assert_equal(row["event_recall"], event_recall(alerts, known, span=span))
    np.testing.assert_equal(row["detection_delay"].value, detection_delay(alerts, known, span=span).value)
    assert row["false_alerts_per_week"] == false_alerts_per_week(alerts, known, span=span, metrics=2)
    scores = judgements.pivot_table(index="slot", columns="metric", values="score")
    assert row["vus_pr"] == pytest.approx(vus_pr(scores, known))
    assert row["low"] <= row["messages_per_week"] <= row["high"]
    assert row["f1_low"] <= row["event_f1"] <= row["f1_high"]


def test_the_best_stands_first() -> None:
    """With labels F1 falls and equal ones stand by their messages; without, messages grow and silence is first."""
    table = found().table
    assert table["event_f1"].is_monotonic_decreasing
    assert table.index[-1] == "silent"
    by_messages = found(is_labelled=False).table
    assert by_messages["messages_per_week"].is_monotonic_increasing
    assert by_messages.index[0] == "silent"
    assert "event_f1" not in by_messages


def test_equal_settings_tie_and_much_better_ones_do_not() -> None:
    """A detector and a monitor that do the same tie; what tells nothing does not tie with what finds the drops."""
    tie = found().table["tie"]
    f1 = found().table["event_f1"]
    assert f1["week"] == f1["monitor"] == f1.iloc[0] == pytest.approx(2 * 0.6 / 1.6)
    assert tie[["week", "monitor"]].all()
    assert not tie["silent"]
    assert not found(is_labelled=False).table["tie"]["twelve percent"]


def test_agreement_is_symmetric_and_counts_cells_told_by_both() -> None:
    """Each cell is the Jaccard index of two sets of (metric, slot): 1 with itself, unknown if nothing is told."""
    told = {}
    for name, each in found().backtests.items():
        rows = each.judgements[each.judgements["is_alert"]]
        told[name] = set(zip(rows["metric"], rows["slot"], strict=True))
    matrix = found().agreement
    assert list(matrix.index) == list(matrix.columns) == list(SETTINGS)
    for one, other in combinations(SETTINGS, 2):
        either = told[one] | told[other]
        share = len(told[one] & told[other]) / len(either) if either else np.nan
        np.testing.assert_equal(matrix[one][other], share)
        np.testing.assert_equal(matrix[other][one], share)
    assert matrix["week"]["monitor"] == matrix["week"]["week"] == 1
    assert 0 < matrix["week"]["twelve percent"] < 1
    assert np.isnan(matrix["silent"]["silent"])
    assert matrix["silent"]["week"] == 0


@pytest.mark.parametrize("name", SETTINGS)
def test_weeks_count_what_began_in_them(name: str) -> None:
    """Alerts and events, right and caught ones, are counted one by one in the week they began in."""
    each, known = found().backtests[name], found().labels
    assert known is not None
    length, late = (each.end - each.start) / 4, pd.Timedelta("15min")
    alerts, events = each.incidents.fillna({"end": each.end}), known.assign(is_caught=False)
    slow = np.zeros((4, 4), dtype=int)
    for alert in alerts.to_dict("records"):
        meets = (events["metric"] == alert["metric"]) & (events["start"] < alert["end"])
        meets &= alert["start"] < events["end"] + late
        events["is_caught"] |= meets
        slow[:2, int((alert["start"] - each.start) // length)] += [1, meets.any()]
    for event in events.to_dict("records"):
        slow[2:, int((event["start"] - each.start) // length)] += [1, event["is_caught"]]
    counted = tallied(each, known)
    np.testing.assert_array_equal([counted.alerts, counted.right, counted.events, counted.caught], slow)


def test_the_cost_stands_week_by_week() -> None:
    """Messages of every setting in each week add up to all there are."""
    weeks = found().messages_per_week
    assert list(weeks.columns) == list(SETTINGS)
    assert weeks.sum().to_dict() == {name: len(each.said) for name, each in found().backtests.items()}
    assert (pd.DatetimeIndex(weeks.index).day_of_week == 0).all()


def test_naive_panels_and_labels_are_compared_as_aware_ones() -> None:
    """A naive panel with naive labels gives the very table of the same wall clock in UTC."""
    naive = panel().tz_localize(None)
    plain = {name: SETTINGS[name] for name in ("yesterday", "week")}
    known = labels().assign(start=labels()["start"].dt.tz_localize("UTC"), end=labels()["end"].dt.tz_localize("UTC"))
    one, other = compare(plain, naive, labels()), compare(plain, naive.tz_localize("UTC"), known)
    pd.testing.assert_frame_equal(one.table, other.table)
    assert one.table["event_recall"].max() == 1
    assert one.backtests["week"].start.tz is not None


def test_labels_of_texts_and_outside_of_the_span_are_taken_as_they_come() -> None:
    """Texts are instants; an event that nobody could judge counts for nothing."""
    before = pd.DataFrame({"metric": ["views"], "start": ["2026-10-05 01:00"], "end": ["2026-10-05 02:00"]})
    texts = pd.concat([labels().astype(str), before])
    table = compare({"week": WeeklyAverage()}, panel(), texts).table
    pd.testing.assert_frame_equal(table, found().table.loc[["week"]])


def test_a_series_and_numbers_for_names_are_panels_too() -> None:
    """A Series is one metric called as it is, and columns may be called by numbers."""
    alone = compare({"week": WeeklyAverage()}, panel()["views"])
    assert alone.backtests["week"].metrics == ["views"]
    numbered = compare({"week": WeeklyAverage()}, panel()[["views"]].set_axis([7], axis=1))
    assert numbered.backtests["week"].metrics == ["7"]
    assert alone.table["incidents"].item() == numbered.table["incidents"].item() == 3


def test_all_settings_judge_from_where_the_longest_lookback_ends() -> None:
    """The quick one waits for the slow one, so that both are judged by the same slots."""
    both = compare({"day": DayLagRatio(), "week": WeeklyAverage()}, panel())
    starts = {each.start for each in both.backtests.values()}
    # A metric counts as missing after two hours, so these are looked back to as well.
    first = panel().index[0] + WeeklyAverage().lookback + pd.Timedelta("1h45min")
    assert starts == {first.tz_convert("UTC").ceil("15min")}


def test_less_than_two_weeks_claim_nothing() -> None:
    """Of nine judged days there are no intervals, and a difference is neither a tie nor none; equal ones tie."""
    short = panel().iloc[: 17 * 96]
    settings = {"loose": DayLagRatio(threshold=0.1), "day": DayLagRatio(), "again": DayLagRatio(), "w": WeeklyAverage()}
    table = compare(settings, short).table
    assert table[["low", "high"]].isna().all(axis=None)
    assert table["tie"]["day"] is not pd.NA
    assert table["tie"][["day", "again"]].all()
    assert table["tie"]["loose"] is pd.NA


def test_workers_give_the_same_table() -> None:
    """With an executor each backtest is judged there, to the same numbers."""
    few = {name: SETTINGS[name] for name in ("yesterday", "monitor")}
    with ThreadPoolExecutor(2) as threads:
        there = compare(few, panel(), labels(), executor=threads)
    pd.testing.assert_frame_equal(there.table, compare(few, panel(), labels()).table)


def test_a_notebook_shows_the_table_and_escapes_names() -> None:
    """Text and page hold the span, every setting and the figures; what is markup in a name is shown as text."""
    assert repr(found()).startswith("Comparison of 5 settings, 2026-10-")
    assert all(name in repr(found()) for name in [*SETTINGS, "messages_per_week", "vus_pr", "tie"])
    tagged = Comparison({"<b>week</b>": found().backtests["week"]}, found().labels)
    page = tagged._repr_html_()
    assert "&lt;b&gt;week&lt;/b&gt;" in page
    assert "<b>week" not in page
    assert "<th>event_f1</th>" in page
    assert page.startswith("<p>Comparison of 1 settings, ")


def test_the_picture_has_a_strip_for_each_setting() -> None:
    """Strips are named as the settings; a metric has to be named where there are several."""
    figure = found().plot("views")
    assert [axes.texts[-1].get_text() for axes in figure.axes] == list(SETTINGS)
    with pytest.raises(ConfigurationError, match="`metric` is None: name one of 'views', 'likes'"):
        found().plot()
    with pytest.raises(ConfigurationError, match="`metric` is 'ctr'"):
        found().plot("ctr")


def likes_alone() -> Monitor:
    """Return a monitor of one of the two metrics."""
    return Monitor(FrameSource(panel()), [Metric("likes", DayLagRatio())], timezone=ZONE)


def hourly() -> Monitor:
    """Return a monitor whose slots are longer than those of the panel."""
    return Monitor(FrameSource(panel()), [Metric(name, DayLagRatio()) for name in panel().columns], slot="1h")


MISTAKES: dict[str, tuple[Any, Any, Any, str]] = {
    "nothing": ({}, panel, None, "`settings` is empty"),
    "no setting": ({"a": "IQR"}, panel, None, "setting 'a' is 'IQR': give a Detector"),
    "half a pair": ({"a": (DayLagRatio(), DayLagRatio())}, panel, None, "setting 'a' is "),
    "other metrics": (
        {"a": DayLagRatio(), "b": likes_alone()},
        panel,
        None,
        r"'a' judges \['likes', 'views'\], setting 'b' \['likes'\]",
    ),
    "other slots": (
        {"a": DayLagRatio(), "b": hourly()},
        panel,
        None,
        "slots of 0 days 00:15:00, setting 'b' of 0 days 01",
    ),
    "unknown column": ({"a": likes_alone()}, lambda: panel()[["views"]], None, "no column 'likes'"),
    "too short": ({"a": WeeklyAverage()}, lambda: panel().iloc[:600], None, "look back 7 days.*give more history"),
    "empty": ({"a": WeeklyAverage()}, lambda: panel().iloc[:0], None, "`panel` holds nothing"),
    "no columns": ({"a": WeeklyAverage()}, lambda: panel()[[]], None, "`panel` holds nothing"),
    "strange labels": (
        {"a": DayLagRatio()},
        panel,
        lambda: labels().replace("likes", "ctr"),
        "`labels` name metric 'ctr'; what is watched is views, likes",
    ),
    "no labels": ({"a": DayLagRatio()}, panel, lambda: [1], "`labels` is a list"),
}


@pytest.mark.parametrize(("given", "rows", "known", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_before_anything_is_judged(given: Any, rows: Any, known: Any, message: str) -> None:
    """What cannot be compared is refused in words."""
    with pytest.raises(ConfigurationError, match=message):
        compare(given, rows(), known if known is None else known())


def test_a_detector_that_fails_is_no_quiet_setting() -> None:
    """A window that holds no slot fails, and the comparison says whose it is."""
    with pytest.raises(DetectorError, match=r"setting 'narrow': metric 'views': .*holds no slot"):
        compare({"narrow": RollingSigma(window="10min"), "day": DayLagRatio()}, panel())


def test_an_interrupted_comparison_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends it: settings that were judged over different stretches cannot be compared."""
    stopped = replace(found().backtests["week"], is_complete=False)
    monkeypatch.setattr("anomalert.comparison.backtest", lambda *_, **__: stopped)
    with pytest.raises(KeyboardInterrupt):
        compare({"week": WeeklyAverage()}, panel())


def test_what_is_no_panel_is_refused() -> None:
    """Rows out of order are told as everywhere."""
    with pytest.raises(InvalidPanelError, match="not in order"):
        compare({"day": DayLagRatio()}, panel().iloc[::-1])
