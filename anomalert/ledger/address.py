"""Where a ledger is said to be: a file, or a PostgreSQL server whose password may not be shown.

`Ledger` calls this; it calls nothing of the package but `errors`.
"""

import os
import re

from anomalert.errors import ConfigurationError

__all__ = ["is_postgres", "shown_address"]


def is_postgres(place: str | os.PathLike[str]) -> bool:
    """Return whether `place` is the address of a PostgreSQL database, and not the name of a file.

    Raises
    ------
    ConfigurationError
        If it is neither; without quoting it, since it may hold a password.
    """
    text = os.fspath(place)
    if re.match(r"postgres(ql)?://", text):
        return True
    scheme = re.match(r"[A-Za-z][\w+.-]*://", text)
    if scheme or re.search(r"\b(password|dbname)\s*=", text):
        kind = f"begins with {scheme[0]!r}" if scheme else "reads like settings of a connection"
        raise ConfigurationError(
            f"the `place` of a ledger {kind}: name a file, or write 'postgresql://user:password@host/database'"
        )
    if not text:
        raise ConfigurationError("the `place` of a ledger is empty: name a file, such as 'alerts.db'")
    return False


def shown_address(url: str) -> str:
    """Return the address of a database without user, password and options.

    Examples
    --------
    >>> shown_address("postgresql://team:p%40ss@db.example.org:5433/alerts?sslmode=require")
    'postgresql://***@db.example.org:5433/alerts'
    """
    scheme, _, rest = url.partition("://")
    base, _, options = rest.partition("?")
    user, _, server = base.rpartition("@")
    if "@" in options:
        # It may be that of a password that was not encoded: then no part can be told to be harmless.
        return f"{scheme}://***"
    return f"{scheme}://***@{server}" if user else f"{scheme}://{server}"
