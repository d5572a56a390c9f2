"""How a life of `machine` is looked back on: what was to be told, what was queued, and what became of it."""

import pandas as pd

from anomalert import Pipeline, backtest
from anomalert.ledger.history import LedgerHistory
from tests.reliability.machine_parts import METRICS, Channel

__all__ = ["check_alerts_were_told", "check_deliveries", "expected_keys", "metric_keys"]


def metric_keys(history: LedgerHistory) -> set[str]:
    """Return the keys of what was queued about metrics: how incidents began and ended, and that they stopped reporting.

    What joined them or made them worse in slots that were missed is told as it is then: no backtest says that.
    """
    return set(filter(_is_about_metrics, history.messages["message"]))


def _is_about_metrics(key: str) -> bool:
    parts = key.split("/")
    # The subject of an outage is monitors, or a monitor and a metric.
    is_of_outage = parts[1] in ("no_data", "data_back") and parts[3] in METRICS
    return parts[1] in ("opened", "resolved") or is_of_outage


def expected_keys(pipeline: Pipeline, end: pd.Timestamp, first: pd.Timestamp) -> set[str]:
    """Return the keys of what a backtest over the whole history says of metrics."""
    return set(filter(_is_about_metrics, backtest(pipeline, start=first, end=end, progress=False).messages["key"]))


def check_alerts_were_told(history: LedgerHistory) -> None:
    """Every told slot that was alerted belongs to an incident; each incident is alerted where it begins."""
    judged = history.judgements
    alerted = judged[judged["is_alert"] & judged["told"]]
    incidents = history.incidents.reindex(columns=["metric", "start", "end"])
    for row in alerted.to_dict("records"):
        of_metric = incidents[incidents["metric"] == row["metric"]]
        ended = of_metric["end"].isna() | (of_metric["end"] > row["slot"])
        assert ((of_metric["start"] <= row["slot"]) & ended).any(), row
    known = set(zip(alerted["metric"], alerted["slot"], strict=True))
    begun = set(zip(incidents["metric"], incidents["start"], strict=True))
    assert begun <= known, begun - known


def check_deliveries(history: LedgerHistory, channel: Channel) -> None:
    """Everything was accepted, or refused by the channel, or given up after two unknown outcomes; and then told of.

    Only beside a digest of such, which the channel refused or never answered, does any of it wait for the next message.
    """
    accepted = {message.key for message in channel.accepted}
    rows = history.deliveries.set_index("message").to_dict("index")
    for message in rows:
        key = str(message)
        while rows[key]["status"] == "folded":
            key = rows[key]["folded_into"]
        given_up = channel.unclear.count(key) >= 2 or key in channel.rejected
        assert key in accepted or given_up, (message, key, rows[key])
    owed = [str(message) for message, row in rows.items() if row["status"] == "unsure"]
    assert not owed or any(key.startswith("unsure/") for key in owed), owed
