"""Of which sources and metrics nothing is seen, and what to say about it: a pure state machine, as `incidents` is.

Walks and findings call this; it calls `episodes`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast

import pandas as pd

from anomalert.episodes import Outage, Said, State, stamp

__all__ = ["lose_metrics", "lose_sight"]


def lose_sight(
    state: State, slot: pd.Timestamp, seen: Mapping[str, Literal["no_data", "source_failed"] | None]
) -> tuple[State, list[Said]]:
    """Return the state after it is known of which monitors nothing is seen in `slot`, and what there is to say.

    Parameters
    ----------
    state : State
        Before.
    slot : pandas.Timestamp
        UTC.
    seen : mapping of str to str or None
        Monitor to what is wrong with its source, None if nothing is. One that is missing stays as it was.
    """
    sources = [outage for outage in state.outages if outage.metric is None]
    out = {outage.monitor for outage in sources}
    back = tuple(outage for outage in sources if outage.monitor in seen and seen[outage.monitor] is None)
    outages = [outage for outage in state.outages if outage not in back]
    said = []
    for kind in cast('tuple[Literal["no_data", "source_failed"], ...]', ("source_failed", "no_data")):
        lost = [monitor for monitor, wrong in seen.items() if wrong == kind and monitor not in out]
        if lost:
            told = f"{'+'.join(lost)}/{stamp(slot)}"
            of_kind = tuple(Outage(monitor, kind, slot, told) for monitor in lost)
            said.append(Said(kind, told, slot, outages=of_kind))
            outages += of_kind
    if back:
        said.append(Said("data_back", back[0].told, slot, outages=back))
    return replace(state, outages=tuple(outages)), said


def lose_metrics(
    state: State, slot: pd.Timestamp, missing: Sequence[Outage], known: Collection[str]
) -> tuple[State, list[Said]]:
    """Return the state after it is known which metrics have no values in `slot`, and what there is to say.

    Parameters
    ----------
    state : State
        Before.
    slot : pandas.Timestamp
        UTC.
    missing : sequence of Outage
        Of the metrics that have had no values for long enough; one that was told already is told no more.
    known : collection of str
        Metrics that have a value.
    """
    out = {outage.metric for outage in state.outages}
    lost = [outage for outage in missing if outage.metric not in out]
    if not lost and not any(out):
        return state, []
    back = tuple(outage for outage in state.outages if outage.metric in known)
    said = []
    if lost:
        # The name of one will do: a metric is told in one message of a slot, and they may be a thousand. That of its
        # monitor tells it from an outage of another monitor that is named as the metric is.
        told = f"{lost[0].monitor}/{lost[0].metric}/{stamp(slot)}"
        lost = [replace(outage, told=told) for outage in lost]
        said.append(Said("no_data", told, slot, outages=tuple(lost)))
    if back:
        said.append(Said("data_back", back[0].told, slot, outages=back))
    return replace(state, outages=(*(outage for outage in state.outages if outage not in back), *lost)), said
