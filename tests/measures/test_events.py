"""Measures of events: they agree with a minute-by-minute count, and say what is known where nothing can be counted."""

import math
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert.detectors import WeeklyAverage
from anomalert.errors import ConfigurationError
from anomalert.measures import detection_delay, event_f1, event_precision, event_recall, false_alerts_per_week
from anomalert.testing import synthetic_panel
from tests.measures import oracles
from tests.measures.strategies import BEGIN, ZONES, as_frame, events, stretches

NOTHING = pd.DataFrame(columns=["metric", "start", "end"])


def some(*rows: tuple[str, str, str], **columns: Any) -> pd.DataFrame:
    """Return events or alerts of one day, given by their hours."""
    day = "2026-11-01T"
    listed = [{"metric": metric, "start": day + start, "end": day + end} for metric, start, end in rows]
    return pd.DataFrame(listed, columns=["metric", "start", "end"]).assign(**columns)


def share(truths: list[bool]) -> float:
    """Return the share of what is true, NaN of nothing."""
    return sum(truths) / len(truths) if truths else math.nan


@settings(deadline=None, max_examples=60)
@given(stretches(), events(), st.sampled_from([0, 1, 15, 60]), st.sampled_from(ZONES))
def test_alerts_and_events_are_those_that_share_a_minute(
    found: list[oracles.Stretch], labels: list[oracles.Event], tolerance: int, zone: str | None
) -> None:
    """Precision, recall, delay and false alerts are what counting minutes gives, overlaps and all."""
    given_frames = as_frame(found, zone), as_frame(labels, zone)
    late = pd.Timedelta(tolerance, unit="min")
    right, caught = oracles.right(found, labels, tolerance), oracles.caught(found, labels, tolerance)
    np.testing.assert_equal(event_precision(*given_frames, tolerance=late), share(right))
    np.testing.assert_equal(event_recall(*given_frames, tolerance=late), share(caught))
    delays = [oracles.delay(found, event, tolerance) for event in labels]
    known = [delay for delay in delays if delay is not None]
    assert len(known) == sum(caught)
    ours = detection_delay(*given_frames, tolerance=late)
    assert pd.isna(ours) if not known else ours == pd.Timedelta(median(known), unit="min")
    assert false_alerts_per_week(*given_frames, weeks=2.0, tolerance=late) == right.count(False) / 2


@settings(deadline=None, max_examples=60)
@given(stretches(), events(), st.integers(-30, 60), st.integers(1, 60), st.sampled_from(ZONES))
def test_what_does_not_meet_the_span_is_left_out(
    found: list[oracles.Stretch], labels: list[oracles.Event], start: int, length: int, zone: str | None
) -> None:
    """With a span the measures are those of the alerts and events that have a minute in it, alerts as a whole."""
    minutes = set(range(15 * start, 15 * (start + length)))
    numbers = {each.alert for each in found if minutes & set(range(each.start, each.end))}
    kept = [each for each in found if each.alert in numbers]
    events_kept = [event for event in labels if minutes & set(range(event.start, event.end))]
    first, after = ((BEGIN + pd.Timedelta(15 * at, unit="min")).tz_convert(zone) for at in (start, start + length))
    span = (first, after)
    ours, without = (as_frame(found, zone), as_frame(labels, zone)), (as_frame(kept, zone), as_frame(events_kept, zone))
    for measure in (event_precision, event_recall, event_f1):
        np.testing.assert_equal(measure(*ours, span=span), measure(*without))
    delays = detection_delay(*ours, span=span), detection_delay(*without)
    assert delays[0] == delays[1] or all(map(pd.isna, delays))


@settings(deadline=None, max_examples=60)
@given(stretches(), events())
def test_f1_is_the_harmonic_mean(found: list[oracles.Stretch], labels: list[oracles.Event]) -> None:
    """F1 lies between precision and recall as their harmonic mean, is 0 without a hit and unknown of nothing."""
    given_frames = as_frame(found, None), as_frame(labels, None)
    precision, recall = event_precision(*given_frames), event_recall(*given_frames)
    if not found and not labels:
        assert math.isnan(event_f1(*given_frames))
    elif not found or not labels or not precision:
        assert event_f1(*given_frames) == 0
    else:
        assert event_f1(*given_frames) == pytest.approx(1 / ((1 / precision + 1 / recall) / 2), abs=1e-12)


def test_nothing_to_count_is_not_called_bad() -> None:
    """0 / 0 is NaN: no alerts have no precision, no events no recall, nothing at all no F1 and no delay."""
    one = some(("likes", "10:00", "11:00"))
    assert math.isnan(event_precision(NOTHING, one))
    assert math.isnan(event_recall(one, NOTHING))
    assert math.isnan(event_f1(NOTHING, NOTHING))
    assert event_precision(one, NOTHING) == event_recall(NOTHING, one) == event_f1(NOTHING, one) == 0
    assert pd.isna(detection_delay(NOTHING, one))
    assert false_alerts_per_week(NOTHING, NOTHING, weeks=1) == 0


def test_the_tolerance_is_half_open() -> None:
    """A flag in the slot right after an event is right by default; one slot later it is not."""
    labels = some(("likes", "10:00", "11:00"))
    after = [some(("likes", start, "12:00")) for start in ("11:00", "11:14:59", "11:15")]
    assert [event_recall(found, labels) for found in after] == [1, 1, 0]
    assert event_recall(after[0], labels, tolerance="0min") == 0


def test_a_metric_answers_for_itself() -> None:
    """An alert about one metric catches no event of another, and all metrics are counted in one pool."""
    labels = some(("likes", "10:00", "11:00"), ("views", "10:00", "11:00"), ("views", "15:00", "16:00"))
    found = some(("likes", "10:00", "10:15"), ("likes", "15:00", "15:15"))
    assert event_precision(found, labels) == 1 / 2
    assert event_recall(found, labels) == 1 / 3


def test_stretches_of_one_alert_are_one() -> None:
    """Rows with the same `alert` are right together and counted once; without the column each counts."""
    labels = some(("likes", "10:00", "11:00"))
    found = some(("likes", "08:00", "08:15"), ("likes", "10:00", "10:15"), ("likes", "20:00", "20:15"))
    assert event_precision(found, labels) == 1 / 3
    assert event_precision(found.assign(alert=["x", "x", "y"]), labels) == 1 / 2
    assert false_alerts_per_week(found.assign(alert=["x", "x", "y"]), labels, weeks=1) == 1


def test_zones_may_differ_but_not_whether_there_is_one() -> None:
    """Instants are compared as instants; a naive time is never guessed to be in a zone."""
    moscow = some(("likes", "13:00+03:00", "14:00+03:00"))
    utc = some(("likes", "10:00Z", "11:00Z"))
    assert event_f1(moscow, utc) == 1
    naive = some(("likes", "10:00", "11:00"))
    with pytest.raises(ConfigurationError, match="`labels` have none, the alerts a time zone"):
        event_f1(utc, naive)
    with pytest.raises(ConfigurationError, match="`labels` have a time zone, the alerts none"):
        event_f1(naive, utc)


def test_events_of_a_detection_are_alerts() -> None:
    """What `Detection.events` gives can be measured as it is."""
    panel = synthetic_panel(days=10, seed=2)
    panel.iloc[-20:-12] *= 0.2
    index = panel.index
    labels = pd.DataFrame({"metric": list(panel.columns), "start": index[-20], "end": index[-12]})
    found = WeeklyAverage().detect(panel).events()
    assert event_recall(found, labels) == event_precision(found, labels) == 1
    assert detection_delay(found, labels) == pd.Timedelta(0)


def test_the_rate_is_per_metric_and_week() -> None:
    """Weeks as given, or the length of the span times the metrics."""
    found = some(("likes", "10:00", "11:00"), ("views", "10:00", "11:00"))
    span = ("2026-11-01", "2026-11-15")
    assert false_alerts_per_week(found, NOTHING, weeks=8) == 1 / 4
    assert false_alerts_per_week(found, NOTHING, span=span, metrics=4) == 1 / 4
    assert false_alerts_per_week(found, NOTHING, span=("2026-10-01", "2026-10-08"), metrics=4) == 0
    assert false_alerts_per_week(found, NOTHING, span=span, weeks=4) == 1 / 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "give `weeks`, .* or `span`"),
        ({"weeks": 0}, "`weeks` is 0"),
        ({"weeks": math.nan}, "`weeks` is nan"),
        ({"weeks": "3"}, "`weeks` is '3'"),
        ({"span": ("2026-11-01", "2026-11-15")}, "`metrics` is 1, and alerts and events are of 2"),
        ({"span": ("2026-11-01", "2026-11-15"), "metrics": 2.0}, r"`metrics` is 2\.0"),
        ({"span": ("2026-11-15", "2026-11-01")}, "`span` is .*: its end has to be later"),
        ({"span": ("2026-11-01", "2026-11-15T00:00Z")}, "both aware or both naive"),
        ({"span": ("2026-11-01T00:00Z", "2026-11-15T00:00Z")}, "`found` have none, `span` a time zone"),
        ({"span": "2026-11-01"}, "`span` is '2026-11-01': a pair"),
        ({"weeks": 1, "tolerance": 15}, "`tolerance` is the bare number 15"),
        ({"weeks": 1, "tolerance": "-1min"}, "`tolerance` is '-1min'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], words: str) -> None:
    """The error names the setting, what was given and what is needed."""
    found = some(("likes", "10:00", "11:00"), ("views", "10:00", "11:00"))
    with pytest.raises(ConfigurationError, match=words):
        false_alerts_per_week(found, NOTHING, **settings)


def test_an_alert_without_its_number_is_refused() -> None:
    """A missing number could be any alert."""
    found = some(("likes", "10:00", "11:00"), ("likes", "12:00", "13:00"), alert=[1, None])
    with pytest.raises(ConfigurationError, match="without its `alert`"):
        event_precision(found, NOTHING)
