"""What `ClickHouseSource` needs of a connection, and how a driver's failure passes without its secrets.

Called by the source and its clients, and read by those who write a client of their own; calls `errors` and
`redaction`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, Protocol, runtime_checkable

import pandas as pd

from anomalert.errors import SourceError
from anomalert.redaction import Secret, redact

__all__ = ["READONLY", "UNEXPECTED_NULL", "ClickHouseClient", "Masked", "QueryError", "guarded"]

READONLY = 164
"""ClickHouse's number for what a read-only user may not do: change settings, among other things."""

UNEXPECTED_NULL = 349
"""ClickHouse's number for "NULL where none may be"."""

_SERVER_CODE = re.compile(r"\bCode: (\d+)")
_LONGEST_REASON = 500


class QueryError(SourceError):
    """A client could not give the whole answer to a statement. Its text holds no secret.

    Parameters
    ----------
    message : str
        What happened.
    code : int, optional
        ClickHouse's number of the error; by default the one in the text, if there is one.

    Examples
    --------
    >>> QueryError("Code: 47. DB::Exception: Unknown identifier: likse").code
    47
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        found = _SERVER_CODE.search(message)
        self.code = code if code is not None or found is None else int(found[1])


@runtime_checkable
class ClickHouseClient(Protocol):
    """A way to a ClickHouse: a class with these two members is one, it needs to inherit nothing."""

    @property
    def database(self) -> str:
        """The database that ``{db}`` stands for in queries."""
        ...

    def query(self, sql: str, settings: Mapping[str, int]) -> pd.DataFrame:
        """Run one statement and return its whole answer.

        Parameters
        ----------
        sql : str
            Without ``FORMAT``.
        settings : mapping of str to int
            ClickHouse settings for this statement, such as ``max_execution_time`` in seconds.

        Returns
        -------
        pandas.DataFrame
            The statement's columns, in its order. Only UInt8, UInt32, UInt64, Float64 and String occur.

        Raises
        ------
        QueryError
            If there is no answer, or the client sees that it is cut. Of any other exception only the type is told.
        """
        ...


class Masked(dict[str, Any]):
    """A dict of settings of which some are secret: it does not show itself and cannot be pickled.

    Examples
    --------
    >>> Masked(password="secret")
    {***}
    """

    def __repr__(self) -> str:
        return "{***}"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection cannot be pickled: build the source where it is used")


def guarded(work: Callable[[], pd.DataFrame], secrets: Iterable[Secret]) -> pd.DataFrame:
    """Return what `work` gives, or raise a QueryError without secrets, cause or context in place of what it raised.

    Examples
    --------
    >>> def refused():
    ...     raise OSError("no route to http://me:secret@server")
    >>> guarded(refused, [Secret("secret")])
    Traceback (most recent call last):
    anomalert.sources.clickhouse_seam.QueryError: OSError: no route to http://me:***@server
    """
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - drivers raise anything, and none of it may pass with its secrets
        # Redacted before it is shortened: the end could hold half of a secret.
        text = " ".join(redact(_reason(error), secrets).split())[:_LONGEST_REASON]
        failure = QueryError(text, error.code if isinstance(error, QueryError) else None)
    # Raised here and not in the handler: there the driver's exception would be its context.
    raise failure


def _reason(error: BaseException) -> str:
    """Return why a driver failed: the server's own words, or the first of a chain of errors."""
    response = getattr(error, "response", None)
    if isinstance(error, QueryError):
        return str(error)
    if error.args and isinstance(error.args[0], bytes):
        return error.args[0].decode(errors="replace")
    if response is not None:
        return f"the server answered HTTP {response.status_code} without a text"
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(error) if _SERVER_CODE.match(str(error)) else f"{type(error).__name__}: {error}"
