"""Planted incidents: each does what it says where it says, and nothing anywhere else."""

import pandas as pd
import pytest

from anomalert.errors import ConfigurationError
from anomalert.reference.events import TIMEZONE, generate_events
from anomalert.reference.planted import IncidentKind, PlantedIncident, Table, planted_labels
from tests.reference_oracle import SLOT_SECONDS, Values, feed_rows, message_rows, reference_values

START = pd.Timestamp("2026-09-01", tz=TIMEZONE)
NOON = START + pd.Timedelta("12h")
TABLES: tuple[Table, Table] = ("feed_actions", "message_actions")
METRICS = {
    "feed_actions": ("users_feed", "views", "likes", "ctr"),
    "message_actions": ("users_message", "sent_message"),
}
KINDS_AND_TABLES: list[tuple[IncidentKind, Table]] = [
    ("drop_to_zero", "feed_actions"),
    *[(kind, table) for kind in ("partial_drop", "spike", "level_shift", "slow_drift") for table in TABLES],
    *[(kind, table) for kind in ("late_events", "missing_slots") for table in TABLES],
]


def planted(kind: IncidentKind, table: Table = "feed_actions", size: float | None = None) -> PlantedIncident:
    """Make an incident of three hours from noon on."""
    return PlantedIncident(kind, NOON, NOON + pd.Timedelta("3h"), table, size)


def events_with(*incidents: PlantedIncident) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Generate the day, with `incidents`."""
    return generate_events(START, days=1, seed=3, incidents=incidents)


def values_of(feed: pd.DataFrame, messages: pd.DataFrame) -> Values:
    """Count the events with the oracle."""
    return reference_values(feed_rows(feed), message_rows(messages))


@pytest.fixture(scope="module")
def quiet() -> Values:
    """Give the values of the day without an incident."""
    return values_of(*events_with())


def slots_between(start: pd.Timestamp, end: pd.Timestamp) -> range:
    """List the slots of ``[start, end)`` as unix seconds."""
    return range(int(start.timestamp()), int(end.timestamp()), SLOT_SECONDS)


def mean_ratios(values: Values, quiet: Values, metrics: tuple[str, ...], slots: range) -> dict[str, float]:
    """Return each metric's mean over `slots` as a share of the quiet day's; a missing slot counts as 0."""
    return {
        metric: sum(values.get((metric, slot), 0.0) for slot in slots) / sum(quiet[metric, slot] for slot in slots)
        for metric in metrics
    }


@pytest.mark.parametrize(("kind", "table"), KINDS_AND_TABLES)
def test_all_else_stays_as_on_a_quiet_day(kind: IncidentKind, table: Table, quiet: Values) -> None:
    """Outside of its window, its table and its metrics, an incident changes no value of the day."""
    incident = planted(kind, table)
    values = values_of(*events_with(incident))
    inside = slots_between(incident.start, incident.end)
    ratio_may_move = {"ctr"} if incident.table == "feed_actions" else set()
    touched = {*incident.metrics, *ratio_may_move}
    untouched = {key: value for key, value in quiet.items() if not (key[0] in touched and key[1] in inside)}
    assert {key: values[key] for key in untouched} == untouched
    other_rows = {key for key in values if key[1] not in inside or key[0] not in touched}
    assert other_rows == set(untouched)


@pytest.mark.parametrize(("kind", "table"), KINDS_AND_TABLES)
def test_frames_keep_columns_types_and_order(kind: IncidentKind, table: Table) -> None:
    """Planting changes rows only: columns, types, index and the order of time are those of a quiet day."""
    for events, plain in zip(events_with(planted(kind, table)), events_with(), strict=True):
        pd.testing.assert_series_equal(events.dtypes, plain.dtypes)
        assert events["time"].is_monotonic_increasing
        assert events.index.equals(pd.RangeIndex(len(events)))
        assert (events["arrived"] >= events["time"]).all()


@pytest.mark.parametrize(
    ("kind", "size", "ratio"),
    [
        ("partial_drop", None, 1 - 0.9 * 0.67),
        ("spike", None, 3.0),
        ("level_shift", None, 2.5),
        ("level_shift", -0.6, 0.4),
        ("slow_drift", None, 1 - 0.7 / 2),
        ("spike", 0.5, 1.5),
    ],
)
@pytest.mark.parametrize("table", TABLES)
def test_counts_change_by_the_size_and_the_ratio_stays(
    kind: IncidentKind, size: float | None, ratio: float, table: Table, quiet: Values
) -> None:
    """Users and actions of the table change by what the kind and its size say; likes per view do not."""
    incident = planted(kind, table, size)
    values = values_of(*events_with(incident))
    ratios = mean_ratios(values, quiet, METRICS[table], slots_between(incident.start, incident.end))
    assert ratios.pop("ctr", 1.0) == pytest.approx(1.0, abs=0.15)
    assert ratios == pytest.approx(dict.fromkeys(incident.metrics, ratio), rel=0.1, abs=0.08)


def test_partial_drop_takes_ios_users_only() -> None:
    """Android keeps every row, iOS a tenth of its users, for the whole of the incident the same ones."""
    incident = planted("partial_drop")
    feed, plain = events_with(incident)[0], events_with()[0]
    inside, plain_inside = (rows[rows["time"].between(NOON, incident.end, inclusive="left")] for rows in (feed, plain))
    assert (inside["os"] == "Android").sum() == (plain_inside["os"] == "Android").sum()
    ios, plain_ios = (set(rows.loc[rows["os"] == "iOS", "user_id"]) for rows in (inside, plain_inside))
    assert ios < plain_ios
    assert len(ios) / len(plain_ios) == pytest.approx(0.1, abs=0.03)


def test_drop_to_zero_stops_likes_while_views_go_on(quiet: Values) -> None:
    """Likes and their ratio are 0 in rows that exist; users and views are those of the quiet day."""
    incident = planted("drop_to_zero")
    values = values_of(*events_with(incident))
    for slot in slots_between(incident.start, incident.end):
        assert values["likes", slot] == values["ctr", slot] == 0
        assert values["views", slot] == quiet["views", slot]


@pytest.mark.parametrize("table", TABLES)
def test_missing_slots_have_no_row(table: Table) -> None:
    """Not one event of the table is left, and the other table is whole."""
    incident = planted("missing_slots", table)
    values = values_of(*events_with(incident))
    inside = slots_between(incident.start, incident.end)
    assert {metric for metric, slot in values if slot in inside} == {
        metric for other in TABLES if other != table for metric in METRICS[other]
    }


def test_slow_drift_begins_with_nothing(quiet: Values) -> None:
    """The first slot of a drift loses next to nothing, the last one nearly the whole size."""
    incident = planted("slow_drift")
    slots = slots_between(incident.start, incident.end)
    values = values_of(*events_with(incident))
    shares = [mean_ratios(values, quiet, ("views",), part)["views"] for part in (slots[:1], slots[-1:])]
    assert shares == pytest.approx([1.0, 0.3], abs=0.1)


def test_late_events_are_missing_only_until_they_arrive(quiet: Values) -> None:
    """Two minutes after a slot nine tenths of its users are not there; two hours after it nothing is missing."""
    incident = planted("late_events")
    feed, messages = events_with(incident)
    assert values_of(feed, messages) == quiet
    slots = slots_between(incident.start, incident.end)
    for slot in slots:
        seen = {}
        for minutes in (2, 120):
            at = pd.Timestamp(slot + SLOT_SECONDS, unit="s", tz="UTC") + pd.Timedelta(minutes=minutes)
            seen[minutes] = values_of(feed[feed["arrived"] <= at], messages)
        assert mean_ratios(seen[2], quiet, ("views",), range(slot, slot + 1))["views"] < 0.25
        assert seen[120]["views", slot] == quiet["views", slot]


def test_quiet_events_have_arrived_two_minutes_after_their_slot(quiet: Values) -> None:
    """Without an incident, waiting two minutes is enough to see a slot whole."""
    feed, messages = events_with()
    at = NOON + pd.Timedelta("2min")
    seen = values_of(feed[feed["arrived"] <= at], messages[messages["arrived"] <= at])
    slot = int(NOON.timestamp()) - SLOT_SECONDS
    assert {metric: seen[metric, slot] for metric in ("views", "sent_message")} == {
        metric: quiet[metric, slot] for metric in ("views", "sent_message")
    }


def test_incidents_may_overlap(quiet: Values) -> None:
    """A drop of one platform within a level shift takes its share of what the shift has left."""
    values = values_of(*events_with(planted("level_shift", size=1.0), planted("partial_drop")))
    ratios = mean_ratios(values, quiet, ("views",), slots_between(NOON, NOON + pd.Timedelta("3h")))
    assert ratios["views"] == pytest.approx(2 * (1 - 0.9 * 0.67), rel=0.12)


def test_labels_name_metrics_and_utc_times() -> None:
    """One row per incident and metric, in the order of time, half-open and in UTC."""
    labels = planted_labels([planted("missing_slots", "message_actions"), planted("drop_to_zero")])
    assert labels.columns.tolist() == ["metric", "start", "end", "kind"]
    assert labels[["metric", "kind"]].to_numpy().tolist() == [
        ["ctr", "drop_to_zero"],
        ["likes", "drop_to_zero"],
        ["sent_message", "missing_slots"],
        ["users_message", "missing_slots"],
    ]
    assert labels["start"].unique().tolist() == [pd.Timestamp("2026-09-01 09:00", tz="UTC")]
    assert labels["end"].unique().tolist() == [pd.Timestamp("2026-09-01 12:00", tz="UTC")]


def test_no_incident_gives_no_label() -> None:
    """The labels of a quiet day are an empty frame of the same columns and types."""
    some, none = planted_labels([planted("spike")]), planted_labels([])
    pd.testing.assert_series_equal(none.dtypes, some.dtypes)
    assert none.empty


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kind": "outage"}, "`kind`"),
        ({"table": "likes"}, "`table`"),
        ({"kind": "drop_to_zero", "table": "message_actions"}, "feed_actions"),
        ({"start": NOON + pd.Timedelta("5min")}, "`start`"),
        ({"end": pd.Timestamp("2026-09-01 15:00")}, "`end`"),
        ({"end": NOON}, "not before"),
        ({"kind": "missing_slots", "size": 0.5}, "leave `size` out"),
        ({"kind": "partial_drop", "size": 1.5}, "`size`"),
        ({"kind": "level_shift", "size": 0.0}, "not 0"),
        ({"kind": "level_shift", "size": -1.0}, "`size`"),
    ],
)
def test_wrong_fields_are_named(changes: dict[str, object], named: str) -> None:
    """An incident that cannot be is refused when it is written down, by the field that is wrong."""
    fields = {"kind": "spike", "start": NOON, "end": NOON + pd.Timedelta("1h"), "table": "feed_actions", **changes}
    with pytest.raises(ConfigurationError, match=named):
        PlantedIncident(**fields)  # type: ignore[arg-type]
