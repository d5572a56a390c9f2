"""Checks of the verdicts themselves: their shape and scale, and what they say where the answer is known.

Each takes a `Trial` and raises `CheckError`; `detectors` runs them.
"""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd

from anomalert.detection import Detection
from anomalert.detector import Detector
from anomalert.kernels import LARGEST_SCORE
from anomalert.panel import DAY
from anomalert.testing.trials import Trial

__all__ = [
    "aligned",
    "flat",
    "infinite",
    "missing",
    "pure",
    "repeatable",
    "score_and_bounds",
    "spike",
    "units",
    "warm_up",
]

FRAMES = ("value", "expected", "lower", "upper")
LEVELS = (100.0, 0.1, 1e9, -5.0, 0.0)
FAR = 1e6
ULPS = 8.0


def aligned(trial: Trial) -> None:
    """Hold that every row and metric of the data has its verdict, float64, whatever the order of the columns."""
    detector = trial.detector
    if type(detector).detect is not Detector.detect:
        trial.fail("aligned", "it has a `detect` of its own", "Write `bounds` and `lookback`, and inherit `detect`")
    if not isinstance(detector.lookback, pd.Timedelta) or detector.lookback < pd.Timedelta(0):
        trial.fail("aligned", f"`lookback` is {detector.lookback!r}", "Give a pandas.Timedelta, 0 or longer")
    recurrence: object = detector.recurrence
    if not isinstance(recurrence, pd.Timedelta) or recurrence < DAY or recurrence % DAY:
        trial.fail("aligned", f"`recurrence` is {recurrence!r}", "Give a pandas.Timedelta of whole days, 1 or more")
    if not 0 <= detector.ordinary_score <= 1:
        trial.fail("aligned", f"`ordinary_score` is {detector.ordinary_score!r}", "Give a number from 0 to 1")
    detection = detector.detect(trial.panel)
    for name in ("value", "expected", "lower", "upper", "score"):
        frame = getattr(detection, name)
        if not (frame.index.equals(trial.panel.index) and frame.columns.equals(trial.panel.columns)):
            trial.fail("aligned", f"`{name}` has other rows or columns than the data", "Inherit `detect`")
        if set(frame.dtypes) != {np.dtype("float64")}:
            trial.fail("aligned", f"`{name}` has the dtypes {list(frame.dtypes)}", "Give float64")
    turned = detector.detect(trial.panel[trial.panel.columns[::-1]])
    in_order = Detection(**{name: getattr(turned, name)[trial.panel.columns] for name in FRAMES}, slot=turned.slot)
    ways = ("in the data's order of columns", "in the opposite order")
    bounds = replace(detection, own_score=None)
    trial.require_same("aligned", bounds, in_order, ways, "Keep the columns of `baseline.frame`")


def pure(trial: Trial) -> None:
    """Hold that data and baseline stay as they were, and the values reported are the data's."""
    remedy = "Change no array or frame of the `Baseline` in place: copy what has to be filled"
    data, baseline = trial.panel.copy(), trial.panel.copy()
    for detection in (trial.detector.detect(data), trial.detector.detect(data, baseline=baseline)):
        parts = {"the data": data, "the baseline": baseline, "`value`": detection.value}
        for name, frame in parts.items():
            same = (frame == trial.panel) | (frame.isna() & trial.panel.isna())
            trial.require("pure", same, f"{name} changed while it was judged", remedy)


def repeatable(trial: Trial) -> None:
    """Hold that the same data get the same verdicts again, also after others were judged in between."""
    first = trial.detector.detect(trial.panel)
    trial.detector.detect(trial.whole[::-1].set_axis(trial.whole.index) * 2)
    again = trial.detector.detect(trial.panel)
    remedy = "Keep nothing from one call to the next, and seed what is random"
    trial.require_same("repeatable", first, again, ("the first time", "the second time"), remedy)


def warm_up(trial: Trial) -> None:
    """Hold that what has no history cannot be judged: no row, the first row, and a row after unknown values only."""
    detector, panel = trial.detector, trial.whole
    for length in (0, 1, 2):
        detector.detect(panel.iloc[:length])
    if detector.lookback == pd.Timedelta(0):
        return
    unknown = panel.copy()
    unknown.iloc[:-1] = np.nan
    for name, data in (("no row", panel.iloc[:1]), ("no known value", unknown)):
        trial.require(
            "warm_up",
            detector.detect(data, data.index[-1]).expected.isna(),
            f"something is expected although there is {name} before it",
            "Give NaN where there is not enough baseline, never 0",
        )


def missing(trial: Trial) -> None:
    """Hold that a slot without a value is no anomaly, and a row that is not there is a row of NaN."""
    holed = trial.whole.mask(np.random.default_rng(9).random(trial.whole.shape) < 0.3)
    holed.iloc[1:-1:5] = np.nan
    detection = trial.detector.detect(holed)
    trial.require(
        "missing",
        (detection.status == "no_data") == holed.isna(),
        "`no_data` and the unknown values differ",
        "Change no value in place",
    )
    dropped = trial.detector.detect(holed.dropna(how="all"))
    ways = ("with rows of NaN", "without those rows")
    trial.require_same("missing", detection, dropped, ways, "Count slots by their time, not rows")


def infinite(trial: Trial) -> None:
    """Hold that an infinite value is an unknown one."""
    unknown, boundless = trial.panel.copy(), trial.panel.copy()
    for position, value in ((-5, np.inf), (-9, -np.inf), (len(unknown) // 2, np.inf)):
        unknown.iloc[position], boundless.iloc[position] = np.nan, value
    one, other = trial.detector.detect(unknown), trial.detector.detect(boundless)
    ways = ("with NaN", "with an infinite value in its place")
    trial.require_same("infinite", one, other, ways, "Inherit `detect`")


def score_and_bounds(trial: Trial) -> None:
    """Hold that the score is above 1 exactly outside the bounds, and never negative, infinite or without the bounds."""
    panel = trial.panel.copy()
    panel.iloc[-7::-11] *= 5
    panel.iloc[-3::-13] *= 0.1
    detection = trial.detector.detect(panel)
    value, expected, lower, upper, score = (getattr(detection, name) for name in (*FRAMES, "score"))
    remedy = "Give `lower <= expected <= upper`, and a score of your own only if it is above 1 exactly outside them"
    known = value.notna() & expected.notna()
    trial.require("score_and_bounds", score.notna() == known, "the score is NaN where it is not unknown", remedy)
    trial.require("score_and_bounds", ~known | ((score >= 0) & (score <= LARGEST_SCORE)), "the score is odd", remedy)
    outside = (value > upper) | (value < lower)
    touching = (value - expected).abs() <= ULPS * np.spacing(np.maximum(value.abs(), expected.abs()).fillna(0.0))
    right = ~known | touching | ((score > 1) == outside)
    trial.require("score_and_bounds", right, "the score and the bounds disagree", remedy)


def spike(trial: Trial) -> None:
    """Hold that a value a million times too large scores above 1, or one as far below 0 does."""
    peaks = [_last_score(trial, trial.whole, factor * (trial.whole.iloc[-1] + 1)) for factor in (FAR, -FAR)]
    trial.require(
        "spike",
        (peaks[0] > 1) | (peaks[1] > 1),
        "neither a huge value nor a hugely negative one is an anomaly",
        "See that the bounds stay finite on one side, and that the slot's own value does not widen them",
    )


def flat(trial: Trial) -> None:
    """Hold that after equal values an equal one scores 0 and another one above 1, at every level, without a warning."""
    remedy = "Where the spread is 0 give bounds of zero width; no division by it, no floor in absolute units"
    for level in LEVELS:
        panel = trial.whole * 0 + level
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            score = trial.detector.detect(panel).score.loc[trial.judged]
        trial.require("flat", score.abs() <= 1e-9, f"after nothing but {level:g}, {level:g} does not score 0", remedy)
        far = pd.Series(FAR * max(abs(level), 1.0), panel.columns)
        peaks = [_last_score(trial, panel, sign * far) for sign in (1, -1)]
        found = f"after nothing but {level:g}, neither {far.iloc[0]:g} nor its negative is an anomaly"
        trial.require("flat", (peaks[0] > 1) | (peaks[1] > 1), found, remedy)


def units(trial: Trial) -> None:
    """Hold that in other units the bounds are the same, so that bytes and terabytes get one score."""
    detection = trial.detector.detect(trial.panel)
    for power in (-60, 60):
        scaled = trial.detector.detect(trial.panel * 2.0**power)
        ways = (f"in one unit, times 2**{power}", "in the unit with that factor")
        remedy = "Keep limits relative to the level; if an absolute limit is meant, expect this check to fail"
        trial.require_same("units", detection, scaled, ways, remedy, scale=2.0**power)


def _last_score(trial: Trial, panel: pd.DataFrame, value: pd.Series) -> pd.DataFrame:
    changed = panel.copy()
    changed.iloc[-1] = value
    return trial.detector.detect(changed, changed.index[-1]).score
