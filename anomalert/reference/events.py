"""Seeded events of a social app: what a demo and tests run the reference on.

Part of `anomalert.reference`, called by the demo and by tests; calls `planted`. A slot's totals are drawn first
and then dealt out to users, so their noise is that of a large app although there are few events.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from anomalert.errors import ConfigurationError
from anomalert.reference.planted import SLOT_SECONDS, PlantedIncident, plant

__all__ = ["TIMEZONE", "generate_events"]

TIMEZONE = "Europe/Moscow"
"""The app's time zone: its days begin at midnight there."""

SLOTS_PER_DAY = 96
USERS = 12_000
FIRST_USER_ID = 100_000
POSTS = 2_500
ARRIVAL_SECONDS = 45

# Per slot at an average hour of a working day; an app with its night in the small hours and its peak at 21.
FEED_USERS = 110
VIEWS_PER_USER = 4.0
LIKES_PER_VIEW = 0.22
MESSAGE_USERS = 30
MESSAGES = 115
SHAPE_HOURS = (0, 2, 4, 6, 8, 10, 13, 16, 18, 21, 23, 24)
SHAPE_LEVELS = (0.75, 0.4, 0.28, 0.4, 0.8, 1.0, 1.1, 1.05, 1.3, 1.7, 1.2, 0.75)
WEEKDAY_LEVELS = (1.0, 0.98, 0.98, 1.0, 1.04, 1.12, 1.1)
THREE_DAY_LEVELS = (0.7, 1.0, 1.45)

PLATFORMS = {"iOS": 0.67, "Android": 0.33}
SOURCES = {"organic": 0.6, "ads": 0.4}
PLACES = {
    ("Russia", "Moscow"): 0.42,
    ("Russia", "Saint Petersburg"): 0.22,
    ("Russia", "Kazan"): 0.14,
    ("Kazakhstan", "Almaty"): 0.09,
    ("Belarus", "Minsk"): 0.08,
    ("Cyprus", "Limassol"): 0.05,
}

Generator = np.random.Generator
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def generate_events(
    start: pd.Timestamp | str, days: int, seed: int = 0, incidents: Sequence[PlantedIncident] = ()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return seeded events of whole days in Moscow, with incidents planted.

    About 50,000 rows of the feed and 10,500 messages a day, with a daily and a weekly shape. Who sends messages
    repeats every three days: 0.7, 1.0 and 1.45 times the usual number of users send the same number of messages.

    Parameters
    ----------
    start : pandas.Timestamp or str
        Midnight in Moscow that the first day begins at; a naive one is taken as Moscow's.
    days : int
        How many days, at least 1.
    seed : int
        Not negative. A day's events depend on the seed and its date only: a longer range, or one that starts
        elsewhere, has the same events on the days they share.
    incidents : sequence of PlantedIncident
        What goes wrong; see `planted_labels` for where it shows.

    Returns
    -------
    feed, messages : pandas.DataFrame
        The columns of ``feed_actions`` and ``message_actions``, and `arrived`: when the row reached the table,
        within 45 s of its `time` unless it is late. Ordered by `time`; times are UTC, in whole seconds.

    Raises
    ------
    ConfigurationError
        If `start` is no midnight in Moscow, or `days` or `seed` are out of range.

    Examples
    --------
    >>> feed, messages = generate_events("2026-09-01", days=1, seed=7)
    >>> feed.loc[0, ["action", "time", "os"]].tolist()
    ['view', Timestamp('2026-08-31 21:00:00+0000', tz='UTC'), 'iOS']
    """
    first = _midnight(start)
    if days < 1 or seed < 0:
        raise ConfigurationError(f"`days` is {days} and `seed` {seed}; they must be at least 1 and 0")
    dates = pd.date_range(first, periods=days, freq="D")
    feed = _frame([_feed_day(date, seed) for date in dates], seed)
    messages = _frame([_message_day(date, seed) for date in dates], seed)
    return plant(feed, "feed_actions", incidents), plant(messages, "message_actions", incidents)


def _midnight(start: pd.Timestamp | str) -> pd.Timestamp:
    given = pd.Timestamp(start)
    local = given.tz_localize(TIMEZONE) if given.tzinfo is None else given.tz_convert(TIMEZONE)
    if local != local.normalize():
        raise ConfigurationError(f"`start` is {start}; it must be midnight in {TIMEZONE}")
    return local


def _feed_day(date: pd.Timestamp, seed: int) -> dict[str, Integers]:
    rng = np.random.default_rng([seed, date.toordinal(), 1])
    level = _slot_levels(date)
    users = _rounded(FEED_USERS * level * _noise(rng, 0.06))
    views = _rounded(users * VIEWS_PER_USER * _noise(rng, 0.03))
    likes = _rounded(views * LIKES_PER_VIEW * _noise(rng, 0.05))
    slot, user = _dealt(rng, users, views)
    second = slot * SLOT_SECONDS + _below(rng, SLOT_SECONDS, len(slot))
    post = np.floor(POSTS * rng.random(len(slot)) ** 2).astype(np.int64)
    liked = _some_of_each(rng, slot, likes)
    # A like follows its view, within the slot.
    pause = _below(rng, (slot[liked] + 1) * SLOT_SECONDS - second[liked], len(liked))
    day = {
        "user": np.concatenate([user, user[liked]]),
        "post_id": np.concatenate([post, post[liked]]) + 1,
        "action": np.repeat([0, 1], [len(slot), len(liked)]),
        "time": np.concatenate([second, second[liked] + pause]),
    }
    return _finished(day, date, rng)


def _message_day(date: pd.Timestamp, seed: int) -> dict[str, Integers]:
    rng = np.random.default_rng([seed, date.toordinal(), 2])
    level = _slot_levels(date)
    crowd = MESSAGE_USERS * THREE_DAY_LEVELS[date.toordinal() % 3]
    users = _rounded(crowd * level * _noise(rng, 0.05))
    messages = _rounded(MESSAGES * level * _noise(rng, 0.06))
    slot, user = _dealt(rng, users, messages)
    day = {
        "user": user,
        "reciever": (user + 1 + _below(rng, USERS - 1, len(user))) % USERS,
        "time": slot * SLOT_SECONDS + _below(rng, SLOT_SECONDS, len(slot)),
    }
    return _finished(day, date, rng)


def _finished(day: Mapping[str, Integers], date: pd.Timestamp, rng: Generator) -> dict[str, Integers]:
    """Return the day's rows in the order of time, with times since 1970 and the times of their arrival."""
    order = np.argsort(day["time"], kind="stable")
    rows = {name: values[order] for name, values in day.items()}
    rows["time"] += int(date.timestamp())
    rows["arrived"] = rows["time"] + _below(rng, ARRIVAL_SECONDS, len(order))
    return rows


def _slot_levels(date: pd.Timestamp) -> Floats:
    hours = np.arange(SLOTS_PER_DAY) / 4
    return np.interp(hours, SHAPE_HOURS, SHAPE_LEVELS) * WEEKDAY_LEVELS[date.weekday()]


def _noise(rng: Generator, deviation: float) -> Floats:
    """Return factors around 1, one per slot: nearly normal, and never beyond 3.5 standard deviations."""
    centred: Floats = rng.random((4, SLOTS_PER_DAY)).sum(axis=0) - 2
    return 1 + deviation * math.sqrt(3) * centred


def _rounded(values: Floats) -> Integers:
    return np.rint(values).astype(np.int64)


def _below(rng: Generator, limit: int | Integers, count: int) -> Integers:
    return np.floor(rng.random(count) * limit).astype(np.int64)


def _dealt(rng: Generator, users: Integers, rows: Integers) -> tuple[Integers, Integers]:
    """Return slot and user of every row: each of a slot's `users` gets one row at least, if there are enough."""
    slot = np.repeat(np.arange(SLOTS_PER_DAY), rows)
    rank = np.arange(len(slot)) - np.repeat(np.cumsum(rows) - rows, rows)
    member = np.where(rank < users[slot], rank, _below(rng, users[slot], len(slot)))
    # Half of a slot's users stay for the next one.
    arrivals = np.cumsum(users // 2)
    crowd = np.argsort(rng.random(USERS), kind="stable")
    return slot, crowd[(arrivals[slot] + member) % USERS]


def _some_of_each(rng: Generator, slot: Integers, wanted: Integers) -> Integers:
    """Return the positions of ``wanted[s]`` rows of each slot ``s``, chosen at random without repeats."""
    shuffled = np.lexsort((rng.random(len(slot)), slot))
    rank = np.arange(len(slot)) - np.searchsorted(slot, slot)
    return shuffled[rank < wanted[slot]]


def _frame(days: Sequence[Mapping[str, Integers]], seed: int) -> pd.DataFrame:
    rows = {name: np.concatenate([day[name] for day in days]) for name in days[0]}
    frame = pd.DataFrame({"user_id": (rows["user"] + FIRST_USER_ID).astype(np.uint32)})
    if "reciever" in rows:
        frame["reciever_id"] = (rows["reciever"] + FIRST_USER_ID).astype(np.uint32)
    else:
        frame["post_id"] = rows["post_id"].astype(np.uint32)
        frame["action"] = _labelled(rows["action"], ["view", "like"])
    frame["time"] = _instants(rows["time"])
    people = _population(seed).take(rows["user"]).reset_index(drop=True)
    return pd.concat([frame, people], axis=1).assign(arrived=_instants(rows["arrived"]))


def _instants(seconds: Integers) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(seconds.astype("datetime64[s]"), tz="UTC")


def _labelled(codes: Integers, labels: Iterable[str]) -> pd.Series:
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(list(labels))))


def _population(seed: int) -> pd.DataFrame:
    """Return what is known of each user, one row per user."""
    rng = np.random.default_rng([seed, 0, 0])
    place = _drawn(rng, PLACES.values())
    countries = list(dict.fromkeys(country for country, _ in PLACES))
    country = np.array([countries.index(country) for country, _ in PLACES])[place]
    return pd.DataFrame(
        {
            "os": _labelled(_drawn(rng, PLATFORMS.values()), PLATFORMS),
            "source": _labelled(_drawn(rng, SOURCES.values()), SOURCES),
            "country": _labelled(country, countries),
            "city": _labelled(place, [city for _, city in PLACES]),
            "gender": _below(rng, 2, USERS).astype(np.int8),
            "age": (14 + 50 * rng.random(USERS) ** 2).astype(np.int16),
            "exp_group": _below(rng, 5, USERS).astype(np.int8),
        }
    )


def _drawn(rng: Generator, shares: Iterable[float]) -> Integers:
    """Return one choice per user, each choice as often as its share says."""
    edges = np.cumsum(list(shares))[:-1]
    return np.searchsorted(edges, rng.random(USERS), side="right").astype(np.int64)
