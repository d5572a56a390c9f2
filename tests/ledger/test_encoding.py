"""How values are kept: exactly, compactly, and without the clock or the zone of the host."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anomalert.errors import ConfigurationError, LedgerDamagedError
from anomalert.ledger.encoding import (
    bound_of,
    from_json,
    instants_of,
    judgements_from_json,
    judgements_to_json,
    seconds_of,
    text_of,
    to_json,
)

numbers = st.floats(allow_nan=True) | st.integers(-(2**70), 2**70)
texts = st.text(st.characters(exclude_categories=()))
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
rows = st.lists(st.dictionaries(st.sampled_from(["metric", "value", "ё", "is_alert"]), values, max_size=4), max_size=4)


def expected(value: Any) -> Any:
    """Return what has to come back: the value, and None for what is no finite number."""
    if isinstance(value, dict):
        return {key: expected(each) for key, each in value.items()}
    if isinstance(value, list):
        return [expected(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@given(values)
@example({"\ud800": ["\0", float("nan")]})
def test_what_was_kept_comes_back(value: Any) -> None:
    """Exactly, also halves of characters; NaN and infinities as None; and every text is UTF-8 without NUL."""
    text = to_json(value)
    assert from_json(text) == expected(value)
    assert "\0" not in text
    assert json.loads(text.encode()) == expected(value)


@given(rows)
def test_judgements_come_back_whatever_their_columns(judged: list[dict[str, Any]]) -> None:
    """Rows of one shape or of several, with their columns in their order."""
    text, layouts = judgements_to_json(judged)
    back = judgements_from_json(text, {key: json.loads(names) for key, names in layouts.items()})
    assert back == tuple(expected(row) for row in judged)
    assert [list(row) for row in back] == [list(row) for row in judged]


@given(st.integers(0, 2**33), st.sampled_from(["UTC", "Europe/Moscow", "Asia/Kolkata", "America/St_Johns"]))
def test_instants_come_back_in_utc(second: int, zone: str) -> None:
    """Every whole second, in whatever zone and unit it was given."""
    instant = pd.Timestamp(second, unit="s", tz=zone)
    assert seconds_of(instant) == seconds_of(instant.isoformat()) == second
    assert instants_of([second]) == [instant]
    assert str(instants_of([second])[0].tz) == "UTC"
    assert bound_of(instant, "start") == second
    assert bound_of(instant + pd.Timedelta("1ns"), "start") == second + 1


def test_judgements_whose_columns_are_gone_are_damaged() -> None:
    """They are not guessed."""
    text, _ = judgements_to_json([{"metric": "likes"}])
    with pytest.raises(LedgerDamagedError, match="layout"):
        judgements_from_json(text, {})


def test_instants_without_a_zone_or_between_seconds_are_refused() -> None:
    """No zone is guessed, and no slot is moved."""
    for bad, text in ((pd.Timestamp("2026-11-24"), "time zone"), ("2026-11-24T00:00:00.5Z", "whole seconds")):
        with pytest.raises(ConfigurationError, match=text):
            seconds_of(bad)


@given(texts)
def test_texts_can_be_held_by_both_databases(text: str) -> None:
    """Ordinary texts stay as they are."""
    kept = text_of(text)
    assert kept is not None
    assert "\0" not in kept.encode().decode()
    if "\0" not in text and text.encode("utf-8", "replace").decode() == text:
        assert kept == text
    assert text_of(None) is None


NOTE_A_RUN = """
import sys, time
from anomalert.ledger import Ledger
from tests.ledger.samples import contents_of
from tests.ledger.test_schema import fill
ledger = Ledger(sys.argv[1])
fill(ledger)
history = ledger.history()
print(contents_of(ledger), history.judgements.to_json(), history.revisions.to_json(), time.tzname[0])
"""


def test_the_zone_of_the_host_changes_nothing(memory_folder: Path) -> None:
    """Hosts in different zones write and read the same."""
    told: list[list[str]] = []
    for zone in ("UTC", "Pacific/Apia", "America/St_Johns", "Europe/Moscow"):
        done = subprocess.run(
            [sys.executable, "-c", NOTE_A_RUN, str(memory_folder / f"{len(told)}.db")],
            env={**os.environ, "TZ": zone},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        told.append(done.stdout.rsplit(" ", 1))
    assert len({content for content, _ in told}) == 1
    assert len({zone for _, zone in told}) == 4
