"""The 4-hour model: which flags open an alert, and how long there were scores."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert.errors import ConfigurationError
from anomalert.labels import nanoseconds
from anomalert.measures import alerts_from_scores, judged_weeks
from anomalert.measures.scored import Scores
from tests.measures import oracles
from tests.measures.strategies import BEGIN, Judged, judged

MINUTE = 60_000_000_000


@settings(deadline=None)
@given(judged(), st.sampled_from([15, 20, 60, 240]), st.sampled_from([-1.0, 0.5, 1.0, 2.0]))
def test_alerts_are_what_flags_in_a_row_make(case: Judged, join: int, threshold: float) -> None:
    """Every flag stands in one stretch of the alert that a loop puts it in, and nothing else does."""
    found = alerts_from_scores(case.scores, join=pd.Timedelta(join, unit="min"), threshold=threshold, slot="15min")
    assert len(found[["metric", "alert"]].drop_duplicates()) == len(found["alert"].drop_duplicates())
    for metric, name in zip(case.metrics, case.scores.columns, strict=True):
        ours = found[found["metric"] == name]
        begin, end = ((nanoseconds(ours[each]) - BEGIN.value) // MINUTE for each in ("start", "end"))
        minutes: dict[int, list[int]] = {}
        for first, after, number in zip(begin, end, ours["alert"], strict=True):
            minutes.setdefault(number, []).extend(range(first, after, metric.slot))
        expected = [[metric.starts[row] for row in rows] for rows in oracles.alerts(metric, join, threshold)]
        assert list(minutes.values()) == expected
        assert all(begin[1:] > begin[:-1])


def test_neighbouring_slots_are_one_stretch() -> None:
    """A stretch ends where the next slot is not flagged, has no row, or belongs to the next alert."""
    index = pd.date_range("2026-11-01", periods=9, freq="1h").delete(6)
    found = alerts_from_scores(pd.Series([2.0, 2, 0, 2, 2, 2, 2, 2], index, name="likes"))
    hours = list(zip(found["start"].dt.hour, found["end"].dt.hour, found["alert"], strict=True))
    assert hours == [(0, 2, 0), (3, 4, 0), (4, 6, 1), (7, 8, 1), (8, 9, 2)]


def test_flagging_everything_costs_six_alerts_a_day() -> None:
    """As the model promises, and on the day the clocks change as many as its 25 hours take."""
    index = pd.date_range("2026-10-24", periods=3 * 96, freq="15min")
    assert alerts_from_scores(pd.Series(2.0, index))["alert"].nunique() == 18
    local = pd.date_range("2026-10-25", "2026-10-26", freq="15min", tz="Europe/Berlin", inclusive="left")
    found = alerts_from_scores(pd.Series(2.0, local))
    assert found["alert"].nunique() == 7
    assert str(found["start"].dt.tz) == "Europe/Berlin"
    assert found["end"].iloc[-1] == pd.Timestamp("2026-10-26", tz="Europe/Berlin")


def test_nothing_flagged_is_an_empty_frame() -> None:
    """No flags, no rows and no metrics give the columns of alerts, so that measures can take them."""
    index = pd.date_range("2026-11-01", periods=3, freq="1h", tz="UTC")
    nothing: list[Scores] = [
        pd.Series([0, 1.0, np.nan], index),
        pd.Series(2.0, index[:0]),
        pd.DataFrame(index=index),
        {},
    ]
    for scores in nothing:
        found = alerts_from_scores(scores)
        assert list(found.columns) == ["metric", "start", "end", "alert"]
        assert len(found) == 0


def test_an_infinite_score_is_a_flag() -> None:
    """Scores of other people's detectors may be infinite: that is no missing value."""
    index = pd.date_range("2026-11-01", periods=3, freq="1h")
    assert len(alerts_from_scores(pd.Series([0, np.inf, np.nan], index))) == 1


def test_weeks_are_those_with_scores() -> None:
    """Slots that were not judged do not count, every metric counts for itself."""
    index = pd.date_range("2026-11-01", periods=1344, freq="15min")
    scores = pd.DataFrame({"views": 0.0, "likes": 0.0}, index)
    assert judged_weeks(scores) == 4
    scores.iloc[:672, 0] = np.nan
    assert judged_weeks(scores) == 3
    assert judged_weeks({"views": scores["views"], "likes": scores["likes"].iloc[::4]}) == 3
    assert judged_weeks(scores.iloc[:0]) == 0


def test_settings_that_make_no_sense_are_refused() -> None:
    """The error names the setting, what was given and what is needed."""
    index = pd.date_range("2026-11-01", periods=3, freq="1h")
    scores = pd.Series(2.0, index)
    with pytest.raises(ConfigurationError, match="`join` is '0h'"):
        alerts_from_scores(scores, join="0h")
    with pytest.raises(ConfigurationError, match="`threshold` is nan"):
        alerts_from_scores(scores, threshold=float("nan"))
    with pytest.raises(ConfigurationError, match="`slot` is the bare number 15"):
        alerts_from_scores(scores, slot=15)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="time zones Asia/Tokyo, None: take one"):
        alerts_from_scores({"a": scores, "b": scores.tz_localize("Asia/Tokyo")})
