"""The seam of detectors: `Detector`, for those who write one.

A detector says for every slot what was expected and which values are usual; here that is asked for, checked and laid
out as a `Detection`. Detectors, metrics and notebooks call this; it calls `detection`, `baseline` and `panel`.
"""

from abc import ABC, abstractmethod
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert import kernels
from anomalert.baseline import Baseline, Bounds
from anomalert.detection import Detection
from anomalert.errors import ConfigurationError, DetectorError, InvalidPanelError
from anomalert.panel import DAY, as_panel, on_grid, slot_length

Floats = NDArray[np.float64]

__all__ = ["Baseline", "Bounds", "Detector"]


class Detector(ABC):
    """How the usual course of a metric is computed from its past. Write `bounds` and `lookback`, inherit `detect`.

    A detector is a frozen dataclass that holds settings; it has no state and no ``fit``.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class HalfOfTheLastHour(Detector):
    ...     @property
    ...     def lookback(self):
    ...         return pd.Timedelta("1h")
    ...
    ...     def bounds(self, baseline):
    ...         expected = baseline.frame.rolling("1h", closed="left").median()
    ...         return Bounds(expected, lower=expected / 2, upper=expected * 2)
    >>> index = pd.date_range("2026-11-01", periods=6, freq="15min")
    >>> HalfOfTheLastHour().detect(pd.Series([9.0, 8, 9, 10, 9, 2], index)).is_anomaly["value"].tolist()
    [False, False, False, False, False, True]
    """

    @property
    @abstractmethod
    def lookback(self) -> pd.Timedelta:
        """How much history the first judged slot needs, in wall-clock time with room for a clock change."""

    @property
    def recurrence(self) -> pd.Timedelta:
        """After how many days a slot is compared with its own kind again: whole days, by default those of `lookback`.

        What is unusual once more after as long is learnt; see `anomalert.Policy`, `adapt`. A detector that compares
        with several days gives the distance between them.
        """
        return max(self.lookback.floor("D"), DAY)

    @property
    def ordinary_score(self) -> float:
        """How far from what is expected an ordinary slot lies: a score from 0 to 1.

        A detector that measures how much the past scatters gives the score of one standard deviation, so that what
        stands in place of an incident leaves the spread as it was; by default 0, what was expected.
        """
        return 0.0

    @abstractmethod
    def bounds(self, baseline: Baseline) -> Bounds:
        """Return expected, lower and upper for the judged rows of `baseline`, each from earlier rows only."""

    @final
    def detect(
        self,
        data: pd.Series | pd.DataFrame,
        start: str | pd.Timestamp | None = None,
        *,
        baseline: pd.Series | pd.DataFrame | None = None,
        weights: pd.Series | pd.DataFrame | None = None,
    ) -> "Detection":
        """Judge every slot of `data` by the slots before it.

        Parameters
        ----------
        data : Series or DataFrame
            A panel: sorted, unique slot starts, one column per metric, NaN where unknown. Its time zone decides
            what "the same slot yesterday" is; a naive index is wall-clock time without clock changes.
        start : str or Timestamp, optional
            The first slot to judge; earlier rows are history only, and cost nothing but being there.
        baseline : Series or DataFrame, optional
            What expected and bounds are computed from, laid out as `data`; by default `data` itself.
        weights : Series or DataFrame, optional
            Denominators of ratios, laid out as `data`, for detectors that use them.

        Returns
        -------
        Detection
            Frames over the judged rows of `data`.

        Raises
        ------
        InvalidPanelError
            If data, baseline or weights break the contract of a panel or do not fit each other.
        ConfigurationError
            If `start` is no instant, or one that the data's wall clock does not have or has twice.
        DetectorError
            If the bounds break theirs.
        """
        panel = as_panel(data)
        slot = slot_length(pd.DatetimeIndex(panel.index))
        first = _position(pd.DatetimeIndex(panel.index), start)
        judged = pd.DatetimeIndex(panel.index[first:])
        past = on_grid(_alike(panel, baseline, "baseline"), slot)
        grid_first = int(past.index.searchsorted(judged[0])) if len(judged) else len(past)
        on_weights = None if weights is None else on_grid(_alike(panel, weights, "weights"), slot)
        bounds = self.bounds(Baseline(past, grid_first, slot, on_weights))
        rows = past.index[grid_first:].get_indexer(judged)
        arrays = [_checked(self, name, bounds, past.shape, grid_first)[rows] for name in ("expected", "lower", "upper")]
        own_score = _own_score(self, bounds, panel.reindex(past.index[grid_first:]).to_numpy())
        return _detection(self, panel.iloc[first:], arrays, None if own_score is None else own_score[rows], slot)


def _position(index: pd.DatetimeIndex, start: str | pd.Timestamp | None) -> int:
    if start is None:
        return 0
    try:
        first = pd.Timestamp(start)
        if index.tz is not None and first.tzinfo is None:
            first = first.tz_localize(index.tz)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"`start` is {start!r}, no instant in the zone of the data: pass an aware Timestamp ({error})"
        ) from error
    if pd.isna(first):
        raise ConfigurationError(f"`start` is {start!r}, no instant: leave it out to judge every slot")
    if index.tz is None and first.tzinfo is not None:
        raise InvalidPanelError(f"`start` is {start}, with a time zone, but the index of the data has none")
    return int(index.as_unit("ns").searchsorted(first))


def _alike(panel: pd.DataFrame, other: pd.Series | pd.DataFrame | None, name: str) -> pd.DataFrame:
    """Return `other` as a panel once it is known to have the rows and columns of `panel`."""
    if other is None:
        return panel
    alike = as_panel(other)
    if not alike.index.equals(panel.index):
        raise InvalidPanelError(f"`{name}` has other slots than the data: reindex it to `data.index`")
    if list(alike.columns) != list(panel.columns):
        raise InvalidPanelError(f"`{name}` has the columns {list(alike.columns)}, the data {list(panel.columns)}")
    return alike


def _checked(detector: Detector, name: str, bounds: Bounds, shape: tuple[int, int], first: int) -> Floats:
    """Return one part of the bounds for the judged rows, once its shape is known to be right."""
    values = np.asarray(getattr(bounds, name), dtype=np.float64)
    if values.shape == shape:
        return values[first:]
    if values.shape != (shape[0] - first, shape[1]):
        raise DetectorError(
            f"{detector!r}: `{name}` has shape {values.shape}; give {shape}, all rows of the baseline, "
            f"or {(shape[0] - first, shape[1])}, the judged ones"
        )
    return values


def _own_score(detector: Detector, bounds: Bounds, values: Floats) -> Floats | None:
    """Return a detector's own scores of the judged values, in which it finds what its baseline may lack."""
    if bounds.score is None:
        return None
    if not callable(bounds.score):
        raise DetectorError(
            f"{detector!r}: `score` is a {type(bounds.score).__name__}; give a function from the judged values to "
            "their scores, since the baseline holds others where incidents are known"
        )
    score = np.asarray(bounds.score(values.copy()), dtype=np.float64)
    if score.shape != values.shape:
        raise DetectorError(f"{detector!r}: `score` gives shape {score.shape} for values of shape {values.shape}")
    return score


def _detection(
    detector: Detector, value: pd.DataFrame, arrays: list[Floats], own_score: Floats | None, slot: pd.Timedelta
) -> Detection:
    expected, lower, upper = arrays
    unknown = ~np.isfinite(expected) | np.isnan(lower) | np.isnan(upper)
    with np.errstate(invalid="ignore"):
        _refuse(detector, value, ~unknown & ~((lower <= expected) & (expected <= upper)), "lower <= expected <= upper")
    if own_score is not None:
        own_score = np.where(np.isnan(value.to_numpy()) | unknown, np.nan, np.minimum(own_score, kernels.LARGEST_SCORE))
        by_bounds = kernels.score(value.to_numpy(), expected, lower, upper)
        wrong = ((own_score > 1) != (by_bounds > 1)) | (np.isnan(own_score) != np.isnan(by_bounds)) | (own_score < 0)
        _refuse(detector, value, wrong, "score > 1 exactly when the value lies outside the bounds, and never below 0")
    frames = (
        None if part is None else pd.DataFrame(part, index=value.index, columns=value.columns)
        for part in (*(np.where(unknown, np.nan, part) for part in arrays), own_score)
    )
    expected_frame, lower_frame, upper_frame, score_frame = frames
    assert expected_frame is not None and lower_frame is not None and upper_frame is not None  # noqa: S101, PT018
    return Detection(value, expected_frame, lower_frame, upper_frame, slot, score_frame)


def _refuse(detector: Detector, value: pd.DataFrame, wrong: NDArray[np.bool_], rule: str) -> None:
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DetectorError(f"{detector!r} breaks `{rule}` for metric {value.columns[column]!r} at {value.index[row]}")
