"""What missed slots gave to say, as it is now: what is still going on is no news of the past.

Findings call this after a walk over several slots; it calls `walk` and `incidents`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from anomalert.episodes import Episode, Observation, Said, State
from anomalert.incidents import unseen
from anomalert.walk import Step

__all__ = ["as_it_is_now", "is_still_so", "last_said"]

News = tuple[Step, Said]
"""What there was to say, and the step that gave it."""

Sight = tuple[str, str | None]
"""A monitor, and the metric of it if it is about one only."""


def as_it_is_now(news: Sequence[News], steps: Sequence[Step]) -> tuple[list[News], State]:
    """Return what there is to say after all steps, and the state that knows how it was told.

    An episode that began before the last step and is not over is told as opened, with what the last step showed: who
    reads it needs what is, and not first how it came about. So is what joined one that was open before, or made it
    worse, if that is not over either.

    Parameters
    ----------
    news : sequence of (Step, Said)
        What the steps gave to say, in order.
    steps : sequence of Step
        At least one.
    """
    last, state = steps[-1], steps[-1].state
    late = {said.subject for step, said in news if said.about and step is not last}
    lasting = [episode for episode in state.episodes if episode.key in late]
    if not lasting:
        return list(news), state
    seen = {
        incident.metric: _newest(incident.metric, steps) or unseen(incident)
        for episode in lasting
        for incident in episode.incidents
    }
    told = {episode.key: _told_now(episode, seen, last.slot) for episode in lasting}
    kept = [(step, said) for step, said in news if said.subject not in told]
    of_each = {key: [said for _, said in news if said.subject == key] for key in told}
    now = [(last, said) for key, episode in told.items() for said in _said_now(episode, of_each[key], seen, last.slot)]
    return [*kept, *now], replace(state, episodes=tuple(told.get(each.key, each) for each in state.episodes))


def last_said(news: Iterable[News]) -> dict[Sight, Said]:
    """Return what was said last of the sight of each source and metric: what came before is past, also if it recurs."""
    return {(outage.monitor, outage.metric): said for _, said in news for outage in said.outages}


def is_still_so(said: Said, last: Mapping[Sight, Said], state: State) -> bool:
    """Whether what is said of a source or metric holds now: that nothing is seen of it, or that it is back.

    Parameters
    ----------
    said : Said
        One of the news.
    last : mapping
        What `last_said` gives of all of them.
    state : State
        After all steps.
    """
    if not said.outages or any(last[outage.monitor, outage.metric] is not said for outage in said.outages):
        return False
    out = {(outage.monitor, outage.metric): outage.told for outage in state.outages}
    if said.kind == "data_back":
        return not any((outage.monitor, outage.metric) in out for outage in said.outages)
    return all(out.get((outage.monitor, outage.metric)) == outage.told for outage in said.outages)


def _told_now(episode: Episode, seen: Mapping[str, Observation], slot: pd.Timestamp) -> Episode:
    """Return an episode whose open incidents are told as they are in the newest slot of their metric."""
    # Where a detector has got used to an incident, or it is not judged, that is no measure of whether it gets worse.
    incidents = tuple(
        replace(each, told=seen[each.metric])
        if each.end is None and each.staying is None and seen[each.metric].is_judged
        else each
        for each in episode.incidents
    )
    return replace(episode, incidents=incidents, told=slot)


def _said_now(
    episode: Episode, of_it: Sequence[Said], seen: Mapping[str, Observation], slot: pd.Timestamp
) -> list[Said]:
    """Return the one thing to say of an episode: all of it if it is new, else of the metrics that there is news of."""
    is_new = any(said.kind == "opened" for said in of_it)
    named = {incident.metric for said in of_it for incident, _ in said.about}
    about = tuple(
        (incident, seen[incident.metric])
        for incident in episode.incidents
        if incident.end is None and (is_new or incident.metric in named)
    )
    # What was said last: that it got worse, or only that it goes on.
    kind = "opened" if is_new else of_it[-1].kind
    return [Said(kind, episode.key, slot, about)] if about else []


def _newest(metric: str, steps: Sequence[Step]) -> Observation | None:
    """Return what the newest slot showed in which a metric was judged."""
    for step in reversed(steps):
        for frame in step.judgements.values():
            for row in frame[frame["metric"] == metric].to_dict("records"):
                return Observation(**{str(name): row[name] for name in Observation.__dataclass_fields__})
    return None
