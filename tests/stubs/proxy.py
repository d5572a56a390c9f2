"""An HTTP proxy that tunnels (CONNECT) or refuses to, and notes what it could see."""

import socket
import threading
from types import TracebackType
from typing import Self

from tests.stubs.telegram import wait_for_senders


class ConnectProxy:
    """Listens on a port of this machine; `requests` holds the head of every request, `seen` every byte up."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.requests: list[str] = []
        self.seen = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        """``host:port``, to be put behind a scheme and perhaps a password."""
        return f"127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wait_for_senders()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def _handle(self, client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(4096)
                if not piece:
                    return
                head += piece
            self.requests.append(head.decode())
            client.sendall(b"HTTP/1.1 %d Whatever\r\n\r\n" % self.status)
            if self.status == 200:
                host, _, port = head.split()[1].decode().partition(":")
                self._tunnel(client, (host, int(port)))

    def _tunnel(self, client: socket.socket, target: tuple[str, int]) -> None:
        with socket.create_connection(target) as server:
            down = threading.Thread(target=_pour, args=(server, client), daemon=True)
            down.start()
            while piece := _received(client):
                self.seen += piece
                server.sendall(piece)
            server.shutdown(socket.SHUT_WR)
            down.join(5)


def _pour(source: socket.socket, target: socket.socket) -> None:
    while piece := _received(source):
        target.sendall(piece)


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(65536)
    except OSError:
        return b""
