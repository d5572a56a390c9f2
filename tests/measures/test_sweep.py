"""Recall within a budget: it is the best of all cuts that keep it, by the measures of events themselves."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert.errors import ConfigurationError
from anomalert.labels import as_labels
from anomalert.measures import alerts_from_scores, event_recall, false_alerts_per_week, judged_weeks, recall_at
from tests.measures.strategies import Judged, judged

SLOT = pd.Timedelta("15min")


def best_of_all_cuts(case: Judged, rate: float, join: pd.Timedelta, tolerance: pd.Timedelta) -> float:
    """Return the largest recall of all distinct scores as cuts: alerts made and counted anew for each."""
    begin, end = case.scores.index[0], case.scores.index[-1] + SLOT
    labels = as_labels(case.labels)
    labels = labels[(labels["end"] > begin) & (labels["start"] < end)]
    weeks = judged_weeks(case.scores, slot=SLOT)
    if not len(labels) or not weeks:
        return math.nan
    best = 0.0
    for cut in np.unique(case.scores.to_numpy()[~np.isnan(case.scores.to_numpy())]):
        found = alerts_from_scores((case.scores >= cut).astype(float), join=join, threshold=0.5, slot=SLOT)
        if false_alerts_per_week(found, labels, weeks=weeks, tolerance=tolerance) <= rate:
            best = max(best, event_recall(found, labels, tolerance=tolerance))
    return best


@settings(deadline=None, max_examples=40)
@given(
    judged(),
    st.sampled_from([0.0, 3.0, 12.0, 25.0, 60.0]),
    st.sampled_from(["15min", "1h", "4h"]),
    st.sampled_from(["0min", "15min", "1h"]),
)
def test_no_cut_does_better_within_the_budget(case: Judged, rate: float, join: str, tolerance: str) -> None:
    """It is what trying every score as a cut finds, although a lower cut may give fewer false alerts than a higher."""
    lengths = pd.Timedelta(join), pd.Timedelta(tolerance)
    ours = recall_at(case.scores, case.labels, rate=rate, join=join, tolerance=tolerance, slot=SLOT)
    brute = best_of_all_cuts(case, rate, *lengths)
    np.testing.assert_equal(ours, brute)


def test_the_budget_is_kept_to_the_alert() -> None:
    """With as many false alerts as the budget allows an event is found, with one more it is not."""
    index = pd.date_range("2026-11-01", periods=14 * 96, freq="15min")
    scores = pd.Series(0.0, index, name="likes")
    scores.iloc[[100, 300, 500]] = 5.0
    scores.iloc[700] = 4.0
    labels = pd.DataFrame({"metric": ["likes"], "start": [index[700]], "end": [index[702]]})
    assert recall_at(scores, labels, rate=1.5) == 1
    assert recall_at(scores, labels, rate=1.49) == 0


def test_one_cut_holds_for_all_metrics() -> None:
    """A metric whose scores are all higher takes the budget of the others."""
    index = pd.date_range("2026-11-01", periods=7 * 96, freq="15min")
    scores = pd.DataFrame({"loud": 9.0, "quiet": 0.0}, index)
    scores.iloc[300, 1] = 5.0
    labels = pd.DataFrame({"metric": ["quiet"], "start": [index[300]], "end": [index[301]]})
    assert recall_at(scores[["quiet"]], labels) == 1
    assert recall_at(scores, labels) == 0
    assert recall_at(scores, labels, rate=21) == 1


def test_nothing_to_find_or_to_judge_is_unknown() -> None:
    """Without events, or without a single score, no share can be given; a silent detector finds nothing."""
    index = pd.date_range("2026-11-01", periods=96, freq="15min")
    labels = pd.DataFrame({"metric": ["likes"], "start": [index[50]], "end": [index[52]]})
    scores = pd.Series(0.0, index, name="likes")
    assert math.isnan(recall_at(scores, labels.iloc[:0]))
    assert math.isnan(recall_at(scores * np.nan, labels))
    assert math.isnan(recall_at(scores.iloc[:40], labels))
    assert recall_at(scores, labels) == 0


@pytest.mark.parametrize("rate", [-1, math.nan, "1"])
def test_a_rate_that_makes_no_sense_is_refused(rate: float) -> None:
    """The error names the setting and what was given."""
    index = pd.date_range("2026-11-01", periods=4, freq="15min")
    with pytest.raises(ConfigurationError, match="`rate` is"):
        recall_at(pd.Series(0.0, index), pd.DataFrame(columns=["metric", "start", "end"]), rate=rate)
