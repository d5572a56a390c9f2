# ruff: noqa: D102 - the methods are those of every detector; each class says what is wrong with it
"""Detectors that each make one mistake, the ones that people make; the kit has to catch every one."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert import kernels
from anomalert.detection import Detection
from anomalert.detector import Baseline, Bounds, Detector

Floats = NDArray[np.float64]

WINDOW = pd.Timedelta("3h")
DAY = pd.Timedelta("1D")


@dataclass(frozen=True)
class Trailing(Detector):
    """What the wrong ones are made from: three sigmas around the mean of the last three hours. This one is right."""

    closed: ClassVar[Literal["left", "right"]] = "left"

    @property
    def lookback(self) -> pd.Timedelta:
        return WINDOW

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        window = baseline.frame.rolling(WINDOW, closed=self.closed, min_periods=max(self.slots(baseline) // 2, 2))
        # pandas' running sums leave a little of what has left the window, so equal values are found by their range.
        spread = window.std().where(window.max() > window.min(), 0.0)
        return window.mean(), spread.where(window.count() >= 2)

    def slots(self, baseline: Baseline) -> int:
        return int(WINDOW // baseline.slot)

    def bounds(self, baseline: Baseline) -> Bounds:
        mean, std = self.mean_and_std(baseline)
        return Bounds(mean, mean - 3 * std, mean + 3 * std)


class LooksAhead(Trailing):
    """Its window ends one slot after the judged one."""

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        mean, std = super().mean_and_std(baseline)
        return mean.shift(-2), std.shift(-2)


class IncludesItself(Trailing):
    """Its window ends with the judged slot."""

    closed = "right"


class Interpolates(Trailing):
    """It fills gaps by straight lines, which end at values that were not there yet."""

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        return super().mean_and_std(Baseline(baseline.frame.interpolate(), baseline.first, baseline.slot))


class CentresItsWindow(Trailing):
    """Its window lies around the judged slot."""

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        window = baseline.frame.rolling(self.slots(baseline) + 1, center=True, min_periods=2)
        return window.mean(), window.std()


class FitsAllHistory(Trailing):
    """Its mean and standard deviation are those of the whole frame."""

    def bounds(self, baseline: Baseline) -> Bounds:
        mean = baseline.frame * 0 + baseline.frame.mean()
        reach = 3 * baseline.frame.std()
        return Bounds(mean, mean - reach, mean + reach)


class ScalesByTheLargest(Trailing):
    """A twentieth of the largest value of the whole frame is added to its bounds."""

    def bounds(self, baseline: Baseline) -> Bounds:
        mean, std = self.mean_and_std(baseline)
        reach = 3 * std + baseline.frame.abs().max() / 20 * (std > 0)
        return Bounds(mean, mean - reach, mean + reach)


class Expands(Trailing):
    """Its window begins with the first row."""

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        window = baseline.frame.expanding(min_periods=2)
        return window.mean().shift(1), window.std().shift(1)


class Recurs(Trailing):
    """An exponential average that remembers its first row for ever."""

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        return baseline.frame.ewm(alpha=0.1, adjust=False).mean().shift(1), super().mean_and_std(baseline)[1]


class SaysTooShortALookback(Trailing):
    """Its window is longer than its lookback."""

    @property
    def lookback(self) -> pd.Timedelta:
        return WINDOW / 2


@dataclass(frozen=True)
class ForgetsTheClockChange(Detector):
    """The same wall-clock slot yesterday, which may be 25 hours ago; its lookback is 24."""

    @property
    def lookback(self) -> pd.Timedelta:
        return DAY

    def bounds(self, baseline: Baseline) -> Bounds:
        expected = baseline.same_slot([1])[0]
        return Bounds(expected, *kernels.ratio_bounds(expected, 0.5))


class SumsBlocksFromTheFirstRow(Trailing):
    """The mean of the last full block of slots, counted from the first row of the frame."""

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        size = self.slots(baseline) // 2
        block = np.arange(len(baseline.frame)) // size
        mean = baseline.frame.groupby(block).transform("mean").shift(size)
        return mean, baseline.frame.groupby(block).transform("std").shift(size)


class JudgesWithoutHistory(Trailing):
    """From `start` on, it forgets the rows before."""

    def bounds(self, baseline: Baseline) -> Bounds:
        alone = Baseline(baseline.frame.iloc[baseline.first :], 0, baseline.slot)
        return super().bounds(alone)


@dataclass(frozen=True)
class Remembers(Trailing):
    """It learns from call to call."""

    seen: list[float] = field(default_factory=list, compare=False)

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        mean, std = super().mean_and_std(baseline)
        self.seen.append(1.0)
        return mean, std * len(self.seen)


class ThrowsDice(Trailing):
    """Its bounds are of random width."""

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        mean, std = super().mean_and_std(baseline)
        return mean, std * np.random.default_rng().uniform(1, 2)


class WarmsUpAsZero(Trailing):
    """Where it has no baseline it expects 0."""

    def bounds(self, baseline: Baseline) -> Bounds:
        bounds = super().bounds(baseline)
        return Bounds(bounds.expected.fillna(0.0), bounds.lower.fillna(0.0), bounds.upper.fillna(0.0))


class DropsItsWarmUp(Trailing):
    """It gives no rows where it has no baseline."""

    def bounds(self, baseline: Baseline) -> Bounds:
        bounds = super().bounds(baseline)
        known = bounds.expected.notna().all(axis=1)
        return Bounds(bounds.expected[known], bounds.lower[known], bounds.upper[known])


class FillsInPlace(Trailing):
    """It writes 0 into the gaps of the frame that it was given."""

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        baseline.frame.fillna(0.0, inplace=True)  # noqa: PD002 - the mistake
        return super().mean_and_std(baseline)


class SkipsGaps(Trailing):
    """It counts known values instead of slots, so a gap makes its window reach further back."""

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        def mean(column: pd.Series) -> pd.Series:
            known = column.dropna().rolling(self.slots(baseline)).mean()
            return known.reindex(column.index).ffill().shift(1)

        return baseline.frame.apply(mean), super().mean_and_std(baseline)[1]


class SortsItsColumns(Trailing):
    """It gives its metrics in the order of the alphabet."""

    def bounds(self, baseline: Baseline) -> Bounds:
        bounds = super().bounds(baseline)
        return Bounds(*(part.sort_index(axis=1) for part in (bounds.expected, bounds.lower, bounds.upper)))


class ScoresOnItsOwn(Trailing):
    """The root of the usual score, of the values that are judged. This one is right, too."""

    def bounds(self, baseline: Baseline) -> Bounds:
        bounds = super().bounds(baseline)
        parts = (part.to_numpy()[baseline.judged] for part in (bounds.expected, bounds.lower, bounds.upper))
        expected, lower, upper = parts
        return Bounds(expected, lower, upper, lambda values: np.sqrt(kernels.score(values, expected, lower, upper)))


class ScoresItsBaseline(ScoresOnItsOwn):
    """What is outside it finds in the values; how far, in the baseline, where a known incident is replaced."""

    def bounds(self, baseline: Baseline) -> Bounds:
        bounds = super().bounds(baseline)
        past = baseline.frame.to_numpy()[baseline.judged]
        depth = np.minimum(kernels.score(past, bounds.expected, bounds.lower, bounds.upper), 1.0)

        def score(values: Floats) -> Floats:
            is_outside = (values < bounds.lower) | (values > bounds.upper)
            return np.where(is_outside, depth + 1.5, depth)

        return replace(bounds, score=score)


class ScoresAcrossMetrics(ScoresOnItsOwn):
    """What is outside scores more, the further the other metrics are."""

    def bounds(self, baseline: Baseline) -> Bounds:
        bounds = super().bounds(baseline)

        def score(values: Floats) -> Floats:
            own = kernels.score(values, bounds.expected, bounds.lower, bounds.upper)
            return own + np.where(own > 1, np.nansum(own, axis=1, keepdims=True), 0.0)

        return replace(bounds, score=score)


class GivesRawZScores(Trailing):
    """Its score is in standard deviations, so it is above 1 inside the bounds."""

    def score(self, values: Floats, mean: pd.DataFrame, std: pd.DataFrame) -> pd.DataFrame:
        return (mean - values).abs() / std

    def bounds(self, baseline: Baseline) -> Bounds:
        mean, std = (part.iloc[baseline.judged] for part in self.mean_and_std(baseline))
        return Bounds(mean, mean - 3 * std, mean + 3 * std, partial(self.score, mean=mean, std=std))


class NegatesItsScores(GivesRawZScores):
    """The lower its score, the more unusual."""

    def score(self, values: Floats, mean: pd.DataFrame, std: pd.DataFrame) -> pd.DataFrame:
        return -super().score(values, mean, std) / 3


class DividesZeroByZero(GivesRawZScores):
    """On the right scale, but after equal values it divides 0 by 0."""

    def score(self, values: Floats, mean: pd.DataFrame, std: pd.DataFrame) -> pd.DataFrame:
        return super().score(values, mean, std) / 3


class WarnsOnZero(Trailing):
    """The relative spread of zeros is 0/0, so at level 0 it judges nothing."""

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        mean, std = super().mean_and_std(baseline)
        return mean, mean.abs() * (std / mean.abs())


class NeverFires(Trailing):
    """Its bounds are infinite."""

    def bounds(self, baseline: Baseline) -> Bounds:
        mean, _ = self.mean_and_std(baseline)
        return Bounds(mean, mean - np.inf, mean + np.inf)


class AddsAnEpsilon(Trailing):
    """Its bounds have a smallest width in the metric's unit."""

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        mean, std = super().mean_and_std(baseline)
        return mean, std + 1e-9


class PoolsTheMetrics(Trailing):
    """Its bounds are as wide as those of the metric that scatters most."""

    def mean_and_std(self, baseline: Baseline) -> tuple[pd.DataFrame, pd.DataFrame]:
        mean, std = super().mean_and_std(baseline)
        widest = np.where(std.isna(), np.nan, std.max(axis=1).to_numpy()[:, None])
        return mean, pd.DataFrame(widest, std.index, std.columns)


class CrossesItsBounds(Trailing):
    """Its lower bound is above the upper one."""

    def bounds(self, baseline: Baseline) -> Bounds:
        mean, std = self.mean_and_std(baseline)
        return Bounds(mean, mean + 3 * std, mean - 3 * std)


class WritesItsOwnDetect(Trailing):
    """It turns infinite values into numbers, gaps into 0, and looks at no baseline."""

    def detect(self, data: Any, start: Any = None, **_: Any) -> Detection:  # type: ignore[misc]  # the mistake
        return Trailing().detect(data.fillna(0.0).replace([np.inf, -np.inf], 9e9), start)


class ComesRoundWithinHours(Trailing):
    """It compares with the last hours and says so, where whole days are asked for."""

    @property
    def recurrence(self) -> pd.Timedelta:
        return WINDOW


CAUGHT_BY: list[tuple[Detector, str]] = [
    (LooksAhead(), "prefix"),
    (IncludesItself(), "self_exclusion"),
    (Interpolates(), "prefix"),
    (CentresItsWindow(), "prefix"),
    (FitsAllHistory(), "prefix"),
    (ScalesByTheLargest(), "prefix"),
    (Expands(), "lookback"),
    (Recurs(), "lookback"),
    (SaysTooShortALookback(), "lookback"),
    (ForgetsTheClockChange(), "lookback"),
    (SumsBlocksFromTheFirstRow(), "chunks"),
    (JudgesWithoutHistory(), "start"),
    (Remembers(), "repeatable"),
    (ThrowsDice(), "repeatable"),
    (WarmsUpAsZero(), "warm_up"),
    (DropsItsWarmUp(), "aligned"),
    (FillsInPlace(), "pure"),
    (SkipsGaps(), "lookback"),
    (SortsItsColumns(), "aligned"),
    (ComesRoundWithinHours(), "aligned"),
    (GivesRawZScores(), "score_and_bounds"),
    (NegatesItsScores(), "score_and_bounds"),
    (DividesZeroByZero(), "flat"),
    (WarnsOnZero(), "flat"),
    (NeverFires(), "spike"),
    (AddsAnEpsilon(), "units"),
    (PoolsTheMetrics(), "alone"),
    (ScoresAcrossMetrics(), "alone"),
    (ScoresItsBaseline(), "baseline"),
    (CrossesItsBounds(), "score_and_bounds"),
    (WritesItsOwnDetect(), "missing"),
    (WritesItsOwnDetect(), "infinite"),
    (WritesItsOwnDetect(), "baseline"),
]
