"""Where credentials are found, and where they may stand in what is sent."""

from base64 import b64decode, b64encode

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from anomalert.errors import ConfigurationError
from anomalert.sources.http_address import HttpAddress

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


def revealed(address: HttpAddress) -> tuple[str, ...] | None:
    """Return user and password in clear."""
    return None if address.login is None else tuple(part.reveal() for part in address.login)


@pytest.mark.parametrize(
    ("connection", "place", "login"),
    [
        ({}, "http://localhost:8123", None),
        ({"host": "https://ch:8443/sub/"}, "https://ch:8443/sub/", None),
        ({"host": "http://ch", "user": "me", "password": "secret"}, "http://ch", ("me", "secret")),
        ({"host": "http://ch", "user": "me"}, "http://ch", ("me", "")),
        ({"host": "http://ch", "password": "secret"}, "http://ch", ("default", "secret")),
        ({"host": "http://me:p%40ss@ch:1/x"}, "http://ch:1/x", ("me", "p@ss")),
        ({"host": "http://me:p@s:s@[::1]:1"}, "http://[::1]:1", ("me", "p@s:s")),
        ({"host": "http://me@ch_1.example"}, "http://ch_1.example", ("me", "")),
        ({"host": "http://ch/?user=me&password=p%26s&max_threads=1"}, "http://ch/", ("me", "p&s")),
        ({"host": "http://ch", "user": None, "password": None}, "http://ch", None),
    ],
)
def test_a_connection_is_taken_apart(
    connection: dict[str, str | None], place: str, login: tuple[str, str] | None
) -> None:
    """Credentials are found beside the host, before its ``@`` and among its parameters; the place shows none."""
    address = HttpAddress.of(connection)
    assert address.place == place
    assert revealed(address) == login


def test_parameters_of_the_host_stay_and_win() -> None:
    """Settings that a user put into the host reach the server, also against our own."""
    address = HttpAddress.of({"host": "http://ch/?max_threads=1&max_execution_time=5&password=secret"})
    url = address.url({"database": "a&b", "max_execution_time": 30})
    assert url == "http://default:secret@ch/?database=a%26b&max_execution_time=5&max_threads=1"


@given(user=TEXTS.filter(lambda text: ":" not in text), password=TEXTS.filter(bool))
def test_any_password_arrives_as_utf8_in_the_header(user: str, password: str) -> None:
    """Whatever letters credentials have, requests sends them as a header that ClickHouse reads as they are."""
    url = HttpAddress.of({"host": "http://ch:8123", "user": user, "password": password}).url({})
    prepared = requests.Request("POST", url).prepare()
    kind, _, pair = prepared.headers["Authorization"].partition(" ")
    assert kind == "Basic"
    assert b64decode(pair).decode() == f"{user or 'default'}:{password}"


def test_secrets_are_listed_in_every_form_that_travels() -> None:
    """The password, the user, and the pair as a header holds it are masked; the user everybody has is not."""
    secrets = [one.reveal() for one in HttpAddress.of({"user": "me", "password": "secret"}).secrets]
    assert {"me", "secret", "me:secret"} <= set(secrets)
    secrets = [one.reveal() for one in HttpAddress.of({"password": "secret"}).secrets]
    assert "default" not in secrets


@pytest.mark.parametrize(
    "host",
    [
        "clickhouse:8123",
        "//me:canary@ch",
        "ftp://ch",
        "http://",
        "http:///x",
        "http://me:canary@",
        "http://me:cana/ry@ch",
        "http://me:cana?ry@ch",
        "http://ch:port",
        "http://[::bad",
        "http://ch:8123/#canary",
    ],
)
def test_no_address_is_a_configuration_error_without_the_address(host: str) -> None:
    """A host that is no HTTP address is refused, and since it may hold a password it is not shown."""
    with pytest.raises(ConfigurationError, match="`host` of `connection` is no address") as caught:
        HttpAddress.of({"host": host, "password": "canary"})
    assert "canary" not in str(caught.value)


def test_credentials_in_two_places_are_refused() -> None:
    """Which of two passwords is meant nobody can know."""
    with pytest.raises(ConfigurationError, match="credentials in `host` and beside it"):
        HttpAddress.of({"host": "http://me:secret@ch", "password": "other"})


def test_it_shows_no_secret() -> None:
    """Neither repr nor str shows credentials, in no encoding."""
    shown = repr(HttpAddress.of({"host": "http://ch/?token=canary", "user": "canary", "password": "canary"}))
    assert "canary" not in shown
    assert b64encode(b"canary").decode() not in shown
