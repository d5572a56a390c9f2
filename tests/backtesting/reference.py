"""The reference alert set over its whole data set: a backtest against runs that are made slot by slot with a ledger.

``python -m tests.backtesting.reference`` takes some minutes and prints what was compared; `test_reference` compares
some of the days for every change. It needs anomalert[chdb].
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from anomalert import FrameSource, Monitor, Pipeline, backtest
from anomalert.reference import feed_messenger
from anomalert.reference.tables import create_tables, load_events
from anomalert.sources import ChdbClient
from tests.backtesting.lives import assert_same, lived
from tests.reference.dataset import DAYS, parity_data

__all__ = ["DATABASE", "compared", "monitors_over"]

DATABASE = "reference_backtest"


def monitors_over(session: Any) -> list[Monitor]:
    """Return the reference's monitors over the rows that embedded ClickHouse gives, read once."""
    data = parity_data()
    create_tables(session.query, DATABASE)
    load_events(session, data.feed, data.messages, DATABASE)
    pipeline = feed_messenger(client=ChdbClient(session, database=DATABASE))
    rows = {each.name: each.read(data.start - each.lookback.ceil("1D"), data.end) for each in pipeline.monitors}
    return [
        replace(each, source=FrameSource(rows[each.name].dropna(how="all"), name=each.name))
        for each in pipeline.monitors
    ]


def compared(monitors: Sequence[Monitor], start: pd.Timestamp, end: pd.Timestamp) -> str:
    """Hold that both say the same from `start` to `end`, and return in words what was compared."""
    live = lived(monitors, start, end)
    found = backtest(Pipeline(monitors), start=start, end=end, progress=False)
    assert_same(found, live)
    counts = f"{len(found.judgements)} verdicts, {len(found.messages)} messages, {len(found.incidents)} incidents"
    return f"from {start} to {end}: {counts}; differing 0"


def main() -> None:
    """Compare all of it, or so many days, and print."""
    from chdb.session import Session

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=DAYS)
    options = parser.parse_args()
    data, session = parity_data(), Session()  # type: ignore[no-untyped-call]
    print(compared(monitors_over(session), data.start, data.start + pd.Timedelta(days=options.days)))


if __name__ == "__main__":
    main()
