"""What queries give on real engines: ClickHouse 18.16 over HTTP, and today's, embedded."""

import math
from typing import Any, NamedTuple

import pandas as pd
import pytest

from anomalert.errors import SourceError
from anomalert.sources import ChdbClient, ClickHouseClient, ClickHouseConnectClient, ClickHouseSource, PandahouseClient
from anomalert.testing import check_source
from tests.servers import READER, ClickHouseServer
from tests.sources.samples import END, START

NAN, INF = math.nan, math.inf
TIME = "toDateTime(1764547200 + number * 900)"
WINDOW = "WHERE {start} <= ts AND ts < {end}"


class Engine(NamedTuple):
    """A client, and whether its engine is one of recent years."""

    client: ClickHouseClient
    is_recent: bool


@pytest.fixture(
    params=[
        pytest.param("18.16", marks=pytest.mark.clickhouse),
        pytest.param("chdb", marks=pytest.mark.chdb),
        pytest.param("clickhouse-connect", marks=pytest.mark.chdb),
    ]
)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Give each engine, through the client that fits it."""
    if request.param == "18.16":
        server: ClickHouseServer = request.getfixturevalue("clickhouse_server")
        return Engine(PandahouseClient({"host": server.url}), is_recent=False)
    session = request.getfixturevalue("chdb_session")
    if request.param == "chdb":
        return Engine(ChdbClient(session), is_recent=True)
    pytest.importorskip("clickhouse_connect")
    return Engine(ClickHouseConnectClient(interface="chdb"), is_recent=True)


def rows(engine: Engine, query: str, **options: Any) -> pd.DataFrame:
    """Read the window of the samples."""
    return ClickHouseSource(query, client=engine.client, name="feed", **options).read(START, END)


def three(value: str, ts: str = TIME) -> str:
    """Return a query of three slots, whose metric ``x`` is `value`, made of `number`."""
    return f"SELECT {ts} AS ts, {value} AS x FROM (SELECT number FROM numbers(3)) {WINDOW} ORDER BY ts"


ON_BOTH = {
    "integers": ("number", [0, 1, 2]),
    "NULL": ("if(number = 1, NULL, number)", [0, NAN, 2]),
    "NULL alone": ("NULL", [NAN, NAN, NAN]),
    "NaN": ("number / number", [NAN, 1, 1]),
    "infinite": ("1 / number", [INF, 1, 0.5]),
    "negative infinite": ("-1 / number", [-INF, -1, -0.5]),
    "booleans": ("number = 1", [0, 1, 0]),
    "Float32": ("toFloat32(number) / 4", [0, 0.25, 0.5]),
    "last digits": ("toFloat64('0.1') + 0.2 + number", [0.30000000000000004, 1.3, 2.3]),
    "Decimal": ("toDecimal64(number, 2) + toDecimal64('0.25', 2)", [0.25, 1.25, 2.25]),
    "Decimal128": ("toDecimal128(number, 2)", [0, 1, 2]),
    "LowCardinality": ("toLowCardinality(number)", [0, 1, 2]),
    "LowCardinality(Nullable)": ("toLowCardinality(if(number = 0, NULL, number))", [NAN, 1, 2]),
    "UInt64 maximum": ("toUInt64(18446744073709551615)", [2.0**64] * 3),
    "beyond 2**53": ("9007199254740993", [2.0**53] * 3),
    "tiny and huge": (
        "if(number = 0, toFloat64('1e-300'), toFloat64('1.7976931348623157e308'))",
        [1e-300] + [1.7976931348623157e308] * 2,
    ),
    "braces": ("number + length('{} {x} {0} {start: b}') - 21", [0, 1, 2]),
}

ON_RECENT = {
    "Bool": ("toBool(number)", [0, 1, 1]),
    "Int256": ("toInt256(number) - 1", [-1, 0, 1]),
    "average of nothing": (
        "avgOrNull(number) OVER (ORDER BY number ROWS BETWEEN 9 PRECEDING AND 9 PRECEDING)",
        [NAN] * 3,
    ),
    "casts": ("number::Nullable(UInt8)", [0, 1, 2]),
}


@pytest.mark.parametrize("name", [*ON_BOTH, *ON_RECENT])
def test_values_of_every_kind(engine: Engine, name: str) -> None:
    """Whatever type a number has, it arrives as that float, and what is no number as NaN."""
    if name in ON_RECENT and not engine.is_recent:
        pytest.skip("18.16 does not know this")
    value, wanted = (ON_BOTH | ON_RECENT)[name]
    got = rows(engine, three(value))
    index = pd.date_range(START, periods=3, freq="15min", unit="ns")
    pd.testing.assert_frame_equal(
        got, pd.DataFrame({"x": wanted}, index, dtype=float), check_freq=False, check_exact=True
    )


@pytest.mark.parametrize(
    ("ts", "needs_recent"),
    [
        (TIME, False),
        ("toDateTime(1764547200 + number * 900, 'Asia/Tokyo')", False),
        (f"toStartOfFifteenMinutes({TIME})", False),
        (f"toNullable({TIME})", False),
        (f"toLowCardinality({TIME})", False),
        (f"toDateTime64({TIME}, 3, 'America/New_York')", True),
        (f"toStartOfInterval({TIME}, INTERVAL 15 MINUTE)", True),
    ],
)
def test_times_of_every_kind(engine: Engine, ts: str, *, needs_recent: bool) -> None:
    """Whatever type and zone a time has, and whatever the server's zone is, it arrives as the same instant."""
    if needs_recent and not engine.is_recent:
        pytest.skip("18.16 does not know this")
    got = rows(engine, three("number", ts))
    assert got.index.tolist() == pd.date_range(START, periods=3, freq="15min").tolist()


def test_a_date_is_midnight_in_the_servers_zone(engine: Engine) -> None:
    """Days that the server counted in its own zone start at that zone's midnight."""
    got = rows(
        engine,
        f"SELECT toDate({TIME} + 86400) AS ts, count() AS x FROM numbers(3) WHERE {{start}} < {{end}} GROUP BY ts",
    )
    zone = engine.client.query("SELECT timezone() AS zone", {})["zone"].iloc[0]
    assert got.index.tolist() == [pd.Timestamp("2025-12-02", tz=zone).tz_convert("UTC")]
    assert got["x"].tolist() == [3]


FORMS = {
    "trailing comment": (three("number") + " -- the end", [0, 1, 2]),
    "trailing semicolons": (three("number") + " ;\n;\n", [0, 1, 2]),
    "trailing SETTINGS": (three("number") + " SETTINGS max_threads = 1", [0, 1, 2]),
    "WITH a value": ("WITH 5 AS five " + three("number + five"), [5, 6, 7]),
    "LIMIT": (three("number") + " LIMIT 2", [0, 1]),
    "WITH TOTALS": (
        f"SELECT {TIME} AS ts, count() AS x FROM numbers(3) {WINDOW} GROUP BY ts WITH TOTALS ORDER BY ts",
        [1, 1, 1],
    ),
    "UNION ALL": (f"{three('number')} LIMIT 1 UNION ALL SELECT toDateTime({{start}} + 900), 7", [0, 7]),
    "subselect": (f"SELECT * FROM ({three('number')})", [0, 1, 2]),
    "no rows": (three("number") + " LIMIT 0", []),
    "no groups": (
        f"SELECT {TIME} AS ts, sum(number) AS x FROM numbers(3) WHERE number > 5 AND {{start}} < {{end}} GROUP BY ts",
        [],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_queries_of_every_form(engine: Engine, form: str) -> None:
    """Comments, semicolons, settings, totals and unions do not break out of the wrapper nor change the rows."""
    query, wanted = FORMS[form]
    got = rows(engine, query)
    assert got["x"].tolist() == wanted
    assert list(got.columns) == ["x"]
    assert str(got.index.dtype) == "datetime64[ns, UTC]"


def test_a_common_table_expression(engine: Engine) -> None:
    """A leading CTE works where the engine knows it."""
    if not engine.is_recent:
        pytest.skip("18.16 does not know this")
    assert rows(engine, "WITH a AS (SELECT 5 AS n) " + three("number + (SELECT n FROM a)"))["x"].tolist() == [5, 6, 7]


def test_names_of_every_kind(engine: Engine) -> None:
    """Metrics may be called anything, also what the wrapper calls its own columns."""
    names = [
        "Доля, %",
        "a`b",
        "tab\t",
        "quote'\"",
        "back\\slash",
        "value0",
        "gap0",
        "seal",
        "row",
        "count",
        "select",
        "a.b",
    ]
    quoted = ["`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`" for name in names]
    listed = ", ".join(f"number + {at} AS {name}" for at, name in enumerate(quoted))
    got = rows(engine, f"SELECT {TIME} AS ts, {listed} FROM numbers(2) {WINDOW} ORDER BY ts")
    assert list(got.columns) == names
    assert got.iloc[1].tolist() == [1.0 + at for at in range(len(names))]


WRONG = {
    "unknown column": (three("nosuch"), "Code: 47.*nosuch"),
    "no such table": ("SELECT ts, x FROM {db}.nosuch WHERE ts >= {start} AND ts < {end}", "Code: (60|81).*nosuch"),
    "text": (three("toString(number)"), r"source 'feed': column 'x' has type String, which is no number"),
    "text as time": (
        f"SELECT toString({TIME}) AS ts, number AS x FROM numbers(3) WHERE {{start}} < {{end}}",
        "column 'ts' has type String, which is no time",
    ),
    "an array": (three("[number]"), r"column 'x' has type Array\(UInt64\)"),
    "no ts": ("SELECT 1 AS x WHERE {start} < {end}", r"no column 'ts' with the start of the slot; it gives \['x'\]"),
    "NULL as time": (
        f"SELECT if(number = 1, NULL, {TIME}) AS ts, number AS x FROM numbers(3) WHERE {{start}} < {{end}}",
        "Code: 349.*is there a `ts` that is NULL",
    ),
    "duplicates": (
        three("number", "toDateTime(1764547200 + intDiv(number, 2))"),
        r"source 'feed' gives timestamp 2025-12-01 00:00:00\+00:00 2 times",
    ),
    "unsorted": (three("number") + " DESC", "unsorted timestamps.*ORDER BY ts"),
    "outside": (
        "SELECT toDateTime({start} - 1) AS ts, 1 AS x WHERE {start} < {end}",
        "2025-11-30 23:59:59.* outside the window",
    ),
    "a late error": (three("throwIf(number = 2)"), "Code: 395"),
    "own FORMAT": (three("number") + " FORMAT CSV", "Code: 62.*FORMAT"),
    "too many rows": (three("number"), "gives 3 rows, more than `max_rows`, 2"),
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG)
def test_faults_are_named(engine: Engine, fault: str) -> None:
    """Each fault of a query is a SourceError that names the source, the column and what was found."""
    query, told = WRONG[fault]
    with pytest.raises(SourceError, match=told) as caught:
        rows(engine, query, **({"max_rows": 2} if fault == "too many rows" else {}))
    assert str(caught.value).startswith("source 'feed'")


def test_many_rows_keep_their_order(engine: Engine) -> None:
    """Rows that fill many blocks and threads of a server arrive in the order of the query, each once."""
    query = """SELECT toDateTime({start} + 172799 - number) AS ts, number AS x
        FROM numbers(172800) WHERE ts < {end} ORDER BY ts"""
    got = rows(engine, query)
    assert got["x"].tolist() == [float(172799 - at) for at in range(172800)]
    with pytest.raises(SourceError, match="172800 rows, more than `max_rows`, 172799"):
        rows(engine, query, max_rows=172_799)


def test_the_server_gives_up_with_the_deadline(engine: Engine) -> None:
    """A query that would run for long is told to end, and is not left behind."""
    query = f"SELECT {TIME} AS ts, sum(sleepEachRow(0.1)) AS x FROM numbers(3) WHERE {{start}} < {{end}} GROUP BY ts"
    endless = (
        query.replace("numbers(3)", "(SELECT number FROM system.numbers LIMIT 400)") + " SETTINGS max_block_size = 1"
    )
    with pytest.raises(SourceError, match=r"(?i)timeout exceeded|no whole answer within `deadline`"):
        rows(engine, endless, deadline="1s")
    running = """SELECT count() AS n FROM system.processes
        WHERE query LIKE '%LIMIT 400%' AND query NOT LIKE '%system.processes%'"""
    for _ in range(30):
        if engine.client.query(running, {})["n"].iloc[0] == 0:
            return
        engine.client.query("SELECT sleep(0.1) AS s", {})
    pytest.fail("the query still runs 3 s after it was given up")


@pytest.mark.clickhouse
def test_a_user_who_may_change_no_settings_can_read(
    clickhouse_server: ClickHouseServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A user with readonly=1 is served without settings; that is told once, since it loses the limit at the server."""
    user, password = READER
    query = three("number").replace("numbers(3)", "system.numbers LIMIT 3")
    source = ClickHouseSource(query, {"host": clickhouse_server.url, "user": user, "password": password})
    for _ in range(2):
        assert source.read(START, END)["x"].tolist() == [0, 1, 2]
    warnings = [record.getMessage() for record in caplog.records if record.name.startswith("anomalert")]
    assert len(warnings) == 1
    assert "may change no settings" in warnings[0]


@pytest.mark.clickhouse
def test_a_user_who_may_change_no_settings_hears_of_other_faults(
    clickhouse_server: ClickHouseServer, caplog: pytest.LogCaptureFixture
) -> None:
    """What a read-only user may not do in the query itself is refused in the server's words, and warns of nothing."""
    user, password = READER
    source = ClickHouseSource(three("number"), {"host": clickhouse_server.url, "user": user, "password": password})
    with pytest.raises(SourceError, match=r"Code: 164.*Table functions are forbidden"):
        source.read(START, END)
    assert not caplog.records


def test_windows_add_up(engine: Engine) -> None:
    """Two neighbouring windows give together the rows of the one over both."""
    source = ClickHouseSource(three("number"), client=engine.client)
    middle = START + pd.Timedelta("30min")
    parts = [source.read(START, middle), source.read(middle, END), source.read(START, START)]
    assert [len(part) for part in parts] == [2, 1, 0]
    pd.testing.assert_frame_equal(pd.concat(parts), source.read(START, END))


def test_it_keeps_the_contract_of_sources(engine: Engine) -> None:
    """On each engine it passes the checks that any source has to pass, reading values, gaps, and nothing at all."""
    query = three("if(number % 5 = 0, NULL, sqrt(number))").replace("numbers(3)", "numbers(40)")
    broken = ClickHouseSource(query.replace("sqrt", "nosuch"), client=engine.client)
    check_source(ClickHouseSource(query, client=engine.client), START, END, broken=broken)


def test_a_repeated_hour_is_two_hours(engine: Engine) -> None:
    """In the night when clocks go back, each of the two equal wall-clock hours keeps its own rows."""
    start, end = pd.Timestamp("2025-10-25T23:00Z"), pd.Timestamp("2025-10-26T03:00Z")
    query = """SELECT toDateTime(toUnixTimestamp({start}) + number * 1800, 'Europe/Berlin') AS ts, number AS x
        FROM numbers(8) WHERE ts < {end} ORDER BY ts"""
    got = ClickHouseSource(query, client=engine.client).read(start, end)
    assert got["x"].tolist() == list(range(8))
    assert got.index.tolist() == pd.date_range(start, periods=8, freq="30min").tolist()
