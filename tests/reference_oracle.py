"""The reference rule, written a second time: slow loops over raw events, sharing no line with the package.

Every test that says what the reference configuration must find compares with this.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pandas as pd

SLOT_SECONDS = 900
THRESHOLD = 0.5
MEAN_DAYS = range(1, 8)
MIN_COUNT = 4
BASELINE_DAYS = {
    "users_feed": MEAN_DAYS,
    "views": MEAN_DAYS,
    "likes": MEAN_DAYS,
    "ctr": MEAN_DAYS,
    "users_message": range(3, 4),
    "sent_message": MEAN_DAYS,
}

FeedRow = tuple[int, int, str]
MessageRow = tuple[int, int]
Values = dict[tuple[str, int], float]


@dataclass(frozen=True)
class Verdict:
    """What the rule says of one metric in one slot; NaN is unknown."""

    value: float
    expected: float
    deviation: float
    status: Literal["ok", "anomaly", "no_data", "warming_up"]


def feed_rows(feed: pd.DataFrame) -> Iterator[FeedRow]:
    """Give ``(unix seconds, user, action)`` of every row of the feed."""
    return zip(_seconds(feed), feed["user_id"].tolist(), feed["action"].tolist(), strict=True)


def message_rows(messages: pd.DataFrame) -> Iterator[MessageRow]:
    """Give ``(unix seconds, user)`` of every row of the messages."""
    return zip(_seconds(messages), messages["user_id"].tolist(), strict=True)


def _seconds(events: pd.DataFrame) -> list[int]:
    return [int(seconds) for seconds in events["time"].astype("datetime64[s, UTC]").astype("int64").tolist()]


def reference_values(feed: Iterable[FeedRow], messages: Iterable[MessageRow]) -> Values:
    """Compute every metric of every slot that has a row in its table; slots are unix seconds of their start."""
    feed_users: dict[int, set[int]] = defaultdict(set)
    actions: dict[tuple[int, str], int] = defaultdict(int)
    for time, user, action in feed:
        slot = time - time % SLOT_SECONDS
        feed_users[slot].add(user)
        actions[slot, action] += 1
    message_users: dict[int, set[int]] = defaultdict(set)
    sent: dict[int, int] = defaultdict(int)
    for time, user in messages:
        slot = time - time % SLOT_SECONDS
        message_users[slot].add(user)
        sent[slot] += 1
    values: Values = {}
    for slot, users in feed_users.items():
        views, likes = actions.get((slot, "view"), 0), actions.get((slot, "like"), 0)
        values["users_feed", slot] = float(len(users))
        values["views", slot] = float(views)
        values["likes", slot] = float(likes)
        values["ctr", slot] = likes / views if views else math.nan
    for slot, users in message_users.items():
        values["users_message", slot] = float(len(users))
        values["sent_message", slot] = float(sent[slot])
    return values


def reference_verdicts(
    values: Mapping[tuple[str, int], float], start: int, end: int, zone: str = "Europe/Moscow"
) -> dict[tuple[str, int], Verdict]:
    """Judge every metric in every slot of ``[start, end)`` (unix seconds) by the days before it."""
    timezone = ZoneInfo(zone)
    verdicts = {}
    for slot in range(start, end, SLOT_SECONDS):
        earlier = {days: same_slot_earlier(slot, days, timezone) for days in range(1, 8)}
        for metric, lags in BASELINE_DAYS.items():
            baseline = []
            for days in lags:
                known = values.get((metric, earlier[days]), math.nan)  # type: ignore[arg-type]
                if not math.isnan(known):
                    baseline.append(known)
            needed = min(MIN_COUNT, len(lags))
            expected = sum(baseline) / len(baseline) if len(baseline) >= needed else math.nan
            verdicts[metric, slot] = judge(values.get((metric, slot), math.nan), expected)
    return verdicts


def judge(value: float, expected: float) -> Verdict:
    """Say whether `value` lies outside of half to twice of `expected`."""
    if math.isnan(value):
        return Verdict(value, expected, math.nan, "no_data")
    if math.isnan(expected):
        return Verdict(value, expected, math.nan, "warming_up")
    larger = max(abs(value), abs(expected))
    deviation = (value - expected) / larger if larger else 0.0
    outside = value < expected * (1 - THRESHOLD) or value > expected / (1 - THRESHOLD)
    return Verdict(value, expected, deviation, "anomaly" if outside else "ok")


def same_slot_earlier(slot: int, days: int, timezone: ZoneInfo) -> int | None:
    """Return the slot that had the same wall-clock time `days` days earlier: the first one, or None if none had."""
    wall = datetime.fromtimestamp(slot, timezone).replace(tzinfo=None) - timedelta(days=days)
    instant = int(wall.replace(tzinfo=timezone, fold=0).timestamp())
    existed = datetime.fromtimestamp(instant, timezone).replace(tzinfo=None) == wall
    return instant if existed else None
