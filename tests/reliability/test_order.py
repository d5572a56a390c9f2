"""The share of `order` for every change: five runs under strace, and two that would lose what a power failure takes.

The whole is ``python -m tests.reliability.order --runs 1000``.
"""

import pytest

from tests.conftest import unavailable
from tests.reliability.order import Order, find_strace, watched


@pytest.fixture(scope="module")
def strace() -> str:
    """Give strace, if it may be used."""
    program = find_strace()
    if program is None:
        unavailable("strace is not installed, or may not be used here (Debian: apt-get install strace)")
    return program


def test_the_ledger_is_on_the_disk_before_every_send(strace: str) -> None:
    """The kernel has written the claim of each message before its first byte, and its outcome before the next one."""
    order = watched(strace, 5)
    assert (order.sends, order.violations) == (30, 0)


def test_a_ledger_that_does_not_wait_for_the_disk_is_seen(strace: str) -> None:
    """With SQLite told to be careless, every send is too early."""
    order = watched(strace, 2, careless=True)
    assert order.sends == order.violations == 12


COMMIT, SYNC = "6 fdatasync(5</a/copies/alerts.db-wal>) = 0", "7 fdatasync(5</a/copies/alerts.db-wal>) = 0"
SEND = "7 connect(6<s>, {sin_port=htons(80), ...}, 16) = 0"


@pytest.mark.parametrize(
    ("lines", "violations"),
    [
        ([COMMIT, SEND, SYNC, SYNC, SEND], 0),
        ([SEND], 1),
        ([COMMIT, SEND, SEND.replace("7 ", "8 "), SEND.replace("7 ", "9 ")], 1),
        ([COMMIT, SEND, SYNC, SEND], 1),
        ([COMMIT, SEND, COMMIT, COMMIT, SEND], 1),
        ([COMMIT.replace("= 0", "= -1 EIO"), SEND], 1),
        ([COMMIT.replace("alerts.db-wal", "other"), SEND], 1),
        (["6 fdatasync(5</a/copies/alerts.db-wal> <unfinished ...>", SEND], 1),
        (["6 fdatasync(5</a/copies/alerts.db-wal> <unfinished ...>", "6 <... fdatasync resumed>) = 0", SEND], 0),
    ],
)
def test_traces_are_read(lines: list[str], violations: int) -> None:
    """What is synced by another thread, in part, in vain or elsewhere does not count."""
    order = Order(80).read(lines)
    assert (order.sends, order.violations) == (sum("connect" in line for line in lines), violations)
