"""The event tables: the same on both engines, and filled with exactly the rows of the frames."""

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

from anomalert.errors import ConfigurationError
from anomalert.reference.events import generate_events
from anomalert.reference.tables import FEED_COLUMNS, MESSAGE_COLUMNS, create_tables, load_events
from tests.reference.engines import TABLES, Engine, chdb_rows

Frames = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def events() -> Frames:
    """Generate two days."""
    return generate_events("2026-09-01", days=2, seed=11)


@pytest.fixture
def loaded(chdb_session: Any) -> Iterator[Callable[..., Engine]]:
    """Give what creates the tables anew and loads frames into them, one after another."""
    database = "reference_tables"

    def load(*parts: Frames) -> Engine:
        chdb_session.query(f"DROP DATABASE IF EXISTS {database}")
        create_tables(chdb_session.query, database)
        for feed, messages in parts:
            load_events(chdb_session, feed, messages, database)
        return Engine(chdb_rows(chdb_session), chdb_session.query, database, {})

    yield load
    chdb_session.query(f"DROP DATABASE IF EXISTS {database}")


def stored(engine: Engine, table: str) -> list[list[str]]:
    """Return all rows of a table, times as seconds, in an order of their own."""
    columns = [f"toUInt32({name})" if name == "time" else name for name in TABLES[table]]
    return sorted(engine.rows(f"SELECT {', '.join(columns)} FROM {engine.database}.{table}"))


def expected(events: pd.DataFrame, table: str) -> list[list[str]]:
    """Return what `stored` has to give for the frame."""
    plain = events.assign(time=events["time"].astype("int64"))[list(TABLES[table])]
    return sorted([str(cell) for cell in row] for row in plain.itertuples(index=False))


def test_columns_and_types_are_the_documented_ones(engine: Engine) -> None:
    """Both engines hold the two tables with the columns and types that are published."""
    for table, columns in TABLES.items():
        found = engine.rows(
            f"SELECT name, type FROM system.columns WHERE database = '{engine.database}' AND table = '{table}'"
        )
        assert dict(found) == columns


def test_creating_twice_keeps_the_rows(engine: Engine) -> None:
    """Tables that exist are left as they are."""
    count = f"SELECT count() FROM {engine.database}.message_actions"
    before = engine.rows(count)
    create_tables(engine.run, engine.database)
    assert engine.rows(count) == before != [["0"]]


@pytest.mark.chdb
@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_every_row_arrives_as_it_is(loaded: Callable[..., Engine], events: Frames, unit: str) -> None:
    """Each cell of the frames is in the tables, also where the times have another unit."""
    feed, messages = (frame.assign(time=frame["time"].dt.as_unit(unit)) for frame in events)
    engine = loaded((feed, messages))
    assert stored(engine, "feed_actions") == expected(events[0], "feed_actions")
    assert stored(engine, "message_actions") == expected(events[1], "message_actions")


@pytest.mark.chdb
def test_rows_may_come_in_parts(loaded: Callable[..., Engine], events: Frames) -> None:
    """Loading what had arrived by an instant, and later the rest, gives the rows once; an empty part gives none."""
    at = pd.Timestamp("2026-09-01 12:00", tz="Europe/Moscow")
    feed, messages = events
    by_then = (feed[feed["arrived"] <= at], messages[messages["arrived"] <= at])
    later = (feed[feed["arrived"] > at], messages[messages["arrived"] > at])
    engine = loaded(by_then, (feed.iloc[:0], messages.iloc[:0]), later)
    assert stored(engine, "feed_actions") == expected(feed, "feed_actions")
    assert stored(engine, "message_actions") == expected(messages, "message_actions")


@pytest.mark.parametrize("database", ["", "a.b", "social; DROP DATABASE social", "социум"])
def test_a_database_is_a_plain_identifier(database: str, events: Frames) -> None:
    """What is no plain name is refused before anything is run."""
    statements: list[str] = []
    with pytest.raises(ConfigurationError, match="plain identifier"):
        create_tables(statements.append, database)

    class Session:
        def query(self, sql: str) -> None:
            statements.append(sql)

    with pytest.raises(ConfigurationError, match="plain identifier"):
        load_events(Session(), *events, database)
    assert statements == []


def test_the_tables_of_the_design_are_there() -> None:
    """The columns that queries of users rely on keep their names, the real table's spelling included."""
    common = {"os", "source", "country", "city", "gender", "age", "exp_group"}
    assert set(FEED_COLUMNS) == {"user_id", "post_id", "action", "time"} | common
    assert set(MESSAGE_COLUMNS) == {"user_id", "reciever_id", "time"} | common
