"""Average precision over slots: it is the sum cut by cut, whatever the order of ties and of metrics."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert.errors import ConfigurationError, InvalidPanelError
from anomalert.measures import point_auc_pr
from tests.measures import oracles
from tests.measures.strategies import Judged, judged

INDEX = pd.date_range("2026-11-01", periods=8, freq="15min")


def event(first: int, last: int, metric: str = "likes") -> pd.DataFrame:
    """Return one event over some slots of `INDEX`."""
    return pd.DataFrame({"metric": [metric], "start": [INDEX[first]], "end": [INDEX[last] + pd.Timedelta("15min")]})


@settings(deadline=None)
@given(judged())
def test_average_precision_is_the_sum_over_cuts(case: Judged) -> None:
    """Ties, infinite scores, slots that were not judged, missing rows and events off the grid included."""
    ours = point_auc_pr(case.scores, case.labels, slot="15min")
    np.testing.assert_allclose(ours, oracles.average_precision(case.metrics), atol=1e-12)


@settings(deadline=None)
@given(judged(), st.integers(0, 1000))
def test_neither_scale_nor_order_of_metrics_matters(case: Judged, seed: int) -> None:
    """Only the ranking counts: a growing function of the scores and another order of columns change nothing."""
    ours = point_auc_pr(case.scores, case.labels, slot="15min")
    turned = case.scores[list(reversed(case.scores.columns))].apply(np.arctan)
    np.testing.assert_allclose(point_auc_pr(turned, case.labels, slot="15min"), ours, atol=1e-12)
    shuffled = case.labels.sample(frac=1, random_state=seed)
    assert point_auc_pr(case.scores, shuffled, slot="15min") == pytest.approx(ours, nan_ok=True)


def test_metrics_with_slots_of_their_own_are_pooled() -> None:
    """A mapping of Series gives what one panel gives, and lets each metric have other rows."""
    scores = pd.DataFrame({"likes": [0, 3, 1, 2, 0, 0, 1, 0.5], "views": [1, 0, 5, 0, 2, 0, 0, 4]}, INDEX)
    labels = pd.concat([event(1, 2), event(7, 7, "views")])
    apart = {"likes": scores["likes"].iloc[:4], "views": scores["views"].iloc[4:]}
    assert point_auc_pr({name: scores[name] for name in ("likes", "views")}, labels) == point_auc_pr(scores, labels)
    # Of eight pooled slots the ranks of the labelled ones are 1 (views), 2 (likes at 3) and 5 (after two of 2).
    assert point_auc_pr(apart, labels) == pytest.approx((1 + 1 + 3 / 5) / 3)


def test_slots_that_were_not_judged_rank_last() -> None:
    """NaN in an event costs recall, and elsewhere it costs nothing until everything else is flagged."""
    scores = pd.Series([0.0, 5.0, np.nan, 0, 0, 0, 0, 0], INDEX, name="likes")
    assert point_auc_pr(scores, event(1, 1)) == 1
    assert point_auc_pr(scores, event(1, 2)) == pytest.approx((1 + 2 / 8) / 2)


def test_without_labelled_slots_it_is_unknown() -> None:
    """No events, or none within the slots: recall would be 0 / 0."""
    scores = pd.Series(1.0, INDEX, name="likes")
    outside = event(0, 0).assign(start=INDEX[0] - pd.Timedelta("2h"), end=INDEX[0])
    assert math.isnan(point_auc_pr(scores, outside))
    assert math.isnan(point_auc_pr(scores, outside.iloc[:0]))
    assert math.isnan(point_auc_pr(scores.iloc[:0], event(0, 1)))


def test_an_event_off_the_grid_labels_the_slots_it_touches() -> None:
    """Half-open on both sides: an event from inside one slot to the start of another labels the first only."""
    labels = event(0, 0).assign(start=INDEX[2] + pd.Timedelta("14min"), end=INDEX[3])
    scores = pd.Series(np.arange(8.0), INDEX, name="likes")
    assert point_auc_pr(scores, labels) == point_auc_pr(scores, event(2, 2)) == 1 / 6


def test_what_cannot_be_compared_is_refused() -> None:
    """Labels of metrics without scores, of another clock, and scores that are no panel are said in words."""
    scores = pd.Series(1.0, INDEX, name="likes")
    with pytest.raises(ConfigurationError, match="`labels` name 'views', but there are scores of 'likes'"):
        point_auc_pr(scores, event(0, 1, "views"))
    with pytest.raises(ConfigurationError, match="`labels` have none, the scores a time zone"):
        point_auc_pr(scores.tz_localize("UTC"), event(0, 1))
    with pytest.raises(ConfigurationError, match="maps 'likes' to a list: a Series"):
        point_auc_pr({"likes": [1.0]}, event(0, 1))  # type: ignore[dict-item]
    with pytest.raises(InvalidPanelError, match="DatetimeIndex"):
        point_auc_pr(scores.reset_index(drop=True), event(0, 1))
