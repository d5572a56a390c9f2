"""What a search tries: budgets in words, candidates from loose to strict, and settings that make no sense."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert import IQR, DayLagRatio, Policy
from anomalert.errors import ConfigurationError
from anomalert.tuning import Search
from anomalert.tuning.settings import per_week, usual_candidates
from tests.tuning.grounds import history, metric, planted_ground

BUDGETS = {
    "2 per week": 2.0,
    "1 a day": 7.0,
    " 0.5 per  week ": 0.5,
    "10 per month": 10 * 12 * 7 / 365.25,
}


@pytest.mark.parametrize(("text", "expected"), BUDGETS.items())
def test_a_budget_in_words_is_a_number_a_week(text: str, expected: float) -> None:
    """A day has a seventh of a week, a month a twelfth of a year."""
    assert per_week(text) == pytest.approx(expected)


@given(st.integers(1, 999), st.sampled_from(["day", "week", "month"]), st.sampled_from(["a", "per"]))
def test_numbers_are_of_a_week_and_words_multiply_them(number: int, period: str, word: str) -> None:
    """A bare number is taken as it is; so many times the budget of one."""
    assert per_week(number) == number
    assert per_week(f"{number} {word} {period}") == pytest.approx(number * per_week(f"1 {word} {period}"))


@pytest.mark.parametrize(
    "budget",
    [0, -1, True, None, "", "2", "two per week", "0 per week", "2 per year", "2 weeks", "2 perweek", float("nan")],
)
def test_other_budgets_are_refused(budget: Any) -> None:
    """What is no number above 0 and no such text is refused, with how to write it."""
    with pytest.raises(ConfigurationError, match="write it as '2 per week'"):
        per_week(budget)


@pytest.mark.parametrize("family", usual_candidates(), ids=lambda family: repr(family[0]))
@settings(deadline=None, max_examples=3)
@given(seed=st.integers(0, 99))
def test_levels_go_from_loose_to_strict(family: Any, seed: int) -> None:
    """What a stricter level calls anomalous the looser one before it does too, and the ends differ much."""
    views = history(seed, days=28)[["views"]]
    flags = [detector.detect(views).is_anomaly.to_numpy() for detector in family]
    assert not any((strict & ~loose).any() for loose, strict in pairwise(flags))
    assert flags[0].sum() > 10 * flags[-1].sum()
    assert flags[0].any()


@pytest.mark.parametrize("family", usual_candidates()[::2], ids=lambda family: repr(family[0]))
def test_messages_hardly_grow_with_strictness(family: Any) -> None:
    """A stricter level sends at most a few messages more than one before it, but where incidents hardly ever end.

    So loose a level that looks back hours only merges what stricter ones part: that holds from the loudest level on.
    """
    ground = planted_ground(3)
    trials = [ground.tried(detector, Policy()) for detector in family[4::4]]
    sent = [len(trial.sent) for trial in trials if trial is not None]
    assert len(sent) == len(family[4::4])
    loudest = sent.index(max(sent))
    assert loudest < len(sent) / 2
    assert all(strict <= 1.2 * loose + 4 for loose, strict in pairwise(sent[loudest:]))
    assert sent[0] > sent[-1]


def test_the_lookback_is_the_longest() -> None:
    """Of all candidates, so that all are judged on the same slots."""
    assert Search().lookback == IQR("14D").lookback
    assert Search(candidates=[[DayLagRatio(7)], [DayLagRatio(1)]]).lookback == DayLagRatio(7).lookback


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"candidates": []}, "`candidates` is empty"),
    ({"candidates": [[]]}, "`candidates` is empty, or holds an empty"),
    ({"candidates": [DayLagRatio()]}, "`candidates` is one Detector: put it in a list"),
    ({"candidates": [["IQR"]]}, "`candidates` holds str: each has to be a Detector"),
    ({"persist": []}, "`persist` is empty"),
    ({"sizes": []}, r"`sizes` is \[\]"),
    ({"sizes": "20%"}, "`sizes` is '20%': give the sizes"),
    ({"kind": "zero"}, "`kind` is 'zero': take 'drop' or 'spike'"),
    ({"length": "soon"}, "`length` is 'soon'"),
    ({"every": 36}, "`every` is the bare number 36"),
    ({"holdout": "0D"}, "`holdout` is '0D'"),
    ({"folds": 1}, "`folds` is 1"),
    ({"folds": 2.5}, "`folds` is 2.5"),
    ({"seed": -1}, "`seed` is -1"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_searches_that_make_no_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    """What was found, and what to give."""
    with pytest.raises(ConfigurationError, match=message):
        Search(**arguments)


def test_a_metric_that_tells_rises_only_is_tried_on_spikes() -> None:
    """What is planted follows the direction of the policy, unless the search says it."""
    views = history()["views"]
    for direction, kind, rises in [("down", None, False), ("up", None, True), ("both", "spike", True)]:
        policy = Policy(direction=direction)  # type: ignore[arg-type]
        of = type(metric())("views", DayLagRatio(), policy=policy)
        planted = planted_ground(0, Search(candidates=[[DayLagRatio()]], kind=kind), of).planted  # type: ignore[arg-type]
        assert planted is not None
        changes = (planted["views"] - views)[planted["views"] != views]
        assert len(changes) > 20
        assert np.all((changes > 0) == rises)
