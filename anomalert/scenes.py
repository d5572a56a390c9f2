"""What the picture of an alert shows: frames cut out of what was judged, kept as plain data until they are drawn.

A message may be sent hours after it was written, by another process; so its pictures travel as numbers. Messages call
this; it calls `walk`, `monitor` and `charts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from anomalert import charts
from anomalert.episodes import Incident, State, number_of, plain_number, stamp
from anomalert.interfaces import Picture
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.walk import baseline_of

__all__ = ["Scene", "Sketch", "sketch_name"]

COLUMNS = ("value", "expected", "lower", "upper", "is_anomaly")
MARGIN_SLOTS = 12


def sketch_name(metric: str, slot: pd.Timestamp) -> str:
    """Return the name of a metric's picture in the message about a slot (UTC)."""
    return f"{metric}-{stamp(slot)}"


@dataclass(frozen=True)
class Sketch:
    """A picture as numbers: JSON can hold it, and it can be drawn without source, detector or ledger.

    Parameters
    ----------
    kind : {"day", "band"}
        One local day against its baseline, or a stretch of slots with its usual range.
    name, title, metric : str
        File name without ending; what stands above it; whose it is.
    start, zone : str
        First slot, in UTC, and the zone it is shown in.
    slot_seconds : int
        Length of a slot.
    columns : mapping of str to list
        Value, expected, lower, upper, is_anomaly; numbers as `plain_number` gives them.
    """

    kind: Literal["day", "band"]
    name: str
    title: str
    metric: str
    start: str
    zone: str
    slot_seconds: int
    columns: Mapping[str, list[Any]]

    @classmethod
    def of(cls, kind: Literal["day", "band"], name: str, title: str, metric: str, frame: pd.DataFrame) -> "Sketch":
        """Return the sketch of a frame with a regular, aware index."""
        index = pd.DatetimeIndex(frame.index)
        seconds = int((index[1] - index[0]).total_seconds()) if len(index) > 1 else 0
        columns: dict[str, list[Any]] = {
            column: [plain_number(number) for number in frame[column].tolist()] for column in COLUMNS[:-1]
        }
        columns["is_anomaly"] = frame["is_anomaly"].tolist()
        return cls(kind, name, title, metric, index[0].tz_convert("UTC").isoformat(), str(index.tz), seconds, columns)

    def frame(self) -> pd.DataFrame:
        """Return the frame this is a sketch of."""
        steps = np.arange(len(self.columns["value"])) * pd.Timedelta(seconds=self.slot_seconds)
        index = (pd.Timestamp(self.start) + pd.TimedeltaIndex(steps)).tz_convert(self.zone)
        numbers = pd.DataFrame(
            {name: [number_of(plain) for plain in self.columns[name]] for name in COLUMNS[:-1]},
            index=index,
            dtype=float,
        )
        return numbers.assign(is_anomaly=np.asarray(self.columns["is_anomaly"], dtype=bool))

    def picture(self, words: charts.ChartWords) -> Picture:
        """Return the picture, drawn when asked for."""

        def draw() -> bytes:
            drawing = charts.draw_day if self.kind == "day" else charts.draw_band
            return charts.to_png(drawing(self.frame(), self.title, words=words))

        return Picture(self.name, self.title, draw)


@dataclass(frozen=True)
class Scene:
    """Where an alert comes from: monitor, metric, the panel and the slot that were judged, what was known then."""

    monitor: Monitor
    metric: Metric
    panel: pd.DataFrame
    state: State
    slot: pd.Timestamp

    def day(self, title: str) -> Sketch:
        """Return the local day of the slot: its course so far, and what is usual all day."""
        slots = self.monitor.local_day(self.slot)
        known = self.panel.loc[: self.slot]
        whole = known.reindex(pd.date_range(known.index[0], slots[-1], freq=self.monitor.slot_length))
        return Sketch.of("day", self._name(), title, self.metric.name, self._frame(whole, slots[0], slots[0]))

    def incident(self, incident: Incident, title: str) -> Sketch:
        """Return the whole incident with what came before it, up to the slot."""
        margin = MARGIN_SLOTS * self.monitor.slot_length
        start = max(incident.start - margin, self.panel.index[0].tz_convert("UTC"))
        midnight = self.monitor.local_day(incident.start)[0]
        frame = self._frame(self.panel.loc[: self.slot], start, midnight)
        return Sketch.of("band", self._name(), title, self.metric.name, frame)

    def _name(self) -> str:
        return sketch_name(self.metric.name, self.slot)

    def _frame(self, panel: pd.DataFrame, start: pd.Timestamp, midnight: pd.Timestamp) -> pd.DataFrame:
        baseline = baseline_of([self.metric], panel, self.state, midnight)
        past = None if baseline is None else baseline[self.metric.name]
        detection = self.monitor.detect(self.metric, panel, start, past)
        return pd.DataFrame({column: getattr(detection, column)[self.metric.name] for column in COLUMNS})
