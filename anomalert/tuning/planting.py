"""Where a tuner plants incidents, and how large: one in every stretch, the sizes in turn.

Part of `anomalert.tuning`; calls `injection`.
"""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.errors import ConfigurationError
from anomalert.injection import inject
from anomalert.panel import slot_length
from anomalert.tuning.settings import Search

__all__ = ["places", "planted"]

SLOTS = 4
"""How long an incident is by default."""


def planted(
    values: pd.Series, rows: slice, kind: Literal["drop", "spike"], search: Search
) -> tuple[pd.Series, pd.DataFrame]:
    """Plant one incident in every part of some rows that is as long as ``search.every``.

    Parameters
    ----------
    values : pandas.Series
        A metric, on the grid of its slots.
    rows : slice
        The positions that may change.
    kind : {"drop", "spike"}
        Of all of them.
    search : Search
        Says how large they are, how long, how often, and what their places are drawn from.

    Returns
    -------
    tuple
        The metric with the incidents in it, and their labels as of `inject`, in the order of time.

    Raises
    ------
    ConfigurationError
        If there is no room for one of each size.
    """
    index = pd.DatetimeIndex(values.index)
    slot = slot_length(index)
    length = SLOTS * slot if search.length is None else pd.Timedelta(search.length)
    steps, room = int(length // slot), int(pd.Timedelta(search.every) // slot)
    if room < 2 * steps:
        raise ConfigurationError(
            f"`every` is {search.every} and planted incidents last {length}: leave twice as long for each"
        )
    rng = np.random.default_rng(search.seed)
    free = places(values.to_numpy(dtype=np.float64), rows, steps, room, rng)
    if not len(free):
        raise ConfigurationError(
            f"metric {values.name!r} has no room for planted incidents between {index[rows][0]} and {index[rows][-1]}: "
            f"they need {length} of known values above 0, and one is planted every {search.every}"
        )
    order, labels = rng.permutation(len(free)), []
    for number, size in enumerate(search.sizes):
        chosen = np.sort(free[order[number :: len(search.sizes)]])
        if len(chosen):
            values, label = inject(values, kind, size=size, length=length, at=list(index[chosen]))
            labels.append(label)
    return values, pd.concat(labels).sort_values("start", ignore_index=True)


def places(
    values: NDArray[np.float64], rows: slice, steps: int, room: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return where incidents may begin: one place in each stretch, drawn, if there is something to lose throughout.

    Parameters
    ----------
    values : ndarray of float, shape (n_rows,)
        The metric.
    rows : slice
        The positions that may change.
    steps, room : int
        How many slots an incident and a stretch have, ``room >= 2 * steps``. An incident ends at least as long before
        its stretch does as it lasts, so that two are not told as one.
    rng : numpy.random.Generator
        What places are drawn from.

    Returns
    -------
    ndarray of int
        Positions. The slots of the incident and the one after it are known and above 0.

    Examples
    --------
    >>> places(np.ones(100), slice(50, 100), 2, 10, np.random.default_rng(0)) // 10
    array([5, 6, 7, 8])
    """
    stretches = np.arange(rows.start, rows.stop - steps - room, room)
    drawn = stretches + rng.integers(0, max(room - 2 * steps, 1), len(stretches))
    free = np.fromiter(((values[row : row + steps + 1] > 0).all() for row in drawn), dtype=bool, count=len(drawn))
    found: NDArray[np.int64] = drawn[free].astype(np.int64)
    return found
