"""The four detectors say what their definitions say, slot by slot, on whatever panel is drawn."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from anomalert.detector import Detector
from anomalert.panel import slot_length
from tests import oracles
from tests.detectors.settings import SHORT
from tests.strategies import panels

TOLERANCE = 1e-12
BOUNDS = ("expected", "lower", "upper")


@pytest.mark.parametrize("detector", SHORT, ids=repr)
@given(panel=panels(infinite=True, holes=True))
@settings(max_examples=40, deadline=None)
def test_expected_and_bounds_are_those_of_the_definition(detector: Detector, panel: pd.DataFrame) -> None:
    """Expected and bounds are exact to 1e-12 of the sample's level, and known in the same slots."""
    detection = detector.detect(panel)
    slot = slot_length(pd.DatetimeIndex(panel.index))
    for metric in panel:
        right = pd.DataFrame(oracles.bounds(detector, panel[metric], slot), panel.index, oracles.Expected._fields)
        level = right.replace([np.inf, -np.inf], 0.0).abs().max(axis=1).to_numpy()
        for name in BOUNDS:
            found = getattr(detection, name)[metric].to_numpy()
            np.testing.assert_array_equal(np.isnan(found), right[name].isna())
            difference = np.where(found == right[name], 0.0, np.abs(found - right[name].to_numpy()))
            assert (np.isnan(found) | (difference <= TOLERANCE * level)).all(), name


@pytest.mark.parametrize("detector", SHORT, ids=repr)
@given(panel=panels(infinite=True))
@settings(max_examples=40, deadline=None)
def test_score_deviation_and_status_follow_from_the_bounds(detector: Detector, panel: pd.DataFrame) -> None:
    """Given value and bounds, the rest is what the glossary says, in exact fractions."""
    detection = detector.detect(panel)
    for metric in panel:
        for row in range(len(panel)):
            value = float(panel[metric].iloc[row])
            slot = oracles.Expected(*(float(getattr(detection, name)[metric].iloc[row]) for name in BOUNDS))
            found = float(detection.score[metric].iloc[row])
            known = math.nan if math.isinf(value) else value
            assert found == pytest.approx(oracles.score(known, slot), rel=TOLERANCE, nan_ok=True)
            assert detection.status[metric].iloc[row] == oracles.status(value, slot)
            assert detection.is_anomaly[metric].iloc[row] == (oracles.status(value, slot) == "anomaly")
            wanted = oracles.deviation(known, slot.expected)
            assert detection.deviation[metric].iloc[row] == pytest.approx(wanted, rel=TOLERANCE, nan_ok=True)
