"""`inject`: a copy of a panel with incidents in it, and their labels.

Part of `anomalert.injection`; calls its other parts, `errors` and `panel`.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from anomalert.errors import ConfigurationError
from anomalert.injection.kinds import Incident, Kind
from anomalert.injection.noise import Course
from anomalert.injection.places import drawn, given, instants
from anomalert.panel import WallClock, as_panel, on_grid, slot_length
from anomalert.settings import check_whole

__all__ = ["Injected", "courses", "inject", "label_of"]

APART = pd.Timedelta("4h")
"""Alerts within four hours are often counted as one, so drawn incidents keep further apart."""

LABELS = ("metric", "start", "end", "kind", "size")

Data = TypeVar("Data", pd.Series, pd.DataFrame)

Label = tuple[Hashable, pd.Timestamp, pd.Timestamp, Kind, str | None]


class Injected(NamedTuple, Generic[Data]):
    """What `inject` gives back; it unpacks as ``panel, labels``.

    Parameters
    ----------
    panel : Series or DataFrame
        As it was given, float64, with the incidents in it.
    labels : pandas.DataFrame
        One row per incident, ``metric, start, end, kind, size``; half-open, in the zone of the panel, in the order
        of the metrics and of time; `size` is the text of what was asked for, None for kinds without one.
    """

    panel: Data
    labels: pd.DataFrame


def inject(
    panel: Data,
    kind: Kind,
    *,
    size: str | float | None = None,
    length: str | pd.Timedelta | None = "1h",
    metrics: Iterable[Hashable] | None = None,
    at: Iterable[str | pd.Timestamp] | None = None,
    count: int = 1,
    seed: int = 0,
) -> Injected[Data]:
    """Plant incidents of a known kind into a copy of a panel.

    ============ ========================================================================= ====================
    kind         what becomes of the metric during the incident                            `size`
    ============ ========================================================================= ====================
    ``zero``     it is 0                                                                   has none
    ``drop``     it falls by `size`                                                        above 0, up to 100%
    ``spike``    it rises by `size`                                                        above 0
    ``shift``    its level changes by `size`: a long one, up or down                       -100% or more
    ``drift``    it moves away evenly, by `size` in the last slot                          -100% or more
    ``variance`` its distance from its usual course (`usual_of`) grows by `size`           above 0
    ``missing``  it is unknown, NaN                                                        has none
    ``late``     in each slot, `size` of the events are counted one slot later; the first  above 0, up to 100%
                 slot has too few, the one after the last too many, the sum stays
    ============ ========================================================================= ====================

    Parameters
    ----------
    panel : Series or DataFrame
        A panel, as `Detector.detect` takes it; it is not modified.
    kind : str
        One of the table above.
    size : str or float, optional
        A text such as ``"40%"``: that share of what the metric would have shown in each slot. A number: so many
        times its own noise there (`noise_of`). A variance of ``"200%"`` or 2 has three times the usual scatter.
    length : str, Timedelta or None, default "1h"
        How long each incident lasts, a multiple of the slot. None, for a single shift: to the end of the panel.
    metrics : iterable of column names, optional
        Which metrics are hit; by default each of them, at places of its own.
    at : iterable of str or Timestamp, optional
        When the incidents begin, the same for all metrics; naive instants are in the zone of the index.
    count : int, default 1
        Without `at`: how many incidents are drawn per metric. They lie in the second half of the panel, since the
        first is the history that detectors need; on known slots that are not all 0; apart from each other by their
        own length, four hours at least.
    seed : int, default 0
        What places are drawn from, 0 or more. They depend on it, the metric's name, and the length, so that a larger
        `count` adds places to the same ones, and another size or kind is planted at the same.

    Returns
    -------
    Injected
        The panel and the labels. A Series gives a Series. Counts, whole numbers from 0 on, stay counts; what is never
        negative stays so. Where a change is smaller than half an event, rounding leaves a slot as it was.

    Raises
    ------
    ConfigurationError
        If the arguments make no sense or the panel has no room for what is asked.
    InvalidPanelError
        If the data breaks the contract of a panel.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=96, freq="15min", tz="UTC", name="slot")
    >>> likes = pd.Series(100.0, index, name="likes")
    >>> panel, labels = inject(likes, "drop", size="40%", length="30min", at=["2026-11-01 12:00"])
    >>> panel.loc["2026-11-01 11:45":"2026-11-01 12:30"].tolist()
    [100.0, 60.0, 60.0, 100.0]
    >>> labels[["metric", "kind", "size"]].to_dict("records")
    [{'metric': 'likes', 'kind': 'drop', 'size': '40%'}]
    """
    check_whole(count, "count", least=1)
    check_whole(seed, "seed", least=0)
    if count > 1 and (at is not None or length is None):
        raise ConfigurationError(
            f"`count` is {count}, which `at` would say, and `length` None allows one: leave it out"
        )
    frame = as_panel(panel)
    incident = Incident.of(kind, size, length, slot_length(pd.DatetimeIndex(frame.index)))
    planted, labels = frame.copy(), []
    for metric, course in courses(frame, metrics):
        if at is None:
            places = _in_second_half(course, incident.n_slots, count, seed)
        else:
            places = given(course, instants(at, course.clock.index), incident.n_touched)
        values = course.numbers.copy()
        if length is None and len(places) > 1:
            raise ConfigurationError(f"`at` holds {len(places)} instants, but `length` None allows one: give a length")
        for first in places:
            placed = incident if length is not None else replace(incident, n_slots=len(values) - first)
            values[first : first + placed.n_touched] = placed.planted(course, first)
            labels.append(label_of(metric, placed, course, first))
        planted[metric] = values[course.clock.index.get_indexer(pd.DatetimeIndex(frame.index))]
    return Injected(_laid_out_as(panel, planted), _framed(labels, pd.DatetimeIndex(frame.index)))


def courses(frame: pd.DataFrame, metrics: Iterable[Hashable] | None = None) -> Iterator[tuple[Hashable, Course]]:
    """Yield the metrics of a panel, or those named, each on the grid of its slots.

    Raises
    ------
    ConfigurationError
        If a name is none of a column.
    """
    if isinstance(metrics, str):
        raise ConfigurationError(f"`metrics` is the text {metrics!r}: put it in a list")
    chosen = list(frame.columns if metrics is None else dict.fromkeys(metrics))
    for metric in chosen:
        if metric not in frame.columns:
            known = ", ".join(map(repr, frame.columns))
            raise ConfigurationError(f"`metrics` holds {metric!r}, which is no column of the panel: it has {known}")
    slot = slot_length(pd.DatetimeIndex(frame.index))
    grid = on_grid(frame, slot)
    clock = WallClock(pd.DatetimeIndex(grid.index), slot)
    for metric in chosen:
        yield metric, Course(str(metric), grid[metric].to_numpy(dtype=np.float64), clock)


def _in_second_half(course: Course, n_slots: int, count: int, seed: int) -> list[int]:
    apart = max(n_slots, -(-APART // course.clock.slot))
    return drawn(course, n_slots, first=len(course.numbers) // 2, apart=apart, count=count, seed=seed)


def label_of(metric: Hashable, incident: Incident, course: Course, first: int) -> Label:
    """Return the row of the labels for an incident that begins at row `first`."""
    start = course.clock.index[first]
    size = None if incident.size is None else str(incident.size)
    return metric, start, start + incident.n_touched * course.clock.slot, incident.kind, size


def _framed(labels: list[Label], index: pd.DatetimeIndex) -> pd.DataFrame:
    columns = list(zip(*labels, strict=True)) or [()] * len(LABELS)
    frame = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in zip(LABELS, columns, strict=True)})
    return frame.astype({"start": index.dtype, "end": index.dtype})


def _laid_out_as(data: Data, frame: pd.DataFrame) -> Data:
    if isinstance(data, pd.Series):
        series = frame.iloc[:, 0]
        series.name = data.name
        return series
    return frame
