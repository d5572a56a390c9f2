"""A Bot API over real sockets, which says yes and no by Telegram's rules, or misbehaves as `telegram_faults` plans.

::

    with TelegramStub(flood(0.2), accept_then_drop) as stub:
        TelegramNotifier(TOKEN, CHAT, api_url=stub.url).send(message)
    stub.requests      every request that came, in order
    stub.posts         every post that the chat would show
"""

import json
import re
import socket
import ssl
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from tests.stubs.telegram_rules import RefusedError, check_request

TOKEN = "7041776:AAcanary-t0ken_NEVER-shown"
CHAT = -1001234567890


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    token: str
    method: str
    fields: dict[str, str]
    files: dict[str, bytes]
    headers: dict[str, str]
    at: float

    @property
    def options(self) -> dict[str, Any]:
        """The fields, read from JSON where they are."""
        return {name: _plain(value) for name, value in self.fields.items()}


@dataclass(frozen=True)
class Post:
    """What the chat shows: the visible text, how many pictures, and the request it came with."""

    id: int
    text: str
    pictures: int
    request: Received


Step = Callable[["Exchange"], None]


class Exchange:
    """One request and the means to answer it, well or badly."""

    def __init__(self, stub: "TelegramStub", received: Received, connection: socket.socket) -> None:
        self.stub, self.received, self.connection = stub, received, connection

    def judged(self) -> tuple[int, bytes]:
        """Post the message if Telegram would, and return the true answer."""
        try:
            text, pictures = check_request(self.received.method, self.received.options, self.received.files)
            if self.received.token != self.stub.token:
                raise RefusedError(401, "Unauthorized")
        except RefusedError as no:
            return no.code, json.dumps({"ok": False, "error_code": no.code, "description": no.description}).encode()
        ids = [self.stub.add_post(self.received, text, pictures) for _ in range(max(1, pictures))]
        shown: Any = [{"message_id": number} for number in ids]
        result = shown if self.received.method == "sendMediaGroup" else shown[0]
        return 200, json.dumps({"ok": True, "result": result}).encode()

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer whole."""
        self.write(head(status, {"Content-Length": str(len(body)), **(headers or {})}) + body)

    def write(self, raw: bytes) -> None:
        """Put bytes on the line; a client that has left is nobody's fault."""
        try:
            self.connection.sendall(raw)
        except OSError:
            self.stub.departures += 1

    def wait(self, seconds: float) -> None:
        """Let time pass, but not beyond the life of the stub."""
        self.stub.closing.wait(seconds)

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return a status line and headers."""
    lines = [f"HTTP/1.1 {status} Whatever", "Content-Type: application/json"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


def accept(exchange: Exchange) -> None:
    """Answer as Telegram would."""
    exchange.reply(*exchange.judged())


class TelegramStub:
    """The server. It does the planned steps one per request, then `default` for ever."""

    def __init__(self, *steps: Step, default: Step = accept, tls: ssl.SSLContext | None = None) -> None:
        self.steps, self.default = deque(steps), default
        self.requests: list[Received] = []
        self.posts: list[Post] = []
        self.errors: list[BaseException] = []
        self.departures = 0
        self.token = TOKEN
        self.closing, self._lock = threading.Event(), threading.Lock()
        self._server = _Server(self)
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """What to pass as `api_url`."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        wait_for_senders()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if error is None and self.errors:
            raise AssertionError(f"the stub itself failed: {self.errors!r}")

    def handle(self, received: Received, connection: socket.socket) -> None:
        """Note a request and do the step that is its turn."""
        with self._lock:
            self.requests.append(received)
            step = self.steps.popleft() if self.steps else self.default
        step(Exchange(self, received, connection))

    def add_post(self, received: Received, text: str, pictures: int) -> int:
        """Show a post in the chat and return its id."""
        with self._lock:
            self.posts.append(Post(100 + len(self.posts), text, pictures, received))
            return self.posts[-1].id


def wait_for_senders() -> None:
    """Wait for threads that a notifier has given up: a server that vanishes under them makes Python leak a socket."""
    for thread in threading.enumerate():
        if thread.name == "anomalert-notifier":
            thread.join(2)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, stub: TelegramStub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stub = stub

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the signature is given
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.stub.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Read a whole request and hand it to the stub."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        target = re.fullmatch(r"/bot([^/]*)/(\w+)", self.path)
        assert target is not None, self.path
        fields, files = _form(self.headers["Content-Type"], body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(target[1], target[2], fields, files, headers, time.monotonic())
        self.server.stub.handle(received, self.connection)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature is given
        """Keep the tests' output clean."""


def _form(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    if content_type.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)), {}
    fields, files = {}, {}
    boundary = b"--" + content_type.partition("boundary=")[2].encode()
    for part in body.split(boundary)[1:-1]:
        head_bytes, _, content = part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head_bytes)
        assert name is not None, head_bytes
        if b"filename=" in head_bytes:
            files[name[1].decode()] = content
        else:
            fields[name[1].decode()] = content.decode()
    return fields, files


def _plain(value: str) -> Any:
    try:
        return json.loads(value) if value[:1] in "{[" or re.fullmatch(r"-?\d+|true|false", value) else value
    except ValueError:
        return value
