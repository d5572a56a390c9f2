"""How a life of `machine` is looked back on: what was to be told, what was queued, and what became of it."""

import pandas as pd

from anomalert import Pipeline
from anomalert.episodes import Said
from anomalert.ledger.history import LedgerHistory
from anomalert.messages import opened_key
from anomalert.replay import replay
from tests.reliability.machine_parts import Channel

__all__ = ["check_alerts_were_told", "check_deliveries", "expected_keys", "incident_keys"]

ABOUT_INCIDENTS = ("opened", "worsened", "resolved", "reminder")


def incident_keys(history: LedgerHistory) -> set[str]:
    """Return the keys of what was queued about incidents."""
    return {key for key in history.messages["message"] if key.split("/")[1] in ABOUT_INCIDENTS}


def expected_keys(pipeline: Pipeline, end: pd.Timestamp, first: pd.Timestamp) -> set[str]:
    """Return the keys of what a walk over the whole history says of incidents."""
    monitor = pipeline.monitors[0]
    panel = monitor.panel(first - 2 * monitor.lookback, end)
    walked = replay([monitor], {monitor.name: panel}, first)
    keys = set()
    for said in walked.said:
        if said.about:
            worse = f"/{_gravest(said)}" if said.kind == "worsened" else ""
            stamped = f"{said.kind}/{said.subject}/{said.slot:%Y%m%dT%H%MZ}{worse}"
            keys.add(opened_key("anomalert", said.subject) if said.kind == "opened" else f"anomalert/{stamped}")
    return keys


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
    """Everything was accepted, or refused by the channel, or given up after two unknown outcomes."""
    accepted = {message.key for message in channel.accepted}
    rows = history.deliveries.set_index("message").to_dict("index")
    for message in rows:
        key = str(message)
        while rows[key]["status"] == "folded":
            key = rows[key]["folded_into"]
        given_up = channel.unclear.count(key) >= 2 or key in channel.rejected
        assert key in accepted or given_up, (message, key, rows[key])


def _gravest(said: Said) -> str:
    about = sorted(said.about, key=lambda pair: (-abs(pair[0].peak.deviation), pair[0].metric))
    return str(about[0][0].metric)
