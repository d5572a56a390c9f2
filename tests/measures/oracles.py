"""Slow and obvious: what the measures should say, by loops over slots, alerts and events. Nothing is taken from them.

Time is a whole number of minutes, an event or a stretch the set of its minutes, a score a float or NaN.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "Event",
    "Metric",
    "Stretch",
    "alerts",
    "average_precision",
    "caught",
    "delay",
    "nab",
    "right",
    "vus",
]


class Event(NamedTuple):
    """A labelled event, half-open, in minutes."""

    metric: str
    start: int
    end: int


class Stretch(NamedTuple):
    """A flagged stretch of an alert, half-open, in minutes."""

    metric: str
    start: int
    end: int
    alert: int


class Metric(NamedTuple):
    """The scores of one metric: the minutes at which its slots begin, and how long they are."""

    starts: list[int]
    scores: list[float]
    slot: int
    events: list[Event]

    def covered(self, row: int) -> bool:
        """Whether a slot and an event have a minute in common."""
        slot = set(range(self.starts[row], self.starts[row] + self.slot))
        return any(slot & set(range(event.start, event.end)) for event in self.events)

    def rank(self, row: int) -> float:
        """Return the score, below all others if there is none."""
        return -math.inf if math.isnan(self.scores[row]) else self.scores[row]


def meets(stretch: Stretch, event: Event, tolerance: int) -> bool:
    """Whether they are of one metric and have a minute in common."""
    minutes = set(range(stretch.start, stretch.end)) & set(range(event.start, event.end + tolerance))
    return stretch.metric == event.metric and bool(minutes)


def right(found: Sequence[Stretch], events: Sequence[Event], tolerance: int) -> list[bool]:
    """Return for every alert whether it meets an event."""
    numbers = {stretch.alert for stretch in found}
    return [
        any(meets(each, event, tolerance) for each in found if each.alert == number for event in events)
        for number in numbers
    ]


def caught(found: Sequence[Stretch], events: Sequence[Event], tolerance: int) -> list[bool]:
    """Return for every event whether something meets it."""
    return [any(meets(each, event, tolerance) for each in found) for event in events]


def delay(found: Sequence[Stretch], event: Event, tolerance: int) -> int | None:
    """Return the first minute since the start of an event that is flagged."""
    for minute in range(event.start, event.end + tolerance):
        if any(each.metric == event.metric and each.start <= minute < each.end for each in found):
            return minute - event.start
    return None


def alerts(metric: Metric, join: int, threshold: float) -> list[list[int]]:
    """Return the rows of each alert of the 4-hour model, flag by flag."""
    found: list[list[int]] = []
    for row, score in enumerate(metric.scores):
        if not score > threshold:
            continue
        if found and metric.starts[row] < metric.starts[found[-1][0]] + join:
            found[-1].append(row)
        else:
            found.append([row])
    return found


def average_precision(metrics: Sequence[Metric]) -> float:
    """Return the sum of precision times what recall grows, cut by cut from the highest."""
    points = [(metric.rank(row), metric.covered(row)) for metric in metrics for row in range(len(metric.starts))]
    positives = sum(labelled for _, labelled in points)
    if not positives:
        return math.nan
    area, recall = 0.0, 0.0
    for cut in sorted({rank for rank, _ in points}, reverse=True):
        flagged = [labelled for rank, labelled in points if rank >= cut]
        area += (sum(flagged) / positives - recall) * sum(flagged) / len(flagged)
        recall = sum(flagged) / positives
    return area


def vus(metrics: Sequence[Metric], window: int, thresholds: int | None) -> float:
    """Return the mean over the buffers 0 to `window` of the area under range-based precision and recall."""
    ranks = sorted((metric.rank(row) for metric in metrics for row in range(len(metric.starts))), reverse=True)
    if not any(metric.covered(row) for metric in metrics for row in range(len(metric.starts))):
        return math.nan
    if thresholds is None:
        cuts = sorted(set(ranks), reverse=True)
    else:
        cuts = [ranks[int(step * (len(ranks) - 1) / (thresholds - 1))] for step in range(thresholds)]
    return sum(_area(metrics, width, cuts) for width in range(window + 1)) / (window + 1)


def _area(metrics: Sequence[Metric], width: int, cuts: Sequence[float]) -> float:
    slots, ranges = [], []
    for metric in metrics:
        plain = [metric.covered(row) for row in range(len(metric.starts))]
        runs = _runs(plain)
        for row, labelled in enumerate(plain):
            slots.append((metric.rank(row), labelled, _weight(row, labelled, runs, width)))
        ranges += [[metric.rank(row) for row in rows if 0 <= row < len(plain)] for rows in _joined(runs, width // 2)]
    total = sum(labelled for _, labelled, _ in slots)
    area, before = 0.0, 0.0
    for cut in cuts:
        flagged = [(labelled, weight) for rank, labelled, weight in slots if rank >= cut]
        positive = sum(weight for _, weight in flagged)
        buffers = sum(weight for labelled, weight in flagged if not labelled)
        existence = sum(any(rank >= cut for rank in each) for each in ranges) / len(ranges)
        recall = min(1.0, positive / (total + buffers / 2)) * existence
        area += (recall - before) * positive / len(flagged)
        before = recall
    return area


def _runs(plain: Sequence[bool]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for row, labelled in enumerate(plain):
        if labelled and runs and runs[-1][1] == row - 1:
            runs[-1] = (runs[-1][0], row)
        elif labelled:
            runs.append((row, row))
    return runs


def _weight(row: int, labelled: bool, runs: Sequence[tuple[int, int]], width: int) -> float:
    weight = 1.0 if labelled else 0.0
    for first, last in runs:
        distance = first - row if row < first else row - last
        if 0 < distance <= width // 2:
            weight += math.sqrt(1 - distance / width)
    return min(weight, 1.0)


def _joined(runs: Sequence[tuple[int, int]], half: int) -> list[range]:
    joined: list[range] = []
    for first, last in runs:
        if joined and joined[-1][-1] >= first - half:
            joined[-1] = range(joined[-1][0], last + half + 1)
        else:
            joined.append(range(first - half, last + half + 1))
    return joined


def nab(metrics: Sequence[Metric], cut: float, weights: tuple[float, float], probation: float) -> float:
    """Return NAB's score for flags above a cut: raw, null and perfect are added up row by row."""
    raw = null = perfect = 0.0
    for metric in metrics:
        learnt = min(math.floor(probation * len(metric.starts)), probation * 5000)
        windows = sorted(
            [row for row in range(len(metric.starts)) if Metric(metric.starts, [], metric.slot, [event]).covered(row)]
            for event in metric.events
        )
        for window in windows:
            if not window or window[-1] < learnt:
                continue
            flags = [row for row in window if row >= learnt and metric.scores[row] > cut]
            null, perfect = null - weights[1], perfect + 1
            raw += _sigmoid(-(window[-1] - flags[0] + 1) / len(window)) / _sigmoid(-1) if flags else -weights[1]
        for row in range(len(metric.starts)):
            if row < learnt or metric.covered(row) or not metric.scores[row] > cut:
                continue
            before = [window for window in windows if window and window[-1] < row]
            last = max(before, key=lambda window: (window[-1], window[0]), default=None)
            raw += weights[0] * (-1 if last is None else _sigmoid((row - last[-1]) / max(len(last) - 1, 1)))
    return 100 * (raw - null) / (perfect - null) if perfect else math.nan


def _sigmoid(position: float) -> float:
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1
