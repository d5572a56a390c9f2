"""The contract of sources as checks.

The tests of a source, ours or yours, call `check_source`; it calls the seams and `failure`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

import numpy as np
import pandas as pd

from anomalert.errors import SourceError
from anomalert.interfaces import Source, plugin_name
from anomalert.panel import as_instant, as_slot
from anomalert.testing.failure import fail, guarded, promise_of, run_all
from anomalert.testing.secrecy import heard, leaking, texts_of

__all__ = ["check_source"]

TOLERANCE = 1e-9
"""A database that sums floats in several threads rounds differently from read to read."""

ELSEWHERE = "Asia/Kathmandu"


def check_source(
    source: Source,
    start: str | pd.Timestamp,
    end: str | pd.Timestamp,
    *,
    slot: str | pd.Timedelta = "15min",
    broken: Source | None = None,
    secrets: Sequence[str] = (),
) -> None:
    """Try whether a source keeps the contract of `anomalert.interfaces.Source`.

    Parameters
    ----------
    source : Source
        A configured one. It is read about a dozen times.
    start, end : str or Timestamp
        Aware instants on the slot grid. There are rows between them, and nothing is written there meanwhile.
    slot : str or Timedelta, default "15min"
        Length of the source's slots.
    broken : Source, optional
        One like it that cannot be read, such as one whose server is not there. It has to say so with a SourceError.
    secrets : sequence of str, optional
        Passwords and the like that both were given. They may show in no repr, error, traceback or log.

    Raises
    ------
    AssertionError
        If it breaks a promise; the text lists each one, with what was found and what to do.
    ConfigurationError
        If `start` or `end` is naive, or `slot` no slot.

    Examples
    --------
    >>> from anomalert.testing import FakeSource, synthetic_panel
    >>> check_source(FakeSource(synthetic_panel(days=2)), "2026-10-05T06:00Z", "2026-10-06T06:00Z")
    """
    trial = _Trial(source, as_instant(start, "start"), as_instant(end, "end"), as_slot(slot), broken, tuple(secrets))
    subject = f"source {plugin_name(source)!r}"
    run_all(
        partial(guarded, subject, check.__name__, promise_of(check), partial(check, trial), trial.secrets)
        for check in CHECKS
    )


@dataclass(frozen=True)
class _Trial:
    source: Source
    start: pd.Timestamp
    end: pd.Timestamp
    slot: pd.Timedelta
    broken: Source | None
    secrets: tuple[str, ...]

    def fail(self, check: str, found: str, remedy: str) -> NoReturn:
        fail(f"source {plugin_name(self.source)!r}", check, found, remedy)

    def whole(self) -> pd.DataFrame:
        rows = self.source.read(self.start, self.end)
        if not isinstance(rows, pd.DataFrame):
            self.fail("frame", f"`read` gave a {type(rows).__name__}", "Return a pandas.DataFrame")
        return rows

    def require_same(self, check: str, one: pd.DataFrame, other: pd.DataFrame, ways: str, remedy: str) -> None:
        difference = _difference(one, other)
        if difference is not None:
            self.fail(check, f"{difference} {ways}", remedy)


def frame(trial: _Trial) -> None:
    """Hold that a read gives float64 columns over a sorted, unique UTC index of slot starts in ``[start, end)``."""
    rows = trial.whole()
    index = rows.index
    if not isinstance(index, pd.DatetimeIndex):
        trial.fail("frame", f"the index is a {type(index).__name__}", "Return a DatetimeIndex of slot starts")
    if index.tz is None or str(index.tz) != "UTC":
        trial.fail("frame", f"the index has the time zone {index.tz}", "Return UTC: `tz_localize` or `tz_convert` it")
    if not len(rows):
        trial.fail("frame", f"no row between {trial.start} and {trial.end}", "Try it on a range that has data")
    if not (index.is_unique and index.is_monotonic_increasing):
        trial.fail("frame", "the index is not sorted, or a slot stands twice", "Aggregate to one row per slot and sort")
    off_grid = index[(index.floor(trial.slot) != index) | (index < trial.start) | (index >= trial.end)]
    if len(off_grid):
        trial.fail(
            "frame", f"row {off_grid[0]} starts no slot of [start, end)", "Name slots by their start; leave `end` out"
        )
    for position, (column, dtype) in enumerate(rows.dtypes.items()):
        if not isinstance(column, str) or dtype != np.float64 or np.isinf(rows.iloc[:, position]).any():
            remedy = "Name metrics by text, convert to float64, and raise a SourceError for an infinite value"
            trial.fail("frame", f"column {column!r} has dtype {dtype}, or holds an infinite value", remedy)
    if not rows.columns.is_unique:
        trial.fail("frame", f"a name stands twice in {list(rows.columns)}", "Give every metric a name of its own")


def empty_range(trial: _Trial) -> None:
    """Hold that an empty range gives no rows, and the same columns and dtypes."""
    whole = trial.whole()
    for instant in (trial.start, trial.end):
        rows = trial.source.read(instant, instant)
        if len(rows) or not rows.dtypes.equals(whole.dtypes) or str(getattr(rows.index, "tz", None)) != "UTC":
            found = f"the range from {instant} to itself gave {len(rows)} rows of {dict(rows.dtypes)}"
            trial.fail("empty_range", found, f"Give no rows, and the columns {dict(whole.dtypes)} over a UTC index")


def half_open(trial: _Trial) -> None:
    """Hold that `start` is in the range and `end` is not."""
    whole = trial.whole()
    slot = whole.index[len(whole) // 2]
    alone = trial.source.read(slot, slot + trial.slot)
    remedy = "Compare with `>= start` and `< end`"
    trial.require_same("half_open", whole.loc[[slot]], alone, f"in the range of slot {slot} alone", remedy)
    before = trial.source.read(trial.start, slot)
    trial.require_same("half_open", whole[whole.index < slot], before, f"in the range up to {slot}", remedy)


def additive(trial: _Trial) -> None:
    """Hold that two neighbouring ranges give what both give in one read."""
    whole = trial.whole()
    for cut in whole.index[[min(1, len(whole) - 1), len(whole) // 3, -1]]:
        parts = pd.concat([trial.source.read(trial.start, cut), trial.source.read(cut, trial.end)])
        ways = f"when the range is read in two, cut at {cut}"
        trial.require_same(
            "additive", whole, parts, ways, "Compute each slot from its own events: no limit, no running sum"
        )


def repeatable(trial: _Trial) -> None:
    """Hold that a second read gives the same, whatever was done with the frame of the first."""
    first = trial.whole()
    kept = first.copy()
    first.iloc[:, :] = -1.0
    remedy = "Read anew, or return a copy; put an order and a limit on nothing that the query leaves open"
    trial.require_same("repeatable", kept, trial.whole(), "when it is read again", remedy)


def other_zones(trial: _Trial) -> None:
    """Hold that instants in another time zone mean the same range."""
    start, end = trial.start.tz_convert(ELSEWHERE), trial.end.tz_convert(ELSEWHERE)
    remedy = "Convert `start` and `end` to UTC before they are formatted"
    trial.require_same(
        "other_zones", trial.whole(), trial.source.read(start, end), f"when asked in {ELSEWHERE}", remedy
    )


def broken(trial: _Trial) -> None:
    """Hold that a source that cannot be read whole raises a SourceError."""
    if trial.broken is None:
        return
    error = _error_of(trial.broken, trial)
    remedy = "Catch what the driver raises at the edge, and raise a SourceError with a text that is safe"
    if error is None:
        trial.fail("broken", "it gave rows although it is broken", "Raise a SourceError, and never return a part")
    if not isinstance(error, SourceError):
        trial.fail("broken", f"the broken one raised {type(error).__name__}", remedy)
    if not str(error):
        trial.fail("broken", "the SourceError has no text", "Say what failed and what to do")


def secret(trial: _Trial) -> None:
    """Hold that no secret shows in a repr, an error, a traceback or the log."""
    texts = {"the repr": f"{trial.source!r} {trial.source} {trial.broken!r}"}
    with heard() as lines:
        errors = [_error_of(source, trial) for source in (trial.source, trial.broken) if source is not None]
    for error in filter(None, errors):
        texts.update(texts_of(error))
    place = leaking({**texts, "the log": "\n".join(lines)}, trial.secrets)
    if place is not None:
        remedy = "Hold it as `anomalert.redaction.Secret`, and redact foreign texts"
        trial.fail("secret", f"{place} holds a secret", remedy)


CHECKS: tuple[Callable[[_Trial], None], ...] = (
    frame,
    empty_range,
    half_open,
    additive,
    repeatable,
    other_zones,
    broken,
    secret,
)


def _difference(one: pd.DataFrame, other: pd.DataFrame) -> str | None:
    """Return in words the first difference between what is right and what was read, or None."""
    if list(one.columns) != list(other.columns):
        return f"the columns are {list(other.columns)}, not {list(one.columns)},"
    slots = one.index.symmetric_difference(other.index)
    if len(slots):
        return f"row {slots[0]} is {'missing' if slots[0] in one.index else 'too much'}"
    left, right = one.to_numpy(dtype=float), other.to_numpy(dtype=float)
    if len(left) != len(right):
        return f"there are {len(right)} rows, not {len(left)},"
    wrong = ~np.isclose(left, right, rtol=TOLERANCE, atol=0.0, equal_nan=True)
    if not wrong.any():
        return None
    row, column = np.argwhere(wrong)[0]
    return f"{one.columns[column]!r} at {one.index[row]} is {right[row, column]}, not {left[row, column]},"


def _error_of(source: Source, trial: _Trial) -> Exception | None:
    try:
        source.read(trial.start, trial.end)
    except Exception as error:  # noqa: BLE001 - whatever a plug-in raises is what is looked at
        return error
    return None
