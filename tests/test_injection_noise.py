"""The usual course and the noise of a metric: what they are by slow loops, and on data whose noise is known."""

import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from anomalert import inject, noise_of, usual_of
from anomalert.errors import InvalidPanelError
from anomalert.panel import slot_length
from anomalert.testing import synthetic_panel
from tests import oracles
from tests.strategies import panels

DAYS_AROUND = ([7, 14, 21, 28], [1, 2, 3, 4, 5, 6])


def usual_oracle(series: pd.Series) -> list[float]:
    """Return the usual course by a loop over slots and days."""
    past = oracles.Past.of(series, slot_length(pd.DatetimeIndex(series.index)))
    everything = [number for number in past.numbers if np.isfinite(number)]
    courses = []
    for row in range(len(series)):
        samples = [known_at(past, row, [sign * day for day in days for sign in (1, -1)]) for days in DAYS_AROUND]
        sample = next((each for each in [*samples, everything] if each), [np.nan])
        courses.append(statistics.median(sample))
    return courses


def known_at(past: oracles.Past, row: int, days: list[int]) -> list[float]:
    """Return the known values of the same wall-clock slot so many days earlier, or later if below 0."""
    rows = [oracles.same_wall_clock_row(past, row, day) for day in days]
    return [past.numbers[other] for other in rows if other is not None and np.isfinite(past.numbers[other])]


@settings(deadline=None, max_examples=60)
@given(panels(infinite=True, holes=True))
def test_the_usual_course_agrees_with_a_slow_oracle(panel: pd.DataFrame) -> None:
    """On every panel, with gaps, holes and clock changes: the median of the same slot on other days."""
    usual = usual_of(panel)
    assert usual.index.equals(panel.index)
    for metric in panel.columns:
        assert usual[metric].tolist() == pytest.approx(usual_oracle(panel[metric]), rel=1e-12, nan_ok=True)


@settings(deadline=None, max_examples=60)
@given(panels(infinite=True, holes=True))
def test_noise_is_never_negative_and_known_where_it_can_be(panel: pd.DataFrame) -> None:
    """Noise is 0 or more, and either known for a whole metric or not at all."""
    noise = noise_of(panel)
    assert noise.index.equals(panel.index)
    assert noise.columns.equals(panel.columns)
    assert not (noise < 0).to_numpy().any()
    assert (noise.isna().all() | noise.notna().all()).all()


def test_the_usual_course_does_not_hold_the_slot_itself() -> None:
    """An incident is far from the usual course, which it does not move."""
    views = synthetic_panel(days=28)["views"]
    injected, labels = inject(views, "zero", count=5)
    usual = usual_of(injected)["views"]
    start = pd.DatetimeIndex(labels["start"])
    assert (usual[start] > 0.8 * views[start]).all()


@pytest.mark.parametrize("seed", range(5))
def test_noise_of_a_relative_scatter_is_that_share_of_the_level(seed: int) -> None:
    """Where a metric scatters by 5 % of its level, by day and by night, noise is 5 % of what is usual there."""
    panel = synthetic_panel(days=28, seed=seed)
    share = noise_of(panel) / usual_of(panel)
    assert (share.median() - 0.05).abs().max() < 0.004
    assert (share.quantile([0.05, 0.95]) - 0.05).abs().max().max() < 0.012


def test_noise_of_independent_events_is_the_root_of_their_number() -> None:
    """Counts of independent events scatter by the root of their mean, by day and by night: on average to 3 %."""
    index = pd.date_range("2026-10-05", periods=28 * 96, freq="15min", tz="Europe/Berlin")
    mean = np.where(index.hour < 12, 100, 900) * np.where(index.day_of_week >= 5, 0.6, 1)
    ratios = np.empty((10, len(index)))
    for seed in range(len(ratios)):
        counts = pd.Series(np.random.default_rng(seed).poisson(mean), index)
        ratios[seed] = noise_of(counts)["value"].to_numpy() / np.sqrt(mean)
    assert np.quantile(ratios, [0.05, 0.5, 0.95]) == pytest.approx([1, 1, 1], abs=0.2)
    assert ratios[:, index.hour < 12].mean() == pytest.approx(1, abs=0.03)
    assert ratios[:, index.hour >= 12].mean() == pytest.approx(1, abs=0.03)


def test_a_metric_that_is_mostly_zero_has_noise() -> None:
    """A few events a day scatter by the root of their mean too; what never changes has no noise."""
    index = pd.date_range("2026-10-05", periods=28 * 96, freq="15min")
    rare = pd.Series(np.random.default_rng(1).poisson(0.1, len(index)), index)
    assert noise_of(rare)["value"].median() == pytest.approx(np.sqrt(0.1), rel=0.15)
    assert (noise_of(rare * 0 + 7) == 0).all().all()


def test_incidents_hardly_move_the_noise() -> None:
    """Twenty drops to zero within two weeks leave the noise within a fifth of what it was."""
    panel = synthetic_panel(days=28, seed=2)
    injected, _ = inject(panel, "zero", count=20)
    assert (noise_of(injected) / noise_of(panel) - 1).abs().median().max() < 0.2


def test_noise_scales_with_the_unit() -> None:
    """In other units the noise is that multiple of it, and a level that is added changes nothing."""
    panel = synthetic_panel(days=21)
    noise = noise_of(panel)
    pd.testing.assert_frame_equal(noise_of(panel * 8), noise * 8)
    pd.testing.assert_frame_equal(noise_of(panel + 512), noise)


def test_short_histories_are_compared_by_the_day() -> None:
    """With less than a week, yesterday's slot is what there is; with a single day, noise is unknown."""
    panel = synthetic_panel(days=4)
    noise = noise_of(panel) / usual_of(panel)
    assert ((noise > 0.03) & (noise < 0.08)).all().all()
    one = synthetic_panel(days=1)
    assert noise_of(one).isna().all().all()
    assert (usual_of(one) == one.median()).all().all()


def test_what_is_no_panel_is_refused() -> None:
    """The contract of a panel holds here too."""
    for function in (usual_of, noise_of):
        with pytest.raises(InvalidPanelError, match="not a DatetimeIndex"):
            function(pd.Series([1.0, 2.0]))
