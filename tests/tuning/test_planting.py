"""Where incidents are planted: one in every stretch, apart, on known values, in every size as often as in others."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert.errors import ConfigurationError
from anomalert.tuning import Search
from anomalert.tuning.planting import places, planted
from tests.tuning.grounds import history


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(2, 40), st.integers(0, 99), st.sampled_from([0.0, 0.02, 0.3]))
def test_places_lie_apart_each_in_its_stretch(steps: int, times: int, seed: int, unknown: float) -> None:
    """Each is in a stretch of its own, on known slots above 0, a slot more than it lasts, twice its length apart."""
    rng, room = np.random.default_rng(seed), steps * times
    values = np.where(rng.random(600) < unknown, rng.choice([np.nan, 0.0, -1.0], 600), 5.0)
    found = places(values, slice(100, 550), steps, room, np.random.default_rng(seed))
    stretches = (found - 100) // room
    assert len(set(stretches.tolist())) == len(found)
    assert all((values[row : row + steps + 1] > 0).all() for row in found)
    assert (np.diff(found) >= 2 * steps).all()
    assert all(row in range(100, 550 - steps) for row in found)
    if not unknown:
        assert len(found) == len(range(100, 550 - steps - room, room))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 50), st.sampled_from([("20%",), ("10%", "30%"), ("10%", "20%", "40%", "80%")]))
def test_sizes_take_turns_and_nothing_else_changes(seed: int, sizes: tuple[str, ...]) -> None:
    """No size is planted more than once oftener than another; each slot loses that share, and no other slot any."""
    views = history(seed % 5)["views"]
    search = Search(sizes=sizes, length="3h", seed=seed)
    found, labels = planted(views, slice(300, 1100), "drop", search)
    counts = labels["size"].value_counts()
    assert set(counts.index) == set(sizes)
    assert counts.max() - counts.min() <= 1
    expected = views.copy()
    for start, end, size in labels[["start", "end", "size"]].itertuples(index=False):
        assert end - start == pd.Timedelta("3h")
        slots = (views.index >= start) & (views.index < end)
        expected[slots] = views[slots] * (1 - float(size.rstrip("%")) / 100)
    pd.testing.assert_series_equal(found, expected, atol=0.5 + 1e-6, rtol=0)
    assert (found != views).sum() == 3 * len(labels)
    assert labels["start"].min() >= views.index[300]
    assert labels["end"].max() <= views.index[1099]


def test_the_same_seed_plants_the_same() -> None:
    """And another one elsewhere."""
    views, rows = history()["views"], slice(300, 1100)
    one, again, other = (planted(views, rows, "drop", Search(seed=seed)) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one[1], again[1])
    pd.testing.assert_series_equal(one[0], again[0])
    assert one[1]["start"].tolist() != other[1]["start"].tolist()


def test_a_metric_without_anything_to_lose_has_no_room() -> None:
    """The message names the metric, the range, and what is needed."""
    with pytest.raises(ConfigurationError, match=r"metric 'views' has no room .* need 0 days 04:00:00 of known values"):
        planted(history()["views"] * 0, slice(300, 1100), "drop", Search())


def test_incidents_have_to_be_shorter_than_half_their_stretch() -> None:
    """Else two of them are told as one."""
    with pytest.raises(ConfigurationError, match="`every` is 7h and planted incidents last 0 days 04:00:00"):
        planted(history()["views"], slice(300, 1100), "drop", Search(every="7h"))


def test_an_incident_is_whole_slots_long() -> None:
    """As wherever incidents are planted."""
    with pytest.raises(ConfigurationError, match="no whole number of slots"):
        planted(history()["views"], slice(300, 1100), "drop", Search(length="90min"))
