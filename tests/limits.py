"""A detector with fixed limits, so that a test can read every verdict off the values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from anomalert.detector import Baseline, Bounds, Detector

__all__ = ["SLOT", "Limits", "series"]

SLOT = pd.Timedelta("15min")


@dataclass(frozen=True)
class Limits(Detector):
    """Fixed limits, so that every verdict can be read off the values: 90 to 120 around 100."""

    score: Callable[[Any], Any] | None = None

    @property
    def lookback(self) -> pd.Timedelta:
        """None is needed."""
        return pd.Timedelta(0)

    def bounds(self, baseline: Baseline) -> Bounds:
        """Return the limits."""
        level = np.full(baseline.frame.shape, 100.0)
        return Bounds(level, level - 10, level + 20, self.score)


def series(*values: float, zone: str | None = None, start: str = "2026-11-01") -> pd.Series:
    """Return values in slots of 15 minutes."""
    return pd.Series(values, pd.date_range(start, periods=len(values), freq=SLOT, tz=zone), name="likes")
