"""A messenger that counts what it accepted, in a process of its own, so that it outlives whatever is killed.

``POST /<case>/<channel>`` waits a millisecond, accepts the text, waits another and answers with an id. To a channel
whose name ends with ``!`` it says no.
``GET /<case>`` gives what was accepted, in order, once nothing is on its way any more. ``GET /<case>/watcher`` is a
heartbeat, filed with what stands behind it as its text. Knows nothing of the package.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from threading import Condition, Thread
from typing import Any, NamedTuple

PAUSE = 0.001
"""Seconds before a message is accepted, and again before that is said."""


class Accepted(NamedTuple):
    """A message that people can read."""

    channel: str
    key: str
    text: str


@contextmanager
def running_messenger() -> Iterator[int]:
    """Start a messenger and give its port."""
    command = [sys.executable, "-m", "tests.reliability.messenger"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def accepted(port: int, case: str) -> list[Accepted]:
    """Return what was accepted for a case."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", f"/{case}")
        return [Accepted(*message) for message in json.loads(connection.getresponse().read())]
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cases: dict[str, list[Accepted]] = {}
        self.changed = Condition()
        self.on_their_way = 0

    def process_request(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """Count a line as soon as it is taken, so that whoever asks later waits for it."""
        with self.changed:
            self.on_their_way += 1
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """Serve a line, and note that it is served."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.changed:
                self.on_their_way -= 1
                self.changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be silent about clients that died."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Accept a message, if all of it came."""
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            return
        _, case, channel = self.path.split("/")
        message = json.loads(body)
        time.sleep(PAUSE)
        if channel.endswith("!"):
            self._answer({"error": "you were removed"}, 403)
            return
        with self.server.changed:
            mine = self.server.cases.setdefault(case, [])
            mine.append(Accepted(channel, message["key"], message["text"]))
            number = len(mine)
        time.sleep(PAUSE)
        self._answer({"id": number})

    def do_GET(self) -> None:
        """Say what was accepted, or hear a heartbeat."""
        case, _, signal = self.path[1:].partition("/watcher")
        if case != self.path[1:]:
            with self.server.changed:
                self.server.cases.setdefault(case, []).append(Accepted("watcher", "", signal))
            self._answer("heard")
            return
        with self.server.changed:
            # The one that asks is on its way too.
            self.server.changed.wait_for(lambda: self.server.on_their_way <= 1, timeout=30)
            answer = list(self.server.cases.get(self.path[1:], ()))
        self._answer(answer)

    def _answer(self, content: object, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature is given
        """Keep the output clean."""


def main() -> None:
    """Print the port, and serve until whoever started it is gone."""
    server = _Server()
    Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
