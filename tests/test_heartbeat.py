"""Heartbeats: which signal goes where, that a watcher's trouble is not the run's, and that its URL is never shown."""

import logging
import time
import traceback

import pytest

from anomalert import heartbeat
from anomalert.errors import ConfigurationError
from anomalert.heartbeat import Heartbeat
from anomalert.testing.secrecy import heard
from tests.stubs.heartbeat import watcher

KEY = "5b7c0f7e-canary"


@pytest.mark.parametrize(
    ("ending", "paths"),
    [
        ("", [f"/ping/{KEY}/start", f"/ping/{KEY}", f"/ping/{KEY}/fail"]),
        ("/", [f"/ping/{KEY}/start", f"/ping/{KEY}", f"/ping/{KEY}/fail"]),
        ("?create=1", [f"/ping/{KEY}/start?create=1", f"/ping/{KEY}?create=1", f"/ping/{KEY}/fail?create=1"]),
    ],
)
def test_each_signal_has_its_path(ending: str, paths: list[str]) -> None:
    """The signal is the last part of the path, success none; options behind the path stay behind it."""
    with watcher() as stub:
        pulse = Heartbeat(f"{stub.url}/ping/{KEY}{ending}")
        for signal in ("start", "success", "fail"):
            pulse.ping(signal)
    assert stub.heard == [f"GET {path} HTTP/1.1" for path in paths]


ANSWERS = {
    "no such check": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "an error": b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "nothing": b"",
    "a status that is no number": b"HTTP/1.1 abc\r\n\r\n",
    "a redirect to nowhere": b"HTTP/1.1 302 Found\r\nLocation: gopher://x/\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_watcher_in_trouble_is_logged_and_raises_nothing(answer: bytes) -> None:
    """Whatever the watcher answers, the run goes on; the log names the signal and not the URL."""
    with watcher(answer) as stub, heard() as lines:
        Heartbeat(f"{stub.url}/{KEY}").ping("success")
    assert len(stub.heard) == 1
    mine = [line for line in lines if "heartbeat" in line]
    assert len(mine) == 1
    assert mine[0].startswith("the heartbeat success could not be sent: ")
    assert KEY not in "".join(lines)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/{}", "http://{}.invalid./x", "http://a..b/{}", "http://127.0.0.1/{} x\n"]
)
def test_a_watcher_that_cannot_be_reached_is_logged_and_raises_nothing(url: str) -> None:
    """Refused connections, names that are unknown or impossible and paths that are none fail no run."""
    with heard() as lines:
        Heartbeat(url.format(KEY)).ping("start")
    assert [line for line in lines if "the heartbeat start " in line]
    assert KEY not in "".join(lines)


def test_a_watcher_that_never_answers_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The run goes on after the timeout, which counts for the whole signal."""
    monkeypatch.setattr(heartbeat, "TIMEOUT_SECONDS", 0.3)
    with watcher(None) as stub, caplog.at_level(logging.WARNING):
        began = time.monotonic()
        Heartbeat(f"{stub.url}/{KEY}").ping("fail")
        took = time.monotonic() - began
        time.sleep(0.2)
    assert 0.2 < took < 1.5
    assert any("the heartbeat fail" in line for line in caplog.messages)


@pytest.mark.parametrize(
    "url",
    [
        "",
        KEY,
        f"ftp://example.org/{KEY}",
        f"file:///etc/{KEY}",
        f"https:///{KEY}",
        f"http://example.org:{KEY}/",
        f"http://[::1/{KEY}",
        f"https://user:{KEY}@example.org/",
    ],
)
def test_what_is_no_url_is_refused_without_being_shown(url: str) -> None:
    """The error, its traceback and its context do not quote what may be half of a secret."""
    with pytest.raises(ConfigurationError, match="`heartbeat` is no http or https URL") as caught:
        Heartbeat(url)
    error = caught.value
    assert KEY not in f"{error} {error!r} {error.__context__} {error.__cause__}"
    assert KEY not in "".join(traceback.format_exception_only(error))


def test_the_url_is_a_secret() -> None:
    """Neither repr nor attributes show it."""
    pulse = Heartbeat(f"https://watch.example.org/{KEY}")
    assert KEY not in f"{pulse} {pulse!r} {vars(pulse)}"
