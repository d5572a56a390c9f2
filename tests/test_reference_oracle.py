"""The oracle of the reference rule is itself held to cases worked out by hand."""

import math
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from tests.reference_oracle import (
    SLOT_SECONDS,
    Values,
    Verdict,
    judge,
    reference_values,
    reference_verdicts,
    same_slot_earlier,
)

DAY = 86_400
SLOT = 1_788_220_800  # 2026-09-01 00:00 UTC


def judged(values: Values, metric: str, slot: int = SLOT) -> Verdict:
    """Judge one slot of one metric."""
    return reference_verdicts(values, slot, slot + SLOT_SECONDS)[metric, slot]


def on_earlier_days(metric: str, values: dict[int, float]) -> Values:
    """Place `values`, by how many days earlier, before the judged slot."""
    return {(metric, SLOT - days * DAY): value for days, value in values.items()}


def test_values_are_counted_per_slot() -> None:
    """Users are counted once per slot, the slot's end belongs to the next, and no view leaves no ratio."""
    feed = [(SLOT, 1, "view"), (SLOT + 899, 1, "like"), (SLOT + 5, 2, "view"), (SLOT + 900, 3, "like")]
    values = reference_values(feed, [(SLOT, 7), (SLOT + 1, 7), (SLOT - 1, 7)])
    assert values.pop(("ctr", SLOT + 900)) != values[("ctr", SLOT)] == 0.5
    assert values == {
        ("users_feed", SLOT): 2.0,
        ("views", SLOT): 2.0,
        ("likes", SLOT): 1.0,
        ("ctr", SLOT): 0.5,
        ("users_feed", SLOT + 900): 1.0,
        ("views", SLOT + 900): 0.0,
        ("likes", SLOT + 900): 1.0,
        ("users_message", SLOT): 1.0,
        ("sent_message", SLOT): 2.0,
        ("users_message", SLOT - 900): 1.0,
        ("sent_message", SLOT - 900): 1.0,
    }


def test_the_mean_of_seven_days_is_expected() -> None:
    """The eighth day back and the slot's own value play no part; 40 against 100 deviates by -0.6."""
    values = on_earlier_days("likes", {1: 40, 2: 160, 3: 100, 4: 100, 5: 100, 6: 100, 7: 100, 8: 9_000})
    verdict = judged({**values, ("likes", SLOT): 40.0}, "likes")
    assert verdict == Verdict(40.0, 100.0, -0.6, "anomaly")


@pytest.mark.parametrize(("known", "status"), [(4, "ok"), (3, "warming_up")])
def test_four_known_days_are_needed(known: int, status: str) -> None:
    """The mean is taken over the days that are known, and there must be four of them."""
    values = on_earlier_days("views", {8 - days: 10.0 for days in range(1, known + 1)})
    verdict = judged({**values, ("views", SLOT): 12.0}, "views")
    assert verdict.status == status
    assert (verdict.expected == 10.0) is (status == "ok")


def test_users_message_looks_three_days_back() -> None:
    """Only the slot three days earlier counts for the metric that repeats every three days."""
    values = on_earlier_days("users_message", {1: 500, 2: 500, 3: 10, 4: 500, 5: 500})
    assert judged({**values, ("users_message", SLOT): 15.0}, "users_message").expected == 10.0


def test_an_unknown_value_is_never_ok() -> None:
    """A metric without a value has no data, whatever is known of the days before."""
    values = on_earlier_days("views", dict.fromkeys(range(1, 8), 10.0))
    assert judged(values, "views").status == "no_data"
    assert judged({**values, ("views", SLOT): math.nan}, "views").status == "no_data"


@pytest.mark.parametrize(
    ("value", "expected", "deviation", "status"),
    [
        (50, 100, -0.5, "ok"),
        (49, 100, -0.51, "anomaly"),
        (200, 100, 0.5, "ok"),
        (201, 100, 101 / 201, "anomaly"),
        (0, 0, 0.0, "ok"),
        (1, 0, 1.0, "anomaly"),
        (0, 8, -1.0, "anomaly"),
    ],
)
def test_half_and_twice_are_the_last_usual_values(value: float, expected: float, deviation: float, status: str) -> None:
    """A value on a bound is usual; nothing expected and nothing come is usual too."""
    verdict = judge(value, expected)
    assert verdict.status == status
    assert verdict.deviation == pytest.approx(deviation)


def test_the_same_slot_is_that_of_the_wall_clock() -> None:
    """Berlin: the repeated hour is its first occurrence, the skipped hour has none, and days may be 25 h long."""
    berlin = ZoneInfo("Europe/Berlin")

    def slot(text: str) -> int:
        return int(pd.Timestamp(text).timestamp())

    assert same_slot_earlier(slot("2026-10-26 02:30+01:00"), 1, berlin) == slot("2026-10-25 02:30+02:00")
    assert same_slot_earlier(slot("2026-10-25 02:30+01:00"), 1, berlin) == slot("2026-10-24 02:30+02:00")
    assert same_slot_earlier(slot("2026-10-26 12:00+01:00"), 2, berlin) == slot("2026-10-24 12:00+02:00")
    assert same_slot_earlier(slot("2026-03-30 02:30+02:00"), 1, berlin) is None
