"""A backtest is what runs do: slot by slot with a ledger, the same verdicts, incidents and messages."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from os import environ

import pandas as pd
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from anomalert import Monitor, Pipeline, backtest
from tests.backtesting.lives import START, assert_same, feeds, lived, messengers

DAY = pd.Timedelta("1D")

FIRST, LAST = START + 5 * DAY, START + 11 * DAY

# Not shrunk: an example is fifty runs or more, and its panels are printed whole.
quick = settings(
    max_examples=int(environ.get("ANOMALERT_EXAMPLES", "8")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def compared(monitors: Sequence[Monitor], chunk: str, *, shared: bool) -> None:
    """Hold that runs and a backtest in chunks, shared out or not, give the same."""
    live = lived(monitors, FIRST, LAST)
    assume(live.is_quiet_before)
    with ThreadPoolExecutor(2) as threads:
        executor = threads if shared else None
        found = backtest(Pipeline(monitors), start=FIRST, end=LAST, chunk=chunk, executor=executor, progress=False)
    assert found.is_complete
    assert not found.errors
    assert_same(found, live)


@quick
@given(feeds(), st.sampled_from(["28D", "1D", "30h"]), st.booleans())
def test_a_backtest_says_what_runs_said(feed: Monitor, chunk: str, shared: bool) -> None:
    """Verdicts, numbers, incidents and messages of a monitor, whatever its settings, gaps and clock changes."""
    compared([feed], chunk, shared=shared)


@quick
@given(feeds(), messengers(), st.sampled_from(["28D", "30h"]), st.booleans())
def test_a_backtest_of_several_monitors_says_what_runs_said(
    feed: Monitor, messenger: Monitor, chunk: str, shared: bool
) -> None:
    """Also where their slots differ in length and settle at different times."""
    compared([feed, messenger], chunk, shared=shared)
