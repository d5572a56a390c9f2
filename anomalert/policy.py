"""From "how unusual" to "whether to tell": a metric's policy labels the slots of a detection.

A policy is a sequence of steps. A step may hold an anomaly back; it labels it and never deletes it, so that "why was
I not told?" has an answer for every slot. Monitors and notebooks call this; it calls `detection`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.detection import Detection
from anomalert.errors import ConfigurationError
from anomalert.panel import as_duration
from anomalert.quiet_hours import are_quiet, as_quiet_times
from anomalert.settings import is_number

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

__all__ = ["STEPS", "Held", "Policy", "judgements_of", "no_judgements", "sizes_of"]


class Held(NamedTuple):
    """What the steps of a policy say of a detection, as arrays of shape ``(n_slots, n_metrics)``.

    Parameters
    ----------
    volume : ndarray of float
        What there is to go by; see `Policy`.
    steps : ndarray of uint8
        Bit ``i`` is set where ``STEPS[i]`` holds an anomaly back.
    is_alert : ndarray of bool
        The anomalies that none holds.
    """

    volume: Floats
    steps: NDArray[np.uint8]
    is_alert: Flags


@dataclass(frozen=True)
class Policy:
    """Which anomalies of a metric are told. The defaults tell all but changes among a handful of events.

    Parameters
    ----------
    direction : {"both", "up", "down"}, default "both"
        Tell only values above, or only below, what was expected.
    min_score : float, default 1.0
        Tell only scores above this; 1 or more.
    min_change : float, default 0.0
        Tell only deviations of at least this size, from 0 to 1: 0.3 is 30 %.
    min_volume : float, optional
        Tell only where there is enough to go by: for a ratio its denominator, for other metrics the larger of
        value and expected, is at least this. By default 10 for counts (``absent="zero"``) and ratios, and 0 for
        the rest; 0 turns it off.
    persist : tuple of two int, default (1, 1)
        ``(k, n)``: tell once `k` of the last `n` slots, this one among them, are anomalies in one direction that
        the steps before let through.
    recover : int, default 2
        An incident is over after this many slots in a row without an anomaly on its side.
    worsen : tuple of two float, default (1.25, 0.2)
        Tell again when it got worse: the distance from what was expected is at least `worsen[0]` times that last told,
        and the deviation has grown by at least `worsen[1]`.
    remind : str or Timedelta or None, default "1D"
        Tell again after this long without a word, while the incident lasts; None never does.
    adapt : str or Timedelta, default "3D"
        Slots of an incident enter the baseline as what was expected there (see `Detector.ordinary_score`), but only so
        long: what lasts longer is the new usual course. So is what came again as often as covers this: day by day, or
        each time that the detector compares with (`Detector.recurrence`), at least once.
    quiet : str or sequence of str, default ()
        Local times at which no incident opens: ``"22:00-07:00"``, ``"Sat-Sun"``, ``"Mon-Fri 12:00-13:00"``. What begins
        then and lasts is told when they are over; of what is open already its course and its end are told as ever.
    missing : str or Timedelta or None, default "2h"
        Tell that the metric has no values after so long (one slot at least) without one where one was expected, and
        once when it has one again; None never does. A ratio of nothing, that is over 0, is not missing.

    Examples
    --------
    >>> from anomalert import DayLagRatio
    >>> index = pd.date_range("2026-11-01", periods=4, freq="12h")
    >>> detection = DayLagRatio().detect(pd.Series([100.0, 80, 300, 20], index, name="likes"))
    >>> judgements = Policy(direction="down").judge(detection)
    >>> judgements[["status", "held_by_direction", "is_alert"]].tail(2).values.tolist()
    [['anomaly', True, False], ['anomaly', False, True]]
    """

    direction: Literal["both", "up", "down"] = "both"
    min_score: float = 1.0
    min_change: float = 0.0
    min_volume: float | None = None
    persist: tuple[int, int] = (1, 1)
    recover: int = 2
    worsen: tuple[float, float] = (1.25, 0.2)
    remind: str | pd.Timedelta | None = "1D"
    adapt: str | pd.Timedelta = "3D"
    quiet: str | Sequence[str] = ()
    missing: str | pd.Timedelta | None = "2h"

    def __post_init__(self) -> None:
        if self.direction not in ("both", "up", "down"):
            raise ConfigurationError(f"`direction` is {self.direction!r}: take 'both', 'up' or 'down'")
        if not is_number(self.min_score) or not 1 <= self.min_score < float("inf"):
            raise ConfigurationError(
                f"`min_score` is {self.min_score!r}: 1 is the edge of the usual range, take 1 or more"
            )
        if not is_number(self.min_change) or not 0 <= self.min_change <= 1:
            raise ConfigurationError(f"`min_change` is {self.min_change!r}: it is a share, from 0 to 1")
        if self.min_volume is not None and not (is_number(self.min_volume) and 0 <= self.min_volume < float("inf")):
            raise ConfigurationError(f"`min_volume` is {self.min_volume!r}: take 0 (off) or more")
        if not (_are_pair(self.persist, int) and 1 <= self.persist[0] <= self.persist[1]):
            raise ConfigurationError(
                f"`persist` is {self.persist!r}: (k, n) needs whole numbers, 1 <= k <= n, such as (2, 3)"
            )
        if not is_number(self.recover) or not self.recover >= 1:
            raise ConfigurationError(f"`recover` is {self.recover!r}: at least 1 quiet slot ends an incident")
        if not (_are_pair(self.worsen, (int, float)) and self.worsen[0] >= 1 and self.worsen[1] >= 0):
            raise ConfigurationError(f"`worsen` is {self.worsen!r}: a factor of 1 or more and a step of 0 or more")
        if self.remind is not None:
            as_duration(self.remind, "remind")
        as_duration(self.adapt, "adapt")
        if self.missing is not None:
            as_duration(self.missing, "missing")
        # Hashable, so that metrics with equal policies can be judged together.
        object.__setattr__(self, "quiet", (self.quiet,) if isinstance(self.quiet, str) else tuple(self.quiet))
        as_quiet_times(self.quiet)

    def memory(self, slot: pd.Timedelta) -> int:
        """Return how many slots, each `slot` long, before a slot its judgement depends on."""
        return max(self.persist[1], self.missing_slots(slot) or 1) - 1

    def missing_slots(self, slot: pd.Timedelta) -> int | None:
        """Return after how many slots without a value a metric is missing, None if never."""
        return None if self.missing is None else math.ceil(pd.Timedelta(self.missing) / slot)

    def judge(self, detection: Detection, volume: pd.DataFrame | None = None) -> pd.DataFrame:
        """Label every slot of `detection` with what each step says, and whether it is an alert.

        Parameters
        ----------
        detection : Detection
            It has to begin ``memory(slot)`` slots before the first judgement that is to be relied on.
        volume : pandas.DataFrame, optional
            The denominators of ratios, over the slots of the detection; by default the larger of the sizes of value
            and expected.

        Returns
        -------
        pandas.DataFrame
            One row per metric and slot: the columns of `Detection.to_frame`, ``volume``, a column ``held_by_...``
            for every step, True where it holds an anomaly back, and ``is_alert``: an anomaly that none holds.
        """
        return judgements_of(detection, self.hold(detection, volume))

    def hold(self, detection: Detection, volume: pd.DataFrame | None = None) -> Held:
        """Return the same as `judge`, as arrays."""
        seen = _Seen.of(detection, volume)
        anomalous = standing = detection.is_anomaly.to_numpy()
        steps = np.zeros(standing.shape, dtype=np.uint8)
        for bit, (_, holds) in enumerate(STEPS):
            held = anomalous & holds(self, seen, standing)
            steps |= held.astype(np.uint8) << np.uint8(bit)
            standing = standing & ~held
        return Held(seen.volume, steps, standing)


def _are_pair(numbers: object, kind: type | tuple[type, ...]) -> bool:
    return (
        isinstance(numbers, tuple | list) and len(numbers) == 2 and all(isinstance(number, kind) for number in numbers)
    )


class _Seen(NamedTuple):
    """What the steps look at: arrays of shape ``(n_slots, n_metrics)``, and the slots."""

    score: Floats
    deviation: Floats
    volume: Floats
    slots: pd.DatetimeIndex
    slot: pd.Timedelta

    @classmethod
    def of(cls, detection: Detection, volume: pd.DataFrame | None) -> "_Seen":
        sizes = sizes_of(detection.value.to_numpy(), detection.expected.to_numpy())
        return cls(
            score=detection.score.to_numpy(),
            deviation=detection.deviation.to_numpy(),
            volume=sizes if volume is None else volume.to_numpy(dtype=np.float64),
            slots=pd.DatetimeIndex(detection.value.index),
            slot=detection.slot,
        )


Holds = Callable[[Policy, _Seen, Flags], Flags]
"""A step: from the policy, what is seen, and the anomalies that still stand, to which of them it holds back."""


def _other_direction(policy: Policy, seen: _Seen, standing: Flags) -> Flags:
    if policy.direction == "both":
        return np.zeros_like(standing)
    wanted: Flags = seen.deviation > 0 if policy.direction == "up" else seen.deviation < 0
    return ~wanted


def _low_score(policy: Policy, seen: _Seen, _: Flags) -> Flags:
    low: Flags = seen.score <= policy.min_score
    return low


def _small_change(policy: Policy, seen: _Seen, _: Flags) -> Flags:
    small: Flags = np.abs(seen.deviation) < policy.min_change
    return small


def _small_volume(policy: Policy, seen: _Seen, standing: Flags) -> Flags:
    if not policy.min_volume:
        return np.zeros_like(standing)
    enough: Flags = seen.volume >= policy.min_volume
    return ~enough


def _not_persistent(policy: Policy, seen: _Seen, standing: Flags) -> Flags:
    k, n = policy.persist
    enough = np.zeros_like(standing)
    for side in (seen.deviation > 0, seen.deviation < 0):
        on_side = standing & side
        # Itself it counts in any case: what a step before holds back, this one does not hold for that reason.
        count = side.astype(np.int64)
        for lag in range(1, n):
            # By time and not by row: a slot without a row is no anomaly.
            rows = seen.slots.get_indexer(seen.slots - lag * seen.slot)
            count += np.where(rows[:, None] >= 0, on_side[rows], False)
        enough |= side & (count >= k)
    return ~enough


def _quiet_hours(policy: Policy, seen: _Seen, standing: Flags) -> Flags:
    if not policy.quiet:
        return np.zeros_like(standing)
    quiet: Flags = np.broadcast_to(are_quiet(seen.slots, as_quiet_times(policy.quiet))[:, None], standing.shape)
    return quiet


STEPS: tuple[tuple[str, Holds], ...] = (
    ("direction", _other_direction),
    ("min_score", _low_score),
    ("min_change", _small_change),
    ("min_volume", _small_volume),
    ("persist", _not_persistent),
    ("quiet", _quiet_hours),
)
"""The steps in the order in which they are asked; each sees the anomalies that the steps before it let through."""


def sizes_of(value: Floats, expected: Floats) -> Floats:
    """Return the larger of the sizes of value and expected: what there is to go by where there is no denominator."""
    sizes: Floats = np.fmax(np.abs(value), np.abs(expected))
    return sizes


def judgements_of(detection: Detection, held: Held) -> pd.DataFrame:
    """Return a detection and what the steps of a policy say of it as one row per metric and slot."""
    judgements = detection.to_frame()
    judgements["volume"] = held.volume.ravel(order="F")
    for bit, (name, _) in enumerate(STEPS):
        judgements[f"held_by_{name}"] = (held.steps >> np.uint8(bit) & np.uint8(1)).astype(bool).ravel(order="F")
    judgements["is_alert"] = held.is_alert.ravel(order="F")
    return judgements


def no_judgements() -> pd.DataFrame:
    """Return judgements of no slot: every column, so that who asks for alerts finds none and no error."""
    nothing = pd.DataFrame({"": []}, pd.DatetimeIndex([], tz="UTC"), dtype=float)
    return Policy().judge(Detection(nothing, nothing, nothing, nothing, pd.Timedelta("1D")))
