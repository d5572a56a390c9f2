"""What a detector finds of planted incidents: by a slow oracle, where it is known, in words and in pictures."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from anomalert import IQR, DayLagRatio, Detector, RollingSigma, Sensitivity, WeeklyAverage, charts, detectable, inject
from anomalert.detector import Baseline, Bounds
from anomalert.errors import ConfigurationError, InvalidPanelError
from anomalert.injection import Kind
from anomalert.sensitivity import wilson
from anomalert.testing import synthetic_panel
from tests.limits import SLOT, Limits

PANEL = synthetic_panel(days=21, seed=8, timezone="Europe/Berlin")


@dataclass(frozen=True)
class Always(Detector):
    """Expects what no metric is, so that every slot is anomalous."""

    @property
    def lookback(self) -> pd.Timedelta:
        """None is needed."""
        return pd.Timedelta(0)

    def bounds(self, baseline: Baseline) -> Bounds:
        """Return bounds far above every value."""
        level = np.full(baseline.frame.shape, 1e9)
        return Bounds(level, level, level)


@pytest.mark.parametrize("kind", ["drop", "spike", "drift", "variance", "late"])
def test_a_detector_that_always_fires_finds_nothing(kind: Kind) -> None:
    """Slots that are anomalous without an incident are no find, however large it is."""
    result = detectable(Always(), PANEL, kind=kind, sizes=["50%", "100%"], count=20)
    assert result.frame["planted"].tolist() == [40, 40]
    assert result.frame["found"].tolist() == [0, 0]
    assert math.isnan(result.smallest(recall=0.01))


CASES: list[tuple[Detector, Kind, list[str | float]]] = [
    (WeeklyAverage(threshold=0.4), "drop", ["30%", "40%", "50%"]),
    (DayLagRatio(threshold=0.3), "spike", ["20%", "45%", "80%"]),
    (RollingSigma(), "shift", [-3, 6, 12]),
    (RollingSigma(), "late", ["20%", "90%"]),
    (WeeklyAverage(days=5, threshold=0.4), "drift", [-6, -12]),
    (IQR(window="7D"), "variance", ["200%", "900%"]),
]


@pytest.mark.parametrize(("detector", "kind", "sizes"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_what_is_found_agrees_with_a_slow_oracle(detector: Detector, kind: Kind, sizes: list[str | float]) -> None:
    """Judging whole copies of the panel, one for each incident and size, finds as many; across a clock change too."""
    panel = synthetic_panel(days=10, seed=3, timezone="Europe/Berlin", start="2026-10-17", slot="30min")
    result = detectable(detector, panel, kind=kind, sizes=sizes, length="90min", count=6, seed=4)
    clean = detector.detect(panel).is_anomaly
    places = result_places(detector, panel, 6, 4)
    for amount, planted, found in result.frame[["size", "planted", "found"]].itertuples(index=False, name=None):
        size = f"{amount}%" if result.unit == "%" else float(amount)
        assert found == sum(is_found(detector, panel, clean, place, (kind, size)) for place in places)
        assert planted == len(places)
    assert result.frame["found"].max() > 0


def is_found(
    detector: Detector,
    panel: pd.DataFrame,
    clean: pd.DataFrame,
    place: tuple[str, pd.Timestamp],
    what: tuple[Kind, Any],
) -> bool:
    """Return whether a detector that sees the whole panel with this one incident finds it."""
    metric, start = place
    injected, labels = inject(panel, what[0], size=what[1], length="90min", metrics=[metric], at=[start])
    anomalous = detector.detect(injected).is_anomaly[metric] & ~clean[metric]
    return bool(anomalous.loc[start : labels["end"][0]].any())


def result_places(detector: Detector, panel: pd.DataFrame, count: int, seed: int) -> list[tuple[str, pd.Timestamp]]:
    """Return where `detectable` plants: whatever the detector is asked about with a start is one such place."""
    asked: list[pd.Timestamp] = []

    @dataclass(frozen=True)
    class Listening(Detector):
        @property
        def lookback(self) -> pd.Timedelta:
            return detector.lookback

        def bounds(self, baseline: Baseline) -> Bounds:
            asked.append(baseline.frame.index[baseline.first])
            level = np.zeros(baseline.frame.shape)
            return Bounds(level, level, level)

    detectable(Listening(), panel, sizes=["10%"], length="90min", count=count, seed=seed)
    assert len(asked) == count * panel.shape[1]
    return [(panel.columns[position // count], start) for position, start in enumerate(asked)]


@pytest.mark.parametrize("detector", [WeeklyAverage(), IQR(window="7D"), DayLagRatio()], ids=repr)
def test_recall_grows_with_size(detector: Detector) -> None:
    """A deeper drop is found at least as often, from hardly ever to always."""
    frame = detectable(detector, PANEL, count=40).frame
    assert frame["size"].is_monotonic_increasing
    assert frame["recall"].is_monotonic_increasing
    assert frame["recall"].iloc[0] < 0.15
    assert frame["recall"].iloc[-1] == 1.0
    assert ((frame["low"] <= frame["recall"]) & (frame["recall"] <= frame["high"])).all()


def test_fixed_limits_find_what_crosses_them() -> None:
    """Around 100, with limits at 90 and 120, a drop is found from 11 % on, a spike from 21 %, to the exact slot."""
    flat = pd.Series(100.0, pd.date_range("2026-11-01", periods=96, freq=SLOT))
    drops = detectable(Limits(), flat, sizes=["12%", "10%", "11%", "5%"], count=3)
    assert drops.frame["size"].tolist() == [5, 10, 11, 12]
    assert drops.frame["recall"].tolist() == [0, 0, 1, 1]
    assert drops.smallest() == 11
    spikes = detectable(Limits(), flat, kind="shift", sizes=["-20%", "21%", "-5%", "20%"], count=3)
    assert spikes.frame["size"].tolist() == [-5, -20, 20, 21]
    assert spikes.frame["recall"].tolist() == [0, 1, 0, 1]
    assert spikes.smallest() == -20


def test_a_slot_that_cannot_be_judged_does_not_find() -> None:
    """Where a detector has no baseline, nothing is found, not even a drop to zero."""
    gappy = PANEL.copy()
    gappy.iloc[:-700] = np.nan
    result = detectable(WeeklyAverage(min_count=7), gappy, sizes=["100%"], count=10, seed=1)
    whole = detectable(WeeklyAverage(min_count=7), PANEL, sizes=["100%"], count=10, seed=1)
    assert result.frame["found"].item() < whole.frame["found"].item() == 20


def test_the_same_places_serve_every_size() -> None:
    """Sizes asked for together or alone are found as often, and so on a second call; another seed differs."""
    together = detectable(IQR(window="7D"), PANEL, sizes=["10%", "20%", "30%"], count=30)
    again = detectable(IQR(window="7D"), PANEL, sizes=["10%", "20%", "30%"], count=30)
    alone = detectable(IQR(window="7D"), PANEL, sizes=["20%"], count=30)
    other = detectable(IQR(window="7D"), PANEL, sizes=["10%", "20%", "30%"], count=30, seed=5)
    pd.testing.assert_frame_equal(together.frame, again.frame)
    assert together.frame["found"][1] == alone.frame["found"][0]
    assert not together.frame.equals(other.frame)


@given(st.integers(1, 500).flatmap(lambda planted: st.tuples(st.integers(0, planted), st.just(planted))))
@settings(deadline=None)
def test_intervals_are_those_of_wilson(counts: tuple[int, int]) -> None:
    """The edges agree with SciPy's, and hold the share."""
    found, planted = counts
    low, high = wilson(np.array([found]), planted)
    interval = binomtest(found, planted).proportion_ci(0.95, method="wilson")
    assert (low[0], high[0]) == pytest.approx((interval.low, interval.high), abs=1e-12)
    assert 0 <= low[0] <= found / planted <= high[0] <= 1


def test_the_panel_stays_as_it_was() -> None:
    """Trying detectors changes nothing in the history."""
    before = PANEL.copy()
    detectable(WeeklyAverage(), PANEL, count=3)
    pd.testing.assert_frame_equal(PANEL, before)


def result() -> Sensitivity:
    """Return a small result."""
    return detectable(WeeklyAverage(), PANEL, sizes=[4, 8, 12, 16], count=10)


def test_a_notebook_shows_what_was_planted() -> None:
    """Text, table and picture say the detector, the kind, the unit and the numbers; markup in a name is escaped."""
    shown = result()
    assert repr(shown).startswith(
        "WeeklyAverage(days=7, threshold=0.5, min_count=4): 20 times 'drop' of 1 h, sizes in noises of the metric\n"
    )
    assert "planted  found  recall" in repr(shown)
    assert "<th>recall</th>" in shown._repr_html_()
    assert "&lt;script&gt;" in Sensitivity(shown.frame, "drop", "%", SLOT, "<script>")._repr_html_()


def test_the_picture_holds_the_frame() -> None:
    """The line lies on the recalls in percent, the band on the intervals, and the axis begins at 0."""
    shown = result()
    figure = shown.plot()
    (axes,) = figure.axes
    line = axes.get_lines()[0]
    assert np.asarray(line.get_xdata()).tolist() == shown.frame["size"].tolist()
    assert np.asarray(line.get_ydata()).tolist() == (100 * shown.frame["recall"]).tolist()
    corners = np.asarray(axes.collections[0].get_paths()[0].vertices)
    assert corners[:, 1].max() == pytest.approx(100 * shown.frame["high"].max())
    assert corners[:, 1].min() == pytest.approx(100 * shown.frame["low"].min())
    assert axes.get_ylim()[0] == 0
    assert axes.get_title(loc="left").startswith("WeeklyAverage")
    assert any("by size in noises of the metric" in text.get_text() for text in axes.texts)
    assert charts.to_png(figure) == charts.to_png(shown.plot())


@pytest.mark.parametrize("sizes", [["40%"], ["-40%", "40%"]])
def test_few_sizes_can_be_drawn(sizes: list[str]) -> None:
    """One size alone, and sizes on both sides of 0, lie inside of the axis."""
    figure = detectable(DayLagRatio(), PANEL, kind="shift", sizes=sizes, count=2).plot()
    low, high = figure.axes[0].get_xlim()
    assert low < min(-40 if len(sizes) == 2 else 0, 40) < 40 < high
    assert charts.to_png(figure)


@pytest.mark.parametrize(
    "frame", [pd.DataFrame({"size": [1.0]}), pd.DataFrame(columns=["size", "recall", "low", "high"])]
)
def test_a_picture_needs_its_columns_and_rows(frame: pd.DataFrame) -> None:
    """A frame that lacks columns or rows is refused in words."""
    with pytest.raises(InvalidPanelError, match="`frame` lacks"):
        charts.draw_recall(frame, "title", subtitle="")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kind": "zero"}, "has no size: take 'drop'"),
    ({"kind": "missing"}, "has no size: take 'drop'"),
    ({"kind": "dip"}, "`kind` is 'dip'"),
    ({"sizes": "40%"}, "`sizes` is '40%': put the sizes in a list"),
    ({"sizes": 3}, "`sizes` is 3: put the sizes in a list"),
    ({"sizes": []}, "`sizes` is empty"),
    ({"sizes": ["40%", 3]}, "mixes shares and noises"),
    ({"sizes": ["40%", "40.0%"]}, "names one size twice"),
    ({"sizes": ["140%"]}, "cannot lose more than all it has"),
    ({"count": 0}, "`count` is 0"),
    ({"count": 10_000}, "has room for"),
    ({"seed": -1}, "`seed` is -1"),
    ({"length": None}, "`length` is None"),
    ({"length": "20min"}, "no whole number of slots"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[str(index) for index in range(len(WRONG))])
def test_mistakes_are_told_in_words(arguments: dict[str, Any], message: str) -> None:
    """Arguments that make no sense are refused, with what was found and what to do."""
    with pytest.raises(ConfigurationError, match=message):
        detectable(WeeklyAverage(), PANEL, **arguments)


@pytest.mark.parametrize("recall", [0, 1.5, "0.9", True])
def test_a_recall_is_a_share(recall: Any) -> None:
    """What is aimed at is above 0 and at most 1."""
    with pytest.raises(ConfigurationError, match="`recall` is "):
        result().smallest(recall=recall)


def test_a_history_shorter_than_the_lookback_is_refused() -> None:
    """The message names the metric and says that there is no room."""
    with pytest.raises(ConfigurationError, match="'views' has room for 0 incidents"):
        detectable(WeeklyAverage(), synthetic_panel(days=6))
