"""The clients: what they send, what they give back, and how they refuse."""

import importlib.util
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anomalert.errors import ConfigurationError
from anomalert.sources import ChdbClient, ClickHouseClient, ClickHouseConnectClient, PandahouseClient, QueryError
from anomalert.sources.clickhouse_seam import READONLY
from tests.servers import ANALYST, ClickHouseServer
from tests.stubs.clickhouse_stub import Reply, stub_server

NUMBERS = """SELECT toUInt32(4294967295) AS a, toUInt8(1) AS b, toUInt64(1000000000000000003) AS c,
toFloat64('0.1') + 0.2 AS d, -1 / toFloat64(0) AS e"""


@pytest.fixture(
    params=[
        pytest.param("pandahouse", marks=pytest.mark.clickhouse),
        pytest.param("chdb", marks=pytest.mark.chdb),
        pytest.param("clickhouse-connect", marks=pytest.mark.chdb),
    ]
)
def client(request: pytest.FixtureRequest) -> ClickHouseClient:
    """Give each client, connected to a real engine."""
    if request.param == "pandahouse":
        server: ClickHouseServer = request.getfixturevalue("clickhouse_server")
        return PandahouseClient({"host": server.url})
    session = request.getfixturevalue("chdb_session")
    if request.param == "chdb":
        return ChdbClient(session)
    pytest.importorskip("clickhouse_connect")
    return ClickHouseConnectClient(interface="chdb")


def test_numbers_arrive_exactly(client: ClickHouseClient) -> None:
    """The types that the wrapper uses come through every client to the last digit."""
    frame = client.query(NUMBERS, {"max_execution_time": 5})
    assert frame.iloc[0].tolist()[:2] == [4294967295, 1]
    assert frame["c"].iloc[0] == 1000000000000000003
    assert frame["d"].iloc[0] == 0.30000000000000004
    assert frame["e"].iloc[0] == -np.inf


def test_texts_arrive_exactly(client: ClickHouseClient) -> None:
    """Quotes, tabs, empty texts and foreign letters come through, and no row is lost to them."""
    sql = """SELECT arrayJoin(['"', '', 'a\\tb', 'Доля, %', '\\\\', 'NULL', '"']) AS text"""
    assert client.query(sql, {})["text"].tolist() == ['"', "", "a\tb", "Доля, %", "\\", "NULL", '"']


def test_an_error_has_the_servers_words_and_number(client: ClickHouseClient) -> None:
    """What the server says is told with its number, in one line of bounded length, and nothing is chained."""
    with pytest.raises(QueryError, match=r"Code: 47.*nosuch") as caught:
        client.query("SELECT nosuch,\n" + "1, " * 1_000 + "1", {})
    assert caught.value.code == 47
    assert len(str(caught.value)) <= 500
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_settings_reach_the_server(client: ClickHouseClient) -> None:
    """A statement is stopped by the server itself when its time is up."""
    with pytest.raises(QueryError, match=r"(?i)timeout") as caught:
        client.query(
            "SELECT sum(sleepEachRow(0.4)) FROM (SELECT number FROM system.numbers LIMIT 9)",
            {"max_execution_time": 1, "max_block_size": 1},
        )
    assert caught.value.code == 159


def test_a_long_statement_passes(client: ClickHouseClient) -> None:
    """A statement of 200 kB, too long for any URL, is answered."""
    assert client.query(f"SELECT 1 AS a --{'x' * 200_000}\n", {})["a"].tolist() == [1]


@pytest.mark.clickhouse
def test_login_and_database_reach_the_server(clickhouse_server: ClickHouseServer) -> None:
    """A password of awkward letters lets its user in, and tables without a database are those of the connection."""
    clickhouse_server.execute("CREATE DATABASE IF NOT EXISTS `odd name`")
    clickhouse_server.execute("DROP TABLE IF EXISTS `odd name`.t")
    clickhouse_server.execute("CREATE TABLE `odd name`.t ENGINE = Memory AS SELECT 7 AS a")
    user, password = ANALYST
    login: dict[str, str | None] = {"host": clickhouse_server.url, "database": "odd name", "user": user}
    assert PandahouseClient({**login, "password": password}).query("SELECT a FROM t", {})["a"].tolist() == [7]
    with pytest.raises(QueryError, match=r"Code: 193.*Wrong password for user \*\*\*"):
        PandahouseClient({**login, "password": password + "!"}).query("SELECT a FROM t", {})


def test_neither_statement_nor_credentials_stand_in_the_url() -> None:
    """What proxies and servers log of a request, its first line, holds settings and nothing else."""
    with stub_server(lambda _: Reply(b"a\nUInt8\n1\n")) as stub:
        connection: dict[str, str | None] = {
            "host": stub.url + "/sub?max_threads=1",
            "user": "me",
            "password": "canary",
        }
        frame = PandahouseClient(connection).query("SELECT 1 AS a", {"max_execution_time": 5})
    line, _, rest = stub.requests[0].partition(b"\r\n")
    wanted = b"POST /sub?database=default&wait_end_of_query=1&max_execution_time=5&max_threads=1 HTTP/1.1"
    assert line == wanted
    assert rest.endswith(b"\r\n\r\nSELECT 1 AS a\nFORMAT TSVWithNamesAndTypes")
    assert frame["a"].tolist() == [1]


def test_a_redirect_carries_no_credentials_to_another_server() -> None:
    """A server that points elsewhere cannot collect the password there."""
    with stub_server(lambda _: Reply(b"a\nUInt8\n1\n")) as thief:
        away = Reply(status="307 Temporary Redirect", headers=(f"Location: {thief.url}/",))
        with stub_server(lambda _: away) as stub:
            PandahouseClient({"host": stub.url, "user": "me", "password": "canary"}).query("SELECT 1", {})
    assert b"Authorization: Basic" in stub.requests[0]
    assert b"Authorization" not in thief.requests[0]


@pytest.mark.clickhouse
def test_clickhouse_connect_says_that_an_old_server_is_too_old(clickhouse_server: ClickHouseServer) -> None:
    """It cannot work with 18.16, and says so in the server's words instead of anything else."""
    pytest.importorskip("clickhouse_connect")
    port = int(clickhouse_server.url.rsplit(":", 1)[1].strip("/"))
    client = ClickHouseConnectClient(host="127.0.0.1", port=port, username="default", password="")
    with pytest.raises(QueryError, match="Unknown identifier: readonly"):
        client.query("SELECT 1", {})


@pytest.mark.chdb
def test_a_setting_that_clickhouse_connect_refuses_has_the_servers_number(
    monkeypatch: pytest.MonkeyPatch, chdb_session: Any
) -> None:
    """It refuses by itself what a read-only user may not set, and the source has to know that."""
    exceptions = pytest.importorskip("clickhouse_connect.driver.exceptions")

    class Refusing:
        def query_df(self, sql: str, settings: dict[str, int]) -> pd.DataFrame:
            raise exceptions.ProgrammingError(
                f"Setting {next(iter(settings))} is readonly; {sql} {chdb_session is None}"
            )

    client = ClickHouseConnectClient(interface="chdb")
    monkeypatch.setitem(client.__dict__, "_client", Refusing())
    with pytest.raises(QueryError, match="is readonly") as caught:
        client.query("SELECT 1", {"max_execution_time": 1})
    assert caught.value.code == READONLY


@pytest.mark.parametrize("old", ["1.6.9", "0.9.2"])
def test_an_old_clickhouse_connect_is_refused(monkeypatch: pytest.MonkeyPatch, old: str) -> None:
    """Versions before 1.7 take a server's late error for the end of the rows."""
    pytest.importorskip("clickhouse_connect")
    monkeypatch.setattr("anomalert.sources.clickhouse_clients.version", lambda _: old)
    with pytest.raises(ConfigurationError, match=f"clickhouse-connect {old} is too old, 1.7 is needed"):
        ClickHouseConnectClient(host="ch")


@pytest.mark.parametrize(("build", "extra"), [(ChdbClient, "chdb"), (ClickHouseConnectClient, "clickhouse")])
def test_a_missing_driver_is_told(
    monkeypatch: pytest.MonkeyPatch, build: Callable[[], ClickHouseClient], extra: str
) -> None:
    """Without its driver a client says what to install, when it is built and not when it is asked."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=rf"is not installed: pip install --upgrade 'anomalert\[{extra}\]'"):
        build()


def test_an_unknown_key_is_told() -> None:
    """A misspelt key would mean no password, and its value may be one."""
    with pytest.raises(ConfigurationError, match="unknown key 'passwd'") as caught:
        PandahouseClient({"passwd": "canary"})
    assert "canary" not in str(caught.value)


@pytest.mark.chdb
def test_chdb_opens_a_path_and_closes_it(chdb_session: Any) -> None:
    """A client of the path that is open already sees the same data, and closing it leaves others open."""
    chdb_session.query("CREATE DATABASE IF NOT EXISTS paths")
    chdb_session.query("CREATE OR REPLACE TABLE paths.t ENGINE = Memory AS SELECT 5 AS a")
    client = ChdbClient(":memory:", database="paths")
    assert client.query("SELECT a FROM paths.t", {})["a"].tolist() == [5]
    client.close()
    assert ChdbClient(chdb_session).query("SELECT a FROM paths.t", {})["a"].tolist() == [5]


@pytest.mark.parametrize("driver", ["pandahouse", "clickhouse_connect"])
def test_a_client_shows_no_secret_and_is_not_pickled(driver: str) -> None:
    """Neither its repr nor what it is made of shows a secret, and it cannot be written to disk."""
    pytest.importorskip(driver)
    client: ClickHouseClient = PandahouseClient(
        {"host": "http://ch:8123?token=canary", "user": "canary", "password": "canary"}
    )
    if driver == "clickhouse_connect":
        client = ClickHouseConnectClient(host="ch", username="canary", password="canary", dsn="http://canary:canary@ch")
    assert "canary" not in f"{client} {client!r} {vars(client)}"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(client)
