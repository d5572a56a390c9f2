"""VUS-PR: it is the published volume, slot by slot, and fast enough to be run over many settings."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert.errors import ConfigurationError
from anomalert.measures import point_auc_pr, vus_pr
from tests.measures import oracles
from tests.measures.strategies import Judged, judged

INDEX = pd.date_range("2026-11-01", periods=40, freq="15min")


def event(first: int, last: int) -> pd.DataFrame:
    """Return one event over some slots of `INDEX`."""
    return pd.DataFrame({"metric": ["likes"], "start": [INDEX[first]], "end": [INDEX[last] + pd.Timedelta("15min")]})


def flags(*rows: int) -> pd.Series:
    """Return scores of 2 in some slots and 0 elsewhere."""
    scores = pd.Series(0.0, INDEX, name="likes")
    scores.iloc[list(rows)] = 2.0
    return scores


@settings(deadline=None)
@given(judged(), st.sampled_from([0, 1, 3, 8, 13]), st.sampled_from([None, 2, 7, 250]))
def test_the_volume_is_the_mean_area_over_buffers(case: Judged, window: int, thresholds: int | None) -> None:
    """Buffers that overlap or reach over an edge, ties and slots that were not judged included."""
    ours = vus_pr(case.scores, case.labels, window=window, thresholds=thresholds, slot="15min")
    np.testing.assert_allclose(ours, oracles.vus(case.metrics, window, thresholds), atol=1e-12)


@settings(deadline=None)
@given(judged())
def test_without_a_buffer_it_is_average_precision_where_one_event_is(case: Judged) -> None:
    """With buffers of 0 and all cuts only existence differs, and a single event exists as soon as recall is above 0."""
    one = case.labels.head(1)
    ours = vus_pr(case.scores, one, window=0, thresholds=None, slot="15min")
    np.testing.assert_allclose(ours, point_auc_pr(case.scores, one, slot="15min"), atol=1e-12)


def test_a_near_miss_is_worth_more_than_a_far_one() -> None:
    """Flags that come a little late lose a part, as far as the buffer reaches; average precision knows no nearness."""
    exact, late, later = (vus_pr(flags(at, at + 1), event(20, 21)) for at in (20, 22, 30))
    assert exact == 1
    assert 1 > late > 2 * later
    assert point_auc_pr(flags(22, 23), event(20, 21)) == point_auc_pr(flags(30, 31), event(20, 21))


def test_without_labelled_slots_it_is_unknown() -> None:
    """No events: recall would be 0 / 0."""
    assert math.isnan(vus_pr(flags(1), event(0, 0).iloc[:0]))
    assert math.isnan(vus_pr(flags(1).iloc[:0], event(0, 0).iloc[:0]))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"window": -1}, "`window` is -1"),
        ({"window": 2.5}, r"`window` is 2\.5"),
        ({"thresholds": 1}, "`thresholds` is 1"),
        ({"thresholds": "all"}, "`thresholds` is 'all'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting: dict[str, Any], words: str) -> None:
    """The error names the setting, what was given and what is needed."""
    with pytest.raises(ConfigurationError, match=words):
        vus_pr(flags(1), event(0, 0), **setting)
