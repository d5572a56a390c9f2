"""What several tests of sources share: a window, a panel in it, and a query that a stub never reads."""

import numpy as np
import pandas as pd

__all__ = ["COLUMNS", "END", "QUERY", "START", "sample_panel"]

START = pd.Timestamp("2025-12-01T00:00Z")
END = pd.Timestamp("2025-12-03T00:00Z")
QUERY = "SELECT ts, views, ctr FROM slots WHERE ts >= {start} AND ts < {end} ORDER BY ts"
COLUMNS = {"ts": "DateTime", "views": "UInt64", "ctr": "Float64"}


def sample_panel(rows: int = 8, seed: int = 1) -> pd.DataFrame:
    """Return a panel as `ClickHouseSource` gives it for `COLUMNS`, with a gap where there is room for one."""
    rng = np.random.default_rng(seed)
    index = pd.date_range(START, periods=rows, freq="15min", unit="ns")
    panel = pd.DataFrame({"views": rng.integers(100, 99_999, rows).astype(float), "ctr": rng.random(rows)}, index)
    panel.iloc[1:2, 1] = np.nan
    return panel.set_axis(pd.DatetimeIndex(index.to_numpy(), tz="UTC"), axis=0)
