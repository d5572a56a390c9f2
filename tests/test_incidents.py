"""Incidents and what is said of them: the state machine on its own, slot by slot."""

import json
import math
from collections.abc import Mapping, Sequence

import pandas as pd
import pytest

from anomalert.incidents import (
    Observation,
    Said,
    State,
    Watch,
    advance,
    lose_sight,
    state_from_dict,
    state_to_dict,
)
from anomalert.policy import Policy

SLOT = pd.Timedelta("15min")
START = pd.Timestamp("2026-11-02T10:00", tz="UTC")
SEASONAL = pd.Timedelta("7D")


def seen(metric: str, value: float | None, expected: float = 100.0) -> Observation:
    """Return what a slot shows of a metric whose usual range is half to double of what is expected."""
    if value is None:
        return Observation(metric, math.nan, expected, 50.0, 200.0, math.nan, math.nan, None, "no_data", is_alert=False)
    outside = not expected / 2 <= value <= expected * 2
    return Observation(
        metric,
        value,
        expected,
        expected / 2,
        expected * 2,
        (value - expected) / max(value, expected),
        1.5 if outside else 0.5,
        "up" if value > expected else "down" if value < expected else None,
        "anomaly" if outside else "ok",
        is_alert=outside,
    )


def told(
    slots: Sequence[Mapping[str, float | None]], policy: Policy | None = None, lookback: pd.Timedelta = SEASONAL
) -> tuple[State, list[tuple[int, Said]]]:
    """Walk through `slots`, each a value per metric, and return the last state and what was said in which slot."""
    state, said = State(), []
    watches = {metric: Watch(policy or Policy(), lookback) for values in slots for metric in values}
    for number, values in enumerate(slots):
        slot = START + number * SLOT
        observations = [seen(metric, value) for metric, value in values.items()]
        state, what = advance(state, slot, observations, watches, SLOT)
        state = state_from_dict(json.loads(json.dumps(state_to_dict(state))))
        said += [(number, each) for each in what]
    return state, said


def kinds(said: list[tuple[int, Said]]) -> list[tuple[int, str, list[str]]]:
    """Return slot number, kind and metrics of what was said."""
    return [(number, each.kind, sorted(incident.metric for incident, _ in each.about)) for number, each in said]


def test_a_drop_is_told_once_and_its_end_once() -> None:
    """Three hours of drop give one opening, and one resolution after two quiet slots."""
    _, said = told([{"likes": 100.0}] + [{"likes": 10.0}] * 12 + [{"likes": 100.0}] * 5)
    assert kinds(said) == [(1, "opened", ["likes"]), (14, "resolved", ["likes"])]
    (incident, _), *_ = said[-1][1].about
    assert incident.start == START + SLOT
    assert incident.end == START + 13 * SLOT


def test_metrics_that_fall_together_are_one_episode() -> None:
    """Four metrics that drop and recover in the same slots are told in one opening and one resolution."""
    names = ("views", "likes", "ctr", "users")
    drop, usual = dict.fromkeys(names, 5.0), dict.fromkeys(names, 100.0)
    _, said = told([usual] + [drop] * 12 + [usual] * 4)
    assert kinds(said) == [(1, "opened", sorted(names)), (14, "resolved", sorted(names))]


def test_a_metric_that_joins_later_makes_it_worse_and_opens_nothing_of_its_own() -> None:
    """Metrics that open one or two slots later, and recover at other times, stay one episode."""
    slots: list[Mapping[str, float | None]] = [
        {"a": 10.0, "b": 100.0, "c": 100.0},
        {"a": 10.0, "b": 10.0, "c": 100.0},
        {"a": 10.0, "b": 10.0, "c": 10.0},
        {"a": 100.0, "b": 10.0, "c": 10.0},
        {"a": 100.0, "b": 100.0, "c": 10.0},
        *([{"a": 100.0, "b": 100.0, "c": 100.0}] * 3),
    ]
    _, said = told(slots)
    assert kinds(said) == [
        (0, "opened", ["a"]),
        (1, "worsened", ["b"]),
        (2, "worsened", ["c"]),
        (6, "resolved", ["a", "b", "c"]),
    ]


def test_a_metric_that_comes_back_into_an_open_episode_is_not_told_again() -> None:
    """While one metric holds the episode open, another that recovers and falls again says nothing."""
    slots: list[Mapping[str, float | None]] = [
        {"a": 10.0, "b": 10.0},
        *([{"a": 10.0, "b": 100.0}] * 3),
        {"a": 10.0, "b": 9.0},
    ]
    _, said = told(slots)
    assert kinds(said) == [(0, "opened", ["a", "b"])]


def test_up_and_down_are_kept_apart() -> None:
    """A rise during another metric's drop is an episode of its own."""
    _, said = told([{"a": 10.0, "b": 100.0}, {"a": 10.0, "b": 900.0}])
    assert kinds(said) == [(0, "opened", ["a"]), (1, "opened", ["b"])]
    assert [each.subject.split("/")[0] for _, each in said] == ["down", "up"]


def test_what_cannot_be_judged_neither_ends_nor_prolongs() -> None:
    """Slots without data between do not count as quiet, and say nothing."""
    state, said = told([{"a": 10.0}, {"a": None}, {"a": None}, {"a": None}, {"a": 100.0}])
    assert kinds(said) == [(0, "opened", ["a"])]
    assert [incident.quiet for incident in state.incidents()] == [1]


@pytest.mark.parametrize(("values", "is_told"), [([40.0, 15.0], True), ([40.0, 35.0], False), ([8.0, 1.0], False)])
def test_worse_needs_a_relative_and_an_absolute_step(values: list[float], is_told: bool) -> None:
    """A drop is told again only when both the distance and the deviation grew enough."""
    _, said = told([{"a": value} for value in values])
    assert ("worsened" in [each.kind for _, each in said]) is is_told


def test_a_reminder_comes_after_silence_and_not_before() -> None:
    """With reminders every hour a drop of three hours is told at its start and three times more."""
    _, said = told([{"a": 10.0}] * 13, Policy(remind="1h"))
    assert [(number, each.kind) for number, each in said] == [
        (0, "opened"), (4, "reminder"), (8, "reminder"), (12, "reminder"),
    ]  # fmt: skip
    assert all(each.kind == "opened" for _, each in told([{"a": 10.0}] * 200, Policy(remind=None))[1])


def test_the_way_back_is_no_incident_for_a_detector_that_forgets_fast() -> None:
    """After a drop, a rise to where the metric was before is held for a trailing detector, and told for others."""
    down = seen("a", 10.0)
    back = Observation("a", 100.0, 10.0, 5.0, 20.0, 0.9, 9.0, "up", "anomaly", is_alert=True)
    for lookback, count in ((pd.Timedelta("2h"), 0), (SEASONAL, 1)):
        watches = {"a": Watch(Policy(), lookback)}
        state, _ = advance(State(), START, [down], watches, SLOT)
        _, said = advance(state, START + SLOT, [back], watches, SLOT)
        assert len([each for each in said if each.kind == "opened"]) == count


def test_known_incidents_are_replaced_by_what_was_expected_until_they_are_the_new_usual() -> None:
    """Anomalous slots of an incident are replaced in the baseline for as long as `adapt` says."""
    state, _ = told([{"a": 100.0}, {"a": 10.0}, {"a": 11.0}, {"a": 100.0}])
    assert dict(state.replaced["a"]) == {START + SLOT: 100.0, START + 2 * SLOT: 100.0}
    state, _ = told([{"a": 10.0}] * 8, Policy(adapt="1h"))
    assert len(state.replaced["a"]) == 4


def test_an_incident_of_a_metric_that_is_watched_no_more_ends() -> None:
    """When a metric is taken out of the configuration its incident does not stay open for ever."""
    state, _ = told([{"a": 10.0, "b": 10.0}])
    after, said = advance(state, START + SLOT, [seen("b", 10.0)], {"b": Watch(Policy(), SEASONAL)}, SLOT)
    assert [i.metric for i in after.incidents() if i.end is None] == ["b"]
    assert said == []


def test_an_outage_is_told_once_for_all_sources_and_its_end_once() -> None:
    """Two sources that fail in one slot are one message, and one more when they are back."""
    state, said = lose_sight(State(), START, {"feed": "source_failed", "messages": "source_failed"})
    assert [(each.kind, len(each.outages)) for each in said] == [("source_failed", 2)]
    state, said = lose_sight(state, START + SLOT, {"feed": "source_failed", "messages": "no_data"})
    assert said == []
    state, said = lose_sight(state, START + 2 * SLOT, {"feed": None, "messages": None})
    assert [(each.kind, len(each.outages)) for each in said] == [("source_back", 2)]
    assert state.outages == ()
