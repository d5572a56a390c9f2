"""Incidents and what is said of them: the state machine on its own, slot by slot."""

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import pandas as pd
import pytest

from anomalert import incidents
from anomalert.detectors import DayLagRatio
from anomalert.episodes import (
    DAY,
    Incident,
    Observation,
    Replacement,
    Said,
    State,
    Watch,
    state_from_dict,
    state_to_dict,
)
from anomalert.incidents import advance
from anomalert.messages import gravest_first, key_of
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


def test_what_is_anomalous_on_the_other_side_is_not_back_to_usual() -> None:
    """A drop that ends in a rise is over, and said to have turned; if it is as usual later, it is back to that."""
    state, said = told([{"a": 10.0}, {"a": 900.0}, {"a": 900.0}])
    (over,) = (each for _, each in said if each.kind == "resolved")
    assert [incident.ending for incident, _ in over.about] == ["turned"]
    values = [{"a": 10.0, "b": 10.0}, {"a": 900.0, "b": 10.0}, {"a": 900.0, "b": 10.0}, {"a": 100.0, "b": 10.0}]
    state, _ = told(values)
    endings = [each.ending for each in state.incidents() if each.metric == "a" and each.direction == "down"]
    assert endings == ["usual"]


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


@pytest.mark.parametrize(("lag", "opened"), [("1h", 0), ("23h", 0), ("25h", 1)])
def test_the_way_back_is_known_when_it_is_made_up_for(lag: str, opened: int) -> None:
    """A metric that could not be read for six days comes back in slots that others left long ago, and in its own time.

    Only a rise within a day of the drop is the way back.
    """
    watches = {"a": Watch(Policy(recover=1), pd.Timedelta("2h")), "b": Watch(Policy(), SEASONAL)}
    state, _ = advance(State(), START, [seen("a", 10.0)], watches, SLOT)
    ended = replace(next(iter(state.incidents())), end=START + SLOT)
    state = replace(state, episodes=(), recent=(ended,))
    for slot in pd.date_range(START, START + 6 * DAY, freq="6h"):
        state, _ = advance(state, slot, [seen("b", 100.0)], watches, SLOT)
    state = state_from_dict(json.loads(json.dumps(state_to_dict(state))))
    back = Observation("a", 100.0, 10.0, 5.0, 20.0, 0.9, 9.0, "up", "anomaly", is_alert=True)
    _, said = advance(state, START + pd.Timedelta(lag), [back], watches, SLOT)
    assert len(said) == opened


def test_of_what_ended_lately_little_is_kept() -> None:
    """Of a metric that flaps for a fortnight no more is remembered than of its last day; nothing after another week."""
    watches = {"a": Watch(Policy(recover=1), pd.Timedelta("2h"))}
    state, sizes = State(), []
    for number, slot in enumerate(pd.date_range(START, START + 14 * DAY, freq="1h")):
        state, _ = advance(state, slot, [seen("a", 10.0 if number % 2 else 100.0)], watches, SLOT)
        sizes.append(len(state.recent))
    assert max(sizes) == max(sizes[: 2 * 24]) <= 13
    state, _ = advance(state, START + 23 * DAY, [seen("a", 100.0)], watches, SLOT)
    assert state.recent == ()


def test_what_replaces_incidents_is_kept_for_a_metric_that_lags() -> None:
    """While one monitor cannot be read for six days others forget what is old: not what its slots will be judged by."""
    watches = {"a": Watch(Policy(recover=1), SEASONAL, SLOT, SEASONAL), "b": Watch(Policy(), SEASONAL)}
    state, _ = advance(State(), START, [seen("a", 10.0)], watches, SLOT)
    state, _ = advance(state, START + SLOT, [seen("a", 100.0)], watches, SLOT)
    # Read until the day before it compares with its incident; six days later the next slot is still to be judged.
    for slot in pd.date_range(START.normalize(), START + 13 * DAY, freq="1D"):
        state, _ = advance(state, slot, [seen("b", 100.0)], watches, SLOT)
    assert START in state.replaced["a"]
    state, _ = advance(state, START.normalize() + 30 * DAY, [seen("b", 100.0)], watches, SLOT)
    assert state.replaced["a"] == {}


def test_known_incidents_are_replaced_by_what_was_expected_until_they_are_the_new_usual() -> None:
    """Anomalous slots of an incident are replaced in the baseline for as long as `adapt` says."""
    state, _ = told([{"a": 100.0}, {"a": 10.0}, {"a": 11.0}, {"a": 100.0}])
    below = Replacement(100.0, "down")
    assert dict(state.replaced["a"]) == {START + SLOT: below, START + 2 * SLOT: below}
    state, _ = told([{"a": 10.0}] * 8, Policy(adapt="1h"))
    assert len(state.replaced["a"]) == 4


RECURRING = [
    # After how many days its detector compares again, `adapt`, on which days it is low, and on which that is learnt.
    (1, "3D", [0, 1, 2, 3, 4], [3, 4]),
    (1, "6h", [0, 1, 2], [1, 2]),
    (1, "3D", [0, 1, 3, 4, 5], []),
    (7, "3D", [0, 7], [7]),
    (7, "3D", [0, 1, 2, 3], [3]),
    (7, "3D", [0, 6, 13], [13]),
    (7, "8D", [0, 7, 14], [14]),
    (7, "14D", [0, 7, 14, 21], [14, 21]),
    (7, "15D", [0, 7, 14, 21], [21]),
]


@pytest.mark.parametrize(("days", "adapt", "low", "learnt"), RECURRING)
def test_what_comes_again_is_learnt(days: int, adapt: str, low: list[int], learnt: list[int]) -> None:
    """A slot is learnt once it was replaced each time it came round before, for as long as `adapt`, at least once.

    It comes round every day, and as its detector compares. Between lie quiet slots, and midnights that forget what is
    old.
    """
    watches = {"a": Watch(Policy(adapt=adapt, recover=1), days * DAY, SLOT, days * DAY)}
    state, found = State(), []
    midnight = START.normalize()
    for slot in pd.date_range(midnight, midnight + (max(low) + 1) * DAY, freq="6h"):
        is_low = slot - midnight in [day * DAY + pd.Timedelta("12h") for day in low]
        state, _ = advance(state, slot, [seen("a", 10.0 if is_low else 100.0)], watches, SLOT)
        if is_low and math.isnan(state.replaced["a"][slot].value):
            found.append((slot - midnight).days)
    assert found == learnt


def test_what_comes_again_on_the_other_side_is_not_learnt() -> None:
    """A rise a week after a drop has nothing to do with it: it is replaced like any other."""
    watches = {"a": Watch(Policy(recover=1), SEASONAL, SLOT, SEASONAL)}
    state, _ = advance(State(), START, [seen("a", 10.0)], watches, SLOT)
    state, _ = advance(state, START + SLOT, [seen("a", 100.0)], watches, SLOT)
    state, _ = advance(state, START + 7 * DAY, [seen("a", 900.0)], watches, SLOT)
    assert state.replaced["a"][START + 7 * DAY] == Replacement(100.0, "up")


def test_a_state_that_was_kept_without_sides_is_understood() -> None:
    """Ledgers once held numbers alone; such a slot counts for either side."""
    kept = state_to_dict(State())
    kept["replaced"] = {"a": {START.isoformat(): 100.0, (START + SLOT).isoformat(): None}}
    state = state_from_dict(kept)
    assert state.replaced["a"][START] == Replacement(100.0, None)
    watches = {"a": Watch(Policy(), SEASONAL, SLOT, SEASONAL)}
    for value in (10.0, 900.0):
        after, _ = advance(state, START + 7 * DAY, [seen("a", value)], watches, SLOT)
        assert math.isnan(after.replaced["a"][START + 7 * DAY].value)


def test_an_incident_of_a_metric_that_is_watched_no_more_ends() -> None:
    """When a metric is taken out of the configuration its incident does not stay open for ever."""
    state, _ = told([{"a": 10.0, "b": 10.0}])
    after, said = advance(state, START + SLOT, [seen("b", 10.0)], {"b": Watch(Policy(), SEASONAL)}, SLOT)
    assert [i.metric for i in after.incidents() if i.end is None] == ["b"]
    assert said == []
    for number in (2, 3):
        observed, watches = [seen("b", 100.0)], {"b": Watch(Policy(), SEASONAL)}
        after, said = advance(after, START + number * SLOT, observed, watches, SLOT)
    assert {incident.metric: incident.ending for incident, _ in said[0].about} == {"a": "unwatched", "b": "usual"}


TRAILING = pd.Timedelta("1h")


def followed(*slots: tuple[float, float], lookback: pd.Timedelta = TRAILING, policy: Policy | None = None) -> list[str]:
    """Walk one metric through slots, each a value and what is expected there, and return what was said, where."""
    state, found = State(), []
    watches = {"a": Watch(policy or Policy(), lookback)}
    for number, (value, expected) in enumerate(slots):
        state, said = advance(state, START + number * SLOT, [seen("a", value, expected)], watches, SLOT)
        state = state_from_dict(json.loads(json.dumps(state_to_dict(state))))
        for each in said:
            ((incident, _),) = each.about
            ended = "" if incident.end is None else f" {incident.ending} {(incident.end - START) // SLOT}"
            found.append(f"{number} {each.kind} {incident.direction}{ended}")
    return found


UP, STAYS, USUAL = (900.0, 100.0), (900.0, 900.0), (100.0, 900.0)
ENDINGS = [
    # Back within the hour that the detector looks back; what it calls a drop by then is the way back.
    ([UP, STAYS, STAYS, USUAL, USUAL], ["0 opened up", "4 resolved up usual 3"]),
    ([UP, (100.0, 100.0), (100.0, 100.0)], ["0 opened up", "2 resolved up usual 1"]),
    # For ever: an hour after the last anomaly, and once.
    ([UP, *[STAYS] * 20], ["0 opened up", "4 resolved up settled 5"]),
    ([UP, STAYS, STAYS, UP, *[STAYS] * 20], ["0 opened up", "7 resolved up settled 8"]),
    # A slot within what was usual begins the hour anew.
    ([UP, STAYS, STAYS, STAYS, USUAL, *[STAYS] * 9], ["0 opened up", "8 resolved up settled 9"]),
    # Half of the way back is neither an end nor a drop.
    ([UP, STAYS, (300.0, 900.0), USUAL, USUAL], ["0 opened up", "4 resolved up usual 3"]),
    # Beyond what was usual on the other side it is a drop.
    ([UP, STAYS, (10.0, 900.0)], ["0 opened up", "2 opened down"]),
    ([(1.0, 100.0), *[(1.0, 1.0)] * 9], ["0 opened down", "4 resolved down settled 5"]),
]


@pytest.mark.parametrize(("slots", "said"), ENDINGS)
def test_what_is_not_as_it_was_is_not_over(slots: list[tuple[float, float]], said: list[str]) -> None:
    """A detector that takes the incident for usual ends it only once the metric is back, or has settled."""
    assert followed(*slots) == said


def test_a_detector_that_compares_with_yesterday_ends_its_incidents_itself() -> None:
    """What is usual in the same slot of another day is usual, whatever was when the incident began."""
    day = DayLagRatio(1).lookback
    assert followed(UP, STAYS, STAYS, lookback=day) == ["0 opened up", "2 resolved up usual 1"]
    assert followed(UP, STAYS, STAYS, lookback=pd.Timedelta("1D")) == ["0 opened up"]


def test_what_only_stays_is_reminded_of_but_is_not_worse_and_not_replaced() -> None:
    """Slots that are no anomaly any more prolong an incident, and do nothing else to it."""
    day, far = pd.Timedelta("1D"), (9000.0, 9000.0)
    assert followed(UP, STAYS, far, far, lookback=day, policy=Policy(remind=None)) == ["0 opened up"]
    assert followed(UP, STAYS, STAYS, lookback=day, policy=Policy(remind="30min")) == ["0 opened up", "2 reminder up"]
    state, watches = State(), {"a": Watch(Policy(), day)}
    for number, (value, expected) in enumerate((UP, STAYS, (8999.0, 9000.0))):
        state, _ = advance(state, START + number * SLOT, [seen("a", value, expected)], watches, SLOT)
    (incident,) = state.incidents()
    assert (incident.last, incident.peak_slot, incident.peak.value) == (START + 2 * SLOT, START, 900.0)
    assert [*state.replaced["a"]] == [START]


@pytest.mark.parametrize(("value", "ending"), [(900.0, "settled"), (100.0, "usual"), (None, "settled")])
def test_a_metric_that_leaves_its_new_level_did_not_stay_there(value: float | None, ending: str) -> None:
    """Until the others of its episode are over too, one that settled may still come back."""
    watches = {"a": Watch(Policy(), TRAILING), "b": Watch(Policy(), SEASONAL)}
    shown: list[tuple[float | None, float, float]] = [(900.0, 100.0, 900.0), *[(900.0, 900.0, 900.0)] * 4]
    shown += [(value, 900.0, 100.0)] * 2
    state = State()
    for number, (a, expected, b) in enumerate(shown):
        observed = [seen("a", a, expected), seen("b", b)]
        state, said = advance(state, START + number * SLOT, observed, watches, SLOT)
    assert {incident.metric: incident.ending for incident, _ in said[0].about} == {"a": ending, "b": "usual"}


def test_states_of_before_are_read() -> None:
    """A ledger that knows nothing of how incidents end is gone on with."""
    state, _ = told([{"a": 10.0}])
    plain = state_to_dict(state)
    for name in ("staying", "ending"):
        del plain["episodes"][0]["incidents"][0][name]
    assert state_from_dict(json.loads(json.dumps(plain))) == state


def test_a_metric_that_is_judged_late_stops_nothing() -> None:
    """Slots that one metric catches up on while another's incident is open are walked through, and say what they show.

    In the first slot both fall, but only `a` could be read; the next run judges that slot of `b`.
    """
    watches = {metric: Watch(Policy(), SEASONAL) for metric in ("a", "b")}
    state, first = advance(State(), START, [seen("a", 10.0)], watches, SLOT)
    state, second = advance(state, START, [seen("b", 10.0)], watches, SLOT)
    assert [(each.kind, [i.metric for i, _ in each.about]) for each in (*first, *second)] == [
        ("opened", ["a"]),
        ("worsened", ["b"]),
    ]
    assert sorted(state.replaced) == ["a", "b"]


def test_a_metric_that_joins_late_does_not_hasten_a_reminder() -> None:
    """What is told of a slot that is made up for is told now: the silence before a reminder is counted from the newest.

    `a` falls two hours after `b`, which could not be read meanwhile.
    """
    watches = {metric: Watch(Policy(remind="2h"), SEASONAL) for metric in ("a", "b")}
    state, _ = advance(State(), START + 8 * SLOT, [seen("a", 10.0)], watches, SLOT)
    state, said = advance(state, START, [seen("b", 10.0)], watches, SLOT)
    for number in range(9, 17):
        observed = [seen(metric, 10.0) for metric in ("a", "b")]
        state, what = advance(state, START + number * SLOT, observed, watches, SLOT)
        said += what
    assert [(each.kind, each.slot) for each in said] == [("worsened", START), ("reminder", START + 16 * SLOT)]


def test_two_episodes_of_one_slot_have_names_of_their_own() -> None:
    """An episode that a metric opens late is not taken for the one that another opened, and ended, in that slot."""
    watches = {metric: Watch(Policy(), SEASONAL) for metric in ("a", "b")}
    state, said = advance(State(), START, [seen("a", 10.0)], watches, SLOT)
    for number in (1, 2):
        state, _ = advance(state, START + number * SLOT, [seen("a", 100.0)], watches, SLOT)
    _, late = advance(state, START, [seen("b", 10.0)], watches, SLOT)
    assert said[0].kind == late[0].kind == "opened"
    assert said[0].subject != late[0].subject


def test_slots_of_half_a_minute_have_names_of_their_own() -> None:
    """Keys tell apart episodes and incidents that open in one minute."""
    starts = pd.date_range("2026-11-02T10:00Z", periods=4, freq="30s")
    opened = [
        advance(State(), slot, [seen("a", 10.0)], {"a": Watch(Policy(), SEASONAL)}, SLOT)[1][0] for slot in starts
    ]
    assert len({each.subject for each in opened}) == 4
    assert len({each.about[0][0].key for each in opened}) == 4


def test_every_metric_keeps_its_own_slots_where_their_lengths_differ() -> None:
    """At eleven both an hour and a quarter end: each incident begins, ends and is replaced in slots of its metric."""
    hour = pd.Timedelta("1h")
    watches = {"quarter": Watch(Policy(), SEASONAL, SLOT), "hour": Watch(Policy(), SEASONAL, hour)}
    quarters = pd.date_range(START, periods=13, freq=SLOT)
    state, said = State(), []
    for slot in quarters:
        low = START + 3 * SLOT <= slot < START + 7 * SLOT
        observations = [seen("quarter", 10.0 if low else 100.0)]
        if (slot + SLOT).minute == 0:
            observations.append(seen("hour", 10.0 if low else 100.0))
        state, what = advance(state, slot, observations, watches, SLOT)
        said += what
    assert [(each.kind, each.slot) for each in said] == [("opened", quarters[3]), ("resolved", quarters[11])]
    ended = {incident.metric: (incident.start, incident.end) for incident, _ in said[-1].about}
    assert ended == {"quarter": (quarters[3], quarters[7]), "hour": (START, START + hour)}
    assert dict(state.replaced["hour"]) == {START: Replacement(100.0, "down")}
    assert list(state.replaced["quarter"]) == list(quarters[3:7])


def test_infinite_bounds_outlive_json() -> None:
    """A bound on one side only is kept as it is: after JSON the way back is still known for one."""
    one_sided = Observation("a", 10.0, 100.0, 50.0, math.inf, -0.9, 1.8, "down", "anomaly", is_alert=True)
    state, _ = advance(State(), START, [one_sided], {"a": Watch(Policy(), SEASONAL)}, SLOT)
    again = state_from_dict(json.loads(json.dumps(state_to_dict(state), allow_nan=False)))
    assert again == state


def test_of_what_was_not_judged_in_a_slot_nothing_is_claimed() -> None:
    """When an episode ends without a word of one of its metrics, that one's value is unknown, not its peak."""
    watches = {metric: Watch(Policy(recover=1), SEASONAL) for metric in ("a", "b")}
    state, _ = advance(State(), START, [seen("a", 10.0), seen("b", 10.0)], watches, SLOT)
    state, _ = advance(state, START + SLOT, [seen("a", 100.0), seen("b", 10.0)], watches, SLOT)
    _, said = advance(state, START + 2 * SLOT, [seen("b", 100.0)], watches, SLOT)
    assert said[0].kind == "resolved"
    values = {incident.metric: now.value for incident, now in said[0].about}
    assert values["b"] == 100.0
    assert math.isnan(values["a"])


MANY = tuple("abcdefgh")


def flapping(seed: int) -> Iterator[dict[str, float | None]]:
    """Give slots in which metrics take turns in being down, so that one episode never ends."""
    choose, down = random.Random(seed), dict.fromkeys(MANY, False)
    while True:
        for name in MANY:
            down[name] ^= choose.random() < 0.2
        if not any(down.values()):
            down[choose.choice(MANY)] = True
        depths = {name: choose.choice([1.0, 10.0, 30.0, 45.0]) for name in MANY}
        yield {name: depths[name] if down[name] else choose.choice([100.0, 100.0, None, 400.0]) for name in MANY}


def lived(seed: int, slots: int, lookback: pd.Timedelta) -> tuple[list[State], list[Said]]:
    """Return the state after every slot of a flapping life that ends quietly, and all that was said."""
    states, said = [State()], []
    watches = {name: Watch(Policy(recover=1, remind="1h"), lookback) for name in MANY}
    quiet: list[dict[str, float | None]] = [dict.fromkeys(MANY, 100.0)] * 3
    for number, values in enumerate([*islice(flapping(seed), slots), *quiet]):
        observations = [seen(metric, value) for metric, value in values.items()]
        state, what = advance(states[-1], START + number * SLOT, observations, watches, SLOT)
        states.append(state)
        said += what
    return states, said


def every_incident_kept(patches: pytest.MonkeyPatch) -> None:
    """Have episodes remember all incidents that they ever had, and say what is to be said of each metric's latest."""

    def last_seen(about: Sequence[Incident], now: incidents._Now) -> tuple[tuple[Incident, Observation], ...]:
        latest = {incident.metric: incident for incident in about}
        return tuple((each, now.seen.get(each.metric, incidents.unseen(each))) for each in latest.values())

    patches.setattr(incidents, "_latest", tuple)
    patches.setattr(incidents, "_last_seen", last_seen)


def texts(said: list[Said]) -> list[tuple[object, ...]]:
    """Return all of what is said that a message is made of."""
    return [(key_of(each, "shop"), each.kind, each.slot, each.outages, gravest_first(each)) for each in said]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lookback", [SEASONAL, pd.Timedelta("2h")])
def test_what_is_remembered_of_a_flapping_life_does_not_grow(seed: int, lookback: pd.Timedelta) -> None:
    """Of 600 slots of one episode each metric's latest incident is kept, and all is said as if every one were."""
    states, said = lived(seed, 600, lookback)
    assert all(len(episode.incidents) <= len(MANY) for state in states for episode in state.episodes)
    assert max(len(state.episodes) for state in states) == 2
    sizes = [len(json.dumps({**state_to_dict(state), "replaced": None})) for state in states[::20]]
    assert max(sizes[15:]) <= 1.25 * max(sizes[:15])
    with pytest.MonkeyPatch.context() as patches:
        every_incident_kept(patches)
        all_states, as_ever = lived(seed, 600, lookback)
    assert max(len(episode.incidents) for state in all_states for episode in state.episodes) > 20 * len(MANY)
    assert texts(said) == texts(as_ever)
    assert {each.kind for each in said} == {"opened", "worsened", "reminder", "resolved"}
