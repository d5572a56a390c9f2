"""Ways to a ClickHouse: pandahouse over HTTP, clickhouse-connect, and the embedded chDB.

Called by `clickhouse` and by users; the only module that knows these drivers. Calls `clickhouse_seam`.
"""

import csv
import importlib.util
import io
import os
from collections.abc import Mapping
from contextlib import closing
from functools import cached_property
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote, urlsplit

import pandas as pd

from anomalert.errors import ConfigurationError
from anomalert.redaction import Secret
from anomalert.sources.clickhouse_seam import READONLY, Masked, QueryError, guarded
from anomalert.sources.http_address import HttpAddress

__all__ = ["ChdbClient", "ClickHouseConnectClient", "PandahouseClient"]


class PandahouseClient:
    """Ask over HTTP, through pandahouse and with its ``connection``.

    Statements travel in the body of the request and credentials in its headers, so that neither URLs nor the logs
    of this side, a proxy or the server show them.

    Parameters
    ----------
    connection : mapping
        As pandahouse takes it: `host` (default ``"http://localhost:8123"``; settings in its query string are kept),
        `database` (default ``"default"``), `user`, `password`. Tables named without a database are those of
        `database`.
    max_bytes : int, default 268_435_456
        A longer answer is an error.

    Examples
    --------
    >>> PandahouseClient({"host": "https://clickhouse.example:8443", "user": "alerts", "password": "secret"})
    PandahouseClient('https://clickhouse.example:8443', database='default')
    """

    def __init__(self, connection: Mapping[str, str | None], *, max_bytes: int = 2**28) -> None:
        connection = Masked(connection)
        unknown = sorted(connection.keys() - {"host", "database", "user", "password"})
        if unknown:
            raise ConfigurationError(
                f"`connection` has the unknown key {unknown[0]!r}: it takes host, database, user and password"
            )
        self.database = connection.get("database") or "default"
        self.max_bytes = max_bytes
        self._address = HttpAddress.of(connection)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address.place!r}, database={self.database!r})"

    def query(self, sql: str, settings: Mapping[str, int]) -> pd.DataFrame:
        """Run one statement; see `ClickHouseClient.query`."""
        return guarded(lambda: self._frame(self._body(sql, settings)), self._address.secrets)

    def _body(self, sql: str, settings: Mapping[str, int]) -> bytes:
        import pandahouse

        # The server keeps the answer until it is complete, so that a late error is an error and no short answer.
        url = self._address.url({"database": self.database, "wait_end_of_query": 1, **settings})
        data = f"{sql}\nFORMAT TSVWithNamesAndTypes".encode()
        body = io.BytesIO()
        # pandahouse would put a statement and credentials of its own into the URL, so it is given neither.
        with closing(pandahouse.execute("", {"host": url}, data, stream=True)) as answer:
            while chunk := answer.read(2**20, decode_content=True):
                body.write(chunk)
                if body.tell() > self.max_bytes:
                    raise QueryError(f"the answer is longer than `max_bytes`, {self.max_bytes}: raise it, or ask less")
        return body.getvalue()

    def _frame(self, body: bytes) -> pd.DataFrame:
        from pandahouse.convert import to_dataframe

        if b"DB::Exception" in body:
            raise QueryError(body[max(body.find(b"Code: "), 0) :].decode(errors="replace"))
        if not body.endswith(b"\n"):
            raise QueryError(f"the answer is not whole: it ends after {len(body)} bytes, within a line")
        try:
            # Without the first two, text that begins with a quote or is empty loses rows.
            frame: pd.DataFrame = to_dataframe(
                io.BytesIO(body), quoting=csv.QUOTE_NONE, skip_blank_lines=False, **_exact_floats()
            )
        except (KeyError, ValueError, IndexError) as error:
            start = body[:2000].decode(errors="replace")
            raise QueryError(f"the answer is not whole, or not one of ClickHouse: it begins with: {start}") from error
        return frame


class ChdbClient:
    """Ask the ClickHouse that runs inside this process (chDB), for notebooks, tests and files.

    A process can open one path only, with as many clients as it likes, and one process at a time can open a path.

    Parameters
    ----------
    path : str, PathLike or chdb.session.Session, default ":memory:"
        The folder of the data, or a session that is open already.
    database : str, default "default"
        What ``{db}`` stands for.

    Raises
    ------
    ConfigurationError
        If chDB is not installed.
    """

    def __init__(self, path: "str | os.PathLike[str] | Any" = ":memory:", *, database: str = "default") -> None:
        _require("chdb", extra="chdb")
        self.database = database
        self._path = path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._path!r}, database={self.database!r})"

    @cached_property
    def session(self) -> Any:
        """The ``chdb.session.Session``, to create and fill tables with; opened when first asked for."""
        from chdb.session import Session

        if not isinstance(self._path, str | os.PathLike):
            return self._path
        return Session(os.fspath(self._path))  # type: ignore[no-untyped-call]

    def query(self, sql: str, settings: Mapping[str, int]) -> pd.DataFrame:
        """Run one statement; see `ClickHouseClient.query`."""
        given = ", ".join(f"{name} = {value}" for name, value in settings.items())
        statement = f"{sql}\nSETTINGS {given}" if given else sql
        return guarded(lambda: self.session.query(statement, "DataFrame"), [])

    def close(self) -> None:
        """Close the session, also one that was given: another path can be opened then."""
        self.session.close()


class ClickHouseConnectClient:
    """Ask over HTTP through clickhouse-connect, for servers of recent years; it does not work with 18.16.

    Parameters
    ----------
    **options
        As ``clickhouse_connect.get_client`` takes them: host, port, username, password, database, secure, ... It
        connects at the first query.

    Raises
    ------
    ConfigurationError
        If clickhouse-connect is not installed, or older than 1.7.0: those take a server's late error for the end
        of the rows.

    Examples
    --------
    >>> ClickHouseConnectClient(host="clickhouse.example", username="alerts", password="secret")
    ClickHouseConnectClient('clickhouse.example', database='default')
    """

    def __init__(self, **options: Any) -> None:
        options = Masked(options)
        _require("clickhouse_connect", extra="clickhouse", oldest=(1, 7))
        self.database = str(options.get("database") or "default")
        # Sessions allow one statement at a time: one that hangs would block all later ones. chDB has none.
        sessions = {} if options.get("interface") == "chdb" else {"autogenerate_session_id": False}
        self._options = Masked({**sessions, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._options.get('host', 'localhost')!r}, database={self.database!r})"

    def query(self, sql: str, settings: Mapping[str, int]) -> pd.DataFrame:
        """Run one statement; see `ClickHouseClient.query`."""
        return guarded(lambda: self._frame(sql, settings), self._secrets())

    @cached_property
    def _client(self) -> Any:
        import clickhouse_connect

        return clickhouse_connect.get_client(**self._options)

    def _frame(self, sql: str, settings: Mapping[str, int]) -> pd.DataFrame:
        from clickhouse_connect.driver.exceptions import ProgrammingError

        try:
            frame: pd.DataFrame = self._client.query_df(sql, settings=dict(settings))
        except ProgrammingError as error:
            # It knows the user's rights and refuses by itself what the server would refuse with this number.
            raise QueryError(str(error), READONLY if "is readonly" in str(error) else None) from error
        return frame

    def _secrets(self) -> list[Secret]:
        # Whatever is not known to be harmless counts as a secret: options are many, and more will come.
        harmless = {"host", "database", "interface", "port", "path"}
        texts = [value for name, value in self._options.items() if name not in harmless]
        password = urlsplit(str(self._options.get("dsn") or "")).password or ""
        texts += [password, unquote(password), *dict(self._options.get("headers") or {}).values()]
        return [Secret(text) for text in texts if isinstance(text, str) and text and text != "default"]


def _exact_floats() -> dict[str, str]:
    """Return the option by which pandas before 3.1 reads the last digit of a float; later ones do so by themselves."""
    major, minor = (int(part) for part in pd.__version__.split(".")[:2])
    return {} if (major, minor) >= (3, 1) else {"float_precision": "round_trip"}


def _require(module: str, extra: str, oldest: tuple[int, int] = (0, 0)) -> None:
    """Raise a ConfigurationError where an optional driver is missing or too old, without importing it."""
    package = module.replace("_", "-")
    needed = f"pip install --upgrade 'anomalert[{extra}]'"
    if importlib.util.find_spec(module) is None:
        raise ConfigurationError(f"{package} is not installed: {needed}")
    major, minor = (int(part) for part in version(package).split(".")[:2])
    if (major, minor) < oldest:
        wanted = ".".join(str(part) for part in oldest)
        raise ConfigurationError(f"{package} {version(package)} is too old, {wanted} is needed: {needed}")
