"""The reference alert set: some of its days, backtested and run slot by slot with a ledger."""

from typing import Any

import pandas as pd
import pytest

from anomalert.reference.events import TIMEZONE
from tests.backtesting.reference import compared, monitors_over


@pytest.mark.chdb
def test_days_of_the_reference_are_the_same_live(chdb_session: Any) -> None:
    """Two days with a drop to zero, a spike, missing slots and their echoes: verdicts, incidents and messages agree."""
    start = pd.Timestamp("2026-09-15 20:00", tz=TIMEZONE).tz_convert("UTC")
    said = compared(monitors_over(chdb_session), start, start + pd.Timedelta("36h"))
    assert "differing 0" in said
