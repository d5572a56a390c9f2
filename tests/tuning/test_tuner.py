"""`tune` from end to end: what the choice depends on and what not, budgets, labels, and mistakes in words."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anomalert import (
    DayLagRatio,
    FrameSource,
    Monitor,
    Policy,
    RollingSigma,
    Tuned,
    WeeklyAverage,
    backtest,
    tune,
)
from anomalert.errors import ConfigurationError, SourceError
from anomalert.testing import FakeSource
from anomalert.tuning import Search
from tests.tuning.grounds import LEVELS, SEARCH, SLOT, history, metric

SPLIT = pd.Timestamp("2026-11-09", tz="UTC")
"""Where the last two of seven weeks begin."""


def tuned(rows: pd.DataFrame, search: Search = SEARCH, **arguments: Any) -> Tuned:
    """Tune one metric."""
    return tune(metric(), rows, search=search, progress=False, **arguments)


@cache
def usual() -> Tuned:
    """Return the choice of the usual search."""
    return tuned(history())


def test_the_choice_keeps_the_policy_and_changes_detector_and_persistence() -> None:
    """Direction, least change and volume stay; the chosen setting is among those tried, and marked."""
    policy = Policy(direction="down", min_change=0.05, min_volume=7)
    found = tune(replace(metric(), policy=policy), history(), search=SEARCH, progress=False)
    assert replace(found.metric.policy, persist=(1, 1)) == policy
    assert found.metric.policy.persist in SEARCH.persist
    assert any(found.metric.detector in family for family in SEARCH.candidates)
    chosen = found.trials[found.trials["chosen"]]
    assert chosen["detector"].item() == repr(found.metric.detector)
    assert chosen["persist"].item() == found.metric.policy.persist
    assert chosen["messages_per_week"].item() <= 2
    assert chosen["quality"].item() > 0
    assert found.trials["margin"].notna().sum() == 1


def test_the_report_is_the_backtest_of_the_choice_on_the_untouched_part() -> None:
    """Slot for slot, from the split on; recall is of what is planted there."""
    found = usual()
    monitor = Monitor(FrameSource(history()), [found.metric], slot=SLOT)
    alone = backtest(monitor, start=SPLIT, end="2026-11-23", progress=False)
    assert found.report.start == SPLIT
    pd.testing.assert_frame_equal(found.report.judgements, alone.judgements)
    assert found.report.rate == alone.rate
    assert found.recall["planted"].sum() == 9
    assert found.keeps_budget is (alone.rate <= 2)


def test_the_untouched_part_has_no_say() -> None:
    """With the last two weeks broken, or other, the same is chosen from the same trials, and reported on otherwise."""
    broken = history().copy()
    broken.loc[SPLIT:] *= np.where(np.arange(14 * 24) % 5 == 0, 0.2, 1.7)[:, None]
    other = history().copy()
    other.loc[SPLIT:] = history(9).loc[SPLIT:]
    for rows in (broken, other):
        found = tuned(rows)
        assert found.metric == usual().metric
        pd.testing.assert_frame_equal(found.trials, usual().trials)
    assert tuned(broken).report.rate > 2
    assert not tuned(broken).keeps_budget
    assert "ABOVE the budget of 2" in repr(tuned(broken))


def test_seeds_repeat() -> None:
    """The same seed gives the same tables; another plants elsewhere."""
    again, other = tuned(history()), tuned(history(), replace(SEARCH, seed=5))
    pd.testing.assert_frame_equal(again.trials, usual().trials)
    pd.testing.assert_frame_equal(again.recall, usual().recall)
    assert not other.trials["quality"].equals(usual().trials["quality"])


def test_workers_choose_the_same() -> None:
    """With an executor the candidates are tried there, to the same table."""
    with ThreadPoolExecutor(2) as threads:
        found = tuned(history(), executor=threads)
    pd.testing.assert_frame_equal(found.trials, usual().trials)
    assert found.metric == usual().metric


def test_a_larger_budget_finds_no_less() -> None:
    """More messages allow at least the recall that fewer do, on what was chosen by."""
    qualities = [
        found.trials.loc[found.trials["chosen"], "quality"].item()
        for found in (tuned(history(), budget=budget) for budget in ("1 per month", "2 per week", "2 per day"))
    ]
    assert qualities == sorted(qualities)
    assert qualities[0] < qualities[-1]


def test_a_budget_that_nothing_keeps_is_told() -> None:
    """Only loose levels: the metric is named, the quietest that finds anything is taken, and the text says so."""
    loose = replace(SEARCH, candidates=[[DayLagRatio(7, 0.02), DayLagRatio(7, 0.04)]], persist=[(1, 1)])
    found = tuned(history(), loose, budget="1 per month")
    assert found.unkept == ("views",)
    assert found.metric.detector == DayLagRatio(7, 0.04)
    assert "views: DayLagRatio(days=7, threshold=0.04), persist=(1, 1)\n  nothing that finds" in repr(found)
    assert not found.keeps_budget
    assert usual().unkept == ()
    assert "nothing that finds" not in repr(usual())


def test_silence_is_unkept_too() -> None:
    """Where what keeps the budget finds nothing at all, that is no choice either."""
    deaf = replace(SEARCH, candidates=[[DayLagRatio(7, 0.04), DayLagRatio(7, 0.98)]], persist=[(1, 1)])
    found = tuned(history(), deaf)
    assert found.unkept == ("views",)
    assert found.metric.detector == DayLagRatio(7, 0.04)


def test_metrics_share_the_budget() -> None:
    """Of two metrics each gets half, as if it were tuned alone with half."""
    monitor = Monitor(FrameSource(history(), name="feed"), [metric("views"), metric("likes")], slot=SLOT)
    both = tune(monitor, history(), budget="4 per week", search=SEARCH, progress=False)
    alone = tune(metric("likes"), history(), budget="2 per week", search=SEARCH, progress=False)
    assert both.budget == 4
    assert [each.name for each in both.monitor.metrics] == ["views", "likes"]
    assert both.monitor.metrics[0] == usual().metric
    assert both.monitor.metrics[1] == alone.metric
    assert both.monitor.source is monitor.source
    assert both.report.monitors == (both.monitor,)
    with pytest.raises(ConfigurationError, match="there are several metrics"):
        _ = both.metric
    assert both.smallest("likes") == alone.smallest()


def test_a_source_is_read_once() -> None:
    """A monitor without history is read by its own source, a single time, in local times if they have no zone."""
    source = FakeSource(history())
    monitor = Monitor(source, [metric()], slot=SLOT)
    found = tune(monitor, start="2026-10-05", end="2026-11-23", search=SEARCH, progress=False)
    assert len(source.reads) == 1
    assert found.metric == usual().metric
    assert found.monitor.source is source


def falls() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a history with drops of a third, and their labels in local time, the last in the untouched part."""
    rows, starts = history().copy(), pd.to_datetime(["2026-10-22 10:00", "2026-10-30 16:00", "2026-11-05 20:00"])
    for start in [*starts, pd.Timestamp("2026-11-17 09:00")]:
        rows.loc[start.tz_localize("UTC") : start.tz_localize("UTC") + 2 * SLOT, "views"] *= 0.6
    return rows, pd.DataFrame({"metric": "views", "start": starts, "end": starts + 3 * SLOT})


def test_known_incidents_decide_by_f1() -> None:
    """Of all levels that which tells of the three drops and of nothing else is taken; no budget is needed."""
    rows, labels = falls()
    found = tuned(rows, labels=labels)
    assert found.budget == float("inf")
    assert found.trials["quality"].max() == found.trials.loc[found.trials["chosen"], "quality"].item() == 1
    assert len(found.trials) == 2 * 2 * len(LEVELS)
    kinds = found.report.incidents
    assert (kinds["start"] == pd.Timestamp("2026-11-17 09:00", tz="UTC")).sum() == 1


def test_a_budget_holds_with_labels_too() -> None:
    """A budget for a message a month leaves less than F1 alone takes, and what is taken keeps it."""
    rows, labels = falls()
    found = tuned(rows, labels=labels, budget="3 per month")
    weeks = (SPLIT - pd.Timestamp("2026-10-05", tz="UTC") - SEARCH.lookback) / pd.Timedelta("7D")
    chosen = found.trials[found.trials["chosen"]]
    assert found.unkept or chosen["messages_per_week"].item() <= found.budget
    assert found.budget * weeks < 6
    assert found.trials.loc[found.trials["messages_per_week"] > 100, "quality"].isna().all()


def test_a_size_is_the_smallest_from_which_on_all_are_found() -> None:
    """A smaller one that is found by luck does not count; if the largest is missed, there is none."""
    recall = pd.DataFrame({"recall": [0.9, 0.5, 0.8, 1.0]}, index=["10%", "20%", "40%", "80%"])
    indexed = pd.concat({"views": recall}, names=["metric", "size"])
    found = replace(usual(), recall=indexed)
    assert found.smallest() == "40%"
    assert found.smallest(recall=1) == "80%"
    assert found.smallest("views", recall=0.4) == "10%"
    missed = replace(usual(), recall=indexed * np.array([[1], [1], [1], [0]]))
    assert missed.smallest() is None
    with pytest.raises(ConfigurationError, match="`metric` is 'ctr': name one of 'views'"):
        found.smallest("ctr")
    with pytest.raises(ConfigurationError, match="`recall` is 80"):
        found.smallest(recall=80)


def narrow() -> Search:
    """Return candidates whose windows hold no slot of an hour."""
    return replace(SEARCH, candidates=[[RollingSigma("30min")], [RollingSigma("45min")]])


def no_metric() -> pd.DataFrame:
    """Return a history of another metric."""
    return history()[["likes"]]


MISTAKES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "too short": (lambda: history(days=28), {}, "the history is too short: .* 4 folds need two days each"),
    "naive": (lambda: history().tz_localize(None), {}, "`history` has no time zone"),
    "empty": (lambda: history().iloc[:0], {}, "`history` has no rows"),
    "a series": (lambda: history()["views"], {}, "`history` is to be a DataFrame"),
    "no source": (lambda: None, {}, "metric 'views' alone has no source: pass `history`"),
    "narrow": (history, {"search": narrow()}, "no candidate can judge metric 'views': their windows may hold no slot"),
    "zero": (lambda: history() * 0, {}, "metric 'views' has no room for planted incidents"),
    "budget": (history, {"budget": "some"}, "`budget` is 'some'"),
    "strange": (
        history,
        {"labels": falls()[1].assign(metric="ctr")},
        "`labels` name metric 'ctr'; what is watched is views",
    ),
    "elsewhere": (
        history,
        {"labels": pd.DataFrame({"metric": ["views"], "start": ["2026-11-20"], "end": ["2026-11-21"]})},
        "`labels` has no event of metric 'views' between",
    ),
}


@pytest.mark.parametrize(("rows", "arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_in_words(rows: Any, arguments: dict[str, Any], message: str) -> None:
    """What cannot be tuned is refused, with what was found and what to do."""
    with pytest.raises(ConfigurationError, match=message):
        tuned(rows(), **{"search": SEARCH, **arguments})


def test_what_is_tuned_is_a_metric_or_a_monitor() -> None:
    """A detector is neither; a monitor needs a range, or a history that has its column."""
    with pytest.raises(ConfigurationError, match="`target` is a WeeklyAverage"):
        tune(WeeklyAverage(), history(), progress=False)  # type: ignore[arg-type]
    monitor = Monitor(FrameSource(history()), [metric()], slot=SLOT)
    with pytest.raises(ConfigurationError, match="`start` is needed to read"):
        tune(monitor, end="2026-11-23", search=SEARCH, progress=False)
    with pytest.raises(SourceError, match="no column 'views'"):
        tune(metric(), no_metric(), search=SEARCH, progress=False)
