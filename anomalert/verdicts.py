"""Verdicts as arrays: what was judged of one monitor, slot by slot and metric by metric.

Judging gives them; walks and backtests read, cut and join them. This calls `detection` and `policy`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert import kernels
from anomalert.detection import Detection, directions, statuses
from anomalert.policy import Held, judgements_of, no_judgements, sizes_of

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

__all__ = ["ARRAYS", "Verdicts"]

ARRAYS = ("value", "expected", "lower", "upper", "steps", "is_alert", "is_judged", "is_missing")
IF_GIVEN = ("own_score", "denominator")


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What was judged of one monitor: arrays of shape ``(n_slots, n_metrics)``, 36 bytes a cell for most detectors.

    Parameters
    ----------
    slots : pandas.DatetimeIndex
        UTC, in order.
    metrics : tuple of str
        The columns.
    slot : pandas.Timedelta
        The length of a slot.
    value, expected, lower, upper : ndarray of float
        As in a `Detection`.
    steps, is_alert : ndarray
        As in `anomalert.policy.Held`.
    is_judged : ndarray of bool
        False where the detector failed: of such a slot nothing is said.
    is_missing : ndarray of bool
        Where the metric has had no values for as long as its policy waits for one.
    is_empty : ndarray of bool, shape (n_slots,)
        Where the source has nothing at all, and that is to be told.
    own_score : ndarray of float, optional
        Where a detector has a scale of its own; the score by the bounds elsewhere.
    denominator : ndarray of float, optional
        Of the metrics that are ratios, what `Policy` calls the volume; that of the others elsewhere.
    """

    slots: pd.DatetimeIndex
    metrics: tuple[str, ...]
    slot: pd.Timedelta
    value: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    steps: NDArray[np.uint8]
    is_alert: Flags
    is_judged: Flags
    is_missing: Flags
    is_empty: Flags
    own_score: Floats | None = None
    denominator: Floats | None = None

    @classmethod
    def unjudged(cls, slots: pd.DatetimeIndex, metrics: Iterable[str], slot: pd.Timedelta) -> "Verdicts":
        """Return verdicts that say nothing."""
        names = tuple(metrics)
        shape = (len(slots), len(names))
        numbers = {name: np.full(shape, np.nan) for name in ARRAYS[:4]}
        flags = {name: np.zeros(shape, dtype=bool) for name in ("is_alert", "is_judged", "is_missing")}
        steps, empty = np.zeros(shape, dtype=np.uint8), np.zeros(len(slots), dtype=bool)
        return cls(slots, names, slot, **numbers, steps=steps, **flags, is_empty=empty)

    @property
    def score(self) -> Floats:
        """As in a `Detection`."""
        if self.own_score is not None:
            return self.own_score
        return kernels.score(self.value, self.expected, self.lower, self.upper)

    @property
    def volume(self) -> Floats:
        """What there is to go by, as `Policy` calls it."""
        return self.denominator if self.denominator is not None else sizes_of(self.value, self.expected)

    def put(self, other: "Verdicts") -> None:
        """Take over the verdicts of `other`, whose slots and metrics are among these."""
        if not len(other.slots):
            return
        first = int(self.slots.searchsorted(other.slots[0]))
        rows = slice(first, first + len(other.slots))
        columns = [self._places[name] for name in other.metrics]
        for name in ARRAYS:
            getattr(self, name)[rows, columns] = getattr(other, name)
        if self.own_score is not None:
            self.own_score[rows, columns] = other.score
        if self.denominator is not None:
            self.denominator[rows, columns] = other.volume

    def rows(self, rows: slice) -> "Verdicts":
        """Return those of some slots; the arrays are views."""
        parts = {name: array[rows] for name, array in self._arrays()}
        return replace(self, slots=self.slots[rows], is_empty=self.is_empty[rows], **parts)

    @staticmethod
    def side_by_side(parts: Sequence["Verdicts"]) -> "Verdicts":
        """Return the verdicts of all parts, at least one, which are of different metrics in the same slots."""
        if len(parts) == 1:
            return parts[0]
        # All at once: one after another, what is there already is copied again for every part.
        arrays: dict[str, Any] = {name: np.hstack([getattr(part, name) for part in parts]) for name in ARRAYS}
        if any(part.own_score is not None for part in parts):
            arrays["own_score"] = np.hstack([part.score for part in parts])
        if any(part.denominator is not None for part in parts):
            arrays["denominator"] = np.hstack([part.volume for part in parts])
        return replace(parts[0], metrics=tuple(name for part in parts for name in part.metrics), **arrays)

    def ordered(self, metrics: Sequence[str]) -> "Verdicts":
        """Return the same with the columns in another order."""
        if tuple(metrics) == self.metrics:
            return self
        columns = [self._places[name] for name in metrics]
        return replace(self, metrics=tuple(metrics), **{name: array[:, columns] for name, array in self._arrays()})

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: column for column, name in enumerate(self.metrics)}

    def _arrays(self) -> Iterator[tuple[str, Any]]:
        for name in (*ARRAYS, *IF_GIVEN):
            array = getattr(self, name)
            if array is not None:
                yield name, array

    def frame(self) -> pd.DataFrame:
        """Return one row per metric and judged slot, as `Policy.judge` gives it, the slots in UTC."""
        if not self.is_judged.any():
            return no_judgements()
        frames = (
            pd.DataFrame(getattr(self, name), index=self.slots, columns=list(self.metrics))
            for name in ("value", "expected", "lower", "upper", "score")
        )
        value, expected, lower, upper, score = frames
        detection = Detection(value, expected, lower, upper, self.slot, own_score=score)
        judgements = judgements_of(detection, Held(self.volume, self.steps, self.is_alert))
        if self.is_judged.all():
            return judgements
        return judgements[self.is_judged.ravel(order="F")].reset_index(drop=True)

    def missing(self, row: int) -> list[str]:
        """Return the metrics that have had no values in one slot and before it, though the source had some."""
        if self.is_empty[row]:
            return []
        return [self.metrics[column] for column in np.flatnonzero(self.is_missing[row])]

    def known(self, row: int, metrics: Collection[str]) -> set[str]:
        """Return those of `metrics` that have a value in one slot."""
        return {
            name
            for column, name in enumerate(self.metrics if metrics else ())
            if name in metrics and not np.isnan(self.value[row, column])
        }

    def observed(self, row: int, metrics: Collection[str]) -> Iterator[dict[str, Any]]:
        """Return what one slot shows of `metrics` and of every metric that has an alert there."""
        wanted = self.is_alert[row].copy()
        wanted[[self._places[name] for name in metrics if name in self._places]] = True
        columns = np.flatnonzero(wanted & self.is_judged[row])
        cells = {name: getattr(self, name)[row, columns] for name in ARRAYS[:4]}
        cells["score"] = kernels.score(*cells.values()) if self.own_score is None else self.own_score[row, columns]
        shown = {
            "metric": [self.metrics[column] for column in columns],
            **{name: array.tolist() for name, array in cells.items()},
            "deviation": kernels.deviation(cells["value"], cells["expected"]).tolist(),
            "direction": directions(cells["value"], cells["expected"]),
            "status": statuses(cells["value"], cells["score"]),
            "is_alert": self.is_alert[row, columns].tolist(),
        }
        for values in zip(*shown.values(), strict=True):
            yield dict(zip(shown, values, strict=True))
