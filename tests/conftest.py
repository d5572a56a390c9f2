"""Fixtures that several rooms share: the real databases, each started once per test run."""

import importlib
import os
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from tests.servers import ClickHouseServer, find_clickhouse, running_clickhouse

SERVERS_REQUIRED = "ANOMALERT_REQUIRE_SERVERS"


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where a run has promised that the servers are there."""
    if os.environ.get(SERVERS_REQUIRED) == "1":
        pytest.fail(f"{SERVERS_REQUIRED}=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """Give a real ClickHouse server on 127.0.0.1."""
    binary = find_clickhouse()
    if binary is None:
        unavailable("clickhouse-server is not installed (Debian: apt-get install clickhouse-server)")
    with running_clickhouse(binary, tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture(scope="session")
def chdb_session() -> Iterator[Any]:
    """Give the one chDB session of this test run: a process may open only one data path, here in memory."""
    try:
        chdb_sessions = importlib.import_module("chdb.session")
    except ModuleNotFoundError:
        unavailable("chDB is not installed (pip install 'anomalert[chdb]')")
    session = chdb_sessions.Session(":memory:")
    yield session
    session.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """Give a real PostgreSQL server on 127.0.0.1."""
    try:
        servers = importlib.import_module("tests.servers_postgres")
    except ModuleNotFoundError:
        unavailable("psycopg is not installed (pip install 'anomalert[sql]')")
    programs = servers.find_postgres()
    if programs is None:
        unavailable("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    with servers.running_postgres(programs) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Any) -> str:
    """Give the address of an empty PostgreSQL database, user and password in it."""
    return str(postgres_server.new_ledger())
