"""What a detector is given and gives back: the past as arrays by wall clock, and the bounds computed from it.

The authors of detectors use `Baseline` and `Bounds`, by their names in `anomalert`. `detector` makes the one and
checks the other; this calls `panel`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError
from anomalert.panel import WallClock

Floats = NDArray[np.float64]

__all__ = ["Baseline", "Bounds"]

BLOCK_VALUES = 2_000_000
"""How many past values are gathered at a time: 16 MB, so that long windows over long panels fit in memory."""


@dataclass(frozen=True)
class Bounds:
    """What a detector gives back: for every slot and metric the value expected and the edges of the usual range.

    These three are arrays or frames of shape ``(n_slots, n_metrics)``, for the judged slots or for all rows of the
    baseline. ``lower <= expected <= upper``; a bound may be infinite; NaN means that the slot cannot be judged.

    Parameters
    ----------
    expected, lower, upper : array_like
        In the metric's unit.
    score : callable, optional
        Only for a detector with a scale of its own. Takes the judged values, an array of shape
        ``(n_judged, n_metrics)`` with NaN where unknown, and gives their scores in the same shape: never below 0, and
        above 1 exactly where the value lies outside the bounds. The values are not those of the baseline, in which
        known incidents are replaced.
    """

    expected: Any
    lower: Any
    upper: Any
    score: Callable[[Floats], Any] | None = None


@dataclass(frozen=True)
class Baseline:
    """The past that bounds are computed from: what `Detector.bounds` receives.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per slot without holes, one float64 column per metric, NaN where unknown. Bounds of a row may use
        the rows before it, never the row itself or later ones.
    first : int
        Position of the first row that needs bounds; the rows before it are history only.
    slot : pandas.Timedelta
        The step between rows.
    weights : pandas.DataFrame, optional
        Denominators of the metrics that are ratios, laid out as `frame`.
    """

    frame: pd.DataFrame
    first: int
    slot: pd.Timedelta
    weights: pd.DataFrame | None = None

    @cached_property
    def values(self) -> Floats:
        """The frame as an array of shape ``(n_rows, n_metrics)``."""
        return self.frame.to_numpy(dtype=np.float64)

    def same_slot(self, days: Sequence[int], judged: slice | None = None) -> Floats:
        """Return the values of the same wall-clock slot `days` days earlier (each 1 or more).

        Returns
        -------
        ndarray, shape (len(days), n_judged, n_metrics)
            NaN where that day lacks the slot. A slot that a clock change repeats is represented by its first.
        """
        return self._take(self._clock.rows(judged or self.judged, days))

    def previous(self, n_slots: int, judged: slice | None = None) -> Floats:
        """Return the values of the `n_slots` slots right before each judged one, the oldest first.

        Returns
        -------
        ndarray, shape (n_slots, n_judged, n_metrics)
            NaN before the first row.
        """
        judged = judged or self.judged
        return self._take(np.arange(judged.start, judged.stop)[None, :] - np.arange(n_slots, 0, -1)[:, None])

    def summarize(
        self, window: pd.Timedelta, season: pd.Timedelta | None, summary: Callable[[Floats], tuple[Floats, ...]]
    ) -> tuple[Floats, ...]:
        """Apply `summary` to the sample of every judged slot: what `window` before it holds, in bounded memory.

        Parameters
        ----------
        window : pandas.Timedelta
            How far the sample reaches back.
        season : pandas.Timedelta or None
            Whole days: only the same wall-clock slot at multiples of `season` is in the sample. None: every slot.
        summary : callable
            Takes a sample of shape ``(n_past, n_slots, n_metrics)``, gives arrays of shape ``(n_slots, n_metrics)``.

        Returns
        -------
        tuple of ndarray, shape (n_judged, n_metrics)
        """
        days = range(season.days, window.days + 1, season.days) if season is not None else ()
        n_past = len(days) or window // self.slot
        if not n_past:
            raise ConfigurationError(f"a window of {window} holds no slot of {self.slot}: take a longer one")
        parts = []
        for block in self._blocks(n_past):
            sample = self.same_slot(days, block) if season is not None else self.previous(n_past, block)
            parts.append(summary(sample))
        return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))

    @property
    def judged(self) -> slice:
        """The rows that need bounds."""
        return slice(self.first, len(self.frame))

    @cached_property
    def _clock(self) -> WallClock:
        return WallClock(pd.DatetimeIndex(self.frame.index), self.slot)

    def _take(self, rows: NDArray[np.int64]) -> Floats:
        taken = self.values[np.maximum(rows, 0)]
        taken[rows < 0] = np.nan
        return taken

    def _blocks(self, n_past: int) -> Iterator[slice]:
        size = max(BLOCK_VALUES // max(n_past * self.frame.shape[1], 1), 1)
        start, end = self.judged.start, self.judged.stop
        # At least one block, also when no slot is judged: the shapes come from it.
        for begin in range(start, max(end, start + 1), size):
            yield slice(begin, min(begin + size, end))
