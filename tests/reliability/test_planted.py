"""Twelve bugs, twelve red checks: the suite can see what it says that it sees."""

import pytest

from tests.reliability.harness import printed
from tests.reliability.planted import BUGS


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, str | None]]:
    """Give what every check says, with and without its bug."""
    return printed("planted")


def test_there_are_twelve() -> None:
    """None was left out."""
    assert [bug.name for bug in BUGS] == [f"M{number}" for number in range(1, 13)]


@pytest.mark.parametrize("name", [bug.name for bug in BUGS])
def test_a_planted_bug_is_seen(found: dict[str, dict[str, str | None]], name: str) -> None:
    """The check holds for what is shipped, and fails once the bug is in it."""
    assert found[name]["shipped"] is None
    assert found[name]["planted"] is not None
