"""An embedded ClickHouse behind ClickHouse's HTTP face, so that processes of other environments can read it.

It checks user and password, and answers one statement at a time.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

__all__ = ["PASSWORD", "USER", "running_warehouse"]

USER, PASSWORD = "analyst", "p@ss:w/rd &%41"


@contextmanager
def running_warehouse(session: Any) -> Iterator[int]:
    """Answer from a chDB session over HTTP, and give the port."""
    server = _Server(session)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, session: Any) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.session, self.lock = session, Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be silent about clients that were killed."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Run the statement that the body is, and answer in the format that it names."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        login = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers["Authorization"] != login:
            self._answer(401, b"Code: 516. DB::Exception: Authentication failed")
            return
        sql, _, form = body.rpartition("\nFORMAT ")
        try:
            with self.server.lock:
                answer = self.server.session.query(sql, form.strip()).bytes()
        except RuntimeError as error:
            self._answer(500, str(error).encode())
        else:
            self._answer(200, answer)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature is given
        """Keep the output clean."""
