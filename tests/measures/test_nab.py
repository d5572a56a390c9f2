"""NAB's score: worked out by hand from its definition, row by row, and on series of the benchmark where they are."""

import gzip
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert.errors import ConfigurationError
from anomalert.measures import nab_score
from anomalert.measures.nab import PROFILES, NabProfile
from tests.measures import oracles
from tests.measures.strategies import Judged, judged

INDEX = pd.date_range("2026-11-01", periods=100, freq="5min")
WINDOW = pd.DataFrame({"metric": ["likes"], "start": [INDEX[40]], "end": [INDEX[50]]})
"""Rows 40 to 49 of 100; the first 15 are probation."""

S1 = 2 / (1 + math.exp(-5)) - 1
"""The scaled sigmoid at the left edge of a window, 0.98661."""


def flags(*rows: int) -> pd.Series:
    """Return scores of 2 in some rows and 0 elsewhere."""
    scores = pd.Series(0.0, INDEX, name="likes")
    scores.iloc[list(rows)] = 2.0
    return scores


def scaled(position: float) -> float:
    """Return the scaled sigmoid as the paper writes it."""
    return 2 / (1 + math.exp(5 * position)) - 1


BY_HAND = {
    "nothing": ((), 0.0),
    "at once": ((40,), 100.0),
    "the middle": ((45,), 100 * (1 + scaled(-0.5) / S1) / 2),
    "the last row": ((49,), 100 * (1 + scaled(-0.1) / S1) / 2),
    "the earliest counts": ((40, 41, 42, 49), 100.0),
    "too early": ((39,), 100 * -0.11 / 2),
    "in the probation": ((0, 14), 0.0),
    "after the probation": ((15,), 100 * -0.11 / 2),
    "right behind": ((40, 50), 100 * (2 + 0.11 * scaled(1 / 9)) / 2),
    "a window behind": ((40, 58), 100 * (2 - 0.11 * S1) / 2),
    "far behind": ((40, 90), 100 * (2 - 0.11) / 2),
    "each false flag costs": ((40, 30, 31), 100 * (2 - 0.22) / 2),
}


@pytest.mark.parametrize("what", BY_HAND)
def test_scores_are_those_worked_out_by_hand(what: str) -> None:
    """The standard profile on one window of ten rows: null is -1, perfect 1."""
    rows, expected = BY_HAND[what]
    assert nab_score(flags(*rows), WINDOW) == pytest.approx(expected, abs=1e-12)


def test_profiles_weigh_as_published() -> None:
    """A false flag costs twice as much in one profile, a missed window twice in the other."""
    two = pd.concat([WINDOW, WINDOW.assign(start=INDEX[70], end=INDEX[80])])
    ours = {profile: nab_score(flags(20, 40), two, profile=profile) for profile in PROFILES}
    assert ours["standard"] == pytest.approx(100 * (2 - 0.11) / 4)
    assert ours["reward_low_FP_rate"] == pytest.approx(100 * (2 - 0.22) / 4)
    assert ours["reward_low_FN_rate"] == pytest.approx(100 * (3 - 0.11) / 6)
    assert nab_score(flags(20, 40), two, profile=NabProfile(0.22, 1.0)) == ours["reward_low_FP_rate"]


@settings(deadline=None)
@given(
    judged(apart=True, infinite=False),
    st.sampled_from([-1.0, 0.5, 1.0, 1.7]),
    st.sampled_from(sorted(PROFILES)),
    st.sampled_from([0.0, 0.15, 0.5]),
)
def test_the_score_is_the_sum_row_by_row(case: Judged, threshold: float, profile: str, probation: float) -> None:
    """Over several metrics and windows, in the probation, at the edges and off the grid."""
    weights = (PROFILES[profile].false_positive, PROFILES[profile].false_negative)
    ours = nab_score(case.scores, case.labels, profile=profile, threshold=threshold, probation=probation, slot="15min")
    np.testing.assert_allclose(ours, oracles.nab(case.metrics, threshold, weights, probation), atol=1e-9)


@settings(deadline=None)
@given(judged(apart=True, infinite=False))
def test_the_best_cut_is_the_best_of_all(case: Judged) -> None:
    """Without a threshold the result is the largest of those of all scores as thresholds, saying nothing included."""
    known = np.unique(case.scores.to_numpy()[~np.isnan(case.scores.to_numpy())])
    cuts = [-1.0, *known]
    every = [nab_score(case.scores, case.labels, threshold=cut, slot="15min") for cut in cuts]
    best = nab_score(case.scores, case.labels, threshold=None, slot="15min")
    np.testing.assert_allclose(best, max(every), atol=1e-9)


def test_the_probation_of_long_series_is_that_of_5000_rows() -> None:
    """A false flag in row 749 of 20,000 costs nothing, one in row 750 does."""
    index = pd.date_range("2026-01-01", periods=20_000, freq="5min")
    labels = pd.DataFrame({"metric": ["likes"], "start": [index[9000]], "end": [index[9100]]})
    early, late = (pd.Series(np.arange(20_000) == row, index, name="likes") * 2.0 for row in (749, 750))
    assert nab_score(early, labels) == 0
    assert nab_score(late, labels) == pytest.approx(-100 * 0.11 / 2)


def test_a_window_in_a_hole_between_rows_is_none() -> None:
    """Where rows are missing for a whole window it counts for nothing, nor does a flag behind it cost less."""
    holes = pd.concat([WINDOW, WINDOW.assign(start=INDEX[70], end=INDEX[75])])
    scores = flags(40, 80).drop(INDEX[68:77])
    assert nab_score(scores, holes) == nab_score(scores, WINDOW) == pytest.approx(100 * (2 - 0.11) / 2, abs=1e-3)


def test_without_windows_it_is_unknown() -> None:
    """No windows, or all in the probation: perfect and null are the same."""
    assert math.isnan(nab_score(flags(40), WINDOW.iloc[:0]))
    assert math.isnan(nab_score(flags(40), WINDOW.assign(start=INDEX[3], end=INDEX[15])))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"profile": "strict"}, "`profile` is 'strict': take 'standard'"),
        ({"threshold": math.nan}, "`threshold` is nan"),
        ({"probation": 1.0}, r"`probation` is 1\.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting: dict[str, Any], words: str) -> None:
    """The error names the setting, what was given and what is needed."""
    with pytest.raises(ConfigurationError, match=words):
        nab_score(flags(40), WINDOW, **setting)


@pytest.mark.parametrize("weights", [(-0.1, 1.0), (0.1, math.inf), (0.1, math.nan), ("0.1", 1.0)])
def test_weights_that_make_no_sense_are_refused(weights: tuple[Any, Any]) -> None:
    """A profile names the weight that is no number of 0 or more."""
    with pytest.raises(ConfigurationError, match=r"`false_(positive|negative)` is"):
        NabProfile(*weights)


def test_a_perfect_and_a_silent_detector_of_the_benchmark() -> None:
    """On series of NAB, if ANOMALERT_NAB names their folder: 100 for flags at every window's start, 0 for none."""
    folder = os.environ.get("ANOMALERT_NAB")
    paths = sorted(Path(folder).glob("*.csv.gz")) if folder else []
    if not paths:
        pytest.skip("ANOMALERT_NAB names no folder with series of NAB (NAME.csv.gz: timestamp, value, label)")
    perfect: dict[str, pd.Series] = {}
    windows = []
    for path in paths:
        with gzip.open(path) as stream:
            rows = pd.read_csv(stream).drop_duplicates("timestamp").sort_values("timestamp")
        times = pd.DatetimeIndex(pd.to_datetime(rows["timestamp"].to_numpy(), unit="s"))
        # Rows are missing inside of windows, so a window is a run of rows here, not of slots.
        changes = np.diff(rows["label"].to_numpy(), prepend=0, append=0)
        first, last = times[changes[:-1] == 1], times[changes[1:] == -1] + pd.Timedelta("1s")
        windows.append(pd.DataFrame({"metric": path.name, "start": first, "end": last}))
        perfect[path.name] = pd.Series((changes[:-1] == 1) * 2.0, times)
    labels = pd.concat(windows)
    assert len(labels) > 10
    assert nab_score(perfect, labels, slot="1s") == pytest.approx(100)
    assert nab_score({name: series * 0 for name, series in perfect.items()}, labels, slot="1s") == 0
