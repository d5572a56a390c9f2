"""What the checks of detectors share: the panels they judge, how two verdicts are compared, how a failure reads.

`causality` and `verdicts` hold the checks and call this, `detectors` runs them; it calls `detector` and `panels`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.detection import Detection
from anomalert.detector import Detector
from anomalert.panel import DAY
from anomalert.testing.failure import fail
from anomalert.testing.panels import synthetic_panel

__all__ = ["TOLERANCE", "Trial"]

TOLERANCE = 1e-9
"""Running sums round: two verdicts are the same if they differ by less than this share of the level."""

BOUNDS = ("expected", "lower", "upper")

ZONE = "America/New_York"
LAST_DAY = pd.Timestamp("2026-11-02")
"""The day after the clocks go back in `ZONE`: "the same slot yesterday" is 25 hours ago until two in the morning."""

JUDGED_DAYS = 3
JUDGED_SLOTS = 30


@dataclass(frozen=True)
class Trial:
    """A detector and the panels that it is tried on. All end on the day after a clock change.

    Parameters
    ----------
    detector : Detector
        The one on trial.
    slot : pandas.Timedelta
        Length of the panels' slots.
    """

    detector: Detector
    slot: pd.Timedelta

    @cached_property
    def whole(self) -> pd.DataFrame:
        """Two metrics without a gap: twice the detector's lookback, and three days, or 30 slots if they are longer."""
        days = -(-2 * self.detector.lookback // DAY) + max(JUDGED_DAYS, JUDGED_SLOTS * self.slot // DAY)
        start = LAST_DAY - (days - 1) * DAY
        return synthetic_panel(days, seed=7, start=str(start.date()), slot=self.slot, timezone=ZONE)

    @cached_property
    def panel(self) -> pd.DataFrame:
        """The same with gaps: one value in fifty, and a hole of four slots near the end."""
        holed = self.whole.mask(np.random.default_rng(8).random(self.whole.shape) < 0.02)
        holed.iloc[self._hole : self._hole + 4] = np.nan
        return holed

    @property
    def judged(self) -> pd.DatetimeIndex:
        """The slots with at least `lookback` of history."""
        index = pd.DatetimeIndex(self.whole.index)
        return index[index >= index[0] + self.detector.lookback]

    @property
    def some_slots(self) -> pd.DatetimeIndex:
        """Some judged slots from the first to the last, more of them by the clock change and in and after the hole."""
        n_rows = len(self.whole)
        spread = np.linspace(n_rows - len(self.judged), n_rows - 1, 4).astype(int)
        near = n_rows - DAY // self.slot + np.arange(2)
        chosen = np.unique(np.concatenate([spread, near, self._hole + np.array([0, 2, 4])]))
        return pd.DatetimeIndex(self.whole.index[chosen[chosen < n_rows]]).intersection(self.judged)

    @property
    def _hole(self) -> int:
        return len(self.whole) - max(DAY // self.slot // 2, 4)

    def fail(self, check: str, found: str, remedy: str) -> NoReturn:
        """Raise the failure of `check`: what was found, and what to do."""
        fail(repr(self.detector), check, found, remedy)

    def require_same(
        self, check: str, one: Detection, other: Detection, ways: tuple[str, str], remedy: str, scale: float = 1.0
    ) -> None:
        """Fail unless both say the same about the rows of `other`.

        Parameters
        ----------
        check : str
            Its name.
        one, other : Detection
            `one` may have more rows.
        ways : (str, str)
            How each came about, as in "102.3 with the later rows".
        remedy : str
            What to do.
        scale : float
            What the values of `one` have to be multiplied by.
        """
        parts, others = _parts(one, pd.DatetimeIndex(other.value.index), scale), _parts(other, None, 1.0)
        level = np.max([np.abs(np.nan_to_num(others[name], posinf=0.0, neginf=0.0)) for name in BOUNDS], axis=0)
        for name, part in parts.items():
            reach = TOLERANCE * (np.maximum(np.abs(part), 1.0) if name == "own score" else level)
            wrong = ~_close(part, others[name], reach)
            if wrong.any():
                row, column = np.argwhere(wrong)[0]
                where = f"`{name}` of {one.value.columns[column]!r} at {other.value.index[row]}"
                values = (
                    f"{array[row, column]:.12g} {way}" for array, way in zip((part, others[name]), ways, strict=True)
                )
                self.fail(check, f"{where} is {', and '.join(values)}", remedy)

    def require(self, check: str, right: pd.DataFrame, found: str, remedy: str) -> None:
        """Fail unless `right`, a frame of booleans, is true everywhere; the text names the first metric and slot."""
        wrong = np.argwhere(~right.to_numpy(dtype=bool))
        if len(wrong):
            row, column = wrong[0]
            self.fail(check, f"{right.columns[column]!r} at {right.index[row]}: {found}", remedy)


def _parts(detection: Detection, index: pd.DatetimeIndex | None, scale: float) -> Mapping[str, NDArray[np.float64]]:
    frames = {name: getattr(detection, name) * scale for name in BOUNDS}
    if detection.own_score is not None:
        frames["own score"] = detection.own_score
    return {name: (frame if index is None else frame.loc[index]).to_numpy() for name, frame in frames.items()}


def _close(one: NDArray[Any], other: NDArray[Any], reach: NDArray[Any]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        near = np.abs(one - other) <= reach
    return np.asarray(near | (one == other) | (np.isnan(one) & np.isnan(other)))
