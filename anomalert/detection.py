"""What a detector found, as frames: `Detection`, for those who use one.

Detectors give it; policies, verdicts and notebooks read it. It calls `kernels`, and `charts` to show itself.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert import kernels
from anomalert.errors import ConfigurationError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

__all__ = ["Detection", "directions", "statuses"]


@dataclass(frozen=True, repr=False)
class Detection:
    """What a detector says of every judged slot: frames with one row per slot and one column per metric.

    Parameters
    ----------
    value, expected, lower, upper : pandas.DataFrame
        In the metric's unit. Expected and bounds are NaN where there is not enough baseline.
    slot : pandas.Timedelta
        The length of a slot.
    own_score : pandas.DataFrame, optional
        The detector's own score, where it has a scale of its own.
    """

    value: pd.DataFrame
    expected: pd.DataFrame
    lower: pd.DataFrame
    upper: pd.DataFrame
    slot: pd.Timedelta
    own_score: pd.DataFrame | None = None

    @cached_property
    def score(self) -> pd.DataFrame:
        """How unusual: 0 as expected, 1 on the bound, above 1 outside, at most 1e6; NaN where it cannot be judged."""
        if self.own_score is not None:
            return self.own_score
        arrays = (frame.to_numpy() for frame in (self.value, self.expected, self.lower, self.upper))
        return self._frame(kernels.score(*arrays))

    @cached_property
    def deviation(self) -> pd.DataFrame:
        """Signed and relative: ``(value - expected) / max(|value|, |expected|)``, 0 where both are 0."""
        return self._frame(kernels.deviation(self.value.to_numpy(), self.expected.to_numpy()))

    @cached_property
    def is_anomaly(self) -> pd.DataFrame:
        """True where the value lies outside its bounds; False also where it cannot be judged (see `status`)."""
        return self.score > 1.0

    @cached_property
    def direction(self) -> pd.DataFrame:
        """``"up"`` or ``"down"``: the side of `expected` on which the value lies; None if on neither or unknown."""
        return self._frame(directions(self.value.to_numpy(), self.expected.to_numpy()))

    @cached_property
    def status(self) -> pd.DataFrame:
        """``"ok"``, ``"anomaly"``, ``"no_data"`` (no value) or ``"warming_up"`` (a value, not enough baseline)."""
        return self._frame(statuses(self.value.to_numpy(), self.score.to_numpy()))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per metric and slot, tidy, metric by metric."""
        columns = ["value", "expected", "lower", "upper", "score", "deviation", "direction", "status", "is_anomaly"]
        n_slots, n_metrics = self.value.shape
        tidy = pd.DataFrame(
            {
                "metric": np.repeat(self.value.columns.to_numpy(), n_slots),
                "slot": self.value.index.append([self.value.index] * (n_metrics - 1))
                if n_metrics
                else self.value.index[:0],
            }
        )
        for column in columns:
            values = getattr(self, column).to_numpy().ravel(order="F")
            # With the dtype said, None stays None where other rows hold text.
            tidy[column] = pd.Series(values, dtype=values.dtype)
        return tidy

    def events(self) -> pd.DataFrame:
        """Return runs of anomalous slots as ``metric, start, end, direction, peak_score``; `end` is exclusive."""
        tidy = self.to_frame()
        # A panel without metrics has no column to give the truth values their dtype.
        anomalous = tidy[tidy["is_anomaly"].astype(bool)]
        broken = (
            (anomalous["metric"] != anomalous["metric"].shift())
            | (anomalous["direction"] != anomalous["direction"].shift())
            | (anomalous["slot"] - anomalous["slot"].shift() != self.slot)
        )
        runs = anomalous.groupby(broken.cumsum().to_numpy(), sort=False)
        events = runs.agg(
            metric=("metric", "first"),
            start=("slot", "first"),
            end=("slot", "last"),
            direction=("direction", "first"),
            peak_score=("score", "max"),
        )
        events["end"] += self.slot
        return events.reset_index(drop=True)

    def plot(self, metric: str | None = None) -> "Figure":
        """Draw value, expected, the usual range and the anomalous slots of `metric` (may be left out if it is alone).

        Returns
        -------
        matplotlib.figure.Figure
            Shows itself in a notebook; nothing of pyplot is used.
        """
        from anomalert import charts

        if metric is None and self.value.shape[1] == 1:
            metric = self.value.columns[0]
        if metric not in self.value.columns:
            raise ConfigurationError(f"`metric` is {metric!r}: name one of {', '.join(map(repr, self.value.columns))}")
        columns = ("value", "expected", "lower", "upper", "is_anomaly")
        frame = pd.DataFrame({name: getattr(self, name)[metric] for name in columns})
        return charts.draw_band(frame, title=str(metric))

    def counts(self) -> pd.DataFrame:
        """Return how many slots of each metric have which status."""
        statuses = ["ok", "anomaly", "warming_up", "no_data"]
        return pd.DataFrame({status: (self.status == status).sum() for status in statuses})

    def __repr__(self) -> str:
        return f"Detection of {len(self.value)} slots of {self.slot}\n{self.counts()}"

    def _repr_html_(self) -> str:
        return f"<p>Detection of {len(self.value)} slots of {self.slot}</p>{self.counts().to_html()}"

    def _frame(self, values: NDArray[Any]) -> pd.DataFrame:
        return pd.DataFrame(values, index=self.value.index, columns=self.value.columns, dtype=values.dtype)


def directions(value: Floats, expected: Floats) -> NDArray[np.object_]:
    """Return on which side of `expected` each value lies: see `Detection.direction`."""
    sides = np.full(value.shape, None, dtype=object)
    sides[value > expected], sides[value < expected] = "up", "down"
    return sides


def statuses(value: Floats, score: Floats) -> NDArray[np.object_]:
    """Return what can be said of each value: see `Detection.status`."""
    found = np.full(value.shape, "ok", dtype=object)
    found[score > 1.0], found[np.isnan(score)], found[np.isnan(value)] = "anomaly", "warming_up", "no_data"
    return found
