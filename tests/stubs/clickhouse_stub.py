"""A server with a ClickHouse's HTTP face that answers as it is told, and as badly: cut, slow, garbled, or never."""

import math
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import pandas as pd

__all__ = ["FRAMINGS", "Framing", "Reply", "StubServer", "answers", "described", "stub_server", "tsv"]

Framing = Literal["length", "chunked", "close"]

FRAMINGS: tuple[Framing, ...] = ("length", "chunked", "close")
"""How the end of a body is told: by its length, by a last chunk, or by nothing but the end of the connection."""

CHUNK = 100


@dataclass(frozen=True)
class Reply:
    """One answer, and how it fails to arrive.

    `cut` leaves out all but so many bytes of the body as it travels; `pause` waits so many seconds before every byte;
    `hangs` sends nothing and waits until the server closes. `more` is sent so many `times` after the body, which then
    ends with the connection.
    """

    body: bytes = b""
    status: str = "200 OK"
    framing: Framing = "length"
    headers: tuple[str, ...] = ()
    cut: int | None = None
    pause: float = 0.0
    hangs: bool = False
    more: bytes = b""
    times: int = 0

    def head(self) -> bytes:
        """Return the status line and headers."""
        told = {
            "length": (f"Content-Length: {len(self.body)}",),
            "chunked": ("Transfer-Encoding: chunked",),
            "close": (),
        }
        lines = [f"HTTP/1.1 {self.status}", *self.headers, *told[self.framing], "Connection: close", "", ""]
        return "\r\n".join(lines).encode()

    def travelling(self) -> bytes:
        """Return the body as it travels."""
        if self.framing != "chunked":
            return self.body[: self.cut]
        parts = [self.body[at : at + CHUNK] for at in range(0, len(self.body), CHUNK)]
        return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])[: self.cut]

    def cuts(self) -> "list[Reply]":
        """Return this reply cut before every byte that its data need to be whole."""
        whole = len(self.travelling())
        # The end of the last chunk carries no data: without it a client may know that it has all.
        needed = whole - len(b"\r\n0\r\n\r\n") if self.framing == "chunked" else whole
        return [replace(self, cut=at) for at in range(needed)]


@dataclass
class StubServer:
    """A stub that listens: its address, the reply to each statement, and every request as it came."""

    url: str
    respond: Callable[[str], Reply]
    requests: list[bytes] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def serve(self, connection: socket.socket) -> None:
        """Read one request, answer it, close."""
        with connection:
            try:
                request = _request(connection)
                self.requests.append(request)
                self._answer(connection, self.respond(request.partition(b"\r\n\r\n")[2].decode()))
            except OSError:
                return  # The client went away, as it may.

    def _answer(self, connection: socket.socket, reply: Reply) -> None:
        if reply.hangs:
            self.closing.wait()
            return
        if not reply.pause:
            connection.sendall(reply.head() + reply.travelling())
            for _ in range(reply.times):
                connection.sendall(reply.more)
            return
        connection.sendall(reply.head())
        for byte in reply.travelling():
            if self.closing.wait(reply.pause):
                return
            connection.sendall(bytes([byte]))


@contextmanager
def stub_server(respond: Callable[[str], Reply]) -> Iterator[StubServer]:
    """Listen on a free port of 127.0.0.1 and answer every statement with what `respond` returns for it."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        stub = StubServer(f"http://127.0.0.1:{listener.getsockname()[1]}", respond)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=stub.serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield stub
        finally:
            stub.closing.set()
            # Closing alone would not wake the thread that waits in `accept`.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)


def answers(description: Reply, rows: Reply) -> Callable[[str], Reply]:
    """Return a `respond` for `ClickHouseSource`: one reply for what describes the query, one for its rows."""
    return lambda sql: description if sql.startswith("DESCRIBE") else rows


def described(columns: dict[str, str]) -> Reply:
    """Return the reply to a DESCRIBE of a query with these columns and types."""
    lines = ["name\ttype\tdefault_type\tdefault_expression", "String\tString\tString\tString"]
    lines += [f"{name}\t{kind}\t\t" for name, kind in {**columns, "anomalert_end": "UInt8"}.items()]
    return Reply("".join(f"{line}\n" for line in lines).encode())


def tsv(panel: pd.DataFrame, count: int | None = None) -> Reply:
    """Return the reply of a whole read of `panel`, as a server writes it; `count` makes it tell another count."""
    seal = 10**18 + (len(panel) if count is None else count)
    names = [name for number in range(panel.shape[1]) for name in (f"value{number}", f"gap{number}")]
    types = ["Float64", "UInt8"] * panel.shape[1]
    lines = ["\t".join(["ts", *names, "seal"]), "\t".join(["UInt32", *types, "UInt64"])]
    for ts, *values in panel.itertuples():
        cells = [cell for value in values for cell in _value_and_gap(value)]
        lines.append("\t".join([str(int(ts.timestamp())), *cells, str(seal)]))
    if panel.empty:
        lines.append("\t".join(["0", *["0"] * len(names), str(seal)]))
    return Reply("".join(f"{line}\n" for line in lines).encode())


def _value_and_gap(value: float) -> tuple[str, str]:
    return ("0", "1") if math.isnan(value) else (repr(value).removesuffix(".0"), "0")


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += _some(connection)
    return head + b"\r\n\r\n" + body


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError("the client closed before its request was whole")
    return data
