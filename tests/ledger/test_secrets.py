"""A password in the ledger's address is shown nowhere, and the ledger holds none."""

import base64
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from anomalert.errors import ConfigurationError, LedgerError
from anomalert.ledger import Ledger
from anomalert.ledger.address import is_postgres, shown_address
from tests.ledger.samples import contents_of, run

PASSWORD = "p@ss:w/rd &%41?# ключ"
"""That of the test server, which `tests.servers_postgres` has too; it needs psycopg to be imported."""


def spellings(secret: str) -> set[str]:
    """Return the ways in which a secret could be told."""
    encoded = base64.b64encode(secret.encode()).decode()
    return {secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1], encoded}


def texts_of(error: BaseException) -> Iterator[str]:
    """Return all that can be seen of an error: its texts, the variables of its frames, and its relations."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        waiting += [one.__cause__, one.__context__]
        yield from (str(one), repr(one), repr(one.args), repr(vars(one)))
        described = traceback.TracebackException.from_exception(one, capture_locals=True)
        yield "".join(described.format())


def check_hidden(texts: Iterator[str], secret: str) -> None:
    """Fail if one of the texts holds the secret, in any spelling."""
    for text in texts:
        for spelling in spellings(secret):
            assert spelling not in text


def failure_of(ledger: Ledger) -> LedgerError:
    """Return how opening fails; in a frame of its own, since those of tests hold the password."""
    try:
        with ledger.open("feed") as session:
            session._store.engine.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    except LedgerError as error:
        return error
    raise AssertionError("it does not fail")


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Give what all loggers say at DEBUG."""
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.mark.postgres
def test_no_failure_shows_the_password(postgres_server: Any, everything_logged: pytest.LogCaptureFixture) -> None:
    """Wrong password, no such server, no such database, an option that is unknown, a connection that breaks."""
    canary = "canary p@ss/w:rd%?"
    spelt = quote(canary, safe="")
    server = f"127.0.0.1:{postgres_server.port}"
    wrong = [
        ("password authentication failed", postgres_server.url(canary)),
        ("refused", f"postgresql://team:{spelt}@127.0.0.1:1/postgres"),
        ("nowhere.invalid", f"postgresql://team:{spelt}@nowhere.invalid/postgres"),
        ("address is not valid", f"postgresql://team:{spelt}@127.0.0.1/postgres?nonsense=1"),
        ("address is not valid", f"postgresql://team:{canary}@127.0.0.1/postgres"),
        ("SSL", f"postgresql://team@{server}/postgres?sslmode=require&password={spelt}"),
    ]
    for reason, url in wrong:
        ledger = Ledger(url, wait="1s")
        failure = failure_of(ledger)
        assert reason in str(failure)
        assert "secrets = " in "".join(texts_of(failure))
        check_hidden(texts_of(failure), canary)
        assert failure.__context__ is None
        check_hidden(iter((repr(ledger), str(ledger), repr(vars(ledger)), ledger.place)), canary)
    failure = failure_of(Ledger(postgres_server.url()))
    assert "terminating connection" in str(failure)
    assert "pg_terminate_backend" in "".join(texts_of(failure))
    check_hidden(texts_of(failure), PASSWORD)
    assert failure.__context__ is None
    check_hidden(iter(everything_logged.messages), canary)
    check_hidden(iter(everything_logged.messages), PASSWORD)


@pytest.mark.postgres
@pytest.mark.parametrize("password", ["before@canary", "before/canary", "before/canary@x", "b:@canary"])
def test_a_password_that_is_not_spelt_for_addresses_is_hidden_as_well(password: str) -> None:
    """The driver would take a part of it for the server or the database, and name that in its error."""
    failure = failure_of(Ledger(f"postgresql://team:{password}@127.0.0.1:1/alerts"))
    assert "address is not valid" in str(failure)
    assert "canary" not in "".join(texts_of(failure))


@pytest.mark.postgres
def test_a_lost_connection_ends_the_session(postgres_server: Any) -> None:
    """With the connection the lock is lost, so nothing is claimed any more, by this session."""
    with Ledger(postgres_server.new_ledger()).open("feed") as session:
        session.commit(run(0))
        session.pending("chat")
        with pytest.raises(LedgerError):
            session._store.engine.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        for call in (session.state, lambda: session.claim([run(0).messages[0].key], "chat")):
            with pytest.raises(LedgerError, match="cannot be used"):
                call()


@pytest.mark.postgres
def test_what_was_committed_is_on_the_servers_disk(postgres_server: Any) -> None:
    """Also where the server or the address says that it need not be."""
    url = postgres_server.new_ledger() + quote(" -c synchronous_commit=off")
    with Ledger(url).open("feed") as session:
        assert session._store.engine.execute("SHOW synchronous_commit") == [("on",)]


@pytest.mark.postgres
def test_a_ledger_holds_no_password(postgres_server: Any) -> None:
    """Neither its tables nor what it can be pickled into."""
    ledger = Ledger(postgres_server.new_ledger())
    with ledger.open("feed") as session:
        session.commit(run(0))
    check_hidden(iter([repr(contents_of(ledger)), repr(ledger.history().rows)]), PASSWORD)
    with pytest.raises(TypeError, match="Secret"):
        pickle.dumps(ledger)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://team:secret@host/alerts", "postgresql://***@host/alerts"),
        ("postgres://team:secret@host:5433/alerts?sslmode=require", "postgres://***@host:5433/alerts"),
        ("postgresql://host/alerts?password=secret", "postgresql://host/alerts"),
        ("postgresql://host/alerts?password=sec@ret", "postgresql://***"),
        ("postgresql://team:se/cr@et@host/alerts", "postgresql://***@host/alerts"),
        ("postgresql://team:se?cr@host/alerts", "postgresql://***"),
        ("postgresql://team:se#cret@host/alerts", "postgresql://***@host/alerts"),
        ("postgresql://team:secret@a:1,b:2/alerts", "postgresql://***@a:1,b:2/alerts"),
        ("postgresql:///alerts?host=/run/postgresql&user=team", "postgresql:///alerts"),
    ],
)
def test_an_address_is_shown_without_what_could_be_secret(url: str, shown: str) -> None:
    """Also where the password has characters that should have been spelt otherwise."""
    assert is_postgres(url)
    assert shown_address(url) == shown
    assert repr(Ledger(url)) == f"Ledger({shown!r})"


@pytest.mark.parametrize(
    "place",
    [
        "mysql://team:secret@host/alerts",
        "postgresql+psycopg://team:secret@host/a",
        "host=db password=secret",
        "",
        "sqlite:///a.db",
    ],
)
def test_what_is_neither_a_file_nor_a_server_is_refused_unseen(place: str) -> None:
    """Such an address would be taken for the name of a file, and shown as one."""
    with pytest.raises(ConfigurationError, match="name a file") as raised:
        Ledger(place)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("place", ["alerts.db", "/var/lib/alerts.db", "C:alerts.db", "a b/ü.db", "postgresql.db"])
def test_names_of_files_are_names_of_files(place: str) -> None:
    """Whatever they look like, if they have no scheme."""
    assert not is_postgres(place)
    assert Ledger(place).place == place


def test_without_the_driver_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A LedgerError, so that runs go on without a memory."""
    import sys

    for name in [name for name in sys.modules if name.startswith("anomalert.ledger.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match=r"pip install 'anomalert\[sql\]'"), Ledger("postgresql://h/d").open("feed"):
        pass
