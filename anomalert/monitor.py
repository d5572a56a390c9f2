"""What is watched: a source, its metrics, and how its rows become the panel that is judged.

`Monitor.panel` and `Monitor.judge` are the one path from rows to judgements: a notebook, a backtest and a scheduled
run all take it. Pipelines and notebooks call this; it calls sources (by their seam), `judging` and `panel`.
"""

import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.detection import Detection
from anomalert.errors import AnomalertError, ConfigurationError, SourceError
from anomalert.interfaces import Source, plugin_name
from anomalert.judging import judge
from anomalert.metric import Metric, known_lookback
from anomalert.panel import DAY, as_duration, as_instant, as_slot, slot_of
from anomalert.settings import all_of
from anomalert.sources.checks import asked, checked_panel
from anomalert.verdicts import Verdicts

__all__ = ["Monitor"]


@dataclass(frozen=True)
class Monitor:
    """A source, the metrics read from it, and the slots they are judged in.

    Parameters
    ----------
    source : Source
        Gives one column per metric and denominator.
    metrics : sequence of Metric
        At least one; their names differ.
    slot : str or Timedelta, default "15min"
        Length of a slot; it divides a day. Slots start at multiples of it in UTC.
    timezone : str, default "UTC"
        IANA name of the zone whose wall clock decides what the same slot on another day is.
    settle : str or Timedelta, default "0s"
        How long after its end a slot is waited for, because events arrive late.
    empty : {"no_data", "zero"}, default "no_data"
        What a slot means for which the source has nothing at all: unknown, which is told, or no events, so that
        each metric's `absent` applies.
    name : str, optional
        By default that of the source.

    Examples
    --------
    >>> from anomalert import DayLagRatio, FrameSource
    >>> index = pd.date_range("2026-11-01", periods=192, freq="15min", tz="UTC")
    >>> likes = pd.DataFrame({"likes": 100.0}, index)
    >>> likes.iloc[-1] = 20.0
    >>> monitor = Monitor(FrameSource(likes), [Metric("likes", DayLagRatio())])
    >>> panel = monitor.panel("2026-11-01T00:00Z", "2026-11-03T00:00Z")
    >>> monitor.judge(panel, start="2026-11-02T23:30Z")[["deviation", "is_alert"]].values.tolist()
    [[0.0, False], [-0.8, True]]
    """

    source: Source
    metrics: Sequence[Metric]
    slot: str | pd.Timedelta = "15min"
    timezone: str = "UTC"
    settle: str | pd.Timedelta = "0s"
    empty: Literal["no_data", "zero"] = "no_data"
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", all_of(self.metrics, Metric, "metrics"))
        object.__setattr__(self, "slot", as_slot(self.slot))
        object.__setattr__(self, "settle", _settle(self.settle))
        object.__setattr__(self, "name", self.name or plugin_name(self.source))
        if not isinstance(self.source, Source):
            # Not as it shows itself: it may be the connection that was meant for a source, password and all.
            raise ConfigurationError(
                f"monitor {self.name!r}: `source` is a {type(self.source).__name__}, which has no `read`"
            )
        if not _is_zone(self.timezone):
            raise ConfigurationError(
                f"monitor {self.name!r}: `timezone` is {self.timezone!r}, no zone like 'Europe/Moscow'"
            )
        if self.empty not in ("no_data", "zero"):
            raise ConfigurationError(f"monitor {self.name!r}: `empty` is {self.empty!r}: take 'no_data' or 'zero'")
        names = [metric.name for metric in self.metrics]
        if not names:
            raise ConfigurationError(f"monitor {self.name!r} has no metrics: name at least one")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigurationError(f"monitor {self.name!r}: metric {twice!r} stands twice")

    @property
    def slot_length(self) -> pd.Timedelta:
        """The length of a slot."""
        return pd.Timedelta(self.slot)

    @property
    def settle_time(self) -> pd.Timedelta:
        """How long after its end a slot is waited for."""
        return pd.Timedelta(self.settle)

    @cached_property
    def lookback(self) -> pd.Timedelta:
        """How much history the first judged slot needs, over all metrics and their policies."""
        return max(
            known_lookback(metric) + metric.policy.memory(self.slot_length) * self.slot_length
            for metric in self.metrics
        )

    def newest_slot(self, at: str | pd.Timestamp) -> pd.Timestamp:
        """Return the start of the newest slot that is complete and settled at `at`."""
        return slot_of(as_instant(at, "at") - self.settle_time, self.slot_length) - self.slot_length

    def local_day(self, slot: pd.Timestamp) -> pd.DatetimeIndex:
        """Return the slots of the local day that holds `slot`, also where that day has no midnight or 25 hours."""
        around = pd.date_range(slot - 2 * DAY, slot + 2 * DAY, freq=self.slot_length).tz_convert(self.timezone)
        local = slot.tz_convert(self.timezone)
        return around[(around.year == local.year) & (around.day_of_year == local.day_of_year)]

    def panel(self, start: str | pd.Timestamp, end: str | pd.Timestamp) -> pd.DataFrame:
        """Read the panel of the slots in ``[start, end)``, exactly as a run sees it.

        Parameters
        ----------
        start, end : str or Timestamp
            Aware instants on the slot grid.

        Returns
        -------
        pandas.DataFrame
            A row for every slot, in the monitor's zone; a column for every metric and denominator.

        Raises
        ------
        SourceError
            If the source could not be read, lacks a column, or gives a row off the grid or an infinite value.
        """
        return self.completed(self.read(start, end))

    def read(self, start: str | pd.Timestamp, end: str | pd.Timestamp) -> pd.DataFrame:
        """Read the rows of ``[start, end)`` as the source gives them: a row for every slot, NaN where there is none.

        The index is UTC; `completed` makes a panel of it.
        """
        first, last = as_instant(start, "start"), as_instant(end, "end")
        for name, instant in (("start", first), ("end", last)):
            if instant != slot_of(instant, self.slot_length):
                raise ConfigurationError(f"`{name}` is {instant}, which is no start of a slot of {self.slot_length}")
        given = asked(self.source, self.name, first, last)
        if not isinstance(given, pd.DataFrame):
            raise SourceError(f"source {self.name!r} gives a {type(given).__name__}: a DataFrame is needed")
        missing = [column for column in self.columns if column not in given.columns]
        if missing:
            raise SourceError(
                f"source {self.name!r} gives no column {missing[0]!r} for its metric; it gives {list(given.columns)}"
            )
        # Other people's sources too: naive or repeated timestamps, or texts for numbers, would be judged as they come.
        # Of a thousand metrics each copy of the whole takes as long as judging some of them: none that is not needed.
        wanted = given if list(given.columns) == self.columns else given[self.columns]
        rows = checked_panel(wanted, self.name, first, last)
        slots = pd.date_range(first, last, freq=self.slot_length, inclusive="left").as_unit("ns")
        off_grid = rows.index.difference(slots)
        if len(off_grid):
            raise SourceError(
                f"source {self.name!r} gives {off_grid[0]}, which is no start of a slot of {self.slot_length}"
            )
        return rows.set_axis(slots) if len(rows) == len(slots) else rows.reindex(slots)

    def completed(self, rows: pd.DataFrame, metrics: Sequence[Metric] | None = None) -> pd.DataFrame:
        """Return the panel that `rows` make once it is decided what is absent and which ratios are of nothing.

        Parameters
        ----------
        rows : pandas.DataFrame
            As `read` gives them, with every column: only all of them say for which slots the source has nothing.
        metrics : sequence of Metric, optional
            Those of this monitor that are to be judged; by default all. The panel holds their columns and those of
            what they are divided by.
        """
        columns = self.columns if metrics is None else self._columns_of(metrics)
        place = {name: number for number, name in enumerate(columns)}
        completing = [metric for metric in self.metrics if metric.name in place]
        # As one array: column by column, a thousand metrics take longer than to judge them.
        values = rows[columns].to_numpy(dtype=np.float64, copy=True)
        is_count = np.zeros(len(columns), dtype=bool)
        is_count[[place[metric.name] for metric in completing if metric.absent == "zero"]] = True
        values[np.isnan(values) & is_count & ~self.is_empty(rows)[:, None]] = 0.0
        for metric in completing:
            if metric.denominator is not None:
                values[values[:, place[metric.denominator]] == 0, place[metric.name]] = np.nan
        infinite = np.isinf(values)
        if infinite.any():
            row, column = np.argwhere(infinite)[0]
            raise SourceError(
                f"source {self.name!r} gives an infinite value for {columns[column]!r} at {rows.index[row]}: "
                "divide only where the denominator is not 0, or name it as the metric's `denominator`"
            )
        return pd.DataFrame(values, index=rows.index, columns=columns).tz_convert(self.timezone)

    def judge(self, panel: pd.DataFrame, start: str | pd.Timestamp) -> pd.DataFrame:
        """Judge every slot of `panel` from `start` on: detection, then the metric's policy.

        Parameters
        ----------
        panel : pandas.DataFrame
            As `Monitor.panel` gives it, beginning at least `lookback` before `start`.
        start : str or Timestamp
            The first slot to judge, an aware instant.

        Returns
        -------
        pandas.DataFrame
            As `Policy.judge` gives it, the slots in UTC.

        Raises
        ------
        DetectorError
            If a detector fails.
        """
        verdicts, errors = self.verdicts(panel, as_instant(start, "start"))
        if errors:
            raise errors[0]
        return verdicts.frame()

    def verdicts(
        self,
        panel: pd.DataFrame,
        start: pd.Timestamp,
        baseline: pd.DataFrame | None = None,
        metrics: Sequence[Metric] | None = None,
    ) -> tuple[Verdicts, list[AnomalertError]]:
        """Return the same as `judge`, as arrays, and an error for each metric whose detector failed.

        Parameters
        ----------
        panel : pandas.DataFrame
            As `Monitor.panel` gives it, or as `completed` does for `metrics`: then `Verdicts.is_empty` is of their
            columns alone.
        start : pandas.Timestamp
            The first slot to judge, aware.
        baseline : pandas.DataFrame, optional
            Another past than the panel; holds a column for every metric.
        metrics : sequence of Metric, optional
            Those to judge; by default all.
        """
        verdicts, errors = judge(self.metrics if metrics is None else metrics, panel, start, self.slot_length, baseline)
        return replace(verdicts, is_empty=self.is_empty(panel.iloc[len(panel) - len(verdicts.slots) :])), errors

    def detect(
        self, metric: Metric, panel: pd.DataFrame, start: pd.Timestamp, baseline: pd.Series | None = None
    ) -> Detection:
        """Return the metric's detection from `start` on, before its policy."""
        weights = None if metric.denominator is None else panel[metric.denominator].rename(metric.name)
        return metric.detector.detect(panel[metric.name], start, baseline=baseline, weights=weights)

    def is_empty(self, rows: pd.DataFrame) -> NDArray[np.bool_]:
        """Return for each row, completed or not, whether the source has nothing for the slot, and that is told."""
        nothing: NDArray[np.bool_] = np.isnan(rows.to_numpy()).all(axis=1)
        return nothing & (self.empty == "no_data")

    @cached_property
    def columns(self) -> list[str]:
        """What is read of the source: its metrics, then the denominators that are none of them."""
        return self._columns_of(self.metrics)

    def _columns_of(self, metrics: Sequence[Metric]) -> list[str]:
        """Return the names of `metrics`, then of what they are divided by, which may be ratios themselves."""
        denominators = {metric.name: metric.denominator for metric in self.metrics}
        columns = dict.fromkeys(metric.name for metric in metrics)
        added = list(columns)
        while added:
            divided_by = [denominators.get(name) for name in added]
            added = [name for name in dict.fromkeys(divided_by) if name is not None and name not in columns]
            columns |= dict.fromkeys(added)
        return list(columns)


def _is_zone(name: object) -> bool:
    try:
        # Not by the list of all zones, which takes longer to read than a short backtest.
        return isinstance(name, str) and bool(zoneinfo.ZoneInfo(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False


def _settle(value: str | pd.Timedelta) -> pd.Timedelta:
    """Return how long a slot is waited for; unlike other durations it may be none."""
    try:
        return as_duration(value, "settle")
    except ConfigurationError:
        if isinstance(value, str | timedelta) and pd.to_timedelta(value, errors="coerce") == pd.Timedelta(0):
            return pd.Timedelta(0)
        raise
