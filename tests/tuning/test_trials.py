"""What becomes of one setting: its messages are those of a backtest, and found is what is told in time and because."""

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert import DayLagRatio, Detector, FrameSource, Metric, Monitor, Policy, RollingSigma, WeeklyAverage, backtest
from anomalert.tuning import Search
from anomalert.tuning.levels import LOUD, tried
from anomalert.tuning.trials import Ground, Trial
from tests.tuning.grounds import LEVELS, N_SLOTS, SEARCH, SLOT, START, ground_of, metric, nanoseconds_of, planted_ground

SETTINGS: list[tuple[Detector, Policy]] = [
    (DayLagRatio(7, 0.15), Policy()),
    (WeeklyAverage(7, 0.1), Policy(persist=(2, 3))),
    (RollingSigma("6h", sigmas=4), Policy(direction="down")),
]


@pytest.mark.parametrize(("detector", "policy"), SETTINGS, ids=lambda each: type(each).__name__)
def test_messages_are_those_of_a_backtest(detector: Detector, policy: Policy) -> None:
    """Slot for slot, without planted incidents and with them; what is new are openings and worsenings."""
    ground = planted_ground()
    assert ground.planted is not None
    for frame in (ground.panel, ground.planted):
        setting = replace(metric(), detector=detector, policy=policy)
        monitor = Monitor(FrameSource(frame), [setting], slot=SLOT)
        messages = backtest(monitor, start=ground.start, end=ground.end, progress=False).messages
        news = messages[messages["kind"].isin(["opened", "worsened"])]
        found = replace(ground, panel=frame).tried(detector, policy)
        assert found is not None
        assert found.sent.tolist() == [slot.value for slot in messages["slot"]]
        assert found.told.tolist() == [slot.value for slot in news["slot"]]
        assert len(news) > 3


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 4)), min_size=1, max_size=5),
    st.lists(st.integers(0, N_SLOTS - 1), max_size=10).map(sorted),
)
def test_known_events_are_found_while_they_last_and_one_slot_longer(
    pairs: list[tuple[int, int]], told: list[int]
) -> None:
    """A message in [start, end + slot) finds an event, and none outside of it does."""
    events = [(start, start + length) for start, length in pairs]
    ground = ground_of(events, is_planted=False)
    trial = Trial(metric(), nanoseconds_of(told), nanoseconds_of(told))
    found = ground.with_found(trial).found
    assert found is not None
    assert found.tolist() == [any(start <= slot < end + 1 for slot in told) for start, end in events]


def test_what_is_told_without_the_incident_is_not_found() -> None:
    """Planted where something is told anyway, an incident is not found by it; elsewhere it is."""
    ground = planted_ground(1, replace(SEARCH, sizes=["60%"]))
    detector, policy = DayLagRatio(7, 0.3), Policy()
    quiet = ground.tried(detector, policy)
    assert quiet is not None
    before = ground.with_found(quiet).found
    assert before is not None
    assert before.mean() > 0.8
    number = int(np.flatnonzero(before)[2])
    start = ground.events["start"][number]
    fallen = ground.panel.copy()
    fallen.loc[start, "views"] *= 0.2
    assert ground.planted is not None
    noisy = replace(
        ground, panel=fallen, planted=ground.planted.assign(views=np.minimum(ground.planted, fallen)["views"])
    )
    trial = noisy.tried(detector, policy)
    assert trial is not None
    assert start.value in trial.told.tolist()
    after = noisy.with_found(trial).found
    assert after is not None
    assert not after[number]
    assert after[:number].tolist() == before[:number].tolist()


def test_gaps_of_one_metric_are_no_messages() -> None:
    """A metric that is unknown where others are known says nothing about its source, and uses up no budget."""
    ground = planted_ground()
    gappy = ground.panel.copy()
    gappy.loc[gappy.index[500:510], "views"] = np.nan
    trial = replace(ground, panel=gappy, monitor=over(Metric("views", DayLagRatio()))).tried(DayLagRatio(), Policy())
    assert trial is not None
    assert trial.sent.tolist() == []


def over(of: Metric) -> Monitor:
    """Return a monitor of one metric."""
    return Monitor(FrameSource(pd.DataFrame({"views": [1.0]}, [START])), [of], slot=SLOT)


def test_a_detector_that_cannot_judge_is_no_trial() -> None:
    """A window that holds no slot gives nothing, at every level of a candidate."""
    ground, narrow = planted_ground(), RollingSigma("30min")
    assert ground.tried(narrow, Policy()) is None
    assert ground.alerts(narrow, Policy()) is None
    assert tried(ground, SEARCH, 2.0, ([narrow, replace(narrow, sigmas=9.0)], (1, 1))) == []


@pytest.mark.parametrize("recover", [1, 2, 5])
def test_runs_of_alerts_are_counted_as_incidents_are(recover: int) -> None:
    """Alerts with less than `recover` quiet slots between them are one run; no run is shorter than an alert."""
    ground, policy = planted_ground(2), Policy(recover=recover)
    for threshold in LEVELS[:4]:
        detector = DayLagRatio(7, threshold)
        setting = Metric("views", detector, absent="zero", policy=policy)
        verdicts, _ = over(setting).verdicts(ground.panel, ground.start)
        runs, last = 0, -1000
        for slot, is_alert in enumerate(verdicts.is_alert[: int((ground.end - ground.start) / SLOT), 0]):
            runs += bool(is_alert and slot - last > recover)
            last = slot if is_alert else last
        assert ground.alerts(detector, policy) == runs


@pytest.mark.parametrize("persist", [(1, 1), (2, 3)])
@pytest.mark.parametrize("budget", [1.0, 4.0])
def test_what_is_left_untried_is_above_the_budget(persist: tuple[int, int], budget: float) -> None:
    """The trials begin at most a level before the loosest that keeps it, and hold the strictest where none does."""
    ground = planted_ground(4)
    family = [WeeklyAverage(7, each) for each in LEVELS]
    policy = Policy(persist=persist)
    every = [ground.tried(detector, Policy(persist=persist)) for detector in family]
    sent = [len(trial.sent) for trial in every if trial is not None]
    keeping = [level for level, each in enumerate(sent) if each <= budget * ground.weeks]
    levels = [family.index(trial.metric.detector) for trial in tried(ground, SEARCH, budget, (family, persist))]  # type: ignore[arg-type]
    assert levels == list(range(max(keeping[0] - 1, 0), min(keeping[0] + 3, len(family))))
    loud = [level for level, each in enumerate(family) if (ground.alerts(each, policy) or 0) > LOUD * budget * 4]
    assert not set(loud) & set(keeping)


def test_where_no_level_keeps_the_budget_the_strictest_is_tried() -> None:
    """And it is not asked what it finds, since it cannot be chosen."""
    (trial,) = tried(planted_ground(4), SEARCH, 0.1, ([DayLagRatio(7, 0.02), DayLagRatio(7, 0.03)], (1, 1)))
    assert trial.metric.detector == DayLagRatio(7, 0.03)
    assert trial.found is None


def test_what_is_tried_can_travel_to_workers() -> None:
    """Pickled and back, a ground gives the same trials."""
    ground, candidate = planted_ground(1), (SEARCH.candidates[0], (2, 3))
    there = pickle.loads(pickle.dumps(partial(tried, ground, SEARCH, 2.0)))(candidate)
    for one, other in zip(tried(ground, SEARCH, 2.0, candidate), there, strict=True):
        assert one.metric == other.metric
        np.testing.assert_array_equal(one.sent, other.sent)
        np.testing.assert_array_equal(one.found, other.found)


def test_a_ground_is_made_for_its_search() -> None:
    """One incident in every stretch, within what is judged."""
    ground: Ground = planted_ground(0, Search(candidates=[[DayLagRatio()]], every="48h", length="2h"))
    assert ground.weeks == 4
    assert len(ground.events) == 13
    assert ground.events["start"].min() >= ground.start
    assert ground.events["end"].max() <= ground.end
    assert ((ground.ends - ground.starts) == 3 * SLOT.value).all()
