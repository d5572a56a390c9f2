"""What a backtest found: every judgement, incident and message, counted and laid out as frames.

The runner makes it, notebooks and reports read it; it calls `messages`, `verdicts` and `measures`, and to show itself
`course`, `report` and `charts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from anomalert.backtesting.course import (
    MetricCourse,
    events_of,
    held_back,
    marks_of,
    monitor_of,
    no_data_warning,
    without_data,
)
from anomalert.backtesting.scoring import scores_against
from anomalert.episodes import Incident, Said
from anomalert.errors import AnomalertError, ConfigurationError
from anomalert.messages import gravest_first, key_of
from anomalert.monitor import Monitor
from anomalert.panel import local_instant
from anomalert.policy import no_judgements
from anomalert.verdicts import Verdicts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Backtest"]

WEEK = pd.Timedelta("7D")

INCIDENT_COLUMNS = [
    "key",
    "episode",
    "metric",
    "direction",
    "start",
    "end",
    "peak_slot",
    "peak_value",
    "peak_expected",
    "peak_deviation",
]

KINDS = ["opened", "worsened", "reminder", "resolved", "no_data", "data_back"]

MESSAGE_COLUMNS = ["slot", "kind", "metric", "metrics", "episode", "key"]


@dataclass(frozen=True, repr=False, eq=False)
class Backtest:
    """What a pipeline would have judged and said over a stretch of history.

    Parameters
    ----------
    pipeline : str
        Its name.
    monitors : tuple of Monitor
        What was judged.
    channels : tuple of str
        The names of its notifiers; each would have got every message.
    start, end : pandas.Timestamp
        UTC: the first slot that was judged, and the first that was not.
    verdicts : mapping of str to tuple of Verdicts
        By monitor, in stretches: what `judgements` lays out.
    said : tuple of Said
        What there was to say; what `messages` lays out.
    known_incidents : tuple of (str, Incident)
        What `incidents` lays out, each with the key of its episode.
    errors : tuple of AnomalertError
        The metrics that could not be judged on some day.
    labels : pandas.DataFrame, optional
        Events that are known to have been.
    is_complete : bool
        False if it was interrupted.

    Examples
    --------
    >>> from anomalert import DayLagRatio, FrameSource, Metric, Policy, backtest
    >>> from anomalert.testing import synthetic_panel
    >>> history = synthetic_panel(days=14, seed=1)
    >>> history.iloc[-200:-190] *= 0.3
    >>> metrics = [Metric("views", DayLagRatio(), policy=Policy(persist=(2, 2)))]
    >>> found = backtest(Monitor(FrameSource(history), metrics), history, progress=False)
    >>> found.held[["anomalies", "persist", "told"]].to_dict("records")
    [{'anomalies': 11, 'persist': 2, 'told': 9}]
    >>> found.plot("views", start="2026-10-16", end="2026-10-17").axes[1].get_yticklabels()[0].get_text()
    'persist: 1'
    """

    pipeline: str
    monitors: tuple[Monitor, ...]
    channels: tuple[str, ...]
    start: pd.Timestamp
    end: pd.Timestamp
    verdicts: Mapping[str, tuple[Verdicts, ...]]
    said: tuple[Said, ...]
    known_incidents: tuple[tuple[str, Incident], ...]
    errors: tuple[AnomalertError, ...] = ()
    labels: pd.DataFrame | None = None
    is_complete: bool = True

    @cached_property
    def judgements(self) -> pd.DataFrame:
        """One row per metric and slot, as in a run's report: the verdict, and what each policy step says of it."""
        frames = [block.frame() for blocks in self.verdicts.values() for block in blocks if block.is_judged.any()]
        return pd.concat(frames, ignore_index=True) if frames else no_judgements()

    @cached_property
    def messages(self) -> pd.DataFrame:
        """What each channel would have got, one row a message.

        Columns ``slot`` (UTC), ``kind``, ``metric`` (the gravest; None if it is about a source), ``metrics`` (all,
        by name), ``episode`` and ``key`` (the message's, as in the ledger).
        """
        rows = []
        for said in self.said:
            about = _named_by(said)
            metric = about[0] if about else None
            listed = ", ".join(sorted(set(about)))
            rows.append((said.slot, said.kind, metric, listed, said.subject, key_of(said, self.pipeline)))
        # As objects, so that None stays None beside texts.
        frame = pd.DataFrame(rows, columns=MESSAGE_COLUMNS, dtype=object)
        return frame.astype({"slot": "datetime64[ns, UTC]"})

    @cached_property
    def incidents(self) -> pd.DataFrame:
        """What happened, one row an incident; `start` and `end` in UTC, NaT if it is not over."""
        rows = [
            (
                incident.key,
                episode,
                incident.metric,
                incident.direction,
                incident.start,
                incident.end,
                incident.peak_slot,
                incident.peak.value,
                incident.peak.expected,
                incident.peak.deviation,
            )
            for episode, incident in self.known_incidents
        ]
        frame = pd.DataFrame(rows, columns=INCIDENT_COLUMNS)
        times = dict.fromkeys(("start", "end", "peak_slot"), "datetime64[ns, UTC]")
        return frame.astype(times).sort_values(["start", "metric"], ignore_index=True)

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics."""
        return [metric.name for monitor in self.monitors for metric in monitor.metrics]

    @cached_property
    def scores(self) -> pd.DataFrame:
        """How it does against the labels it was given: a row a metric, and one of all if there are several.

        Of its incidents: ``event_precision``, ``event_recall``, ``event_f1``, ``detection_delay``; of its messages:
        ``false_messages_per_week``, those about no incident that meets an event; of the detector's scores, before any
        policy: ``point_auc_pr``, ``vus_pr``, and ``four_hour_model_f1``, the F1 of alerts by the 4-hour model, which
        are no incidents of ours. See `anomalert.measures`.

        Raises
        ------
        ConfigurationError
            If there are no labels.
        """
        if self.labels is None:
            raise ConfigurationError("there are no labels to hold it against: pass `labels` to `backtest`")
        return scores_against(self, self.labels)

    @cached_property
    def without_data(self) -> tuple[str, ...]:
        """The monitors that had no value in any slot: their silence says nothing of their settings."""
        return without_data(self.verdicts)

    @property
    def weeks(self) -> float:
        """How many weeks were judged."""
        return (self.end - self.start) / WEEK

    @property
    def rate(self) -> float:
        """Messages a week and channel; each channel gets every message."""
        return len(self.said) / self.weeks if self.weeks else float("nan")

    @cached_property
    def messages_per_week(self) -> pd.DataFrame:
        """How many messages a channel would have got: a row a week (from Monday, local), a column a metric.

        A message counts for its gravest metric, so the sum of a row is what a channel gets in that week; what is said
        of sources stands under ``sources``. The first and the last week may be shorter than seven days.
        """
        zone = self.monitors[0].timezone
        mondays = pd.date_range(_monday(self.start, zone), _monday(self.end - pd.Timedelta(1), zone), freq="7D")
        weeks = pd.Series([_monday(slot, zone) for slot in self.messages["slot"]], dtype=mondays.dtype, name="week")
        counts = pd.crosstab(weeks, self.messages["metric"].fillna("sources"))
        return counts.reindex(index=mondays.rename("week"), columns=[*self.metrics, "sources"], fill_value=0)

    @cached_property
    def messages_per_metric(self) -> pd.DataFrame:
        """How many messages name each metric, by kind; one that names several counts for each."""
        named = [(said.kind, metric) for said in self.said for metric in _named_by(said)]
        pairs = pd.DataFrame(named, columns=["kind", "metric"], dtype=object)
        counts = pd.crosstab(pairs["metric"], pairs["kind"]).reindex(index=self.metrics, columns=KINDS, fill_value=0)
        return counts.assign(total=counts.sum(axis=1)).rename_axis(index="metric", columns=None)

    @property
    def messages_per_channel(self) -> pd.Series:
        """How many messages each channel would have got."""
        return pd.Series(len(self.said), index=pd.Index(self.channels, name="channel"), name="messages", dtype=int)

    @cached_property
    def held(self) -> pd.DataFrame:
        """Why anomalies were not told: a row a metric, with ``anomalies``, each policy step, and ``told``.

        The numbers are slots. Each step counts for itself: an anomaly that two steps hold back counts for both.
        """
        return held_back(self.verdicts).reindex(self.metrics, fill_value=0)

    def plot(
        self,
        metric: str | None = None,
        start: str | pd.Timestamp | None = None,
        end: str | pd.Timestamp | None = None,
    ) -> "Figure":
        """Draw the course of a metric, what was told of it, and below which step held back which anomalies.

        Parameters
        ----------
        metric : str, optional
            May be left out if it is alone.
        start, end : str or Timestamp, optional
            The first slot drawn, and the first that is not; by default all that was judged. Without a time zone they
            are local times of the metric's monitor.

        Returns
        -------
        matplotlib.figure.Figure
            Shows itself in a notebook; nothing of pyplot is used. Labelled events are shaded.

        Raises
        ------
        ConfigurationError
            If there is no such metric, or nothing was judged in the range.
        """
        from anomalert import charts

        monitor, name = monitor_of(self.monitors, metric)
        zone = monitor.timezone
        first = self.start if start is None else max(local_instant(start, "start", zone), self.start)
        last = self.end if end is None else min(local_instant(end, "end", zone), self.end)
        if first >= last:
            raise ConfigurationError(f"nothing was judged from {first} to {last}: take a part of {self._period}")
        course = MetricCourse.of(self.verdicts[monitor.name], name, zone, first, last)
        marks = marks_of(self.said, monitor, name)
        shown = marks[(marks["slot"] >= first) & (marks["slot"] < last)]
        events = events_of(self.labels, name)
        return charts.draw_timeline(course.frame, name, marks=shown, rows=course.rows, events=events)

    def to_html(self, path: str | Path | None = None, *, pictures: int = 12) -> str:
        """Return the backtest as one page that needs nothing else, and opens from disk.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it, too.
        pictures : int, default 12
            How many metrics, and how many incidents, the gravest, are pictured at most; the page says how many more
            there are.

        Returns
        -------
        str
            HTML that loads nothing; about 100 kB a picture. All names are escaped.
        """
        from anomalert.backtesting.report import page_of

        page = page_of(self, pictures)
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def _repr_html_(self) -> str:
        from anomalert.backtesting.report import short_summary_of

        return short_summary_of(self)

    @property
    def _period(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"

    def __repr__(self) -> str:
        monitors = ", ".join(f"{each.name} ({len(each.metrics)} metrics)" for each in self.monitors)
        until = "" if self.is_complete else " (interrupted)"
        lines = [
            f"Backtest of {self.pipeline!r}: {monitors}",
            f"{self._period}{until}, {self.weeks:.1f} weeks",
            f"{len(self.said)} messages a channel, {self.rate:.2f} a week; {len(self.known_incidents)} incidents",
        ]
        if self.without_data:
            lines.append(no_data_warning(self.without_data))
        if self.errors:
            lines.append(f"{len(self.errors)} errors, the first: {self.errors[0]}")
        return "\n".join(lines)


def _named_by(said: Said) -> list[str]:
    """Return the metrics that a message names, the gravest first; none if it is about a source."""
    missing = [outage.metric for outage in said.outages if outage.metric is not None]
    return missing or [incident.metric for incident, _ in gravest_first(said)]


def _monday(instant: pd.Timestamp, zone: str) -> pd.Timestamp:
    """Return the date of the Monday of the local week of an instant, without a zone: some days have no midnight."""
    local = instant.tz_convert(zone).tz_localize(None).normalize()
    return local - pd.Timedelta(days=local.weekday())
