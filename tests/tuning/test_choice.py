"""The choice among trials: against loops that count one by one, and what it promises about silence and budgets."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert import DayLagRatio, Metric
from anomalert.tuning.choice import MARGINS, choose, is_hopeless, loosest_within, quality, recall_by_size
from anomalert.tuning.trials import Ground, Trial
from tests.tuning.grounds import N_SLOTS, SLOT, START, events, ground_of, nanoseconds_of, slots_of, trials

WEEK_OF_SLOTS = 7 * 24
Case = tuple[Ground, list[Trial]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw events, planted or known, and trials on them: a known event is found exactly if a message tells of it."""
    drawn = draw(events())
    made = draw(trials(len(drawn)))
    if draw(st.booleans()):
        return ground_of(drawn, is_planted=True), made
    for number, trial in enumerate(made):
        told = slots_of(trial.told)
        flags = np.array([any(start <= slot < end + 1 for slot in told) for start, end in drawn])
        made[number] = replace(trial, found=None if trial.found is None else flags)
    return ground_of(drawn, is_planted=False), made


def slow_quality(trial: Trial, ground: Ground, until: float) -> float:
    """Return recall or F1 before the slot `until`, event by event and message by message."""
    if trial.found is None:
        return math.nan
    begins, ends = slots_of(ground.starts), slots_of(ground.ends)
    past = [number for number, end in enumerate(ends) if end <= until]
    hits = [number for number in past if trial.found[number]]
    if not hits:
        return 0.0
    recall = len(hits) / len(past)
    if ground.planted is not None:
        return recall
    told = [slot for slot in slots_of(trial.told) if slot < until]
    right = [slot for slot in told if any(a <= slot < b for a, b in zip(begins, ends, strict=True))]
    precision = len(right) / len(told) if told else 0.0
    return 2 * precision * recall / (precision + recall)


def slow_best(case: Case, until: float, allowed: float) -> Trial | None:
    """Return the best setting within what is allowed a week; of equals the one that sent least by then."""
    best, best_by = None, (0.0, 0.0)
    for trial in case[1]:
        sent = sum(slot < until for slot in slots_of(trial.sent))
        good = slow_quality(trial, case[0], until)
        if sent <= allowed * until / WEEK_OF_SLOTS and good > 0 and (best is None or (good, -sent) > best_by):
            best, best_by = trial, (good, -float(sent))
    return best


def slow_choice(case: Case, budget: float, folds: int) -> tuple[Trial, float] | None:
    """Return what is chosen and by which margin, part by part."""
    edges = [N_SLOTS * part / folds for part in range(1, folds + 1)]
    found = None
    for margin in MARGINS:
        best = slow_best(case, N_SLOTS, budget * margin)
        if best is None:
            return found
        found, sent = (best, margin), 0
        for before, after in pairwise(edges):
            then = slow_best(case, before, budget * margin)
            sent += 0 if then is None else sum(before <= slot < after for slot in slots_of(then.sent))
        if sent <= budget * (edges[-1] - edges[0]) / WEEK_OF_SLOTS:
            return found
    return found


@settings(deadline=None, max_examples=300)
@given(cases(), st.sampled_from([2.0, 10.0, 25.0, 60.0, math.inf]), st.integers(2, 5))
def test_the_choice_is_that_of_a_slow_oracle(case: Case, budget: float, folds: int) -> None:
    """Loops over parts, trials, messages and events choose the same setting by the same margin."""
    ground, made = case
    found, slow = choose(made, ground, budget, folds), slow_choice(case, budget, folds)
    assert (found is None) == (slow is None)
    if found is not None and slow is not None:
        assert found.trial is slow[0]
        assert found.margin == slow[1]


@settings(deadline=None, max_examples=150)
@given(cases(), st.sampled_from([5.0, 25.0, 60.0]), st.integers(2, 5))
def test_silence_is_not_chosen_while_anything_that_finds_keeps_the_budget(
    case: Case, budget: float, folds: int
) -> None:
    """There is a choice exactly if some trial finds an event within the budget, and it does so itself."""
    ground, made = case
    found = choose(made, ground, budget, folds)
    able = [
        trial for trial in made if len(trial.sent) <= budget * ground.weeks and quality(trial, ground, ground.end) > 0
    ]
    assert (found is not None) == bool(able)
    if found is not None:
        assert any(found.trial is trial for trial in able)


@settings(deadline=None, max_examples=150)
@given(cases(), st.sampled_from([5.0, 25.0, 60.0]), st.integers(2, 5))
def test_what_is_hopeless_changes_no_choice(case: Case, budget: float, folds: int) -> None:
    """Leaving out the trials that are too loud on every part gives the same choice."""
    ground, made = case
    quiet = [trial for trial in made if not is_hopeless(trial, ground, budget, folds)]
    whole, part = choose(made, ground, budget, folds), choose(quiet, ground, budget, folds)
    assert (whole is None) == (part is None)
    if whole is not None and part is not None:
        assert whole.trial is part.trial
        assert whole.margin == part.margin


def test_the_past_is_allowed_less_if_it_was_quieter_than_what_followed() -> None:
    """A setting that is quiet on the first part and loud on the next is passed over for one that is always quiet."""
    ground = ground_of([(1, 3), (12, 14), (22, 24), (32, 34)], is_planted=True)
    loud = Trial(metric_at(0.1), nanoseconds_of([1, 22, 23, 24, 25, 26]), nanoseconds_of([1]), np.array([True] * 4))
    calm = Trial(metric_at(0.2), nanoseconds_of([1]), nanoseconds_of([1]), np.array([True, True, False, False]))
    budget = 6 * WEEK_OF_SLOTS / N_SLOTS
    chosen = choose([loud, calm], ground, budget, 4)
    assert chosen is not None
    assert chosen.trial is calm
    assert chosen.margin < 1


def test_what_follows_may_use_the_whole_budget() -> None:
    """A smaller share binds the past only: what keeps to the budget afterwards is not made to send still less."""
    ground = ground_of([(1, 3), (12, 14), (22, 24), (32, 34)], is_planted=True)
    budget = 10.1 * WEEK_OF_SLOTS / N_SLOTS
    flags = {"loud": [True] * 4, "fair": [False, True, True, False], "calm": [False, False, False, True]}
    # By part: of ten messages the four may have 2.5 each, and the last three 7.5 together, however they come.
    sent = {"loud": [2, 3, 2, 3], "fair": [1, 3, 2, 2], "calm": [1, 0, 0, 0]}
    made = {
        name: Trial(
            metric_at(0.1 * (number + 1)),
            nanoseconds_of([10 * part + each for part, count in enumerate(sent[name]) for each in range(count)]),
            nanoseconds_of([]),
            np.array(flags[name]),
        )
        for number, name in enumerate(sent)
    }
    chosen = choose(list(made.values()), ground, budget, 4)
    assert chosen is not None
    assert chosen.trial is made["fair"]
    assert chosen.margin == 0.8


@settings(deadline=None, max_examples=200)
@given(cases(), st.integers(1, N_SLOTS))
def test_quality_is_that_of_a_slow_oracle(case: Case, until: int) -> None:
    """Recall of planted events, F1 of known ones, whatever lies on an edge."""
    ground, made = case
    for trial in made:
        found = quality(trial, ground, START + until * SLOT)
        assert found == pytest.approx(slow_quality(trial, ground, until), nan_ok=True)


@pytest.mark.parametrize(("slot", "f1"), [(4, 2 / 3), (5, 1), (8, 1), (9, 2 / 3)])
def test_a_message_before_an_event_or_two_slots_after_is_wrong(slot: int, f1: float) -> None:
    """Beside one in its middle, a message counts as right from the first slot of an event to the one after it."""
    ground = ground_of([(5, 8)], is_planted=False)
    told = nanoseconds_of(sorted([6, slot]))
    trial = Trial(metric_at(0.1), told, told, np.array([True]))
    assert quality(trial, ground, ground.end) == pytest.approx(f1)


def metric_at(threshold: float) -> Metric:
    """Return a metric whose setting can be told from others'."""
    return Metric("views", DayLagRatio(1, threshold))


@given(st.integers(0, 40), st.integers(1, 40))
def test_bisection_finds_the_first_level_that_keeps_the_budget(first: int, n_levels: int) -> None:
    """Asked of few levels, it is the first of all; if there is none, the number of levels."""
    asked: list[int] = []

    def keeps(level: int) -> bool:
        asked.append(level)
        return level >= first

    assert loosest_within(keeps, n_levels) == min(first, n_levels)
    assert len(asked) <= math.ceil(math.log2(n_levels + 1))
    assert len(set(asked)) == len(asked)


def test_recall_counts_each_size_the_smallest_first() -> None:
    """Shares are of what was planted in that size, and sizes stand by their number and not as texts."""
    sizes = pd.DataFrame({"size": ["100%", "20%", "20%", "5%"]})
    trial = Trial(metric_at(0.1), nanoseconds_of([]), nanoseconds_of([]), np.array([True, True, False, False]))
    frame = recall_by_size(sizes, trial)
    assert frame.index.tolist() == ["5%", "20%", "100%"]
    assert frame["planted"].tolist() == [1, 2, 1]
    assert frame["found"].tolist() == [0, 1, 1]
    assert frame["recall"].tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(("begin", "end", "count"), [(0, N_SLOTS, 4), (3, 9, 2), (1, 10, 3), (10, 11, 1), (11, 40, 0)])
def test_messages_are_counted_half_open(begin: int, end: int, count: int) -> None:
    """A message about the first slot counts, one about the last does not."""
    trial = Trial(metric_at(0.1), nanoseconds_of([1, 3, 3, 10]), nanoseconds_of([]))
    assert trial.count(START + begin * SLOT, START + end * SLOT) == count
