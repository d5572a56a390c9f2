"""Seeded events: the same everywhere, shaped like an app's, and quiet under the reference rule."""

import hashlib
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from anomalert.errors import ConfigurationError
from anomalert.reference.events import TIMEZONE, generate_events
from anomalert.reference.tables import FEED_COLUMNS, MESSAGE_COLUMNS
from tests.reference_oracle import (
    BASELINE_DAYS,
    SLOT_SECONDS,
    Values,
    feed_rows,
    message_rows,
    reference_values,
    reference_verdicts,
)

START = pd.Timestamp("2026-09-01", tz=TIMEZONE)
QUIET_DAYS = 68


@pytest.fixture(scope="module")
def quiet() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Generate ten weeks without an incident."""
    return generate_events(START, QUIET_DAYS, seed=1)


@pytest.fixture(scope="module")
def quiet_values(quiet: tuple[pd.DataFrame, pd.DataFrame]) -> Values:
    """Count them with the oracle."""
    feed, messages = quiet
    return reference_values(feed_rows(feed), message_rows(messages))


def digest(events: pd.DataFrame) -> str:
    """Sum up every cell of the frame, whatever its types."""
    whole = hashlib.sha256()
    for name, column in events.items():
        plain = column.astype("datetime64[s, UTC]").astype("int64") if name in {"time", "arrived"} else column
        whole.update(f"{name}: {plain.tolist()}".encode())
    return whole.hexdigest()[:16]


def test_the_events_are_the_same_on_every_machine() -> None:
    """Seed 7 gives these very rows: whoever changes the generator changes every picture made from it."""
    feed, messages = generate_events(START, days=1, seed=7)
    assert (len(feed), digest(feed)) == (46903, "45e711a19918edf0")
    assert (len(messages), digest(messages)) == (10173, "3eb1a61a6b8406ae")


def test_a_day_depends_on_seed_and_date_only() -> None:
    """A longer range, or one that starts a day later, has the same events on the days they share."""
    long = generate_events(START, days=3, seed=5)
    short = generate_events(START, days=2, seed=5)
    late = generate_events(START + pd.DateOffset(days=1), days=1, seed=5)
    second_day = START + pd.DateOffset(days=1)
    for all_rows, first_rows, day_rows in zip(long, short, late, strict=True):
        assert all_rows.iloc[: len(first_rows)].equals(first_rows)
        shared = first_rows[first_rows["time"] >= second_day].reset_index(drop=True)
        assert shared.equals(day_rows)


def test_seeds_differ() -> None:
    """Another seed gives another day."""
    (one, _), (other, _) = (generate_events(START, days=1, seed=seed) for seed in (1, 2))
    assert not one.head(1000).equals(other.head(1000))


def test_columns_are_those_of_the_tables(quiet: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """The frames hold the columns of the tables and the time of arrival, in the order of time, nothing missing."""
    for events, columns in zip(quiet, (FEED_COLUMNS, MESSAGE_COLUMNS), strict=True):
        assert list(events.columns) == [*columns, "arrived"]
        assert events["time"].is_monotonic_increasing
        assert not events.isna().any(axis=None)
        assert events["time"].min() >= START
        assert events["time"].max() < START + pd.DateOffset(days=QUIET_DAYS)
        delay = events["arrived"] - events["time"]
        assert delay.min() >= pd.Timedelta(0)
        assert delay.max() < pd.Timedelta("45s")


def test_every_slot_of_a_quiet_night_holds_every_metric(quiet_values: Values) -> None:
    """No slot of 68 quiet days is empty, and the smallest still leaves a count to judge."""
    slots = range(int(START.timestamp()), int(START.timestamp()) + QUIET_DAYS * 86_400, SLOT_SECONDS)
    smallest = {metric: min(quiet_values[metric, slot] for slot in slots) for metric in BASELINE_DAYS}
    floors = {"users_feed": 20, "views": 80, "likes": 15, "ctr": 0.1, "users_message": 4, "sent_message": 20}
    assert all(smallest[metric] >= floor for metric, floor in floors.items()), smallest


def test_the_reference_rule_is_silent_on_quiet_days(quiet_values: Values) -> None:
    """Sixty quiet days, once warm, raise nothing, and ordinary noise stays well under the threshold."""
    start = int(START.timestamp())
    verdicts = reference_verdicts(quiet_values, start + 8 * 86_400, start + QUIET_DAYS * 86_400)
    assert Counter(verdict.status for verdict in verdicts.values()) == {"ok": 60 * 96 * 6}
    assert max(abs(verdict.deviation) for verdict in verdicts.values()) < 0.4


def test_users_of_messages_repeat_every_three_days(quiet_values: Values) -> None:
    """Users of messages resemble those of three days earlier and of no nearer day; messages sent do not care."""
    first = int(START.timestamp())
    days = [range(first + day * 86_400, first + (day + 1) * 86_400, SLOT_SECONDS) for day in range(30)]
    users = np.array([sum(quiet_values["users_message", slot] for slot in day) for day in days])
    sent = np.array([sum(quiet_values["sent_message", slot] for slot in day) for day in days])
    assert np.abs(np.log(users[3:] / users[:-3])).max() < 0.2
    assert np.abs(np.log(users[1:] / users[:-1])).min() > 0.2
    assert np.abs(np.log(sent[1:] / sent[:-1])).max() < 0.2


def test_the_day_has_a_shape_and_the_week_too(quiet_values: Values) -> None:
    """Views at 21:00 in Moscow are over four times those at 04:00, and Saturdays exceed Mondays."""
    views = pd.Series({slot: value for (metric, slot), value in quiet_values.items() if metric == "views"})
    views.index = pd.to_datetime(views.index, unit="s", utc=True).tz_convert(TIMEZONE)
    hours = views.groupby(views.index.hour).mean()
    assert hours.idxmax() in {20, 21}
    assert hours.idxmin() in {3, 4}
    assert hours.max() / hours.min() > 4
    weekdays = views.groupby(views.index.day_of_week).mean()
    assert weekdays[5] > 1.05 * weekdays[0]


def test_two_thirds_of_the_users_are_on_ios(quiet: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """One platform carries enough of both tables that losing 90 % of it halves a metric."""
    for events in quiet:
        assert 0.64 < (events["os"] == "iOS").mean() < 0.70


def test_a_user_has_one_set_of_attributes(quiet: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Platform, city, age and the rest belong to the user, in both tables."""
    attributes = ["os", "source", "country", "city", "gender", "age", "exp_group"]
    feed, messages = (events[["user_id", *attributes]].drop_duplicates() for events in quiet)
    people = pd.concat([feed, messages]).drop_duplicates()
    assert people["user_id"].is_unique
    assert len(people) > 10_000


def test_a_like_follows_a_view_of_the_same_post(quiet: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Whoever likes a post has viewed it before, in the same slot."""
    feed = quiet[0].head(20_000)
    key = ["user_id", "post_id"]
    seen = feed.assign(slot=feed["time"].dt.floor("15min"))
    views = seen[seen["action"] == "view"].groupby([*key, "slot"])["time"].min()
    likes = seen[seen["action"] == "like"].set_index([*key, "slot"])["time"]
    assert len(likes) > 2_000
    assert (views.reindex(likes.index) <= likes).all()


def test_nobody_writes_to_themselves(quiet: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """The receiver of a message is another user."""
    assert (quiet[1]["user_id"] != quiet[1]["reciever_id"]).all()


def test_half_of_a_slots_users_stay(quiet: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Users come and go like people: neighbouring slots share many of them, slots hours apart few."""
    feed = quiet[0].head(50_000)
    users = [set(rows) for _, rows in feed.groupby(feed["time"].dt.floor("15min"))["user_id"]]
    shared = [len(one & two) / len(one) for one, two in pairwise(users)]
    assert 0.3 < np.mean(shared) < 0.7
    assert len(users[40] & users[60]) / len(users[40]) < 0.1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("2026-09-01 12:00", 1, 0), "`start`"),
        (("2026-09-01T00:00Z", 1, 0), "Europe/Moscow"),
        (("2026-09-01", 0, 0), "`days`"),
        (("2026-09-01", 1, -1), "`seed`"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[str, int, int], named: str) -> None:
    """A day that begins at no midnight in Moscow, no days or a negative seed are refused by name."""
    with pytest.raises(ConfigurationError, match=named):
        generate_events(*arguments)
