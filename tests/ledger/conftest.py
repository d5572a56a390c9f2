"""Ledgers of both engines, for tests that hold for both; and a folder where nothing waits for a disk.

``ANOMALERT_EXHAUSTIVE=1`` makes the tests of damage try every case that is named in the docs, instead of a sample.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from anomalert.ledger import Ledger


@pytest.fixture(scope="session")
def is_exhaustive() -> bool:
    """Tell whether to try everything, which takes minutes."""
    return os.environ.get("ANOMALERT_EXHAUSTIVE") == "1"


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """Give an empty folder in memory, if there is such a place: for what is about processes and not about disks."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest) -> str:
    """Give where a ledger may be made: a file in an empty folder, or an empty database."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("memory_folder") / "alerts.db")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def ledger(place: str) -> Ledger:
    """Give a ledger that is not made yet."""
    return Ledger(place, wait="5s")
