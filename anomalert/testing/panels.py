"""Seeded panels that look like the metrics of a product: for examples, benchmarks and tests.

Anybody may call this, the checks of detectors do; it calls `panel` only.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError
from anomalert.panel import DAY, as_slot, slot_of

__all__ = ["synthetic_panel"]

LEVELS = {"views": 4000.0, "likes": 700.0}
"""The metrics, and how many events each has in an average slot."""

NOISE = 0.05
WEEKEND = 0.8


def synthetic_panel(
    days: int = 28,
    seed: int = 0,
    *,
    start: str = "2026-10-05",
    slot: str | pd.Timedelta = "15min",
    timezone: str | None = "UTC",
    gaps: float = 0.0,
) -> pd.DataFrame:
    """Return two metrics, ``views`` and ``likes``, that follow the day and the week of their time zone.

    Counts that peak at eight in the evening, fall to a fifth of that at eight in the morning, are a fifth lower at
    weekends, and scatter by 5 % from slot to slot, each on its own. Nothing in them is an incident.

    Parameters
    ----------
    days : int, default 28
        How many local days, 1 or more.
    seed : int, default 0
        The same seed gives the same panel.
    start : str, default "2026-10-05"
        The first local day; by default a Monday, three weeks before the clocks change in Europe.
    slot : str or Timedelta, default "15min"
        Length of a slot; it divides a day.
    timezone : str or None, default "UTC"
        IANA name of the zone of the index; None for a naive index, wall-clock time without clock changes.
    gaps : float, default 0.0
        Share of the values that are unknown, NaN, in [0, 1]; each metric has its own.

    Returns
    -------
    pandas.DataFrame
        One row per slot without holes, float64.

    Raises
    ------
    ConfigurationError
        Naming the parameter that makes no sense.

    Examples
    --------
    >>> panel = synthetic_panel(days=7, seed=1, timezone="Europe/Moscow")
    >>> panel.shape, str(panel.index[0])
    ((672, 2), '2026-10-05 00:00:00+03:00')
    >>> panel["views"].between_time("20:00", "20:45").mean() > 4 * panel["views"].between_time("8:00", "8:45").mean()
    np.True_
    """
    if days < 1:
        raise ConfigurationError(f"`days` is {days!r}: a whole number, 1 or more, is needed")
    if not 0 <= gaps <= 1:
        raise ConfigurationError(f"`gaps` is {gaps!r}: it is a share, from 0 to 1")
    index = _index(pd.Timestamp(start), days, as_slot(slot), timezone)
    shape = _shape(index)
    rng = np.random.default_rng(seed)
    columns = {}
    for metric, level in LEVELS.items():
        values = np.round(level * shape * np.exp(NOISE * rng.standard_normal(len(index))))
        columns[metric] = np.where(rng.random(len(index)) < gaps, np.nan, values)
    return pd.DataFrame(columns, index=index)


def _index(start: pd.Timestamp, days: int, slot: pd.Timedelta, timezone: str | None) -> pd.DatetimeIndex:
    end = start + days * DAY
    if timezone is None:
        return pd.date_range(start, end, freq=slot, inclusive="left")
    # Some zones have no midnight on the day their clocks change.
    first, last = (edge.tz_localize(timezone, ambiguous=True, nonexistent="shift_forward") for edge in (start, end))
    instants = pd.date_range(slot_of(first, slot), slot_of(last, slot), freq=slot, inclusive="left")
    return instants.tz_convert(timezone)


def _shape(index: pd.DatetimeIndex) -> NDArray[np.float64]:
    hour = index.hour.to_numpy() + index.minute.to_numpy() / 60
    day = 1 + 2 / 3 * np.cos((hour - 20) * 2 * np.pi / 24)
    week = np.where(index.day_of_week.to_numpy() >= 5, WEEKEND, 1.0)
    return np.asarray(day * week, dtype=np.float64)
