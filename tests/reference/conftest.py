"""The parity data set, loaded once per test run into each engine."""

from typing import Any

import pytest

from anomalert.reference.tables import create_tables, load_events
from anomalert.sources import ChdbClient
from tests.reference.dataset import parity_data
from tests.reference.engines import Engine, chdb_rows, copy_to_server
from tests.servers import ANALYST, ClickHouseServer

DATABASE = "reference_parity"


@pytest.fixture(scope="session")
def parity_on_chdb(chdb_session: Any) -> Engine:
    """Give the data set in embedded ClickHouse."""
    data = parity_data()
    create_tables(chdb_session.query, DATABASE)
    load_events(chdb_session, data.feed, data.messages, DATABASE)
    access = {"client": ChdbClient(chdb_session, database=DATABASE)}
    return Engine(chdb_rows(chdb_session), chdb_session.query, DATABASE, access)


@pytest.fixture(scope="session")
def parity_on_server(chdb_session: Any, parity_on_chdb: Engine, clickhouse_server: ClickHouseServer) -> Engine:
    """Give the same rows on a real server."""
    create_tables(clickhouse_server.execute, DATABASE)
    copy_to_server(chdb_session, clickhouse_server, parity_on_chdb.database)
    user, password = ANALYST
    connection = {"host": clickhouse_server.url, "database": DATABASE, "user": user, "password": password}
    return Engine(clickhouse_server.rows, clickhouse_server.execute, DATABASE, {"connection": connection})


@pytest.fixture(
    params=[
        pytest.param("parity_on_chdb", marks=pytest.mark.chdb, id="chdb"),
        pytest.param("parity_on_server", marks=[pytest.mark.chdb, pytest.mark.clickhouse], id="server"),
    ]
)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Give each engine in turn."""
    found: Engine = request.getfixturevalue(request.param)
    return found
