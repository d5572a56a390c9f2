"""Small histories to tune on, and trials that are made up, so that a slow oracle can choose among them."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from anomalert import DayLagRatio, FrameSource, Metric, Monitor, WeeklyAverage
from anomalert.testing import synthetic_panel
from anomalert.tuning import Search
from anomalert.tuning.trials import Ground, Trial

SLOT = pd.Timedelta("1h")
START = pd.Timestamp("2026-10-05", tz="UTC")

LEVELS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8)

SEARCH = Search(
    candidates=[
        [DayLagRatio(7, each) for each in LEVELS],
        [WeeklyAverage(7, each) for each in LEVELS],
    ],
    persist=[(1, 1), (2, 3)],
    holdout="14D",
)
"""Two detectors in few levels, so that a whole search takes a second."""


def history(seed: int = 0, days: int = 49) -> pd.DataFrame:
    """Return weeks of two metrics in slots of an hour."""
    return synthetic_panel(days=days, seed=seed, slot=SLOT)


def metric(name: str = "views") -> Metric:
    """Return a metric with a detector that is to be replaced."""
    return Metric(name, WeeklyAverage(), absent="zero")


def planted_ground(seed: int = 0, search: Search = SEARCH, of: Metric | None = None) -> Ground:
    """Return four weeks with planted incidents."""
    monitor = Monitor(FrameSource(history(seed), name="history"), [of or metric()], slot=SLOT)
    panel = monitor.panel(START, START + pd.Timedelta("49D"))
    return Ground.planting(monitor, panel, START + pd.Timedelta("15D"), START + pd.Timedelta("43D"), search)


N_SLOTS = 40
"""Of a made-up ground."""


def ground_of(events: list[tuple[int, int]], *, is_planted: bool) -> Ground:
    """Return a made-up ground with events from one slot to another; nothing is judged on it."""
    frame = pd.DataFrame({"views": 1.0}, pd.date_range(START, periods=N_SLOTS, freq=SLOT))
    starts, ends = ([START + event[edge] * SLOT for event in events] for edge in (0, 1))
    sizes = [f"{10 * (number + 1)}%" for number in range(len(events))]
    known = pd.DataFrame({"start": starts, "end": ends, "size": sizes})
    monitor = Monitor(FrameSource(frame), [metric()], slot=SLOT)
    return Ground(monitor, frame, START, START + N_SLOTS * SLOT, known, frame if is_planted else None)


@st.composite
def events(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Draw events of one to four slots; they may overlap."""
    starts = draw(st.lists(st.integers(0, N_SLOTS - 5), min_size=1, max_size=6))
    return [(start, start + draw(st.integers(1, 4))) for start in starts]


@st.composite
def trials(draw: st.DrawFn, n_events: int) -> list[Trial]:
    """Draw what became of some settings, and what each found, whether or not that fits its messages."""
    made = []
    for number in range(draw(st.integers(1, 5))):
        sent = sorted(draw(st.lists(st.integers(0, N_SLOTS - 1), max_size=12)))
        told = sorted(each for each in sent if draw(st.booleans()))
        found = draw(st.none() | st.lists(st.booleans(), min_size=n_events, max_size=n_events))
        setting = Metric("views", DayLagRatio(1, 0.1 + number / 20))
        flags = None if found is None else np.array(found)
        made.append(Trial(setting, nanoseconds_of(sent), nanoseconds_of(told), flags))
    return made


def nanoseconds_of(slots: list[int]) -> np.ndarray:
    """Return slots as trials hold them."""
    return np.array([(START + slot * SLOT).value for slot in slots], dtype=np.int64)


def slots_of(instants: np.ndarray) -> list[int]:
    """Return the reverse."""
    return [int((instant - START.value) // SLOT.value) for instant in instants.tolist()]
