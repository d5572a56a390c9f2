"""Every clock change of every time zone from 2020 to 2030: a metric that follows the local day raises nothing.

A zone's panel is determined by its offsets around a change, so zones with the same offsets there are judged once.
"""

import zoneinfo
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from anomalert.detector import Baseline, Bounds, Detector
from anomalert.detectors import IQR, DayLagRatio, RollingSigma, WeeklyAverage
from anomalert.kernels import ratio_bounds

SLOT = pd.Timedelta("15min")
DAY = pd.Timedelta("1D")
FIRST, LAST = pd.Timestamp("2020-01-01", tz="UTC"), pd.Timestamp("2031-01-01", tz="UTC")

HISTORY, AFTER = 8 * DAY, 8 * DAY
"""Around a change: longer than the seven days that the seasonal detectors look back."""

SEASONAL = [DayLagRatio(), WeeklyAverage(), IQR(window="7D"), RollingSigma(window="7D", season="1D")]
TRAILING = [RollingSigma(), IQR(window="2h", season=None)]
WINDOW = pd.Timedelta("2h")


class Change(NamedTuple):
    """The first slot, UTC, that begins with the new offset, and both offsets in minutes."""

    slot: pd.Timestamp
    before: int
    after: int


@dataclass(frozen=True)
class UtcLag(Detector):
    """The value 24 hours earlier: what must not be taken for the same slot yesterday."""

    @property
    def lookback(self) -> pd.Timedelta:
        """A day."""
        return DAY

    def bounds(self, baseline: Baseline) -> Bounds:
        """Return the bounds around the value 96 rows before."""
        expected = baseline.frame.shift(DAY // SLOT).to_numpy()
        return Bounds(expected, *ratio_bounds(expected, 0.5))


def offsets(instants: pd.DatetimeIndex, zone: str) -> NDArray[np.int64]:
    """Return the minutes by which the local time of `zone` is ahead of UTC."""
    local = instants.tz_convert(zoneinfo.ZoneInfo(zone)).tz_localize(None)
    ahead: NDArray[np.int64] = (local.as_unit("s").asi8 - instants.tz_localize(None).as_unit("s").asi8) // 60
    return ahead


def changes_of(zone: str) -> Iterator[Change]:
    """Yield the clock changes of a zone, found by its offset on every day and then in every slot of the day."""
    days = pd.date_range(FIRST, LAST, freq=DAY)
    for day in np.flatnonzero(np.diff(offsets(days, zone))).tolist():
        slots = pd.date_range(days[day], days[day + 1], freq=SLOT)
        ahead = offsets(slots, zone)
        for slot in np.flatnonzero(np.diff(ahead)).tolist():
            yield Change(slots[slot + 1], int(ahead[slot]), int(ahead[slot + 1]))


@cache
def changes_by_zone() -> dict[str, tuple[Change, ...]]:
    """Return the changes of every zone that has any."""
    found = {zone: tuple(changes_of(zone)) for zone in sorted(zoneinfo.available_timezones())}
    return {zone: changes for zone, changes in found.items() if changes}


@cache
def cases() -> dict[tuple[Change, ...], tuple[str, ...]]:
    """Return the zones by the changes that fall into the panel around one of theirs; that one comes first."""
    alike = defaultdict(list)
    for zone, changes in changes_by_zone().items():
        for change in changes:
            near = (other for other in changes if -HISTORY <= other.slot - change.slot < AFTER)
            alike[change, *near].append(zone)
    return {key: tuple(zones) for key, zones in alike.items()}


def local_slots(index: pd.DatetimeIndex) -> NDArray[np.int64]:
    """Return the number of the slot in its local day, from 0 to 95."""
    return np.asarray((index.hour * 60 + index.minute) // 15, dtype=np.int64)


@cache
def panels() -> list[tuple[str, Change, pd.Series]]:
    """Return zone, change and a metric that triples from each local slot to the next: the steepest profile there is."""
    drawn = []
    for (change, *_), zones in cases().items():
        index = pd.date_range(change.slot - HISTORY, change.slot + AFTER, freq=SLOT, inclusive="left")
        local = index.tz_convert(zoneinfo.ZoneInfo(zones[0]))
        drawn.append((zones[0], change, pd.Series(3.0 ** local_slots(local), local)))
    return drawn


def test_the_changes_of_the_whole_tz_database_are_there() -> None:
    """Hundreds of zones and thousands of changes of all sizes are covered, each by a panel."""
    every = [change for changes in changes_by_zone().values() for change in changes]
    assert len(changes_by_zone()) > 200
    assert len(every) > 4000
    assert {change.after - change.before for change in every} >= {-180, -120, -60, -30, 30, 60, 120, 180}
    assert sum(map(len, cases().values())) == len(every)
    assert len(panels()) == len(cases())


@pytest.mark.parametrize("detector", SEASONAL, ids=repr)
def test_seasonal_detectors_raise_nothing(detector: Detector) -> None:
    """From a day before each change to a week after it there is no anomaly, and each slot is judged exactly once.

    Only a slot that yesterday's clock skipped cannot be compared with yesterday.
    """
    for zone, change, series in panels():
        detection = detector.detect(series, change.slot - DAY)
        judged = pd.DatetimeIndex(detection.value.index)
        assert judged.tz_convert("UTC").equals(
            pd.date_range(change.slot - DAY, change.slot + AFTER, freq=SLOT, inclusive="left")
        ), (zone, change)
        status = detection.status["value"].to_numpy()
        assert not (status == "anomaly").any(), (zone, change, judged[status == "anomaly"])
        assert (status != "ok").tolist() == without_baseline(detector, series, judged).tolist(), (zone, change)


def without_baseline(detector: Detector, series: pd.Series, judged: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Return the slots that the local day before lacks, for the detector that looks at no other day."""
    if not isinstance(detector, DayLagRatio):
        return np.zeros(len(judged), dtype=bool)
    local = pd.DatetimeIndex(series.index).tz_localize(None)
    return np.asarray(~(judged.tz_localize(None) - DAY).isin(local))


def test_a_lag_in_utc_hours_is_caught_at_every_change() -> None:
    """The control: a detector that takes 24 hours ago for yesterday raises anomalies at every single change."""
    for zone, change, series in panels():
        assert UtcLag().detect(series, change.slot - DAY).is_anomaly.to_numpy().any(), (zone, change)


@pytest.mark.parametrize("detector", TRAILING, ids=repr)
def test_trailing_detectors_see_a_change_for_one_window_only(detector: Detector) -> None:
    """Where the window holds no change, the verdict is that of the same wall-clock slot on a day without one.

    A trailing window knows no wall clock: at the change the profile itself jumps, and that is judged as a jump. So
    "no worse" means: no later than one window after the change, and never more than that window's slots.
    """
    for zone, change, series in panels():
        near = series[(series.index >= change.slot - DAY) & (series.index < change.slot + DAY)]
        verdicts = detector.detect(near, change.slot - DAY / 2)
        judged = pd.DatetimeIndex(verdicts.value.index)
        as_always = without_change(detector, judged)
        touched = np.asarray((judged >= change.slot) & (judged < change.slot + WINDOW))
        for name in ("value", "expected", "lower", "upper"):
            one, other = getattr(verdicts, name)["value"].to_numpy(), as_always[name].to_numpy()
            np.testing.assert_array_equal(one[~touched], other[~touched], err_msg=f"{zone} {change}")
        extra = verdicts.is_anomaly["value"].to_numpy() & ~as_always["is_anomaly"].to_numpy(dtype=bool)
        assert extra.sum() <= WINDOW // SLOT


@cache
def plain_day(detector: Detector) -> pd.DataFrame:
    """Return the verdicts on the second of two naive days, by the slot of the day."""
    index = pd.date_range("2026-11-01", periods=2 * 96, freq=SLOT)
    detection = detector.detect(pd.Series(3.0 ** local_slots(index), index), "2026-11-02")
    return detection.to_frame().reset_index(drop=True)


def without_change(detector: Detector, judged: pd.DatetimeIndex) -> pd.DataFrame:
    """Return the verdicts that the wall-clock slots `judged` get on a day without a clock change."""
    return plain_day(detector).iloc[local_slots(judged)]


@pytest.mark.parametrize("detector", TRAILING, ids=repr)
def test_a_change_costs_trailing_detectors_less_than_one_anomaly(detector: Detector) -> None:
    """On an evenly rising and falling day with 5 % noise, a change adds less than one anomaly on average."""
    rng = np.random.default_rng(20261101)
    extra = 0
    for _, change, series in panels():
        index = pd.DatetimeIndex(series.index)
        index = index[(index >= change.slot - WINDOW) & (index < change.slot + WINDOW)]
        unchanged = index.tz_convert("UTC") + pd.Timedelta(change.before, unit="min")
        noise = np.exp(0.05 * rng.standard_normal(len(index)))
        for slots, sign in ((local_slots(index), 1), (local_slots(unchanged), -1)):
            day = 1000 * (1 + 2 / 3 * np.cos((slots / 4 - 20) * np.pi / 12))
            detection = detector.detect(pd.Series(day * noise, index), change.slot)
            extra += sign * int(detection.is_anomaly.to_numpy().sum())
    assert 0 < extra < len(panels())
