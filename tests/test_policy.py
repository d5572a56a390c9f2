"""Policies: every step labels and none deletes, held to loops over the slots; settings that make no sense."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert import DayLagRatio, Detection, Metric, Policy
from anomalert.errors import ConfigurationError
from anomalert.policy import STEPS

SLOT = pd.Timedelta("15min")
STEP_NAMES = ("direction", "min_score", "min_change", "min_volume", "persist", "quiet")


def detection_of(columns: dict[str, list[float]], expected: float = 100.0, rows: list[int] | None = None) -> Detection:
    """Return a detection whose usual range is half to double of `expected`; `rows` are the slots that have a row."""
    length = len(next(iter(columns.values())))
    numbers = range(length) if rows is None else rows
    index = pd.DatetimeIndex([pd.Timestamp("2026-11-02T10:00Z") + number * SLOT for number in numbers])
    value = pd.DataFrame(columns, index=index, dtype=float)
    usual = value * 0 + expected
    return Detection(value, usual, usual / 2, usual * 2, SLOT)


def label(row: Mapping[Any, Any], policy: Policy, standing: set[tuple[str, int]], number: int) -> dict[str, bool]:
    """Return what each step says of one anomaly: the definition, in words of plain Python.

    `standing` has the (side, slot number) of the anomalies of this metric that the steps before `persist` let through.
    """
    side = "up" if row["value"] > row["expected"] else "down"
    k, n = policy.persist
    others = sum((side, number - lag) in standing for lag in range(1, n))
    return {
        "direction": policy.direction not in ("both", side),
        "min_score": not row["score"] > policy.min_score,
        "min_change": not abs(row["deviation"]) >= policy.min_change,
        "min_volume": bool(policy.min_volume) and not row["volume"] >= policy.min_volume,
        "persist": others + 1 < k,
        "quiet": any(QUIET[words](row["slot"]) for words in policy.quiet),
    }


def oracle(judgements: pd.DataFrame, policy: Policy, first: pd.Timestamp) -> list[dict[str, bool]]:
    """Return the labels of every row of `judgements`, metric by metric and slot by slot."""
    labels: list[dict[str, bool]] = []
    standing: dict[str, set[tuple[str, int]]] = {}
    nothing = dict.fromkeys(STEP_NAMES, False)
    for row in judgements.to_dict("records"):
        here = standing.setdefault(row["metric"], set())
        number = (row["slot"] - first) // SLOT
        if not row["is_anomaly"]:
            labels.append({**nothing, "is_alert": False})
            continue
        said = label(row, policy, here, number)
        if not any(said[name] for name in STEP_NAMES[:-2]):
            here.add(("up" if row["value"] > row["expected"] else "down", number))
        labels.append({**said, "is_alert": not any(said.values())})
    return labels


QUIET: dict[str, Callable[[pd.Timestamp], bool]] = {
    # What each text means of a slot, on the Monday that the detections of these tests lie on.
    "12:00-13:30": lambda slot: slot.hour == 12 or (slot.hour == 13 and slot.minute < 30),
    "14:00-11:00": lambda slot: slot.hour >= 14 or slot.hour < 11,
    "Sat-Mon 10:30-10:45": lambda slot: (slot.hour, slot.minute) == (10, 30),
    "Sun 22:00-10:15": lambda slot: (slot.hour, slot.minute) == (10, 0),
    "Tue-Sun": lambda slot: slot.day != 2,
    "Mon": lambda slot: slot.day == 2,
}


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Return policies with every setting that decides on a slot."""
    n = draw(st.integers(1, 4))
    return Policy(
        direction=draw(st.sampled_from(["both", "up", "down"])),
        min_score=draw(st.sampled_from([1.0, 1.2, 2.0])),
        min_change=draw(st.sampled_from([0.0, 0.6, 0.9])),
        min_volume=draw(st.sampled_from([None, 0.0, 10.0, 150.0])),
        persist=(draw(st.integers(1, n)), n),
        quiet=draw(st.lists(st.sampled_from(list(QUIET)), max_size=2)),
    )


VALUES = st.sampled_from([0.0, 4.0, 40.0, 49.9, 50.0, 60.0, 100.0, 200.0, 210.0, 900.0, math.nan])


@st.composite
def detections(draw: st.DrawFn) -> Detection:
    """Return detections of two metrics whose rows may have holes between them."""
    rows = sorted(draw(st.sets(st.integers(0, 24), max_size=18)))
    columns = {name: draw(st.lists(VALUES, min_size=len(rows), max_size=len(rows))) for name in ("likes", "views")}
    return detection_of(columns, rows=rows)


@settings(max_examples=60, deadline=None)
@given(detections(), policies())
def test_every_label_is_what_the_loops_say(detection: Detection, policy: Policy) -> None:
    """For every slot and step the label is that of the definition, each side counted apart and gaps by time."""
    judgements = policy.judge(detection)
    wanted = oracle(judgements, policy, pd.Timestamp("2026-11-02T10:00Z"))
    columns = [f"held_by_{name}" for name in STEP_NAMES] + ["is_alert"]
    assert judgements[columns].to_numpy().tolist() == [list(row.values()) for row in wanted]


@settings(max_examples=60, deadline=None)
@given(detections(), policies())
def test_a_step_labels_and_never_deletes(detection: Detection, policy: Policy) -> None:
    """Every slot of every metric is there with what the detector said of it, and every untold anomaly has a reason."""
    judgements = policy.judge(detection)
    tidy = detection.to_frame()
    pd.testing.assert_frame_equal(judgements[tidy.columns], tidy)
    held = judgements[[f"held_by_{name}" for name in STEP_NAMES]].any(axis=1)
    assert (judgements["is_anomaly"] == (judgements["is_alert"] | held)).all()
    assert not (judgements["is_alert"] & held).any()
    assert not judgements.loc[~judgements["is_anomaly"], "is_alert"].any()


@settings(max_examples=60, deadline=None)
@given(detections(), policies(), st.integers(0, 17))
def test_memory_is_all_that_a_slot_needs(detection: Detection, policy: Policy, cut: int) -> None:
    """A slot is labelled alike when the detection begins `memory` slots before it."""
    whole = policy.judge(detection)
    index = pd.DatetimeIndex(detection.value.index)
    if cut >= len(index):
        return
    first = index[cut]
    kept = index >= first - policy.memory(SLOT) * SLOT
    frames = {name: getattr(detection, name)[kept] for name in ("value", "expected", "lower", "upper")}
    part = Detection(**frames, slot=SLOT)
    some = policy.judge(part)
    pd.testing.assert_frame_equal(
        some[some["slot"] >= first].reset_index(drop=True), whole[whole["slot"] >= first].reset_index(drop=True)
    )


def test_the_steps_are_the_five_that_are_documented() -> None:
    """Their names are columns that other people read."""
    assert tuple(name for name, _ in STEPS) == STEP_NAMES


def alerts(policy: Policy, values: list[float], rows: list[int] | None = None) -> list[bool]:
    """Return which slots of one metric are told."""
    return list(policy.judge(detection_of({"likes": values}, rows=rows))["is_alert"])


def test_persist_counts_each_side_apart() -> None:
    """A rise between two drops makes no three in a row, and no two of three of its own."""
    assert alerts(Policy(persist=(2, 2)), [10.0, 900.0, 10.0, 10.0]) == [False, False, False, True]
    assert alerts(Policy(persist=(2, 3)), [10.0, 900.0, 10.0, 900.0]) == [False, False, True, True]


def test_persist_counts_slots_and_not_rows() -> None:
    """Two anomalies with three slots without a row between them are not two of the last two."""
    assert alerts(Policy(persist=(2, 2)), [10.0, 10.0], rows=[0, 4]) == [False, False]
    assert alerts(Policy(persist=(2, 5)), [10.0, 10.0], rows=[0, 4]) == [False, True]


def test_persist_counts_only_what_the_steps_before_let_through() -> None:
    """A small drop that `min_change` holds back is no first sign of the large one after it."""
    assert alerts(Policy(persist=(2, 2), min_change=0.8), [45.0, 10.0, 10.0]) == [False, False, True]


def test_a_step_that_is_off_is_never_a_reason() -> None:
    """What one step holds back is not labelled by the others too, unless they would hold it as well."""
    judgements = Policy(direction="down").judge(detection_of({"likes": [900.0]}))
    assert judgements["held_by_direction"].tolist() == [True]
    for name in STEP_NAMES[1:]:
        assert judgements[f"held_by_{name}"].tolist() == [False], name


@pytest.mark.parametrize(
    ("policy", "value", "is_told"),
    [
        (Policy(min_change=0.9), 10.0, True),  # A deviation of exactly 0.9 is "at least" that.
        (Policy(min_change=0.9), 11.0, False),
        (Policy(min_score=1.8), 10.0, False),  # A score of exactly 1.8 is not above it.
        (Policy(min_score=1.79), 10.0, True),
        (Policy(min_volume=100.0), 10.0, True),  # The larger of value and expected.
        (Policy(min_volume=100.1), 10.0, False),
        (Policy(min_volume=900.0), 900.0, True),
        (Policy(min_volume=0), 0.0, True),
    ],
)
def test_edges_of_the_steps(policy: Policy, value: float, is_told: bool) -> None:
    """On the edge `min_change` and `min_volume` let through, and `min_score` does not."""
    assert alerts(policy, [value]) == [is_told]


def test_the_volume_of_a_ratio_is_its_denominator() -> None:
    """Of a ratio the events under it are counted, and one of an unknown number of events is held back."""
    detection = detection_of({"ctr": [0.01, 0.01, 0.01]}, expected=0.2)
    views = pd.DataFrame({"views": [9.0, 10.0, np.nan]}, index=detection.value.index)
    judgements = Policy(min_volume=10).judge(detection, views)
    assert judgements["is_alert"].tolist() == [False, True, False]
    np.testing.assert_array_equal(judgements["volume"], [9.0, 10.0, np.nan])


def test_volume_of_a_side_that_is_unknown_is_that_of_the_other() -> None:
    """Without a baseline the value alone is the volume."""
    detection = detection_of({"likes": [30.0]})
    judgements = Policy().judge(replace(detection, expected=detection.expected * np.nan))
    assert judgements[["status", "volume", "is_alert"]].to_numpy().tolist() == [["warming_up", 30.0, False]]


def test_min_volume_by_kind_of_metric() -> None:
    """Counts and ratios tell nothing of a handful of events unless told to; other metrics have no such floor."""
    detector = DayLagRatio()
    assert Metric("likes", detector, absent="zero").policy.min_volume == 10
    assert Metric("ctr", detector, denominator="views").policy.min_volume == 10
    assert Metric("latency", detector).policy.min_volume == 0
    for given_volume in (0.0, 3.0):
        policy = Policy(min_volume=given_volume)
        assert Metric("likes", detector, absent="zero", policy=policy).policy.min_volume == given_volume
    shared = Policy(direction="down")
    assert Metric("likes", detector, absent="zero", policy=shared).policy.direction == "down"
    assert shared.min_volume is None


def test_a_detection_without_slots_gives_judgements_without_rows() -> None:
    """Nothing to judge is an empty frame with every column."""
    judgements = Policy(persist=(2, 3)).judge(detection_of({"likes": [], "views": []}))
    assert len(judgements) == 0
    assert {"metric", "slot", "volume", "held_by_persist", "is_alert"} <= set(judgements.columns)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"direction": "sideways"}, "`direction` is 'sideways': take 'both', 'up' or 'down'"),
        ({"min_score": 0.9}, "`min_score` is 0.9: 1 is the edge of the usual range, take 1 or more"),
        ({"min_score": math.nan}, "`min_score` is nan"),
        ({"min_score": math.inf}, "`min_score` is inf"),
        ({"min_change": 30}, "`min_change` is 30: it is a share, from 0 to 1"),
        ({"min_change": -0.1}, "`min_change` is -0.1"),
        ({"min_change": math.nan}, "`min_change` is nan"),
        ({"min_volume": -1}, "`min_volume` is -1: take 0 (off) or more"),
        ({"min_volume": math.inf}, "`min_volume` is inf"),
        ({"quiet": "22-7"}, "`quiet` holds '22-7': write local times as '22:00-07:00'"),
        ({"quiet": ["Sat", ""]}, "`quiet` holds ''"),
        ({"quiet": "Sunday"}, "`quiet` holds 'Sunday'"),
        ({"quiet": "24:00-07:00"}, "a day begins at 00:00 and ends at 24:00"),
        ({"quiet": "20:00-24:30"}, "a day begins at 00:00 and ends at 24:00"),
        ({"persist": (3, 2)}, "`persist` is (3, 2): (k, n) needs whole numbers, 1 <= k <= n, such as (2, 3)"),
        ({"persist": (0, 2)}, "`persist` is (0, 2)"),
        ({"persist": 2}, "`persist` is 2"),
        ({"persist": (1.5, 2)}, "`persist` is (1.5, 2)"),
        ({"persist": (1, 2, 3)}, "`persist` is (1, 2, 3)"),
        ({"recover": 0}, "`recover` is 0: at least 1 quiet slot ends an incident"),
        ({"worsen": (0.9, 0.2)}, "`worsen` is (0.9, 0.2): a factor of 1 or more and a step of 0 or more"),
        ({"worsen": (1.5, -1)}, "`worsen` is (1.5, -1)"),
        ({"worsen": 1.5}, "`worsen` is 1.5"),
        ({"remind": 60}, "`remind` is the bare number 60: write a duration with its unit, as '2h'"),
        ({"remind": "0s"}, "`remind` is '0s': a duration above 0 is needed"),
        ({"adapt": "soon"}, "`adapt` is 'soon', which is no duration"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(settings: dict[str, Any], text: str) -> None:
    """The error names the setting, what was given, and the rule."""
    with pytest.raises(ConfigurationError) as caught:
        Policy(**settings)
    assert text in str(caught.value)
