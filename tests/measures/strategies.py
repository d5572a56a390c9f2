"""What hypothesis draws for the measures: alerts, events and scores, as frames and as what the oracles take."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from tests.measures.oracles import Event, Metric, Stretch

__all__ = ["Judged", "as_frame", "events", "judged", "stretches"]

SLOT = 15
BEGIN = pd.Timestamp("2026-10-24 20:00", tz="UTC")
ZONES = [None, "UTC", "Europe/Berlin"]
"""The clocks of the last one are put back five hours after `BEGIN`."""


def as_frame(rows: list[Event] | list[Stretch], zone: str | None) -> pd.DataFrame:
    """Return events or stretches as the measures take them; minutes are counted from `BEGIN`."""
    columns = ["metric", "start", "end", "alert"]
    frame = pd.DataFrame(rows, columns=columns[: len(rows[0])] if rows else columns[:3])
    for column in ("start", "end"):
        instants = BEGIN + pd.to_timedelta(frame[column].astype(float), unit="min")
        frame[column] = instants.dt.tz_convert(zone)
    return frame


@st.composite
def events(draw: st.DrawFn, *, most: int = 6, slots: int = 60, apart: bool = False) -> list[Event]:
    """Draw events of two metrics at any minute; `apart` keeps those of a metric from overlapping."""
    drawn = []
    for _ in range(draw(st.integers(0, most))):
        start = draw(st.integers(-2 * SLOT, slots * SLOT))
        drawn.append(Event(draw(st.sampled_from("ab")), start, start + draw(st.integers(1, 8 * SLOT))))
    kept: list[Event] = []
    for event in drawn:
        if not apart or all(each.end <= event.start or each.start >= event.end for each in kept):
            kept.append(event)
    return kept


@st.composite
def stretches(draw: st.DrawFn, *, most: int = 8) -> list[Stretch]:
    """Draw stretches that may overlap, touch, and share an alert also across metrics."""
    drawn = []
    for _ in range(draw(st.integers(0, most))):
        start = draw(st.integers(-4, 64)) * SLOT
        length = draw(st.integers(1, 6)) * SLOT
        drawn.append(Stretch(draw(st.sampled_from("ab")), start, start + length, draw(st.integers(0, 9))))
    return drawn


@dataclass(frozen=True)
class Judged:
    """The same scores and labels twice."""

    scores: pd.DataFrame
    labels: pd.DataFrame
    metrics: list[Metric]


@st.composite
def judged(draw: st.DrawFn, *, apart: bool = False, infinite: bool = True) -> Judged:
    """Draw scores of one or two metrics with ties, slots that were not judged and rows that are missing."""
    zone, rng = draw(st.sampled_from(ZONES)), np.random.default_rng(draw(st.integers(0, 10_000)))
    n_slots = draw(st.sampled_from([1, 2, 5, 30, 60]))
    names = ["a", "b"][: draw(st.integers(1, 2))]
    kept = np.flatnonzero(rng.random(n_slots) < draw(st.sampled_from([1.0, 0.8])))
    kept = kept if len(kept) else np.array([0])
    levels = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 7.0, np.nan, *([np.inf, 1e6] if infinite else [])])
    values = rng.choice(levels[: draw(st.integers(1, len(levels)))], (len(kept), len(names)))
    if draw(st.booleans()):
        values = np.where(np.isnan(values), np.nan, rng.random(values.shape) * 3)
    labels = [event for event in draw(events(apart=apart, slots=n_slots)) if event.metric in names]
    index = (BEGIN + pd.to_timedelta(kept * SLOT, unit="min")).tz_convert(zone)
    scores = pd.DataFrame(values, index, columns=names)
    starts = (kept * SLOT).tolist()
    metrics = [
        Metric(starts, values[:, at].tolist(), SLOT, [each for each in labels if each.metric == name])
        for at, name in enumerate(names)
    ]
    return Judged(scores, as_frame(labels, zone), metrics)
