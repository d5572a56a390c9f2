"""Checks that detectors share: a setting that makes no sense is refused when the detector is built."""

from dataclasses import dataclass

import pandas as pd

from anomalert.errors import ConfigurationError
from anomalert.panel import CLOCK_CHANGE, DAY, as_duration
from anomalert.settings import is_number

__all__ = ["Sampling", "check_days", "check_min_count", "check_threshold"]


def check_threshold(threshold: float) -> None:
    """Refuse a relative threshold that is not between 0 and 1."""
    if not is_number(threshold) or not 0 < threshold < 1:
        raise ConfigurationError(f"`threshold` is {threshold!r}: it is a share, above 0 and below 1")


def check_days(days: int) -> None:
    """Refuse a number of days that is no whole number above 0."""
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        raise ConfigurationError(f"`days` is {days!r}: a whole number, 1 or more, is needed")


@dataclass(frozen=True)
class Sampling:
    """Which past slots a slot is compared with: all within `window`, or those of the same time of day."""

    window: pd.Timedelta
    season: pd.Timedelta | None

    @classmethod
    def of(cls, window: str | pd.Timedelta, season: str | pd.Timedelta | None) -> "Sampling":
        """Return the sampling that two settings ask for, or say which one makes no sense."""
        span = as_duration(window, "window")
        if season is None:
            return cls(span, None)
        step = as_duration(season, "season")
        if step % DAY:
            raise ConfigurationError(f"`season` is {season!r}: whole days are needed, such as '1D' or '7D', or None")
        if span < step:
            raise ConfigurationError(f"`window` is {window!r} and holds no `season` of {season!r}: make it longer")
        return cls(span, step)

    @property
    def lookback(self) -> pd.Timedelta:
        """The window, with room for a clock change where the wall clock matters."""
        return self.window if self.season is None else self.window + CLOCK_CHANGE

    @property
    def recurrence(self) -> pd.Timedelta:
        """After how long a slot is compared with its own kind again."""
        return self.season or DAY

    def size(self, slot: pd.Timedelta) -> int:
        """How many past slots the sample has where all are known."""
        return int(self.window // (self.season or slot))

    def min_count(self, wanted: int | None, least: int, slot: pd.Timedelta) -> int:
        """How many of them have to be known: `wanted`, or else half of them, and never fewer than `least`."""
        size = self.size(slot)
        count = max(-(-size // 2) if wanted is None else wanted, least)
        # A window that holds no slot at all is refused where it is laid on the panel.
        if 0 < size < count:
            asked = f"`min_count` is {count}" if wanted is not None else f"at least {count} known values are needed"
            raise ConfigurationError(
                f"{asked}, but a window of {self.window} has only {size} past slots to compare with: nothing could "
                "ever be judged"
            )
        return count


def check_min_count(min_count: int | None, least: int, sampling: Sampling | None = None) -> None:
    """Refuse a minimum of known values that the statistic cannot work with, or that a sample can never reach."""
    if min_count is not None and (isinstance(min_count, bool) or not isinstance(min_count, int) or min_count < least):
        raise ConfigurationError(f"`min_count` is {min_count!r}: a whole number, {least} or more, is needed, or None")
    if sampling is not None and sampling.season is not None:
        sampling.min_count(min_count, least, sampling.season)
