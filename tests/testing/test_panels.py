"""Synthetic panels: seeded, shaped by the local day and week, with the gaps that were asked for."""

import numpy as np
import pandas as pd
import pytest

from anomalert.errors import ConfigurationError
from anomalert.testing import synthetic_panel


def test_the_seed_decides() -> None:
    """The same seed gives the same panel, another one another."""
    pd.testing.assert_frame_equal(synthetic_panel(3, seed=1), synthetic_panel(3, seed=1))
    assert (synthetic_panel(3, seed=1) != synthetic_panel(3, seed=2)).mean().min() > 0.9


@pytest.mark.parametrize("zone", ["UTC", "Europe/Moscow", "America/New_York", "Asia/Kathmandu", None])
def test_day_and_week_are_those_of_the_zone(zone: str | None) -> None:
    """It peaks at eight in the evening local time, and weekends are a fifth lower."""
    views = synthetic_panel(28, timezone=zone)["views"]
    index = pd.DatetimeIndex(views.index)
    by_hour = views.groupby(index.hour).mean()
    assert abs(np.argmax(by_hour) - 20) <= 1
    assert abs(np.argmin(by_hour) - 8) <= 1
    assert by_hour.max() / by_hour.min() == pytest.approx(5, rel=0.1)
    weekend = views[index.day_of_week >= 5].mean() / views[index.day_of_week < 5].mean()
    assert weekend == pytest.approx(0.8, rel=0.02)
    assert str(index[0].time()) == "00:00:00"


def test_noise_is_what_the_docstring_says() -> None:
    """Two panels that differ by their seed only differ by noise of 5 % each."""
    one, other = synthetic_panel(28, seed=1)["views"], synthetic_panel(28, seed=2)["views"]
    assert float(np.log(one / other).std()) == pytest.approx(0.05 * np.sqrt(2), rel=0.05)


def test_every_slot_is_there_across_a_clock_change() -> None:
    """A local day of 23 or 25 hours has as many slots; a zone may have no midnight on that day."""
    assert len(synthetic_panel(1, start="2026-11-01", timezone="America/New_York")) == 100
    assert len(synthetic_panel(1, start="2026-03-08", timezone="America/New_York", slot="1h")) == 23
    cairo = synthetic_panel(2, start="2026-04-23", timezone="Africa/Cairo", slot="1h")
    assert len(cairo) == 47
    assert len(synthetic_panel(1, start="2026-04-24", timezone="Africa/Cairo", slot="1h")) == 23


def test_gaps_are_a_share_of_the_values() -> None:
    """About as many values are unknown as were asked for, others in each metric; without gaps there are none."""
    gaps = synthetic_panel(28, gaps=0.2).isna()
    assert gaps.mean().tolist() == pytest.approx([0.2, 0.2], abs=0.02)
    assert (gaps["views"] & gaps["likes"]).mean() == pytest.approx(0.04, abs=0.01)
    assert not synthetic_panel(28).isna().any(axis=None)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"days": 0}, "`days` is 0"),
        ({"gaps": 1.5}, "`gaps` is 1.5: it is a share"),
        ({"slot": "7min"}, "does not divide"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], found: str) -> None:
    """Each is named with what is needed."""
    with pytest.raises(ConfigurationError, match=found):
        synthetic_panel(**settings)  # type: ignore[arg-type]
