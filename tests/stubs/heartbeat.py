"""A watcher of heartbeats over real sockets, which answers as it is told to."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"


@dataclass
class Watcher:
    """What it heard: the request lines, in order."""

    port: int
    answer: bytes | None
    heard: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def watcher(answer: bytes | None = OK) -> Iterator[Watcher]:
    """Give a watcher that answers every request with `answer`, or with None never."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stub = Watcher(server.getsockname()[1], answer)
        thread = threading.Thread(target=_serve, args=(server, stub), daemon=True)
        thread.start()
        try:
            yield stub
        finally:
            stub.closing.set()
            thread.join(5)


def _serve(server: socket.socket, stub: Watcher) -> None:
    kept = []
    while not stub.closing.is_set():
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        connection.settimeout(5)
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(4096)
        stub.heard.append(request.split(b"\r\n", 1)[0].decode())
        if stub.answer is None:
            kept.append(connection)
        else:
            connection.sendall(stub.answer)
            connection.close()
    for connection in kept:
        connection.close()
