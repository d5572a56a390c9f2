"""What `detect` takes and refuses, and what it hands to a detector and takes from it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anomalert import baseline as baseline_module
from anomalert.detector import Baseline, Bounds, Detector
from anomalert.detectors import IQR, DayLagRatio, RollingSigma
from anomalert.errors import ConfigurationError, DetectorError, InvalidPanelError
from anomalert.testing import synthetic_panel
from tests.limits import SLOT, Limits, series
from tests.registry import DETECTORS


@dataclass(frozen=True)
class Says(Detector):
    """Gives whatever bounds it is told to."""

    told: Any

    @property
    def lookback(self) -> pd.Timedelta:
        """None is needed."""
        return pd.Timedelta(0)

    def bounds(self, baseline: Baseline) -> Bounds:
        """Return what it was told, or what that makes of the baseline."""
        return Bounds(*self.told(baseline)) if callable(self.told) else Bounds(*self.told)


def test_frames_have_rows_and_columns_of_the_data() -> None:
    """Every frame has index and columns of the data, also with columns that are no texts."""
    panel = synthetic_panel(days=3, gaps=0.1).rename(columns={"views": 7})
    detection = RollingSigma().detect(panel)
    for name in ("value", "expected", "lower", "upper", "score", "deviation", "direction", "status", "is_anomaly"):
        frame = getattr(detection, name)
        assert frame.index.equals(panel.index), name
        assert frame.columns.tolist() == [7, "likes"], name
    pd.testing.assert_frame_equal(detection.value, panel)


def test_a_panel_without_rows_or_metrics_has_an_empty_detection() -> None:
    """Nothing to judge is no error, in any shape of the result."""
    panel = synthetic_panel(days=2)
    for data in (panel.iloc[:0], panel[[]], panel.iloc[:0, :0]):
        for detector in (DayLagRatio(), IQR(), RollingSigma()):
            detection = detector.detect(data)
            assert detection.score.shape == data.shape
            assert len(detection.to_frame()) == 0
            assert list(detection.events().columns) == ["metric", "start", "end", "direction", "peak_score"]
            assert detection.counts().to_numpy().sum() == 0


@pytest.mark.parametrize("rows", [0, 1])
def test_a_panel_too_short_to_have_a_slot_is_warming_up(rows: int) -> None:
    """One row without a frequency, or none, has no history for any detector; it is no error."""
    data = pd.Series([5.0], pd.DatetimeIndex(["2026-11-01T00:15"]), name="likes").iloc[:rows]
    for detector in DETECTORS:
        assert detector.detect(data).status["likes"].tolist() == ["warming_up"] * rows


@pytest.mark.parametrize(
    ("start", "judged"),
    [
        ("2026-11-01T00:30", 2),
        (pd.Timestamp("2026-11-01T00:30"), 2),
        ("2026-11-01T00:20", 2),
        ("2026-10-01", 4),
        ("2026-12-01", 0),
        (None, 4),
    ],
)
def test_start_chooses_the_first_row(start: Any, judged: int) -> None:
    """Rows from `start` on are judged, wherever it lies; without it all are."""
    assert len(Limits().detect(series(1, 2, 3, 4), start).value) == judged


def test_start_is_an_instant_of_the_datas_zone() -> None:
    """A naive start means the data's own wall clock, an aware one any zone's."""
    data = series(1, 2, 3, 4, zone="Europe/Moscow")
    for start in ("2026-11-01T00:30", "2026-10-31T21:30Z", "2026-11-01T00:30+03:00"):
        assert len(Limits().detect(data, start).value) == 2


@pytest.mark.parametrize("start", ["noon", pd.NaT, "2026-11-01T01:30", "2026-03-08T02:30"])
def test_a_start_that_is_no_instant_is_refused(start: Any) -> None:
    """Words, NaT, and local times that a clock change repeats or skips judge nothing by guess."""
    data = series(1, 2, 3, 4, zone="America/New_York")
    with pytest.raises(ConfigurationError, match=r"`start` is .*, no instant"):
        Limits().detect(data, start)


def test_an_aware_start_of_naive_data_is_refused() -> None:
    """Naive data have no zone that an aware start could be converted to."""
    with pytest.raises(InvalidPanelError, match=r"`start` is .*, with a time zone, but the index of the data has none"):
        Limits().detect(series(1, 2), "2026-11-01T00:15Z")


def test_baseline_and_weights_fit_the_data() -> None:
    """Other slots or columns than the data's are refused, by the name of the argument."""
    data = series(1, 2, 3)
    for name in ("baseline", "weights"):
        other: dict[str, Any] = {name: data.iloc[1:]}
        with pytest.raises(InvalidPanelError, match=f"`{name}` has other slots than the data: reindex it"):
            Limits().detect(data, **other)
        with pytest.raises(InvalidPanelError, match=rf"`{name}` has the columns \['views'\], the data \['likes'\]"):
            Limits().detect(data, **{**other, name: data.rename("views")})


def test_a_detector_is_given_the_whole_grid() -> None:
    """`bounds` gets a row for every slot, the first one to judge, the slot's length, and the weights beside."""
    seen: list[Baseline] = []

    def tell(baseline: Baseline) -> tuple[Any, ...]:
        seen.append(baseline)
        return (np.ones(baseline.frame.shape),) * 3

    data, weights = series(1, 2, 3, 4, 5, 6).iloc[[0, 1, 4, 5]], series(9, 9, 9, 9, 9, 9).iloc[[0, 1, 4, 5]]
    detection = Says(tell).detect(data, "2026-11-01T00:40", weights=weights)
    (baseline,) = seen
    assert detection.value["likes"].tolist() == [5.0, 6.0]
    assert baseline.frame["likes"].tolist() == pytest.approx([1, 2, np.nan, np.nan, 5, 6], nan_ok=True)
    assert (baseline.first, baseline.slot, baseline.judged) == (4, SLOT, slice(4, 6))
    assert baseline.weights is not None
    assert baseline.weights["likes"].tolist() == pytest.approx([9, 9, np.nan, np.nan, 9, 9], nan_ok=True)


def test_bounds_may_cover_all_rows_or_the_judged_ones() -> None:
    """Both shapes give the same detection; any other is refused with the two that are right."""
    data = series(90, 95, 100, 105)
    whole, judged = (Says((np.arange(4.0)[-n:, None],) * 3).detect(data, "2026-11-01T00:30") for n in (4, 2))
    pd.testing.assert_frame_equal(whole.expected, judged.expected)
    with pytest.raises(
        DetectorError, match=r"`expected` has shape \(3, 1\); give \(4, 1\), .*, or \(2, 1\), the judged"
    ):
        Says((np.zeros((3, 1)),) * 3).detect(data, "2026-11-01T00:30")


@pytest.mark.parametrize(
    "bounds",
    [([[100.0]], [[101.0]], [[102.0]]), ([[100.0]], [[90.0]], [[99.0]]), ([[100.0]], [[np.inf]], [[np.inf]])],
)
def test_bounds_out_of_order_are_refused(bounds: tuple[Any, ...]) -> None:
    """The first slot at which `lower <= expected <= upper` is broken is named, with metric and detector."""
    with pytest.raises(DetectorError, match=r"Says.* breaks `lower <= expected <= upper` for metric 'likes' at 2026"):
        Says(bounds).detect(series(100))


@pytest.mark.parametrize(
    "bounds",
    [(np.nan, 1.0, 2.0), (1.0, np.nan, 2.0), (1.0, 1.0, np.nan), (np.inf, 1.0, np.inf), (-np.inf, -np.inf, 1.0)],
)
def test_what_is_known_in_part_is_unknown(bounds: tuple[float, ...]) -> None:
    """Where one of the three is missing, or something infinite is expected, the slot cannot be judged at all."""
    detection = Says(tuple([[number]] for number in bounds)).detect(series(1e9))
    assert detection.status["likes"].tolist() == ["warming_up"]
    assert detection.lower.isna().all(axis=None)
    assert detection.upper.isna().all(axis=None)


def test_a_score_of_its_own_is_kept() -> None:
    """A detector's own score is what the detection says, capped, and NaN where there is no value."""
    detection = Limits(lambda _: [[0.2], [3.0], [1e9], [0.7]]).detect(series(100, 130, 500, np.nan))
    assert detection.score["likes"].tolist() == pytest.approx([0.2, 3.0, 1e6, np.nan], nan_ok=True)
    assert detection.is_anomaly["likes"].tolist() == [False, True, True, False]


@pytest.mark.parametrize("score", [1.5, -0.1, np.nan])
def test_a_score_that_denies_the_bounds_is_refused(score: float) -> None:
    """A score above 1 inside the bounds, below 0, or NaN where all is known, is the detector's mistake."""
    with pytest.raises(DetectorError, match="score > 1 exactly when the value lies outside the bounds"):
        Limits(lambda _: [[score]]).detect(series(110))
    with pytest.raises(DetectorError, match="for metric 'likes' at 2026-11-01 00:00:00"):
        Limits(lambda _: [[0.5]]).detect(series(130))


def test_a_score_of_its_own_is_that_of_the_data() -> None:
    """Where the baseline holds another value in a judged slot, as for a known incident, the data's is scored."""
    data = series(100, 130, 60, np.nan, 101).drop(pd.Timestamp("2026-11-01T00:45"))
    squared = Limits(lambda values: np.where(values > 100, (values - 100) / 20, (100 - values) / 10) ** 2)
    own = squared.detect(data, data.index[1])
    assert own.score["likes"].tolist() == pytest.approx([2.25, 16.0, 0.0025])
    replaced = squared.detect(data, data.index[1], baseline=data * 0 + 100)
    pd.testing.assert_frame_equal(replaced.score, own.score)


@pytest.mark.parametrize(
    ("score", "text"),
    [([[0.5], [0.5]], "`score` is a list; give a function"), (lambda values: values[1:], r"gives shape \(1, 1\) for")],
)
def test_a_score_that_is_no_function_of_the_values_is_refused(score: Any, text: str) -> None:
    """Scores without a function, or of other slots, are the detector's mistake, told in words."""
    with pytest.raises(DetectorError, match=text):
        Limits(score).detect(series(100, 101))


def test_a_score_that_writes_into_its_values_changes_no_value() -> None:
    """The values that are reported are the data's, whatever a score does to those that it is called with."""

    def clears(values: Any) -> Any:
        values[:] = 0.0
        return values

    assert Limits(clears).detect(series(101, 102)).value["likes"].tolist() == [101, 102]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples gathered a few at a time give, to the last bit, what they give all at once."""
    panel = synthetic_panel(days=9, gaps=0.05)
    detectors: list[Detector] = [IQR(window="6h", season=None), RollingSigma(window="7D", season="1D")]
    whole = [detector.detect(panel) for detector in detectors]
    monkeypatch.setattr(baseline_module, "BLOCK_VALUES", 1000)
    for detector, detection in zip(detectors, whole, strict=True):
        pd.testing.assert_frame_equal(detector.detect(panel).score, detection.score, check_exact=True)
    monkeypatch.setattr(baseline_module, "BLOCK_VALUES", 1)
    short = panel.iloc[:40]
    pd.testing.assert_frame_equal(
        RollingSigma().detect(short).score,
        RollingSigma().detect(panel).score.iloc[:40],
        check_exact=True,
        check_freq=False,
    )


def test_a_window_without_a_slot_is_refused() -> None:
    """A window shorter than the panel's slots could never hold anything."""
    with pytest.raises(ConfigurationError, match="a window of 0 days 00:10:00 holds no slot of 0 days 00:15:00"):
        RollingSigma(window="10min").detect(series(1, 2, 3))


def test_a_detector_needs_bounds_and_lookback() -> None:
    """A class that lacks one of the two cannot be built."""
    with pytest.raises(TypeError, match="abstract"):
        type("Empty", (Detector,), {})()
