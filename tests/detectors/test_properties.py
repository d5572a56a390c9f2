"""The contract of detectors, held on drawn panels and to the last bit, where the kit holds it on a seeded one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from anomalert.detection import Detection
from anomalert.detector import Detector
from anomalert.kernels import LARGEST_SCORE
from tests.detectors.settings import SHORT
from tests.strategies import levels, panels

FLAT = pd.date_range("2026-11-01", periods=30, freq="6h")

FRAMES = ("value", "expected", "lower", "upper", "score")

every_detector = pytest.mark.parametrize("detector", SHORT, ids=repr)
quickly = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


def require_equal(one: Detection, other: Detection) -> None:
    """Fail unless both say the same, to the last bit, about the rows of `other`."""
    for name in FRAMES:
        rows = getattr(one, name).loc[other.value.index]
        pd.testing.assert_frame_equal(rows, getattr(other, name), check_exact=True, check_freq=False)


def row_of(data: st.DataObject, panel: pd.DataFrame) -> int:
    """Draw a row of a panel that has one."""
    assume(len(panel) > 0)
    return data.draw(st.integers(0, len(panel) - 1), label="row")


@every_detector
@given(panel=panels(infinite=True), data=st.data())
@quickly
def test_later_rows_change_nothing(detector: Detector, panel: pd.DataFrame, data: st.DataObject) -> None:
    """The rows up to any one, alone, get the verdicts that they get among all."""
    row = row_of(data, panel)
    require_equal(detector.detect(panel), detector.detect(panel.iloc[: row + 1]))


@every_detector
@given(panel=panels(infinite=True), data=st.data())
@quickly
def test_lookback_is_enough(detector: Detector, panel: pd.DataFrame, data: st.DataObject) -> None:
    """A row after `lookback` of history gets the verdict that it gets after all."""
    slot = panel.index[row_of(data, panel)]
    history = panel.loc[slot - detector.lookback :]
    require_equal(detector.detect(panel), detector.detect(history, slot))


@every_detector
@given(panel=panels(infinite=True, holes=True), data=st.data())
@quickly
def test_start_chooses_rows_only(detector: Detector, panel: pd.DataFrame, data: st.DataObject) -> None:
    """From any start, also one between slots, the rows from there on are judged as among all."""
    slot = panel.index[row_of(data, panel)]
    start = slot - data.draw(st.sampled_from(["0s", "1s", "7min"]).map(pd.Timedelta))
    judged = detector.detect(panel, start)
    assert judged.value.index.equals(panel.index[panel.index >= start])
    require_equal(detector.detect(panel), judged)


@every_detector
@given(panel=panels(), data=st.data())
@quickly
def test_own_and_later_values_change_no_bounds(detector: Detector, panel: pd.DataFrame, data: st.DataObject) -> None:
    """Whatever stands in a slot and after it, its bounds stay."""
    row = row_of(data, panel)
    changed = panel.copy()
    changed.iloc[row:] = data.draw(st.sampled_from([np.nan, 0.0, -1e9, 1e15]))
    one, other = detector.detect(panel), detector.detect(changed)
    for name in ("expected", "lower", "upper"):
        np.testing.assert_array_equal(getattr(one, name).iloc[: row + 1], getattr(other, name).iloc[: row + 1])


@every_detector
@given(panel=panels(infinite=True, holes=True))
@quickly
def test_nothing_strange_gets_through(detector: Detector, panel: pd.DataFrame) -> None:
    """NaN and infinite values are no data and no anomaly; scores are NaN or from 0 to the cap; the data stay."""
    before = panel.copy()
    detection = detector.detect(panel)
    unknown = panel.isna() | (panel.abs() == np.inf)
    pd.testing.assert_frame_equal(panel, before)
    pd.testing.assert_frame_equal(detection.status == "no_data", unknown)
    assert not (detection.is_anomaly & unknown).to_numpy().any()
    pd.testing.assert_frame_equal(detection.score.isna(), unknown | detection.expected.isna())
    scores = detection.score.to_numpy()[detection.score.notna()]
    assert ((scores >= 0) & (scores <= LARGEST_SCORE)).all()
    require_equal(detection, detector.detect(panel.where(~unknown)))


@every_detector
@given(panel=panels(), power=st.integers(-60, 60))
@quickly
def test_units_do_not_matter(detector: Detector, panel: pd.DataFrame, power: int) -> None:
    """In a unit smaller or larger by a power of two the scores are the same, to the last bit."""
    one, other = detector.detect(panel), detector.detect(panel * 2.0**power)
    np.testing.assert_array_equal(one.score, other.score)


@every_detector
@given(panel=panels(), data=st.data())
@quickly
def test_a_missing_row_is_a_row_of_nan(detector: Detector, panel: pd.DataFrame, data: st.DataObject) -> None:
    """Rows that are not there leave the verdicts of the others as rows of NaN would."""
    assume(len(panel) > 2)
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(panel), max_size=len(panel))))
    kept[:2] = True  # so that the slot is known
    with_nan = panel.where(pd.Series(kept, panel.index), np.nan)
    require_equal(detector.detect(with_nan), detector.detect(panel[kept]))


@every_detector
@given(panel=panels(), data=st.data())
@quickly
def test_metrics_are_judged_apart(detector: Detector, panel: pd.DataFrame, data: st.DataObject) -> None:
    """A metric alone, as a Series too, gets the verdicts that it gets beside others."""
    metric = data.draw(st.sampled_from(list(panel.columns)))
    among_all, alone = detector.detect(panel), detector.detect(panel[metric])
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(among_all, name)[[metric]], getattr(alone, name), check_exact=True)


@every_detector
@given(panel=panels(), other=panels(), data=st.data())
@quickly
def test_bounds_come_from_the_baseline(
    detector: Detector, panel: pd.DataFrame, other: pd.DataFrame, data: st.DataObject
) -> None:
    """With another baseline the bounds are those of the baseline, the values and scores those of the data."""
    factor = data.draw(st.sampled_from([-1.0, 0.0, 3.0]))
    baseline = (panel * factor).fillna(float(len(other)))
    swapped, source = detector.detect(panel, baseline=baseline), detector.detect(baseline)
    for name in ("expected", "lower", "upper"):
        np.testing.assert_array_equal(getattr(swapped, name), getattr(source, name))
    np.testing.assert_array_equal(swapped.value, panel)


@every_detector
@pytest.mark.parametrize("values", [[1.7e308, -1.7e308], [1.7e308, 1.0, -1e308, 0.0], [5e-324, 0.0], [1e200, -1e200]])
def test_the_largest_and_smallest_floats_are_judged_quietly(detector: Detector, values: list[float]) -> None:
    """At the edges of floats there is no warning, and a score wherever value and expected are known."""
    index = pd.date_range("2026-11-01", periods=96, freq="1h")
    detection = detector.detect(pd.Series(np.random.default_rng(3).choice(values, 96), index))
    pd.testing.assert_frame_equal(detection.score.notna(), detection.expected.notna())
    assert not (detection.deviation.abs() > 2).to_numpy().any()


@every_detector
def test_without_history_nothing_is_an_anomaly(detector: Detector) -> None:
    """From no row to the first that can be judged, every slot is warming up, whatever its value."""
    index = pd.date_range("2026-11-01", periods=400, freq="1h", tz="Europe/Berlin")
    spikes = pd.Series(np.random.default_rng(4).choice([0.0, 1.0, 1e12], 400), index)
    whole = detector.detect(spikes)
    known = whole.expected["value"].notna().to_numpy()
    first = int(np.argmax(known))
    assert known[first:].all()
    assert 0 < first <= detector.lookback / pd.Timedelta("1h")
    for length in range(0, first + 1, 7):
        assert set(detector.detect(spikes.iloc[:length]).status["value"]) <= {"warming_up"}


@every_detector
@given(level=levels(), step=st.floats(1e-9, 1e9), sign=st.sampled_from([1, -1]))
@settings(max_examples=200, deadline=None)
def test_after_equal_values_a_step_is_seen_and_equality_is_not(
    detector: Detector, level: float, step: float, sign: int
) -> None:
    """After nothing but one value, that value scores 0, and a step beyond the threshold or away from 0 is outside."""
    values = pd.Series(level, FLAT, name="likes")
    assert detector.detect(values, FLAT[-1]).score["likes"].tolist() == [0.0]
    values.iloc[-1] = value = level + sign * step * max(abs(level), 1.0)
    detection = detector.detect(values, FLAT[-1])
    threshold = getattr(detector, "threshold", 1e-12)
    inside = detection.lower["likes"].iloc[0] <= value <= detection.upper["likes"].iloc[0]
    assert detection.is_anomaly["likes"].tolist() == [not inside]
    if level == 0.0:
        assert detection.score["likes"].tolist() == [LARGEST_SCORE]
    if abs(detection.deviation["likes"].iloc[0]) > threshold * (1 + 1e-9) and value * level >= 0:
        assert detection.is_anomaly["likes"].tolist() == [True]
