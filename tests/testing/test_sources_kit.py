"""The sources' kit catches mistakes and lets the right ones pass."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anomalert.errors import ConfigurationError, SourceError
from anomalert.testing import FakeSource, check_source, synthetic_panel

START, END = "2026-10-06T00:00Z", "2026-10-07T00:00Z"
PASSWORD = "hunter2 is a password"
PANEL = synthetic_panel(3, gaps=0.02)

Rows = Callable[[pd.DataFrame, pd.Timestamp, pd.Timestamp], Any]


@dataclass(frozen=True)
class Changed:
    """A source that is right but for what `change` does to its rows."""

    name: str
    change: Rows

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Return changed rows."""
        changed: pd.DataFrame = self.change(FakeSource(PANEL).read(start, end), start, end)
        return changed


def with_end(rows: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Select with both ends, as `.loc` does."""
    return PANEL.loc[start:end] if start < end else rows


def wall_clock(_: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Take the local time of start and end for UTC."""
    return FakeSource(PANEL).read(*(edge.tz_localize(None).tz_localize("UTC") for edge in (start, end)))


def named_by_end(rows: pd.DataFrame, *_: object) -> pd.DataFrame:
    """Name slots by their end."""
    return rows.shift(freq="15min")


def doubled(rows: pd.DataFrame, *_: object) -> pd.DataFrame:
    """Give the first row twice."""
    return pd.concat([rows.iloc[:1], rows])


def infinite(rows: pd.DataFrame, *_: object) -> pd.DataFrame:
    """Divide by zero."""
    return rows.assign(likes=np.inf)


def no_columns_if_empty(rows: pd.DataFrame, *_: object) -> pd.DataFrame:
    """Lose the columns where there are no rows."""
    return rows if len(rows) else pd.DataFrame(index=rows.index)


def scattered(rows: pd.DataFrame, *_: object) -> pd.DataFrame:
    """Give other numbers on each read."""
    return rows * np.random.default_rng().uniform(0.9, 1.1)


CAUGHT_BY: list[tuple[str, str, Rows]] = [
    ("the end is included", "half_open", with_end),
    ("the zone is ignored", "other_zones", wall_clock),
    ("slots are named by their end", "frame", named_by_end),
    ("a slot stands twice", "frame", doubled),
    ("a value is infinite", "frame", infinite),
    ("the order is turned", "frame", lambda rows, *_: rows[::-1]),
    ("the index is naive", "frame", lambda rows, *_: rows.tz_localize(None)),
    ("the index is local", "frame", lambda rows, *_: rows.tz_convert("Europe/Moscow")),
    ("the index is no time", "frame", lambda rows, *_: rows.reset_index(drop=True)),
    ("the numbers are whole", "frame", lambda rows, *_: rows.fillna(0).astype("int64")),
    ("the columns are numbers", "frame", lambda rows, *_: rows.set_axis([0, 1], axis=1)),
    ("a name stands twice", "frame", lambda rows, *_: rows.set_axis(["likes", "likes"], axis=1)),
    ("it gives a list", "frame", lambda rows, *_: rows.to_dict("records")),
    ("it gives nothing", "frame", lambda rows, *_: rows.iloc[:0]),
    ("columns are lost", "empty_range", no_columns_if_empty),
    ("there is a limit", "additive", lambda rows, *_: rows.iloc[:60]),
    ("sums run from the start", "additive", lambda rows, *_: rows.cumsum()),
    ("the first slot is lost", "half_open", lambda rows, *_: rows.iloc[1:]),
    ("numbers scatter", "repeatable", scattered),
    ("the columns depend on the range", "half_open", lambda rows, *_: rows if len(rows) > 9 else rows[["likes"]]),
]


def test_a_right_source_passes() -> None:
    """A source that keeps the contract, whatever zone its frame is in, passes with its broken twin."""
    broken = FakeSource(PANEL, iter(lambda: SourceError("connection refused"), None))
    source = FakeSource(PANEL.tz_convert("Asia/Kathmandu"))
    check_source(source, START, END, broken=broken, secrets=[PASSWORD])
    assert len(source.reads) < 40


@pytest.mark.parametrize(("mistake", "check", "change"), CAUGHT_BY, ids=[mistake for mistake, _, _ in CAUGHT_BY])
def test_a_wrong_source_is_caught(mistake: str, check: str, change: Rows) -> None:
    """Each mistake fails the check that stands beside it, by the name of the source."""
    with pytest.raises(AssertionError) as failure:
        check_source(Changed(mistake, change), START, END)
    assert f"source {mistake!r} fails the check `{check}`: " in str(failure.value)


def test_the_difference_is_told() -> None:
    """The text names metric and slot, both numbers, where the range was cut, and what to do."""
    with pytest.raises(AssertionError) as failure:
        check_source(Changed("sums", lambda rows, *_: rows.fillna(0).cumsum()), START, END)
    assert "`additive`: 'views' at 2026-10-06 00:15:00+00:00 is" in str(failure.value)
    assert "when the range is read in two, cut at 2026-10-06 00:15:00+00:00" in str(failure.value)
    assert "no limit, no running sum" in str(failure.value)


def test_a_frame_that_is_shared_is_caught() -> None:
    """A source whose next read shows what a caller did to the last one is not repeatable."""

    @dataclass
    class Shares:
        last: dict[object, pd.DataFrame] = field(default_factory=dict)

        def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
            return self.last.setdefault((start, end), FakeSource(PANEL).read(start, end))

    with pytest.raises(AssertionError, match=r"source 'Shares' fails the check `repeatable`: .* is -1.0, not"):
        check_source(Shares(), START, END)


@dataclass(frozen=True)
class Broken:
    """A source that cannot be read, and how it says so."""

    error: Exception | None = field(repr=False)
    password: str = ""

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Raise, or give no rows."""
        if self.error is not None:
            raise self.error
        return FakeSource(PANEL).read(end, start)


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (Broken(None), "`broken`: it gave rows although it is broken. Raise a SourceError"),
        (Broken(ConnectionError("refused")), "`broken`: the broken one raised ConnectionError"),
        (Broken(SourceError("")), "`broken`: the SourceError has no text"),
        (Broken(SourceError(f"login with {PASSWORD} failed")), "`secret`: the error's text holds a secret"),
        (Broken(SourceError("login with hunter2%20is%20a%20password failed")), "`secret`: the error's text holds"),
        (Broken(SourceError("login failed"), PASSWORD), "`secret`: the repr holds a secret"),
    ],
)
def test_a_broken_source_has_to_say_so_and_nothing_more(broken: Broken, found: str) -> None:
    """No rows, a driver's exception, silence and a secret are each caught; the kit itself tells no secret."""
    with pytest.raises(AssertionError) as failure:
        check_source(FakeSource(PANEL), START, END, broken=broken, secrets=[PASSWORD])
    assert found in str(failure.value)
    assert PASSWORD not in str(failure.value)


def test_a_secret_in_a_cause_or_in_the_log_is_caught() -> None:
    """What the error is chained to, and what is logged at DEBUG, is looked at too."""

    @dataclass(frozen=True)
    class Chains:
        def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
            try:
                raise ConnectionError(f"{PASSWORD} for {start}, {end}")
            except ConnectionError:
                raise SourceError("login failed")  # noqa: B904 - the mistake

    @dataclass(frozen=True)
    class Logs:
        def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
            logging.getLogger("driver").debug("GET /?password=%s", PASSWORD)
            return FakeSource(PANEL).read(start, end)

    with pytest.raises(AssertionError, match="`secret`: the error's traceback holds a secret"):
        check_source(FakeSource(PANEL), START, END, broken=Chains(), secrets=[PASSWORD])
    with pytest.raises(AssertionError, match="`secret`: the log holds a secret"):
        check_source(Logs(), START, END, secrets=[PASSWORD])


def test_an_exception_of_the_source_is_told_without_its_secrets() -> None:
    """A source that raises where it should not fails every check, and no text or chain shows what it was given."""
    with pytest.raises(AssertionError, match=r"it raised ConnectionError: \*\*\*") as failure:
        check_source(Broken(ConnectionError(PASSWORD)), START, END, secrets=[PASSWORD])
    assert PASSWORD not in str(failure.value)
    assert failure.value.__cause__ is None


def test_the_range_is_aware_and_on_slots() -> None:
    """A naive start or a slot that is none is a mistake of the caller, not of the source."""
    with pytest.raises(ConfigurationError, match="`start` is '2026-10-06', without a time zone"):
        check_source(FakeSource(PANEL), "2026-10-06", END)
    with pytest.raises(ConfigurationError, match="does not divide a day"):
        check_source(FakeSource(PANEL), START, END, slot="7min")
