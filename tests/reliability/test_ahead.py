"""An `at` that was in the future: the runs that come after it must not be silent about telling nobody anything."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from anomalert import DayLagRatio, Ledger, Metric, Monitor, Pipeline, RunReport
from anomalert.errors import ConfigurationError, SourceError
from anomalert.testing import FakeNotifier, FakeSource, synthetic_panel

SLOT = pd.Timedelta("15min")
PANEL = synthetic_panel(4, seed=2)[["views"]]
NOW = PANEL.index[-96] + SLOT
"""From here on the last day is still to come."""

Run = Callable[..., RunReport]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Give what runs at an instant, with the rows that have come by another."""
    chat = FakeNotifier()

    def run(at: pd.Timestamp, come: pd.Timestamp | None = None, **lost: pd.DataFrame) -> RunReport:
        rows = lost.get("rows", PANEL)
        source = FakeSource(rows[rows.index < (at if come is None else come)], name="feed")
        metric = Metric("views", DayLagRatio())
        return Pipeline([Monitor(source, [metric])], [chat], Ledger(tmp_path / "alerts.db")).run(at=at)

    return run


@pytest.mark.parametrize("ahead", ["2h", "8h", "6D", "365D"])
@pytest.mark.parametrize("has_history", [True, False])
def test_runs_after_one_in_the_future_fail_until_it_has_come(run: Run, ahead: str, has_history: bool) -> None:
    """Each of them says that it tells nobody, names both instants and what to do; so do its retries."""
    if has_history:
        run(NOW - SLOT)
    wrong = NOW + pd.Timedelta(ahead)
    run(wrong, come=NOW)
    for at in (NOW + SLOT, NOW + SLOT, NOW + 2 * SLOT, NOW + 3 * SLOT, NOW + 3 * SLOT):
        report = run(at)
        (error,) = report.errors
        assert isinstance(error, ConfigurationError)
        assert f"`at` is {at}" in str(error)
        assert f"slots up to {wrong - SLOT} were judged" in str(error)
        assert "another name" in str(error)
        assert report.exit_code == 1
    if ahead == "2h":
        # Over by itself.
        assert run(wrong + SLOT).exit_code == 0


def test_what_is_a_few_slots_ahead_mends_itself(run: Run) -> None:
    """No farther than the tail that every run reads again: it is told as data that is missing, and comes back."""
    run(NOW - SLOT)
    run(NOW + 2 * SLOT, come=NOW)
    assert [run(NOW + number * SLOT).exit_code for number in range(1, 5)] == [0] * 4


def test_old_slots_that_are_run_again_say_nothing(run: Run) -> None:
    """In any order, each three times, also slots from before the first run: an ordinary re-run is a success."""
    for number in range(30):
        run(NOW + number * SLOT)
    for number in (29, 3, 11, -40, 25, 0, -1, 17):
        for _ in range(3):
            report = run(NOW + number * SLOT, come=NOW + 30 * SLOT)
            assert (report.exit_code, report.errors, report.alerts) == (0, (), ())


@pytest.mark.parametrize("again", [3, 9, 12, 20])
@pytest.mark.parametrize("come_late", [False, True])
def test_slots_before_and_in_an_outage_that_are_run_again_say_nothing(run: Run, again: int, come_late: bool) -> None:
    """A source that gives nothing for hours is no `at` in the future, also if all its rows come in the end."""
    gap = PANEL.drop(PANEL.index[(PANEL.index >= NOW + 9 * SLOT)])
    for number in range(30):
        run(NOW + number * SLOT, rows=gap)
    for _ in range(3):
        report = run(NOW + again * SLOT, come=NOW + 30 * SLOT, rows=PANEL if come_late else gap)
        assert (report.exit_code, report.errors, report.alerts) == (0, (), ())


def test_a_source_that_is_asked_in_vain_is_an_error(run: Run, tmp_path: Path) -> None:
    """Where all is empty and the source cannot be read it is not known what happened, so the run has failed."""
    run(NOW + pd.Timedelta("8h"), come=NOW)
    broken = FakeSource(PANEL, [SourceError("source 'feed' is down")] * 9, name="feed")
    pipeline = Pipeline([Monitor(broken, [Metric("views", DayLagRatio())])], [], Ledger(tmp_path / "alerts.db"))
    assert pipeline.run(at=NOW + SLOT).exit_code == 1
