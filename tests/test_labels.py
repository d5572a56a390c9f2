"""Labelled events: what is refused, what is made of points and of NAB's windows, and that nothing is lost."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert.errors import ConfigurationError, InvalidPanelError
from anomalert.labels import as_labels, labels_from_points, nanoseconds, read_nab_labels


def frame(**columns: Any) -> pd.DataFrame:
    """Return one event of likes, with some columns replaced."""
    event = {"metric": "likes", "start": "2026-11-01 10:00", "end": "2026-11-01 11:00"}
    return pd.DataFrame([event | columns])


WRONG: dict[str, tuple[Any, str]] = {
    "a list": ([1], "a list: a DataFrame of metric, start, end"),
    "no end": (frame().drop(columns="end"), "lacks end"),
    "no metric": (frame(metric=None), "without a metric"),
    "no instant": (frame(end=None), r"\['end'\].* has a missing instant"),
    "no time": (frame(start="soon"), r"\['start'\].* no instants"),
    "numbers": (frame(start=1, end=2), "holds numbers"),
    "empty": (frame(end="2026-11-01 10:00"), "ends before it has lasted"),
    "backwards": (frame(end="2026-11-01 09:00"), "ends before it has lasted"),
    "one zone": (frame(end="2026-11-01T11:00Z"), "time zone None, ends UTC"),
    "other zones": (frame(start="2026-11-01T10:00+03:00", end="2026-11-01T11:00+02:00"), "time zone UTC"),
    "zones in a column": (
        pd.concat([frame(end="2026-11-02T00:00Z"), frame(end="2026-11-02T00:00+01:00")]),
        r"\['end'\].* in the time zones UTC, UTC\+01:00",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_event_is_refused_in_words(what: str) -> None:
    """Each way in which a frame can be no frame of events has an error that names the column and the remedy."""
    given_frame, words = WRONG[what]
    with pytest.raises(ConfigurationError, match=words):
        as_labels(given_frame)


def test_errors_call_the_frame_as_they_are_told() -> None:
    """Who checks alerts in the same way gets errors about alerts."""
    with pytest.raises(ConfigurationError, match="`found` lacks metric"):
        as_labels(frame().drop(columns="metric"), name="found")


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_events_are_sorted_and_keep_what_else_is_said_of_them(zone: str | None) -> None:
    """The rows come in the order of their starts with a new index, the further columns behind; the input stays."""
    starts = pd.date_range("2026-10-24 12:00", periods=4, freq="1D", tz=zone)[[2, 0, 3, 1]]
    events = pd.DataFrame({"kind": list("abcd"), "end": starts + pd.Timedelta("1h"), "start": starts, "metric": "m"})
    before = events.copy()
    labels = as_labels(events)
    assert list(labels.columns) == ["metric", "start", "end", "kind"]
    assert labels["kind"].tolist() == ["b", "d", "a", "c"]
    assert labels.index.tolist() == [0, 1, 2, 3]
    assert str(labels["start"].dt.tz) == str(zone)
    pd.testing.assert_frame_equal(events, before)


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_no_events_are_events_too(zone: str | None) -> None:
    """An empty frame is a frame of events, whatever its columns hold, and keeps its zone if it has one."""
    times = pd.DatetimeIndex([], tz=zone)
    assert as_labels(pd.DataFrame({"metric": [], "start": times, "end": times}))["end"].dt.tz == times.tz
    assert len(as_labels(pd.DataFrame(columns=["metric", "start", "end"]))) == 0


def points_one_by_one(values: list[float], gap: int) -> list[tuple[int, int]]:
    """Return first and last slot of every event, by counting the slots since the last 1: slow and obvious."""
    events: list[tuple[int, int]] = []
    for slot, value in enumerate(values):
        if value != 1:
            continue
        if events and slot - events[-1][1] - 1 <= gap:
            events[-1] = (events[-1][0], slot)
        else:
            events.append((slot, slot))
    return events


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.0, 1.0, np.nan]), min_size=1, max_size=40), min_size=1, max_size=2),
    st.integers(0, 3),
    st.sampled_from([None, "Europe/Berlin"]),
)
def test_points_become_the_events_that_a_loop_finds(columns: list[list[float]], gap: int, zone: str | None) -> None:
    """Runs of 1 with at most `gap` slots between them are one event, in every column and across a clock change."""
    length = max(map(len, columns))
    index = pd.date_range("2026-10-24 22:00", periods=length, freq="1h", tz="UTC").tz_convert(zone)
    padded = {f"m{number}": values + [0.0] * (length - len(values)) for number, values in enumerate(columns)}
    labels = labels_from_points(pd.DataFrame(padded, index), gap=gap, slot="1h")
    slots = nanoseconds(index)
    for metric, values in padded.items():
        ours = labels[labels["metric"] == metric]
        expected = points_one_by_one(values, gap)
        assert nanoseconds(ours["start"]).tolist() == [slots[first] for first, _ in expected]
        assert nanoseconds(ours["end"]).tolist() == [slots[last] + 3_600_000_000_000 for _, last in expected]


def test_missing_rows_part_events() -> None:
    """Slots that have no row are slots all the same: two ones around a hole of three are two events."""
    index = pd.date_range("2026-11-01", periods=6, freq="15min")[[0, 1, 5]]
    assert len(labels_from_points(pd.Series([1, 1, 1], index))) == 2
    assert len(labels_from_points(pd.Series([1, 1, 1], index), gap=3)) == 1


def test_truth_values_are_labels() -> None:
    """What a comparison gives can be used as it is."""
    index = pd.date_range("2026-11-01", periods=3, freq="15min")
    labels = labels_from_points(pd.Series([0.2, 1.3, 1.1], index, name="likes") > 1)
    assert labels[["metric", "start"]].to_numpy().tolist() == [["likes", index[1]]]


def test_points_that_are_none_are_refused() -> None:
    """Scores in place of labels, a share for a gap and an index of numbers are said in words."""
    index = pd.date_range("2026-11-01", periods=2, freq="15min")
    with pytest.raises(ConfigurationError, match=r"`points` of 'value' hold 0\.5"):
        labels_from_points(pd.Series([0.5, 1.0], index))
    with pytest.raises(ConfigurationError, match=r"`gap` is 0\.5"):
        labels_from_points(pd.Series([0, 1], index), gap=0.5)  # type: ignore[arg-type]
    with pytest.raises(InvalidPanelError, match="DatetimeIndex"):
        labels_from_points(pd.Series([0, 1]))


def written(folder: Path, content: Any) -> Path:
    """Return a file of NAB's windows."""
    path = folder / "combined_windows.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_windows_of_nab_end_with_the_slot_of_their_last_row(tmp_path: Path) -> None:
    """NAB's ends are inclusive: the last row of a window is labelled here too, and the next one is not."""
    path = written(tmp_path, {"a/b.csv": [["2014-01-02 00:00:00.000000", "2014-01-02 01:00:00.000000"]], "c.csv": []})
    labels = read_nab_labels(path, "a/b.csv", slot="5min", metric="load")
    assert labels.to_numpy().tolist() == [["load", pd.Timestamp("2014-01-02"), pd.Timestamp("2014-01-02 01:05")]]
    assert len(read_nab_labels(path, "c.csv", slot="5min")) == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"a.csv": []}, "`file` is 'b.csv', which .* does not name; it has a.csv"),
        ([], "no series at all"),
        ({"b.csv": [["2014-01-02"]]}, r"no list of \[first, last\]"),
    ],
)
def test_what_is_not_nabs_is_refused(tmp_path: Path, content: Any, words: str) -> None:
    """Another series and another JSON are said in words."""
    with pytest.raises(ConfigurationError, match=words):
        read_nab_labels(written(tmp_path, content), "b.csv", slot="5min")


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    """A table in place of the windows is said in words."""
    path = tmp_path / "nyc_taxi.csv"
    path.write_text("timestamp,value\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="which is no JSON"):
        read_nab_labels(path, "nyc_taxi.csv", slot="30min")
