"""What a server can do to a request instead of answering it well: steps for `TelegramStub`, one per request."""

import json
from collections.abc import Mapping
from typing import Any

from tests.stubs.telegram import Exchange, Step, accept, head


def accept_then_drop(exchange: Exchange) -> None:
    """Post the message and hang up without a word."""
    exchange.judged()


def accept_then_reset(exchange: Exchange) -> None:
    """Post the message and break the line."""
    exchange.judged()
    exchange.reset()


def accept_then_hang(exchange: Exchange) -> None:
    """Post the message and never answer."""
    exchange.judged()
    exchange.wait(60)


def answer(status: int, body: bytes | dict[str, Any], headers: Mapping[str, str] | None = None) -> Step:
    """Answer with these bytes or this JSON, and post nothing."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda exchange: exchange.reply(status, raw, headers)


def refuse(code: int, description: str, **parameters: Any) -> Step:
    """Say no in the API's own words."""
    return answer(code, {"ok": False, "error_code": code, "description": description, "parameters": parameters})


def flood(retry_after: float) -> Step:
    """Ask for a pause."""
    return refuse(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)


def accept_but_say(status: int, body: bytes) -> Step:
    """Post the message and answer something else."""

    def step(exchange: Exchange) -> None:
        exchange.judged()
        exchange.reply(status, body)

    return step


def delay(seconds: float, then: Step = accept) -> Step:
    """Do `then` after a while."""

    def step(exchange: Exchange) -> None:
        exchange.wait(seconds)
        then(exchange)

    return step


def drip(seconds: float, *, headers_first: bool = False) -> Step:
    """Post the message and answer one byte at a time, one every `seconds`."""

    def step(exchange: Exchange) -> None:
        status, body = exchange.judged()
        whole = head(status, {"Content-Length": str(len(body))}) + body
        start = len(whole) - len(body) if headers_first else 0
        exchange.write(whole[:start])
        for position in range(start, len(whole)):
            if exchange.stub.closing.is_set():
                return
            exchange.write(whole[position : position + 1])
            exchange.wait(seconds)

    return step


def cut(keep: int, *, framing: str = "length") -> Step:
    """Post the message, send `keep` bytes of the body framed by "length", "chunked" or "close", and hang up.

    To keep all of it is to answer well.
    """

    def step(exchange: Exchange) -> None:
        status, body = exchange.judged()
        headers = {"length": {"Content-Length": str(len(body))}, "chunked": {"Transfer-Encoding": "chunked"}}
        start = b"%x\r\n" % len(body) if framing == "chunked" else b""
        exchange.write(head(status, headers.get(framing, {})) + start + body[:keep])
        if framing == "chunked" and keep >= len(body):
            exchange.write(b"\r\n0\r\n\r\n")

    return step


def garbage(exchange: Exchange) -> None:
    """Answer what is no HTTP."""
    exchange.write(bytes(range(256)) * 4)


def redirect(status: int, url: str) -> Step:
    """Send the client elsewhere."""
    return answer(status, b"", {"Location": url})
