"""The share of `endurance` for every change: 60 runs, after which no file and no thread is left open.

The whole is ``python -m tests.reliability.endurance``.
"""

from pathlib import Path

import pytest

from tests.reliability.harness import printed


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells the open files of a process")
def test_a_process_that_runs_again_and_again_leaves_nothing_open() -> None:
    """Fonts, connections, ledgers and threads of a run are gone when the next begins."""
    (found,) = printed("endurance", "--runs", "60").values()
    assert found["pictures"] > 30
    assert (found["failed"], found["files"], found["threads"]) == (0, 0, 0)
