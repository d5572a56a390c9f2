"""The share of `hosts` for every change: ten rounds.

The whole is ``python -m tests.reliability.hosts --rounds 100``.
"""

import pytest

from tests.reliability.harness import printed
from tests.reliability.test_kills import kept


@pytest.mark.postgres
def test_two_hosts_that_share_a_server_only_tell_a_slot_once(postgres_url: str) -> None:
    """Neither name, home, working folder nor zone of a host is part of what keeps runs apart; one lets one through."""
    figures = printed("hosts", "--rounds", "10", "--engine", postgres_url)["two hosts, seed 1"]
    kept(figures)
    assert (figures["cases"], figures["repeats"]) == (10, 0)
