"""Values that are already here: a DataFrame, or a function that makes one.

One of the sources; called through the seam `Source`. Calls `checks`.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

import pandas as pd

from anomalert.errors import SourceError
from anomalert.foreign import place_of
from anomalert.interfaces import plugin_name
from anomalert.sources.checks import as_window, checked_panel, utc_index

__all__ = ["FrameSource"]


@dataclass(frozen=True, eq=False)
class FrameSource:
    """Give the rows of a DataFrame, or of what a function returns, window by window.

    Parameters
    ----------
    data : DataFrame or callable
        Index: slot starts with a time zone, sorted, each once. Columns: numbers, one column per metric; NaN where
        a value is unknown. A callable is called as ``data(start, end)`` with two UTC Timestamps and returns such a
        frame. Rows outside of ``[start, end)`` are left out in both cases.
    name : str, optional
        Names the source in errors; by default its class does.

    Examples
    --------
    >>> index = pd.date_range("2026-11-01", periods=4, freq="15min", tz="Europe/Moscow")
    >>> source = FrameSource(pd.DataFrame({"likes": [7, 9, 8, 6]}, index))
    >>> source.read(pd.Timestamp("2026-10-31T21:15Z"), pd.Timestamp("2026-10-31T21:45Z"))
                               likes
    2026-10-31 21:15:00+00:00    9.0
    2026-10-31 21:30:00+00:00    8.0
    """

    data: pd.DataFrame | Callable[[pd.Timestamp, pd.Timestamp], pd.DataFrame] = field(repr=False)
    _: KW_ONLY
    name: str | None = None

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Return the rows of ``[start, end)``; see `Source.read`.

        Raises
        ------
        SourceError
            If the rows break the contract, or the function raised: then that exception is the `__cause__`, and is
            left out of the text, which goes to places where its secrets should not.
        """
        start, end = as_window(start, end)
        frame = self._frame(start, end)
        if len(frame):
            index = utc_index(frame.index, plugin_name(self))
            frame = frame.loc[(index >= start) & (index < end)]
        return checked_panel(frame, plugin_name(self), start, end)

    def _frame(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        frame: object = self.data
        if callable(self.data):
            try:
                frame = self.data(start, end)
            except SourceError:
                raise
            except Exception as error:
                what = f"its function raised {type(error).__name__}{place_of(error)}"
                raise SourceError(f"source {plugin_name(self)!r}: {what}; the cause is chained") from error
        if not isinstance(frame, pd.DataFrame):
            raise SourceError(
                f"source {plugin_name(self)!r} gives a {type(frame).__name__}: a DataFrame is needed, with one column "
                "per metric"
            )
        return frame
