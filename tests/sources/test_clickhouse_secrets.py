"""Secrets of a connection, looked for wherever an error or a log could show them, over every fault there is."""

import json
import logging
import traceback
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import quote, quote_plus

import pytest

from anomalert.errors import ConfigurationError, SourceError
from anomalert.sources import ClickHouseConnectClient, ClickHouseSource, PandahouseClient
from tests.servers import ClickHouseServer
from tests.sources.samples import COLUMNS, END, QUERY, START, sample_panel
from tests.stubs.clickhouse_stub import Reply, StubServer, described, stub_server, tsv

USER = "canary-user"
PASSWORD = "canary: p@ss/w%rd&\"'\\ ключ"


def spellings() -> list[str]:
    """Return every way in which a text could show the secrets."""
    texts = [PASSWORD, PASSWORD.encode().decode("latin-1"), USER, f"{USER}:{PASSWORD}"]
    found = {"canary"}
    for text in texts:
        found |= {text, quote(text), quote(text, safe=""), quote_plus(text), repr(text)[1:-1], json.dumps(text)[1:-1]}
        found.add(b64encode(text.encode()).decode().rstrip("="))
    return sorted(found)


def leaks(shown: str) -> list[str]:
    """Return the spellings that a text shows."""
    return [spelling for spelling in spellings() if spelling in shown]


def everything_of(error: BaseException, *, frames_of_test: int = 1) -> str:
    """Return all that a log, a notebook or an error tracker could show of an exception, with all local variables.

    The frames of this file are left out: they hold the connection, as those of any caller do.
    """
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        parts += [str(seen), repr(seen), repr(seen.args), repr(vars(seen)), "".join(traceback.format_exception(seen))]
        for frame, _ in list(traceback.walk_tb(seen.__traceback__))[frames_of_test:]:
            parts += [shown(value) + shown(getattr(value, "__dict__", None)) for value in frame.f_locals.values()]
        seen, frames_of_test = seen.__cause__ or seen.__context__, 0
    return "\n".join(parts)


def shown(value: object) -> str:
    """Return the repr of a value, which an object that is only half built may not have."""
    try:
        return repr(value)
    except AttributeError:
        return ""


def echoed(stub: StubServer) -> bytes:
    """Return the last request, as a server writes it that tells too much."""
    return b"Code: 1. DB::Exception: you sent " + stub.requests[-1].replace(b"\r\n", b" ") + b"\n"


FAULTS: dict[str, Callable[[StubServer], Reply]] = {
    "401 without a text": lambda _: Reply(status="401 Unauthorized"),
    "401 that echoes": lambda stub: Reply(echoed(stub), "401 Unauthorized"),
    "500 that echoes": lambda stub: Reply(echoed(stub), "500 Internal Server Error"),
    "200 that echoes": lambda stub: Reply(echoed(stub)),
    "200 that echoes a page": lambda stub: Reply(b"<pre>" + stub.requests[-1] + b"</pre>\n"),
    "200 that echoes the password": lambda _: Reply(f"<p>{PASSWORD} {PASSWORD!r} {quote(PASSWORD)}</p>\n".encode()),
    "500 that echoes where texts are cut": lambda _: Reply(b"<" * 490 + PASSWORD.encode(), "500 Internal Server Error"),
    "404": lambda _: Reply(b"<html>nothing</html>", "404 Not Found"),
    "redirect in a circle": lambda stub: Reply(status="302 Found", headers=(f"Location: {stub.url}/?x=1",)),
    "cut": lambda _: replace(tsv(sample_panel()), cut=100),
    "cut in chunks": lambda _: replace(tsv(sample_panel()), cut=100, framing="chunked"),
    "closed without a word": lambda _: Reply(b"", "\r\n"),
    "garbage": lambda _: Reply(b"\x00\xff\n\xfe\t\n\n", headers=("Content-Encoding: gzip",)),
    "hangs": lambda _: Reply(hangs=True),
    "no rows of ours": lambda _: described(COLUMNS),
}


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Log everything of every library."""
    # clickhouse-connect quiets urllib3 for the whole process when it is imported.
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="urllib3"):
        yield caplog


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_shows_a_secret(
    fault: str, everything_logged: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever a server does, neither error, traceback, local variables, logs nor output show user or password."""
    with stub_server(lambda _: FAULTS[fault](stub)) as stub:
        source = ClickHouseSource(QUERY, {"host": stub.url, "user": USER, "password": PASSWORD}, deadline="300ms")
        with pytest.raises(SourceError) as caught, warnings.catch_warnings(record=True) as warned:
            source.read(START, END)
    sent = b64encode(f"{USER}:{PASSWORD}".encode())
    assert all(sent in request for request in stub.requests[:1])
    assert stub.requests
    assert leaks(everything_of(caught.value)) == []
    assert leaks(f"{source!r} {vars(source)} {vars(source.client)} {[str(one.message) for one in warned]}") == []
    assert everything_logged.records
    assert leaks(everything_logged.text) == []
    assert leaks("".join(capfd.readouterr())) == []


@pytest.mark.parametrize(
    "host", ["http://127.0.0.1:1", "http://127.0.0.1:99999", "http://[:::]:1", "http://127.0.0.1..:1"]
)
def test_no_address_shows_a_secret(host: str, everything_logged: pytest.LogCaptureFixture) -> None:
    """An address that refuses, or that is none, is told without what the URL carries beside it."""
    source = ClickHouseSource(QUERY, {"host": host, "user": USER, "password": PASSWORD})
    with pytest.raises(SourceError) as caught:
        source.read(START, END)
    assert leaks(everything_of(caught.value)) == []
    assert leaks(everything_logged.text) == []


@pytest.mark.clickhouse
def test_a_real_server_that_refuses_shows_no_secret(
    clickhouse_server: ClickHouseServer, everything_logged: pytest.LogCaptureFixture
) -> None:
    """ClickHouse names the user that it refuses; neither user nor password reach the text."""
    source = ClickHouseSource(QUERY, {"host": clickhouse_server.url, "user": USER, "password": PASSWORD})
    with pytest.raises(SourceError, match=r"Code: 192.*\*\*\*") as caught:
        source.read(START, END)
    assert leaks(everything_of(caught.value)) == []
    assert leaks(everything_logged.text) == []


@pytest.mark.parametrize("fault", ["401 that echoes", "500 that echoes", "404", "closed without a word"])
def test_clickhouse_connect_shows_no_secret(fault: str, everything_logged: pytest.LogCaptureFixture) -> None:
    """The other HTTP client keeps the same promise, for its own way of sending the password."""
    pytest.importorskip("clickhouse_connect")
    with stub_server(lambda _: FAULTS[fault](stub)) as stub:
        port = int(stub.url.rsplit(":", 1)[1])
        client = ClickHouseConnectClient(host="127.0.0.1", port=port, username=USER, password=PASSWORD)
        source = ClickHouseSource(QUERY, client=client, deadline="5s")
        with pytest.raises(SourceError) as caught:
            source.read(START, END)
    assert stub.requests
    assert leaks(everything_of(caught.value)) == []
    assert leaks(everything_logged.text) == []


def wrong_settings() -> list[Callable[[], object]]:
    """Return ways to build a source wrongly although its connection holds secrets."""
    good = {"host": "http://ch", "user": USER, "password": PASSWORD}
    return [
        lambda: ClickHouseSource("SELECT 1", good),
        lambda: ClickHouseSource(QUERY, good, PandahouseClient(good)),
        lambda: ClickHouseSource(QUERY, {**good, "passwd": PASSWORD}),
        lambda: ClickHouseSource(QUERY, {**good, "host": f"http://{USER}:{quote(PASSWORD)}@ch"}),
        lambda: ClickHouseSource(QUERY, {**good, "host": f"//{USER}:{quote(PASSWORD)}@ch"}),
        lambda: ClickHouseSource(QUERY, good, deadline="no time"),
        lambda: PandahouseClient({"password": PASSWORD, "port": "8123"}),
    ]


@pytest.mark.parametrize("at", range(len(wrong_settings())))
def test_a_wrong_setting_shows_no_secret(at: int) -> None:
    """An error while a source is built shows no secret in our frames, however much of them is printed."""
    build = wrong_settings()[at]
    with pytest.raises(ConfigurationError) as caught:
        build()
    assert leaks(everything_of(caught.value, frames_of_test=2)) == []


def test_the_search_finds_what_it_looks_for() -> None:
    """A secret in an exception, its cause or a local variable is found, so that finding nothing means something."""

    def fails() -> None:
        password = PASSWORD
        raise OSError(len(password))

    for text in (quote(PASSWORD), b64encode(f"{USER}:{PASSWORD}".encode()).decode(), repr(PASSWORD)):
        assert leaks(everything_of(SourceError(text)))
    with pytest.raises(OSError, match=str(len(PASSWORD))) as caught:
        fails()
    assert leaks(everything_of(caught.value))
    wrapped = SourceError("nothing")
    wrapped.__cause__ = SourceError(PASSWORD)
    assert leaks(everything_of(wrapped))
