"""TLS, proxies and what of the environment is used, with a real certificate and a real tunnel."""

import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anomalert.errors import ConfigurationError, NotSentError, UnknownOutcomeError
from anomalert.notifiers import TelegramNotifier
from anomalert.redaction import Secret
from tests.notifiers.samples import message
from tests.stubs.proxy import ConnectProxy
from tests.stubs.telegram import CHAT, TOKEN, TelegramStub, wait_for_senders
from tests.stubs.telegram_faults import accept_then_hang

PASSWORD = "pr0xy-canary"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1 and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        if os.environ.get("ANOMALERT_REQUIRE_SERVERS"):
            pytest.fail("openssl is needed to make a certificate")
        pytest.skip("openssl is needed to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    subprocess.run(
        [openssl, "req", *kind, *names, "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def stub(certificate: Path) -> Iterator[TelegramStub]:
    """Give a Telegram that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with TelegramStub(tls=context) as server:
        yield server


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Take proxies, certificates and .netrc of this machine out of the way."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


def test_unknown_certificate_is_not_sent(stub: TelegramStub) -> None:
    """A server that cannot prove who it is never sees the token."""
    with pytest.raises(NotSentError, match="certificate verify failed"):
        TelegramNotifier(TOKEN, CHAT, api_url=stub.url, deadline="600ms").send(message())
    assert stub.requests == []


def test_certificates_of_the_environment_are_used(
    stub: TelegramStub, certificate: Path, environment: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE works, and the token arrives whole over TLS."""
    environment.setenv("REQUESTS_CA_BUNDLE", f"{certificate}.crt")
    assert TelegramNotifier(TOKEN, CHAT, api_url=stub.url).send(message()) == "100"
    assert stub.requests[0].token == TOKEN


def test_hanging_answer_over_tls_is_unknown_in_time(
    stub: TelegramStub, certificate: Path, environment: pytest.MonkeyPatch
) -> None:
    """The deadline also ends a wait inside TLS, and the thread that waited ends too."""
    environment.setenv("REQUESTS_CA_BUNDLE", f"{certificate}.crt")
    stub.steps.append(accept_then_hang)
    begun = time.monotonic()
    with pytest.raises(UnknownOutcomeError, match="no whole answer came within the deadline"):
        TelegramNotifier(TOKEN, CHAT, api_url=stub.url, deadline="1s").send(message())
    assert time.monotonic() - begun < 1.5
    assert len(stub.posts) == 1
    wait_for_senders()
    assert not [thread for thread in threading.enumerate() if thread.name == "anomalert-notifier"]


@pytest.mark.parametrize("where", ["environment", "argument", "secret argument", "argument before environment"])
def test_proxy_tunnels_and_sees_nothing(
    stub: TelegramStub, certificate: Path, environment: pytest.MonkeyPatch, where: str
) -> None:
    """A proxy of the environment or of the argument, which goes first, is used with its password, token unseen."""
    environment.setenv("REQUESTS_CA_BUNDLE", f"{certificate}.crt")
    with ConnectProxy() as proxy:
        address = f"http://user:{PASSWORD}@{proxy.address}"
        argument: str | Secret | None = None if where == "environment" else address
        if where == "secret argument":
            argument = Secret(address)
        if "environment" in where:
            environment.setenv("HTTPS_PROXY", address if argument is None else "http://127.0.0.1:9")
        assert TelegramNotifier(TOKEN, CHAT, api_url=stub.url, proxy=argument).send(message()) == "100"
        [head] = proxy.requests
        assert head.startswith(f"CONNECT 127.0.0.1:{stub.port} ")
        assert "Proxy-Authorization: Basic" in head
        assert len(proxy.seen) > 500
        assert TOKEN.encode() not in proxy.seen + head.encode()


def test_no_proxy_is_respected(stub: TelegramStub, certificate: Path, environment: pytest.MonkeyPatch) -> None:
    """NO_PROXY takes the server out of the environment's proxy."""
    environment.setenv("REQUESTS_CA_BUNDLE", f"{certificate}.crt")
    environment.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    environment.setenv("NO_PROXY", "127.0.0.1")
    assert TelegramNotifier(TOKEN, CHAT, api_url=stub.url).send(message()) == "100"


@pytest.mark.parametrize("status", [403, 407, 502])
def test_proxy_that_refuses_is_not_sent(stub: TelegramStub, status: int) -> None:
    """Without a tunnel nothing was written to Telegram, and the error shows no password of the proxy."""
    with ConnectProxy(status) as proxy:
        channel = TelegramNotifier(
            TOKEN, CHAT, api_url=stub.url, deadline="600ms", proxy=f"http://user:{PASSWORD}@{proxy.address}"
        )
        with pytest.raises(NotSentError, match=f"Tunnel connection failed: {status}") as caught:
            channel.send(message())
        assert proxy.requests
    assert PASSWORD not in f"{caught.value!r} {channel!r} {vars(channel)!r}"


def test_proxy_that_cannot_be_read_is_not_sent_and_not_shown(
    stub: TelegramStub, environment: pytest.MonkeyPatch
) -> None:
    """A mistyped proxy of the environment fails at once, as nothing that waiting would cure."""
    environment.setenv("HTTPS_PROXY", f"http://user:{PASSWORD}@[broken:1")
    with pytest.raises(NotSentError) as caught:
        TelegramNotifier(TOKEN, CHAT, api_url=stub.url, deadline="30s").send(message())
    assert PASSWORD not in str(caught.value)
    assert caught.value.__context__ is None


def test_server_on_this_machine_is_reached_without_any_proxy(environment: pytest.MonkeyPatch) -> None:
    """Plain http never leaves the machine: a proxy would read the token."""
    with TelegramStub() as local, ConnectProxy() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            environment.setenv(name, f"http://{proxy.address}")
        assert TelegramNotifier(TOKEN, CHAT, api_url=local.url).send(message()) == "100"
        assert proxy.requests == []


def test_netrc_is_not_used(
    stub: TelegramStub, certificate: Path, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Passwords that a person keeps for other tools are not sent to Telegram."""
    (tmp_path / ".netrc").write_text("default login me password mine\n")
    (tmp_path / ".netrc").chmod(0o600)
    environment.setenv("REQUESTS_CA_BUNDLE", f"{certificate}.crt")
    TelegramNotifier(TOKEN, CHAT, api_url=stub.url).send(message())
    assert "authorization" not in stub.requests[0].headers


def test_socks_proxy_needs_its_package(environment: pytest.MonkeyPatch) -> None:
    """Without PySocks, a SOCKS proxy is refused when the notifier is built, with the command that helps."""
    environment.setattr("anomalert.notifiers.telegram_settings.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'requests\[socks\]'"):
        TelegramNotifier(TOKEN, CHAT, proxy="socks5h://127.0.0.1:1080")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://api.telegram.org", True),
        ("https://bots.example.com:8443/prefix/", True),
        ("http://127.0.0.1:8081", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:8081", True),
        ("http://localhost:8081", True),
        ("http://api.telegram.org", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("https://user@example.com", False),
        ("https://example.com/?a=1", False),
        ("https://example.com/#a", False),
        ("https://", False),
        ("https:///path", False),
        ("ftp://127.0.0.1", False),
        ("file:///etc/passwd", False),
        ("api.telegram.org", False),
        ("https://[broken", False),
        ("", False),
    ],
)
def test_token_goes_to_https_or_to_this_machine_only(url: str, allowed: bool) -> None:
    """An address of another kind is refused when the notifier is built; an allowed one is shown by `repr`."""
    if allowed:
        assert url.rstrip("/") in repr(TelegramNotifier(TOKEN, CHAT, api_url=url))
    else:
        with pytest.raises(ConfigurationError, match="`api_url`"):
            TelegramNotifier(TOKEN, CHAT, api_url=url)
