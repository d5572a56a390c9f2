"""`floods` as it is: ten million rows take a second or two."""

from pathlib import Path

import pytest

from tests.reliability.harness import printed


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the largest size of a process")
@pytest.mark.parametrize("limit", [[], ["--limit", "64"]], ids=["default", "64 MB"])
def test_a_source_that_is_sent_too_much_stops_at_its_limit(limit: list[str]) -> None:
    """The process grows by what may be read and a fifth at most, and the error names the limit and what to do."""
    (found,) = printed("floods", *limit).values()
    assert found["grown"] <= 1.2 * found["limit"]
    assert found["limit"] == (64 if limit else 256)
    limit_bytes = int(found["limit"] * 2**20)
    assert found["error"] == (
        f"source 'feed': the answer is longer than `max_bytes`, {limit_bytes}: raise it, or ask less"
    )
