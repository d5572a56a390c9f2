"""Planted incidents: labels are where the panel differs, counts stay counts, places nest, mistakes have words."""

from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from anomalert import inject
from anomalert.errors import ConfigurationError, InvalidPanelError
from anomalert.injection import Kind
from anomalert.panel import slot_length
from anomalert.testing import synthetic_panel
from tests.strategies import panels

SLOT = pd.Timedelta("15min")
KINDS: tuple[Kind, ...] = get_args(Kind)
SIZES: dict[Kind, tuple[str | float | None, ...]] = {
    "zero": (None,),
    "drop": ("40%", "100%", 6),
    "spike": ("40%", "300%", 6.5),
    "shift": ("25%", "-25%", 8, -8),
    "drift": ("80%", "-80%", 20, -20),
    "variance": ("5000%", 50),
    "missing": (None,),
    "late": ("60%", 8),
}
"""Large enough that every slot of the metrics of `synthetic_panel` differs, but for what a variance leaves at rest."""

CASES = [(kind, size) for kind, sizes in SIZES.items() for size in sizes]


def spans(labels: pd.DataFrame) -> list[tuple[str, pd.Timestamp, pd.Timestamp]]:
    """Return metric, start and end of every label."""
    return list(zip(labels["metric"], labels["start"], labels["end"], strict=True))


def labelled(labels: pd.DataFrame, panel: pd.DataFrame) -> pd.DataFrame:
    """Return which slots of which metrics lie in a label."""
    inside = pd.DataFrame(False, index=panel.index, columns=panel.columns)
    for metric, start, end in spans(labels):
        inside.loc[(panel.index >= start) & (panel.index < end), metric] = True
    return inside


def differs(panel: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return where two panels of one shape differ; two unknown values do not."""
    return (panel != other) & ~(panel.isna() & other.isna())


def oracle(kind: Kind, value: float, step: float, place: int, n_slots: int) -> float:
    """Return what one slot shows during an incident, from what it would have shown and the size in its unit."""
    match kind:
        case "zero":
            return 0.0
        case "missing":
            return float("nan")
        case "drop":
            return value - step
        case "spike" | "shift":
            return value + step
        case "drift":
            return value + step * (place + 1) / n_slots
        case _:
            raise AssertionError(kind)


@pytest.mark.parametrize(("kind", "size"), CASES)
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_labels_are_exactly_where_the_panel_differs(kind: Kind, size: str | float | None, zone: str | None) -> None:
    """Every slot in a label differs from the panel that was given, and no slot outside; also across clock changes."""
    panel = synthetic_panel(days=28, seed=5, timezone=zone)
    injected, labels = inject(panel, kind, size=size, length="2h", count=12, seed=2)
    assert injected.index.equals(panel.index)
    changed, inside = differs(injected, panel), labelled(labels, panel)
    assert not (changed & ~inside).to_numpy().any()
    at_rest = int((inside & ~changed).to_numpy().sum())
    if kind == "late":
        # In between, what comes from the slot before may equal what is given to the next.
        assert all(
            changed.loc[start, metric] and changed.loc[end - SLOT, metric] for metric, start, end in spans(labels)
        )
    else:
        # A value on its usual course has no distance from it that could grow.
        assert at_rest <= (3 if kind == "variance" else 0)
    assert labels["metric"].value_counts().to_dict() == {"views": 12, "likes": 12}
    assert (labels["end"] - labels["start"] == pd.Timedelta("2h") + SLOT * int(kind == "late")).all()


@settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much], max_examples=150)
@given(panels(infinite=True, holes=True), st.sampled_from(CASES), st.integers(1, 3), st.integers(0, 99))
def test_any_panel_changes_inside_of_labels_only(
    panel: pd.DataFrame, case: tuple[Kind, Any], n_slots: int, seed: int
) -> None:
    """On every panel with room: known slots stay known unless missing, index and input stay, nothing else changes."""
    kind, size = case
    before, slot = panel.copy(), slot_length(pd.DatetimeIndex(panel.index))
    try:
        injected, labels = inject(panel, kind, size=size, length=n_slots * slot, seed=seed)
    except ConfigurationError as error:
        if any(words in str(error) for words in ("has room for", "which has none", "only counts come 'late'")):
            reject()
        raise
    pd.testing.assert_frame_equal(panel, before)
    clean = panel.where(np.isfinite(panel))
    assert injected.index.equals(panel.index)
    inside = labelled(labels, panel)
    assert not (differs(injected, clean) & ~inside).to_numpy().any()
    assert not (clean.isna() & inside).to_numpy().any()
    assert ((injected.isna() & ~clean.isna()) == (inside if kind == "missing" else inside & False)).to_numpy().all()
    assert len(labels) == panel.shape[1]


@given(
    st.lists(st.integers(0, 300), min_size=20, max_size=60).filter(any),
    st.sampled_from([case for case in CASES if case[0] != "missing"]),
    st.integers(1, 4),
)
@settings(deadline=None)
def test_whole_numbers_stay_whole(counts: list[int], case: tuple[Kind, Any], n_slots: int) -> None:
    """Counts stay whole and never fall below 0, whatever happens to them."""
    kind, size = case
    index = pd.date_range("2026-11-01", periods=len(counts), freq="2h")
    try:
        injected, _ = inject(pd.Series(counts, index), kind, size=size, length=n_slots * pd.Timedelta("2h"))
    except ConfigurationError as error:
        assert "has room for" in str(error) or "which has none" in str(error)  # noqa: PT017
        return
    assert (injected >= 0).all()
    assert (injected == np.rint(injected)).all()


@given(
    st.lists(st.floats(0.0, 1e6), min_size=8, max_size=40),
    st.booleans(),
    st.floats(1, 100),
    st.integers(1, 5),
    st.integers(0, 2),
)
@settings(deadline=None)
def test_what_is_late_is_not_lost(values: list[float], whole: bool, share: float, n_slots: int, row: int) -> None:
    """Late events change slots and no sum, to the event for counts; what a slot lacks at most is its own."""
    index = pd.date_range("2026-11-01", periods=len(values), freq="15min", tz="UTC")
    series = pd.Series(np.rint(values) if whole else values, index)
    whole = bool((series == np.rint(series)).all())
    injected, labels = inject(series, "late", size=f"{share}%", length=n_slots * SLOT, at=[index[row]])
    assert injected.sum() == (series.sum() if whole else pytest.approx(series.sum()))
    assert (injected >= 0).all()
    inside = (index >= labels["start"][0]) & (index < labels["end"][0])
    assert (injected[~inside] == series[~inside]).all()
    assert injected.iloc[row] <= series.iloc[row]
    assert injected.iloc[row + n_slots] >= series.iloc[row + n_slots]
    late = 0.0
    for each in range(row, row + n_slots + 1):
        leaves = series.iloc[each] * share / 100 if each < row + n_slots else 0.0
        leaves = round(leaves) if whole else leaves
        assert injected.iloc[each] == pytest.approx(series.iloc[each] - leaves + late)
        late = leaves


@pytest.mark.parametrize(
    ("kind", "size"),
    [case for case in CASES if case[0] not in {"late", "variance"} and not isinstance(case[1], int | float)],
)
def test_shares_agree_with_a_slow_oracle(kind: Kind, size: str | None) -> None:
    """In percent, each slot shows what a loop over slots says."""
    panel = synthetic_panel(days=14, seed=9) + 0.25
    injected, labels = inject(panel, kind, size=size, length="3h", count=4, seed=1)
    for metric, start, end in spans(labels):
        for place, slot in enumerate(pd.date_range(start, end, freq=SLOT, inclusive="left")):
            value = float(panel[metric][slot])
            step = 0.0 if size is None else float(size.strip("%")) / 100 * value
            expected = oracle(kind, value, step, place, 12)
            assert float(injected[metric][slot]) == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_a_size_in_noises_moves_a_metric_by_its_scatter() -> None:
    """On a metric that scatters by 5 % of its level, a drop of 6 noises is about 30 % of what is usual there."""
    panel = synthetic_panel(days=28, seed=4)
    injected, labels = inject(panel, "drop", size=6, count=20)
    inside = labelled(labels, panel)
    shares = ((panel - injected) / panel).where(inside).to_numpy()
    assert np.nanmedian(shares) == pytest.approx(0.30, rel=0.1)


def test_variance_multiplies_the_scatter() -> None:
    """A variance of 200 % makes the distances from the usual course about three times as large, and keeps the level."""
    views = synthetic_panel(days=56, seed=4)["views"]
    injected, labels = inject(views, "variance", size="200%", length="10D", at=["2026-11-09"])
    inside = slice(labels["start"][0], labels["end"][0] - SLOT)
    level = views.rolling("1h", center=True).median()
    before, after = ((each - level).loc[inside] / level.loc[inside] for each in (views, injected))
    assert after.std() / before.std() == pytest.approx(3, rel=0.15)
    assert injected.loc[inside].mean() == pytest.approx(views.loc[inside].mean(), rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same(kind: Kind) -> None:
    """Planting is repeatable, and other seeds give other places."""
    panel, size = synthetic_panel(days=14), SIZES[kind][0]
    one, again, other = (inject(panel, kind, size=size, count=5, seed=seed) for seed in (7, 7, 8))
    pd.testing.assert_frame_equal(one.panel, again.panel)
    pd.testing.assert_frame_equal(one.labels, again.labels)
    assert not one.labels["start"].equals(other.labels["start"])


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_more_incidents_keep_the_places_of_fewer(few: int, more: int, seed: int) -> None:
    """A larger count adds places; fewer metrics keep theirs; size and kind do not matter."""
    panel = synthetic_panel(days=14, gaps=0.02)
    places = places_of(inject(panel, "drop", size="10%", count=few, seed=seed).labels)
    assert places <= places_of(inject(panel, "drop", size="10%", count=few + more, seed=seed).labels)
    assert places == places_of(inject(panel, "spike", size=5, count=few, seed=seed).labels)
    assert places == places_of(inject(panel, "late", size="50%", count=few, seed=seed).labels)
    likes = inject(panel, "zero", count=few, seed=seed, metrics=["likes"]).labels
    assert places_of(likes) == {place for place in places if place[0] == "likes"}


def places_of(labels: pd.DataFrame) -> set[tuple[str, pd.Timestamp]]:
    """Return which metric is hit when."""
    return set(zip(labels["metric"], labels["start"], strict=True))


@pytest.mark.parametrize("length", ["15min", "2h", "6h"])
def test_drawn_incidents_lie_apart_in_the_second_half(length: str) -> None:
    """Between two incidents of a metric lie four hours or their length, and before all of them half of the panel."""
    panel = synthetic_panel(days=28, gaps=0.001)
    labels = inject(panel, "zero", length=length, count=12, seed=3).labels
    assert (labels["start"] >= panel.index[len(panel) // 2]).all()
    for _, own in labels.groupby("metric"):
        gaps = own["start"].to_numpy()[1:] - own["end"].to_numpy()[:-1]
        assert (gaps >= max(pd.Timedelta(length), pd.Timedelta("4h"))).all()


def test_what_is_late_has_a_known_slot_to_arrive_in() -> None:
    """Among many gaps, places are drawn where the slot after is known too: nothing late gets lost in a gap."""
    panel = synthetic_panel(days=28, gaps=0.3, seed=6)
    injected, labels = inject(panel, "late", size="100%", length="30min", count=25, seed=4)
    assert len(labels) == 50
    pd.testing.assert_frame_equal(injected.isna(), panel.isna())
    pd.testing.assert_series_equal(injected.sum(), panel.sum())


def test_nothing_is_planted_where_there_is_nothing_to_lose() -> None:
    """A shop that is closed at night has its drops by day."""
    views = synthetic_panel(days=14)["views"]
    hours = pd.DatetimeIndex(views.index).hour
    labels = inject(views.where(hours >= 12, 0.0), "zero", count=15).labels
    by_day = [(start if start.hour >= 12 else end - SLOT).hour >= 12 for _, start, end in spans(labels)]
    assert all(by_day)
    assert len(by_day) == 15


def test_a_series_gives_a_series() -> None:
    """Name, index and frequency stay, also of a series without a name; labels call that `value`."""
    likes = synthetic_panel(days=3)["likes"]
    for name in ("likes", None):
        injected, labels = inject(likes.rename(name), "zero")
        assert isinstance(injected, pd.Series)
        assert injected.name == name
        assert pd.DatetimeIndex(injected.index).freq == pd.DatetimeIndex(likes.index).freq
        assert labels["metric"].tolist() == [name or "value"]


def test_labels_have_their_columns_and_types() -> None:
    """Labels are in the zone of the panel; without metrics there are none, with the same columns."""
    panel = synthetic_panel(days=3, timezone="Europe/Moscow")
    labels = inject(panel, "shift", size=-3, count=2).labels
    assert labels.columns.tolist() == ["metric", "start", "end", "kind", "size"]
    assert labels["start"].dt.tz == pd.DatetimeIndex(panel.index).tz
    assert set(labels["size"]) == {"-3"}
    none = inject(panel, "shift", size=-3, metrics=[]).labels
    assert len(none) == 0
    assert none.dtypes.to_dict() == labels.dtypes.to_dict()


def test_a_shift_may_last() -> None:
    """Without a length, a shift changes every known slot from its start to the end of the panel."""
    views = synthetic_panel(days=7, gaps=0.1, timezone="Europe/Moscow")["views"]
    at = views.dropna().index[300]
    injected, labels = inject(views, "shift", size="-50%", length=None, at=[at])
    expected = np.rint(views.loc[at:] * 0.5)
    pd.testing.assert_series_equal(injected.loc[at:], expected)
    pd.testing.assert_series_equal(injected.loc[: at - SLOT], views.loc[: at - SLOT])
    assert labels["end"].tolist() == [views.index[-1] + SLOT]
    drawn = inject(views, "shift", size="-50%", length=None).labels
    assert drawn["start"][0] >= views.index[len(views) // 2]


def test_incidents_begin_where_they_are_told() -> None:
    """Naive instants are read in the zone of the panel, aware ones as they are; order does not matter."""
    panel = synthetic_panel(days=3, timezone="Europe/Moscow")
    labels = inject(panel, "zero", at=["2026-10-06 12:00", "2026-10-05T21:00Z"], metrics=["likes"]).labels
    assert labels["start"].astype(str).tolist() == ["2026-10-06 00:00:00+03:00", "2026-10-06 12:00:00+03:00"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kind": "dip"}, "`kind` is 'dip': it is one of 'zero', 'drop'"),
    ({"kind": "drop"}, "'drop' needs a `size`"),
    ({"kind": "zero", "size": "40%"}, "`size` is '40%', but 'zero' is always whole"),
    ({"kind": "drop", "size": "40"}, "`size` is '40': write a share as '40%'"),
    ({"kind": "drop", "size": "forty%"}, "write a share as '40%'"),
    ({"kind": "drop", "size": float("nan")}, "write a share as '40%'"),
    ({"kind": "drop", "size": True}, "write a share as '40%'"),
    ({"kind": "drop", "size": 0}, "write a share as '40%'"),
    ({"kind": "drop", "size": "-40%"}, "has one direction: write it above 0"),
    ({"kind": "drop", "size": "140%"}, "cannot lose more than all it has"),
    ({"kind": "late", "size": "140%"}, "cannot lose more than all it has"),
    ({"kind": "drift", "size": "-140%"}, "cannot lose more than all it has"),
    ({"kind": "zero", "length": "20min"}, "no whole number of slots of 0 days 00:15:00"),
    ({"kind": "zero", "length": 4}, "`length` is the bare number 4"),
    ({"kind": "zero", "length": None}, "only a 'shift' lasts to the panel's end"),
    ({"kind": "shift", "size": 3, "length": None, "count": 2}, "`count` is 2"),
    ({"kind": "shift", "size": 3, "length": None, "at": ["2026-10-06", "2026-10-07"]}, "`length` None allows one"),
    ({"kind": "zero", "count": 0}, "`count` is 0: a whole number, 1 or more"),
    ({"kind": "zero", "count": 2.0}, "`count` is 2.0"),
    ({"kind": "zero", "count": True}, "`count` is True"),
    ({"kind": "zero", "seed": -1}, "`seed` is -1: a whole number, 0 or more"),
    ({"kind": "zero", "count": 2, "at": ["2026-10-06"]}, "`count` is 2, which `at` would say"),
    ({"kind": "zero", "count": 99}, r"has room for \d+ incidents of 0 days 01:00:00, not for 99"),
    (
        {"kind": "zero", "metrics": ["shares"]},
        "`metrics` holds 'shares', which is no column of the panel: it has 'views'",
    ),
    ({"kind": "zero", "metrics": "likes"}, "`metrics` is the text 'likes': put it in a list"),
    ({"kind": "zero", "at": "2026-10-06"}, "put the instants in a list"),
    ({"kind": "zero", "at": []}, "`at` is empty"),
    ({"kind": "zero", "at": ["noon"]}, "`at` holds 'noon', no instant"),
    ({"kind": "zero", "at": [None]}, "`at` holds None"),
    ({"kind": "zero", "at": ["2026-10-06 12:01"]}, "where no slot of the panel begins"),
    ({"kind": "zero", "at": ["2026-10-07 23:30"]}, "reaches beyond the end of the panel"),
    ({"kind": "zero", "at": ["2026-10-06 12:00", "2026-10-06 12:30"]}, "reaches beyond 2026-10-06 12:30"),
    ({"kind": "late", "size": 3, "at": ["2026-10-07 23:00"]}, "reaches beyond the end of the panel"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[str(index) for index in range(len(WRONG))])
def test_mistakes_are_told_in_words(arguments: dict[str, Any], message: str) -> None:
    """Arguments that make no sense are refused, with what was found and what to do."""
    with pytest.raises(ConfigurationError, match=message):
        inject(synthetic_panel(days=3), **arguments)


def test_a_metric_that_does_not_fit_is_named() -> None:
    """Unknown slots, values below 0 and constant metrics are refused where they cannot be hit."""
    index = pd.date_range("2026-11-01", periods=192, freq="15min")
    gap = pd.Series(5.0, index, name="likes").mask(index == "2026-11-02 12:15")
    with pytest.raises(ConfigurationError, match="'likes' is not known throughout the incident"):
        inject(gap, "zero", at=["2026-11-02 12:00"])
    with pytest.raises(ConfigurationError, match="'balance' has values below 0: only counts come 'late'"):
        inject(pd.Series(-5.0, index, name="balance"), "late", size="50%")
    with pytest.raises(ConfigurationError, match="in noises of metric 'likes', which has none"):
        inject(gap, "drop", size=3)
    with pytest.raises(ConfigurationError, match="has room for 0 incidents"):
        inject(gap * 0, "zero")
    with pytest.raises(InvalidPanelError, match="not a DatetimeIndex"):
        inject(pd.Series([1.0]), "zero")
    with pytest.raises(ConfigurationError, match="has not"):
        inject(gap, "zero", at=["2026-11-02T12:00Z"])
