"""The two queries, on both engines, against values counted in loops from the same events."""

import math
from importlib.resources import files

import pytest

from tests.reference.dataset import DAYS, START, WITHOUT_VIEWS, parity_data
from tests.reference.engines import Engine
from tests.reference_oracle import SLOT_SECONDS, Values, feed_rows, message_rows, reference_values

QUERIES = {"feed": ("users_feed", "views", "likes", "ctr"), "messages": ("users_message", "sent_message")}
FIRST = int(START.timestamp())
LAST = FIRST + DAYS * 86_400


@pytest.fixture(scope="module")
def counted() -> Values:
    """Give the oracle's values of the whole data set."""
    data = parity_data()
    return reference_values(feed_rows(data.feed), message_rows(data.messages))


def asked(engine: Engine, name: str, start: int, end: int) -> list[tuple[str, int, float]]:
    """Run a query over ``[start, end)`` and return metric, slot and value of every cell, in the order given."""
    sql = files("anomalert.reference").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    query = sql.format(db=engine.database, start=f"toDateTime({start})", end=f"toDateTime({end})")
    listed = ", ".join(QUERIES[name])
    rows = engine.rows(f"SELECT toUnixTimestamp(ts), {listed} FROM (\n{query}\n)")
    return [
        (metric, int(slot), float(value))
        for slot, *values in rows
        for metric, value in zip(QUERIES[name], values, strict=True)
    ]


def known(cells: list[tuple[str, int, float]]) -> list[tuple[str, int, float | None]]:
    """Replace NaN, which equals nothing, by None."""
    return [(metric, slot, None if math.isnan(value) else value) for metric, slot, value in cells]


@pytest.mark.parametrize("name", QUERIES)
def test_every_cell_equals_the_count(engine: Engine, name: str, counted: Values) -> None:
    """Each metric of each slot is exactly what the loops count, 36 days long, and rows come in the order of time."""
    slots = range(FIRST, LAST, SLOT_SECONDS)
    wanted = [(m, slot, counted[m, slot]) for slot in slots for m in QUERIES[name] if (m, slot) in counted]
    assert len(wanted) > 3_400 * len(QUERIES[name])
    assert known(asked(engine, name, FIRST, LAST)) == known(wanted)


@pytest.mark.parametrize("name", QUERIES)
def test_ranges_are_half_open(engine: Engine, name: str) -> None:
    """Two ranges that meet give each row once, and the event of a slot's first second belongs to that slot only."""
    events = parity_data().feed if name == "feed" else parity_data().messages
    seconds = events["time"].astype("int64")
    border = int(seconds[(seconds % SLOT_SECONDS == 0) & (seconds > FIRST + 86_400)].iloc[0])
    around = (border - 4 * SLOT_SECONDS, border + 4 * SLOT_SECONDS)
    before, after = asked(engine, name, around[0], border), asked(engine, name, border, around[1])
    assert known([*before, *after]) == known(asked(engine, name, *around))
    assert max(slot for _, slot, _ in before) == border - SLOT_SECONDS
    assert min(slot for _, slot, _ in after) == border


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("at", [FIRST + 86_400, LAST + 86_400])
def test_an_empty_range_has_no_row(engine: Engine, name: str, at: int) -> None:
    """A range without length, and one without events, give nothing at all."""
    assert asked(engine, name, at, at + (0 if at < LAST else 86_400)) == []


def test_likes_without_views_leave_no_ratio(engine: Engine) -> None:
    """A slot with likes and no view has its counts and an unknown ratio, not an infinite one."""
    slot = int(WITHOUT_VIEWS.timestamp())
    row = {metric: value for metric, _, value in asked(engine, "feed", slot, slot + SLOT_SECONDS)}
    assert row.pop("likes") > 0
    assert row.pop("users_feed") > 0
    assert row.pop("views") == 0
    assert math.isnan(row.pop("ctr"))
