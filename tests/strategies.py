"""Panels that hypothesis draws: ties, zeros, negative values, huge offsets, gaps, infinite values, clock changes."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

__all__ = ["levels", "panels", "samples"]

GRIDS = [
    # Slots are few per day, so that some days fit into a panel that a slow oracle can judge.
    ("2026-11-01", "6h", None, 40),
    ("2026-11-01", "8h", "UTC", 30),
    ("2026-10-31T04:00", "1h", "America/New_York", 60),
    ("2026-03-28T00:00", "1h", "Europe/Berlin", 60),
    ("2026-04-03T14:00", "30min", "Australia/Lord_Howe", 110),
    ("2023-03-08T04:00", "3h", "Antarctica/Casey", 30),
]
"""Start in UTC, slot, zone, most rows; the zones change their clocks on the second day."""


def levels() -> st.SearchStrategy[float]:
    """Return finite floats of all the sizes that a metric may have."""
    return st.one_of(
        st.integers(0, 4).map(float),
        st.integers(-3, 3).map(float),
        st.floats(0.1, 1e4),
        st.floats(-1e4, -0.1),
        st.integers(-50, 50).map(lambda steps: 1e9 + steps / 8),
        st.floats(1e12, 1e100),
    )


@st.composite
def samples(draw: st.DrawFn) -> np.ndarray:
    """Draw past values of shape (n_past, n_slots, n_metrics), with unknown ones."""
    n_past, n_slots, n_metrics = draw(st.tuples(st.integers(1, 12), st.integers(1, 4), st.integers(1, 2)))
    return draw(_columns(n_past * n_slots * n_metrics)).reshape(n_past, n_slots, n_metrics)


@st.composite
def panels(draw: st.DrawFn, *, infinite: bool = False, holes: bool = False) -> pd.DataFrame:
    """Draw a panel of one or two metrics on one of the grids.

    Parameters
    ----------
    infinite : bool
        Whether some values may be infinite.
    holes : bool
        Whether rows may be missing; the first two stay, so that the slot is known.
    """
    start, slot, zone, most = draw(st.sampled_from(GRIDS))
    n_rows = draw(st.one_of(st.integers(0, 3), st.integers(most // 2, most), st.just(most)))
    index = pd.date_range(start, periods=n_rows, freq=slot)
    columns = {name: draw(_columns(n_rows, infinite)) for name in ("views", "likes")[: draw(st.integers(1, 2))]}
    panel = pd.DataFrame(
        columns, index=index if zone is None else index.tz_localize("UTC").tz_convert(zone), dtype=float
    )
    if holes and n_rows > 2:
        kept = np.random.default_rng(n_rows).random(n_rows) < draw(st.sampled_from([0.3, 0.9, 1.0]))
        kept[:2] = True
        return panel[kept]
    return panel


@st.composite
def _columns(draw: st.DrawFn, size: int, infinite: bool = False) -> np.ndarray:
    """Draw some levels, and let a seed choose among them: long columns at the price of a short draw."""
    few = draw(st.lists(levels(), min_size=1, max_size=12))
    strange = [np.nan, np.inf, -np.inf] if infinite else [np.nan]
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    column = rng.choice(few, size)
    unknown = rng.random(size) < draw(st.sampled_from([0.0, 0.05, 0.3, 0.8, 1.0]))
    return np.where(unknown, rng.choice(strange, size), column)
