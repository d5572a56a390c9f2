"""`detectable`: how large an incident has to be for a detector to find it.

Between detection and the rooms that tune: notebooks and tuners call this; it calls `detector`, `injection` and
`charts`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.detector import Detector
from anomalert.errors import ConfigurationError
from anomalert.injection import Incident, Kind, Size, Unit
from anomalert.injection.kinds import UNSIZED
from anomalert.injection.noise import Course
from anomalert.injection.places import drawn
from anomalert.injection.planting import courses
from anomalert.panel import as_duration, as_panel, slot_length
from anomalert.settings import check_whole, is_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Sensitivity", "detectable"]

SIZES = ("5%", "10%", "20%", "30%", "40%", "50%", "60%", "70%", "80%", "100%")

Z95 = 1.959963984540054
"""How many standard deviations on both sides of the mean hold 95 % of a normal distribution."""

UNITS: dict[Unit, str] = {"%": "in % of the usual value", "noise": "in noises of the metric"}


@dataclass(frozen=True, repr=False)
class Sensitivity:
    """How often planted incidents of each size are found.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per size, the smallest first: ``size`` (in `unit`; below 0 if downwards), ``planted`` and ``found``
        (how many), ``recall`` (their ratio), ``low`` and ``high`` (the edges of its Wilson 95 % interval).
    kind : str
        Of the incidents; see `inject`.
    unit : {"%", "noise"}
        Percent of what the metric would have shown, or multiples of its own noise.
    length : pandas.Timedelta
        How long each incident lasts.
    detector : str
        Its repr.
    """

    frame: pd.DataFrame
    kind: Kind
    unit: Unit
    length: pd.Timedelta
    detector: str

    def smallest(self, recall: float = 0.9) -> float:
        """Return the smallest size, in `unit`, that is found at least that often; NaN if none is.

        Raises
        ------
        ConfigurationError
            If `recall` is none: above 0, at most 1.
        """
        if not is_number(recall) or not 0 < recall <= 1:
            raise ConfigurationError(f"`recall` is {recall!r}: it is a share of the incidents, above 0 and at most 1")
        sizes = self.frame.loc[self.frame["recall"] >= recall, "size"]
        return float(sizes.iloc[0]) if len(sizes) else float("nan")

    def plot(self) -> "Figure":
        """Draw recall against size, with intervals.

        Returns
        -------
        matplotlib.figure.Figure
            Shows itself in a notebook; nothing of pyplot is used.
        """
        from anomalert import charts

        subtitle = f"{self._planted()}: % found, by size {UNITS[self.unit]}"
        return charts.draw_recall(self.frame, self.detector, subtitle=subtitle)

    def __repr__(self) -> str:
        return f"{self._headline()}\n{self.frame.to_string(index=False)}"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self._headline())}</p>{self.frame.to_html(index=False)}"

    def _headline(self) -> str:
        return f"{self.detector}: {self._planted()}, sizes {UNITS[self.unit]}"

    def _planted(self) -> str:
        most = int(self.frame["planted"].max())
        return f"{most} times {self.kind!r} of {self.length / pd.Timedelta('1h'):g} h"


def detectable(
    detector: Detector,
    panel: pd.Series | pd.DataFrame,
    *,
    kind: Kind = "drop",
    sizes: Iterable[str | float] = SIZES,
    length: str | pd.Timedelta = "1h",
    count: int = 50,
    seed: int = 0,
) -> Sensitivity:
    """Plant incidents of each size into one's own history and say how many the detector finds.

    The same places are hit with every size, and each incident is judged alone, with a history that holds no other.
    One is found when a slot from its first to the one after its last is anomalous with it and was not without it.
    So a detector that always fires finds nothing, and one that fires on the history anyway gains nothing by it. A
    slot that cannot be judged does not find.

    Parameters
    ----------
    detector : Detector
        What is tried, with its settings.
    panel : Series or DataFrame
        A panel, as `Detector.detect` takes it: the detector's lookback and some days more. Metrics are pooled.
    kind : str, default "drop"
        A kind of `inject` that has a size.
    sizes : iterable of str or float
        Shares such as ``"40%"``, or numbers of the metric's noises, not both; by default from 5% to 100%. For shifts
        and drifts they may be below 0.
    length : str or Timedelta, default "1h"
        How long each incident lasts, a multiple of the slot.
    count : int, default 50
        How many places are drawn per metric: anywhere after the detector's lookback, none overlapping another.
    seed : int, default 0
        What they are drawn from. The places do not depend on the sizes, nor, with equal lookbacks, on the detector.

    Returns
    -------
    Sensitivity
        A frame with recall by size, `smallest`, and a picture.

    Raises
    ------
    ConfigurationError
        If the arguments make no sense or the panel has no room for what is asked.
    InvalidPanelError
        If the data breaks the contract of a panel.

    Notes
    -----
    The detector is asked once per place, for the length of the incident and one slot; its copies of all sizes are
    metrics of one panel then, called as the sizes are. The interval is that of E. B. Wilson, "Probable inference, the
    law of succession, and statistical inference", JASA 22 (1927); it takes the incidents for independent.

    Examples
    --------
    >>> from anomalert import WeeklyAverage
    >>> from anomalert.testing import synthetic_panel
    >>> result = detectable(WeeklyAverage(threshold=0.5), synthetic_panel(days=21), sizes=["30%", "70%"], count=10)
    >>> result.frame[["size", "planted", "found"]].to_dict("list")
    {'size': [30.0, 70.0], 'planted': [20, 20], 'found': [0, 20]}
    >>> result.smallest(recall=0.9)
    70.0
    """
    check_whole(count, "count", least=1)
    check_whole(seed, "seed", least=0)
    frame = as_panel(panel)
    slot = slot_length(pd.DatetimeIndex(frame.index))
    incidents = _incidents(kind, sizes, as_duration(length, "length"), slot)
    found, planted = np.zeros(len(incidents), dtype=np.int64), 0
    for _, course in courses(frame):
        first = int(course.clock.index.searchsorted(course.clock.index[0] + detector.lookback))
        for place in drawn(course, incidents[0].n_slots, first=first, apart=1, count=count, seed=seed):
            found += _found(detector, course, incidents, place)
            planted += 1
    sizes_of_all = [_size(incident) for incident in incidents]
    result = _framed([size.amount for size in sizes_of_all], planted, found)
    return Sensitivity(result, kind, sizes_of_all[0].unit, incidents[0].n_slots * slot, repr(detector))


def wilson(found: NDArray[np.int64], planted: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the edges of the Wilson 95 % interval of each share ``found / planted``, `planted` 1 or more.

    Examples
    --------
    >>> low, high = wilson(np.array([5]), 10)
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.2366, 0.7634)
    """
    share = found / planted
    weight = Z95**2 / planted
    middle = (share + weight / 2) / (1 + weight)
    reach = Z95 / (1 + weight) * np.sqrt(share * (1 - share) / planted + weight / (4 * planted))
    # Rounding may leave the edges a hair beyond the share where all or none are found.
    return np.clip(middle - reach, 0.0, share), np.clip(middle + reach, share, 1.0)


def _incidents(
    kind: Kind, sizes: Iterable[str | float], length: pd.Timedelta, slot: pd.Timedelta
) -> Sequence[Incident]:
    """Return an incident for each size, the smallest first."""
    if isinstance(sizes, str) or not isinstance(sizes, Iterable):
        raise ConfigurationError(f"`sizes` is {sizes!r}: put the sizes in a list")
    if kind in UNSIZED:
        raise ConfigurationError(f"`kind` is {kind!r}, which has no size: take 'drop', whose '100%' is a drop to zero")
    incidents = [Incident.of(kind, size, length, slot) for size in sizes]
    if not incidents:
        raise ConfigurationError("`sizes` is empty: name some, or leave it out for shares from 5% to 100%")
    if len({_size(incident).unit for incident in incidents}) > 1:
        raise ConfigurationError("`sizes` mixes shares and noises: write all as '40%', or all as numbers")
    if len({str(incident.size) for incident in incidents}) < len(incidents):
        raise ConfigurationError("`sizes` names one size twice: each is planted once per place")
    return sorted(incidents, key=lambda incident: abs(_size(incident).amount))


def _size(incident: Incident) -> Size:
    assert incident.size is not None  # noqa: S101
    return incident.size


def _found(detector: Detector, course: Course, incidents: Sequence[Incident], place: int) -> NDArray[np.bool_]:
    """Return which of the incidents the detector finds at row `place`, each in a copy of the metric of its own."""
    index = course.clock.index
    stop = place + incidents[0].n_touched
    begin = int(index.searchsorted(index[place] - detector.lookback))
    rows = slice(begin, min(stop + 1, len(index)))
    copies = {"as it was": course.numbers[rows]}
    for incident in incidents:
        values = copies["as it was"].copy()
        values[place - begin : stop - begin] = incident.planted(course, place)
        copies[str(incident.size)] = values
    frame = pd.DataFrame(copies, index=index[rows])
    is_anomaly = detector.detect(frame, start=index[place]).is_anomaly.to_numpy(dtype=bool)
    return np.asarray((is_anomaly[:, 1:] & ~is_anomaly[:, :1]).any(axis=0), dtype=np.bool_)


def _framed(sizes: Sequence[float], planted: int, found: NDArray[np.int64]) -> pd.DataFrame:
    low, high = wilson(found, planted)
    columns = {"size": sizes, "planted": planted, "found": found, "recall": found / planted, "low": low, "high": high}
    return pd.DataFrame(columns)
