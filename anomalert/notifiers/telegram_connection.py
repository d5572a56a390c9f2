"""The last step before the socket: where the token is filled in, and where the first byte is known to leave.

`requests` and urllib3 put a request's address into exceptions, attributes and the log. They are given an address with
``***``; the token replaces it only as the request line is written. The same place knows for certain whether anything
was written, which no type of exception tells. `telegram` calls this; it calls only `redaction`.
"""

import socket
import threading
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any, Protocol

from anomalert.redaction import Secret

__all__ = ["PLACEHOLDER", "Attempt", "fill_in_token"]

PLACEHOLDER = "***"
"""Stands for the token in every address that `requests` is given."""


class PoolManager(Protocol):
    """What is used of urllib3's managers: plain, HTTP proxy and SOCKS proxy."""

    pool_classes_by_scheme: dict[str, Any]


class Attempt:
    """What is known of one request while another thread sends it: whether it was begun, or given up before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written = False
        self._given_up = False
        self._connection: HTTPConnection | None = None

    @property
    def written(self) -> bool:
        """Whether a byte of the request may have left."""
        return self._written

    def begin(self, connection: HTTPConnection) -> None:
        """Note that the first byte is about to leave; raise if the request was given up before."""
        with self._lock:
            if self._given_up:
                raise ConnectionAbortedError("given up before anything was written")
            self._connection = connection
            self._written = True

    def give_up(self) -> bool:
        """Let nothing be written from now on, wake the sending thread, and return `written`."""
        with self._lock:
            self._given_up = True
            connected = self._connection.sock if self._connection is not None else None
        if connected is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        return self._written


def fill_in_token(manager: PoolManager, token: Secret, attempt: Attempt) -> None:
    """Make every connection of `manager` fill in `token`, and report to `attempt`."""
    manager.pool_classes_by_scheme = {
        scheme: _with_connection(pool, token, attempt) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _with_connection(pool: type[Any], token: Secret, attempt: Attempt) -> type[Any]:
    known = {"token": token, "attempt": attempt}
    connection = type("TokenConnection", (_TokenConnection, pool.ConnectionCls), known)
    return type("TokenPool", (pool,), {"ConnectionCls": connection})


class _TokenConnection(HTTPConnection):
    """Mixed into urllib3's own connection classes, which know proxies and TLS."""

    token: Secret
    attempt: Attempt

    # A class attribute of the base, set by people who debug: it would print the request line.
    debuglevel = 0

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        """Connect first, a proxy's tunnel and TLS included; what fails until then was certainly not sent."""
        if self.sock is None:
            self.connect()
        self.attempt.begin(self)
        url = url.replace(PLACEHOLDER, self.token.reveal())
        super().putrequest(method, url, skip_host=skip_host, skip_accept_encoding=skip_accept_encoding)
