"""Judging together: what is judged alike gets what it gets alone, and verdicts can be cut, joined and put in order."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anomalert import IQR, Baseline, Bounds, DayLagRatio, Detector, Metric, Policy, RollingSigma, WeeklyAverage
from anomalert.judging import judge, judged_alike
from anomalert.testing import synthetic_panel
from anomalert.verdicts import Verdicts
from tests.limits import Limits

SLOT = pd.Timedelta("1h")


@dataclass
class Listed(Detector):
    """A detector of other people: not frozen, so that it has no hash."""

    factors: list[float] = field(default_factory=lambda: [0.5, 2.0])

    @property
    def lookback(self) -> pd.Timedelta:
        """An hour."""
        return SLOT

    def bounds(self, baseline: Baseline) -> Bounds:
        """Return half to double of the slot before."""
        before = baseline.frame.shift(1)
        return Bounds(before, before * self.factors[0], before * self.factors[1])


class Scored(Listed):
    """One with a scale of its own: half the usual score, but for what lies outside."""

    def bounds(self, baseline: Baseline) -> Bounds:
        """Return bounds that nothing leaves, and a score of 0.25."""
        before = baseline.frame.shift(1).to_numpy()[baseline.judged]
        return Bounds(
            before, before - np.inf, before + np.inf, lambda values: np.where(np.isnan(values + before), np.nan, 0.25)
        )


class Broken(Listed):
    """One that fails."""

    def bounds(self, baseline: Baseline) -> Bounds:
        """Fail."""
        raise ZeroDivisionError(f"{len(baseline.frame)} rows")


def panel() -> pd.DataFrame:
    """Return nine days of five metrics, some of whose slots are out of the ordinary or unknown."""
    hours = synthetic_panel(days=9, seed=3, slot=SLOT, timezone="Europe/Moscow", gaps=0.03)
    frame = pd.concat([hours, hours[::-1].set_axis(hours.index).add_prefix("turned "), hours["views"] / 3e3], axis=1)
    frame = frame.set_axis(["a", "b", "c", "d", "e"], axis=1)
    frame.iloc[-20:-14] *= 0.2
    return frame


METRICS = [
    Metric("a", WeeklyAverage(), absent="zero"),
    Metric("b", DayLagRatio(), policy=Policy(persist=(2, 3))),
    Metric("c", WeeklyAverage(), absent="zero"),
    Metric("d", Listed()),
    Metric("e", WeeklyAverage(), denominator="a"),
]


def judged(metrics: list[Metric], frame: pd.DataFrame, days: int = 1) -> tuple[pd.DataFrame, list[str]]:
    """Return the verdicts of the last days as a frame, and the errors' texts."""
    verdicts, errors = judge(metrics, frame, frame.index[-24 * days], SLOT)
    return verdicts.frame(), [str(error) for error in errors]


def test_what_is_judged_together_gets_what_it_gets_alone() -> None:
    """Equal detectors and policies make a group, ratios and detectors without a hash do not; the verdicts are alike."""
    groups = [[metric.name for metric in group] for group in judged_alike([*METRICS, Metric("f", Listed())])]
    assert sorted(groups) == [["a", "c"], ["b"], ["d"], ["e"], ["f"]]
    frame = panel()
    together, errors = judged(METRICS, frame)
    assert errors == []
    alone = pd.concat([judged([metric], frame)[0] for metric in METRICS], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone)
    assert together["is_alert"].sum() > 10
    ratio = together[together["metric"] == "e"].set_index("slot")["volume"]
    np.testing.assert_array_equal(ratio, frame["a"].iloc[-24:])


def test_a_metric_that_fails_takes_nobody_along() -> None:
    """There is one error, which names it, no verdict of it, and the others are judged, also those of its kind."""
    frame = panel()
    found, errors = judged([METRICS[0], Metric("d", Broken()), METRICS[2]], frame)
    assert [error.split(":")[0] for error in errors] == ["metric 'd'"]
    assert found["metric"].unique().tolist() == ["a", "c"]
    pd.testing.assert_frame_equal(found, judged([METRICS[0], METRICS[2]], frame)[0])


def test_of_a_group_that_fails_only_the_one_to_blame_is_lost() -> None:
    """Two metrics are judged together, and a bound of one breaks the contract: the other keeps its verdicts."""

    @dataclass(frozen=True)
    class Picky(Detector):
        @property
        def lookback(self) -> pd.Timedelta:
            return SLOT

        def bounds(self, baseline: Baseline) -> Bounds:
            past = baseline.frame.to_numpy()
            level = np.where(np.nanmax(past, axis=0) > 3000, -1.0, 1.0) * np.ones(past.shape)
            return Bounds(level * 0, -level, level)

    frame = panel()
    found, errors = judged([Metric("a", Picky()), Metric("b", Picky())], frame)
    assert len(errors) == 1
    assert "metric 'a'" in errors[0]
    assert found["metric"].unique().tolist() == ["b"]


def test_a_score_of_its_own_stays_beside_those_of_others() -> None:
    """Joined, cut and put in another order, each metric has its own score, by its detector or by the bounds."""
    frame = panel()
    one, _ = judge([Metric("d", Scored())], frame, frame.index[-24], SLOT)
    other, _ = judge([METRICS[0]], frame, frame.index[-24], SLOT)
    both = Verdicts.side_by_side([one, other]).ordered(["a", "d"]).rows(slice(3, 20))
    assert both.metrics == ("a", "d")
    known = ~np.isnan(both.score[:, 1])
    assert set(both.score[known, 1]) == {0.25}
    np.testing.assert_array_equal(both.score[:, 0], other.score[3:20, 0])
    assert (both.slots == one.slots[3:20]).all()


def test_later_verdicts_are_put_over_earlier_ones() -> None:
    """Some slots of some metrics are taken over, and nothing else changes, scores and volumes included."""
    frame = panel()
    metrics = [Metric("d", Scored()), METRICS[4], METRICS[0]]
    whole, _ = judge(metrics, frame, frame.index[-24], SLOT)
    before = whole.frame()
    changed = frame.copy()
    changed.loc[:, "a"] = frame["a"] * 7
    again, _ = judge(metrics[1:], changed.loc[: frame.index[-10]], frame.index[-13], SLOT)
    whole.put(again)
    after, wanted = whole.frame(), again.frame()
    rows = after["slot"].isin(wanted["slot"]) & after["metric"].isin(["a", "e"])
    pd.testing.assert_frame_equal(after[rows].reset_index(drop=True), wanted)
    pd.testing.assert_frame_equal(after[~rows], before[~rows])
    assert len(wanted) == 8


@pytest.mark.parametrize("detector", [IQR("3D"), RollingSigma("5h"), Limits()])
def test_no_slots_give_no_rows(detector: Any) -> None:
    """Nothing to judge is no error, and the frame has the columns that it always has."""
    frame = panel()
    verdicts, errors = judge([Metric("a", detector)], frame, frame.index[-1] + SLOT, SLOT)
    assert errors == []
    assert isinstance(verdicts, Verdicts)
    assert len(verdicts.frame()) == 0
    assert {"metric", "slot", "is_alert", "held_by_quiet"} <= set(verdicts.frame().columns)
