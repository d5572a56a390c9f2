"""A detector of one's own: the same slot of the same weekday, robust against single bad weeks.

Run it to check it against the contract of detectors and to see it beside `WeeklyAverage`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from anomalert import Baseline, Bounds, Detector, WeeklyAverage
from anomalert.testing import check_detector, synthetic_panel


@dataclass(frozen=True)
class WeekdayMedian(Detector):
    """Compare each slot with the median of the same slot of the same weekday over the previous weeks.

    The usual range reaches `factor` times the median absolute deviation from that median, but at least `floor` of it:
    four weeks may agree by chance.

    Parameters
    ----------
    weeks : int, default 4
        How many previous weeks; all have to be known.
    factor : float, default 5.0
        Width of the usual range in median absolute deviations.
    floor : float, default 0.1
        Smallest width, as a share of what is expected.
    """

    weeks: int = 4
    factor: float = 5.0
    floor: float = 0.1

    @property
    def lookback(self) -> pd.Timedelta:
        """The weeks, with room for a clock change."""
        return pd.Timedelta(weeks=self.weeks) + pd.Timedelta("3h")

    def bounds(self, baseline: Baseline) -> Bounds:
        """Return the median and the range around it; a week that is unknown makes the slot unjudged."""
        weeks = baseline.same_slot([7 * week for week in range(1, self.weeks + 1)])
        expected = np.median(weeks, axis=0)
        scatter = np.median(np.abs(weeks - expected), axis=0)
        reach = np.maximum(self.factor * scatter, self.floor * np.abs(expected))
        return Bounds(expected, expected - reach, expected + reach)


def main() -> None:
    """Check the detector, then compare it on a weekend, which the mean over all weekdays expects too high."""
    check_detector(WeekdayMedian())
    panel = synthetic_panel(days=42, seed=2)
    for detector in (WeekdayMedian(), WeeklyAverage()):
        detection = detector.detect(panel, start="2026-11-14")
        print(detector, detection.deviation.mean().round(3).to_dict())


if __name__ == "__main__":
    main()
