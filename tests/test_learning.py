"""What is learnt: odd days of the past are not handed on, and a new course is quiet after a while."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from anomalert import (
    IQR,
    DayLagRatio,
    Detector,
    FrameSource,
    Metric,
    Monitor,
    Policy,
    RollingSigma,
    WeeklyAverage,
    backtest,
)
from anomalert.interfaces import Direction
from anomalert.learning import Replacement, Watch, replacement_of
from anomalert.panel import slot_length
from anomalert.testing import synthetic_panel
from tests.registry import DETECTORS, SEASONAL

DAY = pd.Timedelta("1D")
START = pd.Timestamp("2026-09-01T00:00Z")
SLOT = pd.Timedelta("6h")


def replay(
    detector: Detector, values: pd.Series | pd.DataFrame, first: pd.Timestamp, policy: Policy | None = None
) -> pd.DataFrame:
    """Return the judgements of a backtest of `values` from the slot `first` on."""
    panel = values.to_frame("likes") if isinstance(values, pd.Series) else values
    metrics = [Metric(str(name), detector, policy=policy or Policy()) for name in panel]
    slot = slot_length(pd.DatetimeIndex(panel.index))
    monitor = Monitor(FrameSource(panel), metrics, slot=slot, timezone="UTC")
    return backtest(monitor, panel, start=first, progress=False).judgements


def days_told(detector: Detector, values: pd.Series, first: pd.Timestamp, policy: Policy | None = None) -> list[int]:
    """Return the days with an alert, 0 for that of the slot `first`."""
    judged = replay(detector, values, first, policy)
    return sorted(set((judged.loc[judged["is_alert"], "slot"] - first) // DAY))


def steady(days: int) -> pd.Series:
    """Return a metric that is 100 in every slot."""
    return pd.Series(100.0, pd.date_range(START, START + days * DAY, freq=SLOT, inclusive="left"))


HOLIDAY = START + 20 * DAY
STORIES = [
    # Detector, on which days after a holiday that nobody judged an ordinary day is told.
    (DayLagRatio(1), [1, 2, 3, 4]),
    (DayLagRatio(3), [3, 6]),
    (DayLagRatio(7), [7, 14]),
    (WeeklyAverage(), []),
    (WeeklyAverage(threshold=0.08), [1, 2, 3, 4, 5, 6, 7]),
]


@pytest.mark.parametrize(("detector", "told"), STORIES)
def test_a_holiday_of_the_past_is_not_handed_on(detector: Detector, told: list[int]) -> None:
    """The day that is compared with a holiday is told, and once or for `adapt` those after it, but not for ever."""
    values = steady(70)
    values[HOLIDAY : HOLIDAY + DAY - SLOT] = 30.0
    assert [day + 1 for day in days_told(detector, values, HOLIDAY + DAY)] == told


def test_an_incident_in_the_same_hour_of_two_weeks_echoes_once() -> None:
    """The second is learnt and the way back is odd, once; with a longer `adapt` neither is, and nothing echoes."""
    values = steady(70)
    values[values.index.isin([HOLIDAY, HOLIDAY + 7 * DAY])] = 30.0
    assert days_told(DayLagRatio(7), values, HOLIDAY) == [0, 7, 14]
    assert days_told(DayLagRatio(7), values, HOLIDAY, Policy(adapt="8D")) == [0, 7]


def test_the_way_back_is_no_beginning_of_another_course() -> None:
    """What goes wrong in the week after it is replaced like any other incident, and echoes nowhere."""
    values = steady(70)
    values[values.index.isin([HOLIDAY + 7 * week * DAY for week in (0, 1, 3)])] = 30.0
    assert days_told(DayLagRatio(7), values, HOLIDAY) == [0, 7, 14, 21]


def test_a_drop_and_a_rise_in_the_same_hour_of_two_weeks_echo_nowhere() -> None:
    """They are two things that happened, and not one new course."""
    values = steady(70)
    values[values.index == HOLIDAY], values[values.index == HOLIDAY + 7 * DAY] = 30.0, 300.0
    assert days_told(DayLagRatio(7), values, HOLIDAY) == [0, 7]


def test_what_comes_every_week_is_never_usual_to_a_mean_of_all_days() -> None:
    """It is told each week, and raises no echo on the days between, which learning it would."""
    values = steady(70)
    values.iloc[values.index.get_loc(HOLIDAY) :: 7 * DAY // SLOT] = 5000.0
    assert days_told(WeeklyAverage(), values, HOLIDAY) == list(range(0, 50, 7))


@pytest.mark.parametrize("detector", DETECTORS, ids=repr)
def test_false_alarms_beget_no_more_than_as_many(detector: Detector) -> None:
    """Where nothing is wrong, a replay finds at most twice as many slots unusual as the detector does by itself.

    Were false alarms replaced by what was expected, the usual range would grow narrower with each: eight times as many
    for `IQR()`.
    """
    noise = synthetic_panel(days=70, seed=1, slot="1h")
    first = noise.index[0] + 30 * DAY
    judged = replay(detector, noise, first)
    alone = detector.detect(noise, first).is_anomaly.to_numpy().mean()
    assert (judged["status"] == "anomaly").mean() < 2 * alone + 0.002


@dataclass(frozen=True)
class Strays(DayLagRatio):
    """A detector of other people that asks for a value between what was expected and the bound."""

    @property
    def ordinary_score(self) -> float:
        """Return a tenth."""
        return 0.1


@pytest.mark.parametrize(
    ("detector", "values", "wanted"),
    [
        (DayLagRatio(), [100.0, 100.0, 10.0], 100.0),
        (WeeklyAverage(2, min_count=2), [100.0, 110.0, 10.0], 105.0),
        (RollingSigma("2D", "1D"), [90.0, 110.0, 10.0], 100.0 - np.std([90, 110], ddof=1)),
        (RollingSigma("2D", "1D", sigmas=0.5), [90.0, 110.0, 900.0], 100.0 + 0.5 * np.std([90, 110], ddof=1)),
        (IQR("2D", "1D", k=1.5), [90.0, 110.0, 900.0], 100.0 + 0.741 * 10),
        (IQR("2D", "1D", k=3), [90.0, 110.0, 10.0], 100.0 - 0.741 * 10),
        (Strays(threshold=0.5), [100.0, 100.0, 10.0], 95.0),
        (Strays(threshold=0.5), [100.0, 100.0, 900.0], 110.0),
    ],
)
def test_what_stands_in_place_of_an_incident(detector: Detector, values: list[float], wanted: float) -> None:
    """What was expected; for detectors that measure spread a standard deviation off that, at most the bound."""
    series = pd.Series(values, pd.date_range(START, periods=3, freq="D"))
    seen = detector.detect(series, series.index[-1])
    side: Direction = "up" if values[-1] > 100 else "down"
    edges = tuple(float(part["value"].item()) for part in (seen.expected, seen.lower, seen.upper))
    watch = Watch(Policy(), detector.lookback, ordinary_score=detector.ordinary_score)
    found = replacement_of({}, series.index[-1], side, (edges[0], edges[1], edges[2]), watch)
    assert found is not None
    assert found.value == pytest.approx(wanted, rel=1e-3)
    assert found.direction == side


def test_an_infinite_bound_on_the_other_side_does_no_harm() -> None:
    """Nothing but the side of the value decides."""
    watch = Watch(Policy(), DAY, ordinary_score=0.5)
    found = replacement_of({}, START, "down", (100.0, 50.0, np.inf), watch)
    assert found == Replacement(75.0, "down")


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(
    st.sampled_from(DETECTORS),
    st.sampled_from(["6h", "3D", "10D"]),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.05, 0.5, 2.0]),
)
def test_a_course_that_repeats_exactly_is_quiet_after_a_while(
    detector: Detector, adapt: str, seed: int, scatter: float
) -> None:
    """Whatever was before: once the detector's past could be new three times over, no slot is unusual any more."""
    rng = np.random.default_rng(seed)
    period = detector.recurrence if detector in SEASONAL else SLOT
    before, learning = detector.lookback.ceil("D"), 4 * (detector.lookback.ceil("D") + pd.Timedelta(adapt).ceil("D"))
    old = 100 * rng.lognormal(0, scatter, before // SLOT)
    course = np.resize(100 * rng.lognormal(0, scatter, period // SLOT), (learning + before) // SLOT)
    values = pd.Series(np.append(old, course), pd.date_range(START, periods=len(old) + len(course), freq=SLOT))
    judged = replay(detector, values, START + before, Policy(adapt=adapt))
    late = judged[judged["slot"] >= START + before + learning]
    assert late[late["status"] == "anomaly"].empty
