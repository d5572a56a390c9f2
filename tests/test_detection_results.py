"""What a detection says: its verdicts, and each of its shapes."""

import numpy as np
import pandas as pd
import pytest

from anomalert.detection import Detection
from anomalert.errors import ConfigurationError
from anomalert.testing import synthetic_panel
from tests.limits import SLOT, Limits, series


def test_each_value_gets_its_verdict() -> None:
    """Score, deviation, direction and status are those of the glossary."""
    detection = Limits().detect(series(100, 110, 120, 130, 95, 90, 80, np.nan, np.inf))
    assert detection.score["likes"].tolist()[:7] == [0.0, 0.5, 1.0, 1.5, 0.5, 1.0, 2.0]
    assert detection.score["likes"].isna().tolist()[7:] == [True, True]
    assert detection.deviation["likes"].tolist()[:2] == [0.0, pytest.approx(10 / 110)]
    assert detection.direction["likes"].tolist() == [None, "up", "up", "up", "down", "down", "down", None, None]
    expected = ["ok", "ok", "ok", "anomaly", "ok", "ok", "anomaly", "no_data", "no_data"]
    assert detection.status["likes"].tolist() == expected
    assert detection.is_anomaly["likes"].tolist() == [status == "anomaly" for status in expected]
    assert detection.counts().loc["likes"].to_dict() == {"ok": 5, "anomaly": 2, "warming_up": 0, "no_data": 2}


def test_the_tidy_frame_goes_metric_by_metric() -> None:
    """One row per metric and slot, None where there is no direction, the zone of the data."""
    panel = pd.DataFrame({"views": [100.0, 150.0], "likes": [80.0, np.nan]}, series(1, 2, zone="Europe/Moscow").index)
    tidy = Limits().detect(panel).to_frame()
    assert tidy["metric"].tolist() == ["views", "views", "likes", "likes"]
    assert tidy["slot"].tolist() == list(panel.index) * 2
    assert tidy["value"].tolist() == pytest.approx([100.0, 150.0, 80.0, np.nan], nan_ok=True)
    assert tidy["direction"].tolist() == [None, "up", "down", None]
    assert tidy["status"].tolist() == ["ok", "anomaly", "anomaly", "no_data"]
    assert tidy["is_anomaly"].tolist() == [False, True, True, False]
    assert list(tidy.columns) == [
        *("metric", "slot", "value", "expected", "lower", "upper"),
        *("score", "deviation", "direction", "status", "is_anomaly"),
    ]


def test_events_are_runs_in_one_direction() -> None:
    """A quiet slot, a gap, a turn of direction and another metric end an event; `end` is exclusive."""
    data = series(200, 160, 50, 40, 100, 60, np.nan, 60, 300).to_frame()
    data["views"] = [300.0, *[100.0] * 8]
    events = Limits().detect(data).events()
    assert events["metric"].tolist() == ["likes"] * 5 + ["views"]
    assert [data.index.get_loc(start) for start in events["start"]] == [0, 2, 5, 7, 8, 0]
    assert [length / SLOT for length in events["end"] - events["start"]] == [2, 2, 1, 1, 1, 1]
    assert events["direction"].tolist() == ["up", "down", "down", "down", "up", "up"]
    assert events["peak_score"].tolist() == [5.0, 6.0, 4.0, 4.0, 10.0, 10.0]


def test_a_missing_row_ends_an_event() -> None:
    """Two anomalies with a row missing between them are two events."""
    assert len(Limits().detect(series(200, 200, 200).iloc[[0, 1, 2]]).events()) == 1
    assert len(Limits().detect(series(200, 200, 200, 200).iloc[[0, 1, 3]]).events()) == 2


def test_an_event_runs_through_a_clock_change() -> None:
    """The slots of the hour that is repeated follow each other in absolute time: one event of three hours."""
    data = series(*[200.0] * 12, zone="UTC", start="2026-11-01T04:30").tz_convert("America/New_York")
    events = Limits().detect(data).events()
    assert (events["end"] - events["start"]).tolist() == [pd.Timedelta("3h")]


def test_it_shows_itself_in_one_look() -> None:
    """The repr and the notebook's table say how many slots have which status."""
    detection = Limits().detect(series(100, 500, np.nan))
    assert repr(detection).startswith("Detection of 3 slots of 0 days 00:15:00\n")
    assert "likes   1        1           0        1" in repr(detection)
    assert detection._repr_html_().startswith("<p>Detection of 3 slots of 0 days 00:15:00</p><table")


def test_a_plot_needs_a_metric_that_is_there() -> None:
    """With several metrics one has to be named, and a misspelt one is answered with those there are."""
    detection = Limits().detect(synthetic_panel(days=1))
    for metric in (None, "clicks"):
        with pytest.raises(ConfigurationError, match=f"`metric` is {metric!r}: name one of 'views', 'likes'"):
            detection.plot(metric)


def test_detections_are_values() -> None:
    """A detection cannot be changed, and its frames are computed once."""
    detection = Limits().detect(series(100))
    with pytest.raises(AttributeError, match="cannot assign"):
        detection.slot = SLOT  # type: ignore[misc]
    assert isinstance(detection, Detection)
    assert detection.score is detection.score
