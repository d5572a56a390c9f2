"""The reference pipeline, on both engines, gives in every slot the verdict that loops over the events give."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from anomalert import Pipeline
from anomalert.reference import feed_messenger
from tests.reference.dataset import (
    DAYS,
    MORE_THAN_ZERO,
    START,
    TOO_FEW_DAYS,
    WITHOUT_VIEWS,
    ZERO_AS_EXPECTED,
    parity_data,
    planted_incidents,
)
from tests.reference.engines import Engine
from tests.reference_oracle import (
    BASELINE_DAYS,
    SLOT_SECONDS,
    Verdict,
    feed_rows,
    message_rows,
    reference_values,
    reference_verdicts,
)

SLOT = pd.Timedelta(seconds=SLOT_SECONDS)
END = START + pd.DateOffset(days=DAYS)
Verdicts = dict[tuple[str, int], Verdict]


@pytest.fixture(scope="module")
def verdicts() -> Verdicts:
    """Give the oracle's verdict of every metric in every slot."""
    data = parity_data()
    values = reference_values(feed_rows(data.feed), message_rows(data.messages))
    return reference_verdicts(values, int(START.timestamp()), int(END.timestamp()))


@pytest.fixture
def pipeline(engine: Engine) -> Pipeline:
    """Give the reference pipeline on an engine, without notifiers and without a memory."""
    return feed_messenger(**engine.access)


def verdict_of(row: Mapping[Any, Any]) -> tuple[tuple[str, int], Verdict]:
    """Return what a row of judgements says, as the oracle would put it."""
    key = str(row["metric"]), int(row["slot"].timestamp())
    return key, Verdict(row["value"], row["expected"], row["deviation"], row["status"])


def same(one: Verdict, other: Verdict) -> bool:
    """Say whether two verdicts agree: the value exactly, what is computed from it to the last digits."""

    def close(first: float, second: float, tolerance: float) -> bool:
        if math.isnan(first) or math.isnan(second):
            return math.isnan(first) and math.isnan(second)
        return math.isclose(first, second, rel_tol=tolerance, abs_tol=tolerance)

    return (
        one.status == other.status
        and close(one.value, other.value, 0.0)
        and close(one.expected, other.expected, 1e-12)
        and close(one.deviation, other.deviation, 1e-12)
    )


def differing(found: Verdicts, wanted: Verdicts) -> dict[tuple[str, int], tuple[Verdict | None, Verdict]]:
    """Return what of `wanted` is not found, or not found so."""
    return {
        key: (found.get(key), verdict)
        for key, verdict in wanted.items()
        if key not in found or not same(found[key], verdict)
    }


def test_every_slot_has_the_verdict_of_the_loops(pipeline: Pipeline, verdicts: Verdicts) -> None:
    """Value, expected, deviation and status agree in all 20,736 cells, and there is no cell beside them."""
    found: Verdicts = {}
    for monitor in pipeline.monitors:
        judgements = monitor.judge(monitor.panel(START, END), start=START)
        found |= dict(verdict_of(row) for row in judgements.to_dict("records"))
    assert differing(found, verdicts) == {}
    assert found.keys() == verdicts.keys()
    assert {verdict.status for verdict in found.values()} == {"ok", "anomaly", "no_data", "warming_up"}


def telling_slots() -> list[pd.Timestamp]:
    """Return the slots around both ends of every incident that is told apart, and those where the rule has edges."""
    long = [incident for incident in planted_incidents() if incident.end - incident.start > pd.Timedelta("30min")]
    ends = {end for incident in long for end in (incident.start, incident.end)}
    midnights = {START + pd.DateOffset(days=days) for days in (1, 10)}
    around = {instant + step * SLOT for instant in ends | midnights for step in (-1, 0)}
    return sorted({*around, START, WITHOUT_VIEWS, TOO_FEW_DAYS, ZERO_AS_EXPECTED, MORE_THAN_ZERO})


def test_a_run_tells_what_the_loops_find(pipeline: Pipeline, verdicts: Verdicts) -> None:
    """A run at each telling slot judges that slot as the loops do, and alerts exactly on anomalies and missing data."""
    for slot in telling_slots():
        report = pipeline.run(at=slot + SLOT + pd.Timedelta("2min"), dry_run=True)
        report.raise_for_status()
        seconds = int(slot.timestamp())
        wanted = {(metric, seconds): verdicts[metric, seconds] for metric in BASELINE_DAYS}
        found = dict(verdict_of(row) for row in report.judgements.to_dict("records"))
        assert found.keys() == wanted.keys()
        assert differing(found, wanted) == {}
        told = {alert.metric for alert in report.alerts if alert.kind == "opened"}
        assert told == {metric for (metric, _), verdict in wanted.items() if verdict.status == "anomaly"}, slot
        silent = {alert.metric for alert in report.alerts if alert.kind == "no_data"}
        assert silent == missing_of(wanted), slot


def missing_of(wanted: Verdicts) -> set[str]:
    """Return the metrics of the tables that have no row in the slot: all metrics of the table are unknown."""
    status = {metric: verdict.status for (metric, _), verdict in wanted.items()}
    tables = ({"users_feed", "views", "likes", "ctr"}, {"users_message", "sent_message"})
    gone = [table for table in tables if all(status[metric] == "no_data" for metric in table)]
    return set().union(*gone)


def test_the_edges_of_the_rule_are_in_the_data(verdicts: Verdicts) -> None:
    """Too few days, nothing where nothing is the norm, something there, and a ratio over nothing do occur."""

    def at(metric: str, slot: pd.Timestamp) -> Verdict:
        return verdicts[metric, int(slot.timestamp())]

    assert at("sent_message", TOO_FEW_DAYS).status == "warming_up"
    assert at("likes", ZERO_AS_EXPECTED) == Verdict(0.0, 0.0, 0.0, "ok")
    assert at("likes", MORE_THAN_ZERO).status == at("ctr", MORE_THAN_ZERO).status == "anomaly"
    assert at("likes", MORE_THAN_ZERO).expected == 0
    assert [at(metric, WITHOUT_VIEWS).status for metric in ("users_feed", "views", "likes", "ctr")] == [
        "ok",
        "anomaly",
        "ok",
        "no_data",
    ]
