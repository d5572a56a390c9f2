"""The token under every fault, through every window: texts, tracebacks with locals, attributes, logs, output."""

import base64
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from http.client import HTTPConnection
from types import TracebackType
from typing import Any
from urllib.parse import quote

import pytest
import requests

from anomalert.errors import DeliveryError
from anomalert.notifiers import TelegramNotifier
from anomalert.redaction import Secret
from tests.notifiers.samples import message, picture
from tests.stubs.proxy import ConnectProxy
from tests.stubs.telegram import CHAT, TOKEN, Exchange, TelegramStub
from tests.stubs.telegram_faults import (
    accept_then_drop,
    accept_then_hang,
    accept_then_reset,
    answer,
    cut,
    garbage,
    refuse,
)

PASSWORD = "pr0xy-canary"
CANARIES = {
    TOKEN,
    TOKEN.split(":")[1],
    quote(TOKEN, safe=""),
    base64.b64encode(TOKEN.encode()).decode().rstrip("="),
    PASSWORD,
    base64.b64encode(f"user:{PASSWORD}".encode()).decode().rstrip("="),
}


@contextmanager
def behind(*steps: Callable[[Exchange], None], **settings: Any) -> Iterator[TelegramNotifier]:
    """Give a notifier whose server does `steps`."""
    with TelegramStub(*steps) as stub:
        yield TelegramNotifier(TOKEN, CHAT, **{"api_url": stub.url, "deadline": "5s", **settings})


@contextmanager
def without_server(api_url: str) -> Iterator[TelegramNotifier]:
    """Give a notifier whose server cannot be reached."""
    yield TelegramNotifier(TOKEN, CHAT, api_url=api_url, deadline="300ms")


@contextmanager
def behind_refusing_proxy() -> Iterator[TelegramNotifier]:
    """Give a notifier whose proxy wants another password."""
    with ConnectProxy(407) as proxy:
        address = f"http://user:{PASSWORD}@{proxy.address}"
        yield TelegramNotifier(TOKEN, CHAT, deadline="300ms", proxy=address)


@contextmanager
def behind_plain_server() -> Iterator[TelegramNotifier]:
    """Give a notifier that expects TLS of a server that has none."""
    with TelegramStub() as stub:
        yield TelegramNotifier(TOKEN, CHAT, api_url=stub.url.replace("http:", "https:"), deadline="300ms")


ECHO = f"Not Found: /bot{TOKEN}/sendMessage".encode()

FAULTS: dict[str, Callable[[], Any]] = {
    "refused": lambda: without_server("http://127.0.0.1:9"),
    "no such host": lambda: without_server("https://no-such-host.invalid"),
    "no TLS": behind_plain_server,
    "proxy refuses": behind_refusing_proxy,
    "read timeout": lambda: behind(accept_then_hang, deadline="300ms"),
    "reset": lambda: behind(accept_then_reset),
    "dropped": lambda: behind(accept_then_drop),
    "garbage": lambda: behind(garbage),
    "cut": lambda: behind(cut(9)),
    "redirect": lambda: behind(answer(302, ECHO, {"Location": f"http://127.0.0.1:9/bot{TOKEN}/x"})),
    "token echoed": lambda: behind(refuse(404, ECHO.decode())),
    "token echoed by a proxy's page": lambda: behind(answer(502, ECHO)),
    "accepted": behind,
}


class Everything(logging.Handler):
    """Keeps the text and the arguments of every record."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.text += f"{record.getMessage()}\n{vars(record)!r}\n"


def windows(send: Callable[[], Any]) -> dict[str, str]:
    """Return everything that a person or a log could see of a send, by the window it is seen through."""
    logs, output, root = Everything(), io.StringIO(), logging.getLogger()
    level = root.level
    root.addHandler(logs)
    root.setLevel(logging.DEBUG)
    shown: dict[str, str] = {}
    try:
        with redirect_stdout(output), redirect_stderr(output):
            send()
    except Exception as error:  # noqa: BLE001 - whatever comes is looked at
        trace = traceback.TracebackException.from_exception(error, capture_locals=False)
        locals_too = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown = {
            "str": str(error),
            "repr": repr(error),
            "traceback": "".join(trace.format()),
            "traceback with locals": "".join(locals_too.format()),
            "attributes": "\n".join(attributes(error)),
            "frames": "\n".join(frames(error.__traceback__)),
        }
    finally:
        root.removeHandler(logs)
        root.setLevel(level)
    return {**shown, "DEBUG of all loggers": logs.text, "output": output.getvalue()}


def attributes(thing: Any, depth: int = 6, seen: set[int] | None = None) -> Iterator[str]:
    """Yield the texts of all that hangs on an exception: arguments, attributes, cause, context, notes."""
    seen = set() if seen is None else seen
    if id(thing) in seen or depth == 0:
        return
    seen.add(id(thing))
    yield str(thing)
    yield repr(thing)
    inner = [*vars(thing).values()] if hasattr(thing, "__dict__") else []
    if isinstance(thing, BaseException):
        inner += [*thing.args, thing.__cause__, thing.__context__, *getattr(thing, "__notes__", [])]
    if isinstance(thing, list | tuple | set):
        inner += thing
    if isinstance(thing, dict):
        inner += thing.values()
    for part in inner:
        if not isinstance(part, type | Secret) and not callable(part):
            yield from attributes(part, depth - 1, seen)


def frames(trace: TracebackType | None) -> Iterator[str]:
    """Yield what a debugger shows of every frame: its variables, and what these hold."""
    while trace is not None:
        for value in trace.tb_frame.f_locals.values():
            yield from attributes(value, depth=3)
        trace = trace.tb_next


def leaks(shown: dict[str, str]) -> list[str]:
    """Return the windows that show a canary."""
    return [window for window, text in shown.items() if any(canary in text for canary in CANARIES)]


@pytest.mark.parametrize("shape", ["text", "photo"])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_window_shows_the_token(monkeypatch: pytest.MonkeyPatch, fault: str, shape: str) -> None:
    """Under each fault, neither exception nor log nor output shows the token, even while somebody debugs http."""
    monkeypatch.setattr(HTTPConnection, "debuglevel", 1)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    alert = message(pictures=(picture(),) if shape == "photo" else ())
    with FAULTS[fault]() as channel:
        shown = windows(lambda: channel.send(alert))
    assert ("str" in shown) == (fault != "accepted")
    assert leaks(shown) == []
    assert "urllib3.connectionpool" in shown["DEBUG of all loggers"]


def test_the_windows_see_what_requests_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same windows find the token of a plain `requests.post` in all of them: they are not blind."""
    monkeypatch.setattr(HTTPConnection, "debuglevel", 1)
    with TelegramStub(accept_then_drop) as stub:
        shown = windows(lambda: requests.post(f"{stub.url}/bot{TOKEN}/sendMessage", data={"a": "b"}, timeout=5))
        assert set(leaks(shown)) >= {"traceback with locals", "frames", "output"}
    with TelegramStub(answer(500, b"")) as stub:
        shown = windows(
            lambda: requests.post(f"{stub.url}/bot{TOKEN}/sendMessage", data={"a": "b"}, timeout=5).raise_for_status()
        )
    assert leaks(shown) == list(shown)


def test_log_names_the_method_beside_the_mask() -> None:
    """What urllib3 logs stays of use: which method was called, with stars for the token."""
    with behind() as channel:
        shown = windows(lambda: channel.send(message()))
    assert "/bot***/sendMessage HTTP/1.1" in shown["DEBUG of all loggers"]


def test_error_carries_no_foreign_exception() -> None:
    """No cause and no context hangs on the error, so nothing of the driver can be reached from it."""
    with behind(accept_then_drop) as channel, pytest.raises(DeliveryError) as caught:
        channel.send(message())
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert vars(caught.value) == {"retry_after": None}


def test_notifier_shows_no_secret_by_any_means() -> None:
    """`repr`, `str`, `vars`, JSON by default and a pickle of the notifier give nothing away."""
    channel = TelegramNotifier(TOKEN, CHAT, proxy=f"http://user:{PASSWORD}@127.0.0.1:3128")
    shown = {
        "repr": repr(channel),
        "str": f"{channel}",
        "vars": repr(vars(channel)),
        "json": json.dumps(vars(channel), default=str),
    }
    assert leaks(shown) == []
    assert "'***'" in shown["repr"]
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(channel)


def test_token_reaches_telegram_and_only_its_address() -> None:
    """The true token arrives in the request's path, and in no header, field or file."""
    with TelegramStub() as stub:
        TelegramNotifier(Secret(TOKEN), CHAT, api_url=stub.url).send(message(pictures=(picture(),)))
        [request] = stub.requests
    assert request.token == TOKEN
    assert leaks({"headers": repr(request.headers), "fields": repr(request.fields), "files": repr(request.files)}) == []
