"""What stands in the baseline in place of an incident, and when what was unusual is learnt instead.

Incidents call this, slot by slot; it calls `policy` for how a metric is watched.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from anomalert.interfaces import Direction
from anomalert.panel import DAY
from anomalert.policy import Policy

__all__ = ["CATCH_UP", "Replacement", "Watch", "is_trailing", "replacement_of"]

CATCH_UP = 7 * DAY
"""How far back missed slots are judged; what is older stays unjudged, and the report names it.

So far a metric may lag behind others that go on meanwhile.
"""


def is_trailing(lookback: pd.Timedelta) -> bool:
    """Whether a detector looks back a day at most, and so takes a long incident itself for the usual course.

    The others compare with other days, on which known incidents are replaced by ordinary values; one that compares
    with yesterday looks back a day and what a clock change may add.
    """
    return lookback <= DAY


@dataclass(frozen=True)
class Watch:
    """How a metric is watched.

    Parameters
    ----------
    policy : Policy
        Its own.
    lookback : pandas.Timedelta
        As its detector gives it; so are `recurrence` and `ordinary_score`.
    slot : pandas.Timedelta, optional
        The length of its slots, where others' are shorter.
    recurrence : pandas.Timedelta, default one day
        After how many days a slot is compared with again.
    ordinary_score : float, default 0.0
        How far from what is expected an ordinary value lies.
    monitor : str, optional
        The name of the one that it belongs to.
    """

    policy: Policy
    lookback: pd.Timedelta
    slot: pd.Timedelta | None = None
    recurrence: pd.Timedelta = DAY
    ordinary_score: float = 0.0
    monitor: str | None = None

    @property
    def is_trailing(self) -> bool:
        """Whether its detector takes a long incident itself for the usual course."""
        return is_trailing(self.lookback)

    @property
    def rebound(self) -> pd.Timedelta:
        """How long after an incident a return to the old level may look like an incident of its own."""
        return DAY if self.is_trailing else pd.Timedelta(0)

    @cached_property
    def adapt(self) -> pd.Timedelta:
        """How long slots of an incident are replaced in the baseline; kept, since texts are slow to read."""
        return pd.Timedelta(self.policy.adapt)

    @cached_property
    def rounds(self) -> list[list[pd.Timedelta]]:
        """How long ago the same slot came round: day by day, and as its detector compares; both cover `adapt`."""
        steps = {DAY, self.recurrence}
        return [[step * number for number in range(1, max(-(-self.adapt // step), 1) + 1)] for step in steps]

    @cached_property
    def reach(self) -> pd.Timedelta:
        """How long it matters what replaces a slot: as baseline, or for whether another recurs; with room to spare.

        Also to a metric that could not be read for days, when its slots are made up for.
        """
        return max(self.lookback, *map(max, self.rounds)) + CATCH_UP + 3 * DAY


class Replacement(NamedTuple):
    """What stands in the baseline in place of a known incident, and on which side of it the value was.

    NaN: it came again until it was learnt, and stands there as it is.
    """

    value: float
    direction: Direction | None


def replacement_of(
    known: Mapping[pd.Timestamp, Replacement],
    slot: pd.Timestamp,
    direction: Direction,
    bounds: tuple[float, float, float],
    watch: Watch,
) -> Replacement | None:
    """Return what stands in the baseline in place of an anomalous slot of an incident; None if it stands for itself.

    Parameters
    ----------
    known : mapping of Timestamp to Replacement
        Of the slots of the metric before.
    slot : pandas.Timestamp
        UTC.
    direction : {"up", "down"}
        The side on which the value lies.
    bounds : tuple of float
        What was expected there, and the lower and upper edge of the usual range.
    watch : Watch
        Of the metric.
    """
    before = known.get(slot - watch.recurrence)
    if before is not None and math.isnan(before.value) and before.direction not in (direction, None):
        return None  # Only the way back: what was learnt when it last came round was not there to stay.
    if _recurs(known, slot, direction, watch):
        return Replacement(math.nan, direction)
    expected, lower, upper = bounds
    edge = upper if direction == "up" else lower
    # Where the detector measures how much the past scatters, what was expected would not do: every false alarm would
    # make the usual range narrower, and more of them. Nor would the edge: one incident would make it wide for weeks.
    strays = watch.ordinary_score * (edge - expected) if watch.ordinary_score else 0.0
    return Replacement(expected + strays, direction)


def _recurs(known: Mapping[pd.Timestamp, Replacement], slot: pd.Timestamp, direction: Direction, watch: Watch) -> bool:
    """Whether the same slot was part of an incident, on the same side, each time it came round before.

    It may not be the metric that is unusual, but what it is compared with: where that is one value of another day, it
    would be handed on in place of every new one.
    """
    return any(
        all(slot - ago in known and known[slot - ago].direction in (direction, None) for ago in rounds)
        for rounds in watch.rounds
    )
