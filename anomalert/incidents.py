"""From judged slots to incidents and what to say about them: a pure state machine.

`advance` takes what is open and what one slot showed, and gives what is open then and what there is to say. It reads
no clock and touches no disk, so that a run, a re-run and a backtest say the same. Walks call this; it
calls `episodes` and `learning`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import cast

import pandas as pd

from anomalert.episodes import NUMBERS, Ending, Episode, Incident, Observation, Replacement, Said, State, Watch
from anomalert.interfaces import Direction
from anomalert.learning import CATCH_UP, replacement_of
from anomalert.panel import DAY

__all__ = ["advance", "unseen"]


@dataclass(frozen=True)
class _Now:
    """An instant at which slots end: what they showed. Metrics with longer slots began theirs earlier than `slot`."""

    slot: pd.Timestamp
    length: pd.Timedelta
    seen: Mapping[str, Observation]
    watches: Mapping[str, Watch]
    replaced: Mapping[str, Mapping[pd.Timestamp, Replacement]]

    def length_of(self, metric: str) -> pd.Timedelta:
        watch = self.watches.get(metric)
        return self.length if watch is None or watch.slot is None else watch.slot

    def slot_of(self, metric: str) -> pd.Timestamp:
        length = self.length_of(metric)
        return self.slot if length == self.length else self.slot + self.length - length

    def goes_on(self, incident: Incident) -> bool:
        """Whether the incident goes on now: its metric is anomalous on its side, or stays where the anomalies were."""
        return incident.end is None and incident.metric in self.seen and incident.last == self.slot_of(incident.metric)

    def shows(self, incident: Incident) -> bool:
        """Whether the incident goes on now, and its metric is anomalous on its side."""
        return self.goes_on(incident) and incident.staying is None


def advance(
    state: State,
    slot: pd.Timestamp,
    observations: Sequence[Observation],
    watches: Mapping[str, Watch],
    slot_length: pd.Timedelta,
) -> tuple[State, list[Said]]:
    """Return the state after one slot, and what there is to say.

    Parameters
    ----------
    state : State
        Before the slot.
    slot : pandas.Timestamp
        UTC. Where metrics have slots of several lengths, the shortest of those that end at one instant.
    observations : sequence of Observation
        Of the metrics that were judged; of one that is missing nothing is concluded.
    watches : mapping of str to Watch
        By metric, for those observed at least.
    slot_length : pandas.Timedelta
        Of `slot`; that of the metrics whose watch gives no other.
    """
    seen = {observation.metric: observation for observation in observations}
    now = _Now(slot, slot_length, seen, watches, state.replaced)
    going_on = {(incident.metric, incident.direction) for incident in state.incidents() if incident.end is None}
    opening = [
        _opened(observation, now.slot_of(observation.metric))
        for observation in observations
        if observation.is_alert
        and (observation.metric, observation.direction) not in going_on
        and not _is_rebound(state, observation, slot, watches[observation.metric])
    ]
    said: list[Said] = []
    open_episodes: list[Episode] = []
    ended: list[Incident] = []
    for direction in cast("tuple[Direction, ...]", ("down", "up")):
        before = next((episode for episode in state.episodes if episode.direction == direction), None)
        new = [incident for incident in opening if incident.direction == direction]
        if before is None and not new:
            continue
        episode, what = _continued(before, new, now)
        said += what
        ended += _just_ended(before, episode)
        if episode.is_open:
            open_episodes.append(episode)
    recent = _recent((*state.recent, *ended), now)
    after = replace(state, episodes=tuple(open_episodes), recent=recent)
    return replace(after, replaced=_replaced(after, now)), said


def _opened(observation: Observation, slot: pd.Timestamp) -> Incident:
    return Incident(
        metric=observation.metric,
        direction=cast("Direction", observation.direction),
        start=slot,
        last=slot,
        opening=observation,
        peak=observation,
        told=observation,
        peak_slot=slot,
    )


def _is_rebound(state: State, observation: Observation, slot: pd.Timestamp, watch: Watch) -> bool:
    """Whether this is only the way back from an incident to where the metric was before it, or a part of that way."""
    value, after = observation.value, watch.rebound
    return bool(after) and any(
        incident.metric == observation.metric
        and incident.direction != observation.direction
        and (incident.end is None or slot < incident.end + after)
        and (
            incident.opening.lower <= value <= incident.opening.upper
            or (incident.end is None and incident.is_beyond(value))
        )
        for incident in chain(state.incidents(), state.recent)
    )


def _just_ended(before: Episode | None, after: Episode) -> list[Incident]:
    went_on = set() if before is None else {incident.key for incident in before.incidents if incident.end is None}
    return [incident for incident in after.incidents if incident.end is not None and incident.key in went_on]


def _recent(ended: Sequence[Incident], now: _Now) -> tuple[Incident, ...]:
    """Return the ended incidents from which a metric may still be on its way back.

    Whether it is depends on its own slots, which may be made up for when those of others have gone on for days. Its
    newest incident tells how far they have come, so that no more than the last of its incidents have to be kept.
    """
    newest = dict(sorted((each.metric, each.end) for each in ended if each.end is not None))
    return tuple(i for i in ended if i.end is not None and _may_come_back(i.end, newest[i.metric], i.metric, now))


def _may_come_back(end: pd.Timestamp, newest: pd.Timestamp, metric: str, now: _Now) -> bool:
    watch = now.watches.get(metric)
    if watch is None:
        return True
    return bool(watch.rebound) and newest < end + watch.rebound and now.slot < end + watch.rebound + CATCH_UP


def _continued(before: Episode | None, new: Sequence[Incident], now: _Now) -> tuple[Episode, list[Said]]:
    """Return an episode after one slot, and what there is to say of it: at most one thing."""
    if before is None:
        episode = Episode(new[0].direction, now.slot, now.slot, tuple(new))
        return episode, [Said("opened", episode.key, now.slot, _last_seen(new, now))]
    known = {incident.metric for incident in before.incidents}
    old = [_seen(incident, now) for incident in before.incidents]
    worse = [i for i in old if now.shows(i) and _is_worse(i, now.seen[i.metric], now.watches[i.metric])]
    worse += [incident for incident in new if incident.metric not in known]
    told = set(map(id, worse))
    after = _latest(replace(i, told=now.seen[i.metric]) if id(i) in told else i for i in (*old, *new))
    episode = replace(before, incidents=after)
    if not episode.is_open:
        return episode, [Said("resolved", episode.key, now.slot, _last_seen(after, now))]
    if worse:
        said = Said("worsened", episode.key, now.slot, _last_seen(worse, now))
        return replace(episode, told=max(before.told, now.slot)), [said]
    active = tuple(i for i in after if i.end is None)
    if any(now.goes_on(i) and _is_due(now.watches.get(i.metric), now.slot - before.told) for i in active):
        said = Said("reminder", episode.key, now.slot, _last_seen(active, now))
        shown = tuple(replace(i, told=now.seen[i.metric]) if now.shows(i) else i for i in after)
        return replace(episode, told=now.slot, incidents=shown), [said]
    return episode, []


def _latest(incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """Return the latest incident of each metric, in the place of its first: nothing is said any more of one before it.

    So what has to be remembered does not grow while metrics take turns in keeping an episode open.
    """
    return tuple({incident.metric: incident for incident in incidents}.values())


def _seen(incident: Incident, now: _Now) -> Incident:
    """Return an incident after its metric was seen once more; what cannot be judged neither prolongs nor ends it."""
    watch, observation = now.watches.get(incident.metric), now.seen.get(incident.metric)
    if incident.end is not None:
        return replace(incident, ending="usual") if _is_back(incident, watch, observation) else incident
    slot, length = now.slot_of(incident.metric), now.length_of(incident.metric)
    if watch is None:  # The metric is watched no more: an incident that nobody looks at must not stay open.
        return replace(incident, end=incident.last + length, ending="unwatched")
    if observation is None or not observation.is_judged:
        return incident
    if observation.status == "anomaly" and observation.direction == incident.direction:
        deeper = abs(observation.deviation) > abs(incident.peak.deviation)
        peak, peak_slot = (observation, slot) if deeper else (incident.peak, incident.peak_slot)
        return replace(incident, last=slot, quiet=0, staying=None, peak=peak, peak_slot=peak_slot)
    if watch.is_trailing and incident.is_beyond(observation.value):
        return _stayed(incident, slot, length, watch.lookback)
    quiet = incident.quiet + 1
    end = incident.last + length if quiet >= watch.policy.recover else None
    ending = "usual" if end is None else _ending_of(incident, observation, now)
    return replace(incident, quiet=quiet, staying=None, end=end, ending=ending)


def _ending_of(incident: Incident, observation: Observation, now: _Now) -> Ending:
    if _has_turned(incident, observation, now):
        return "turned"
    return "settled" if _is_learnt(incident, observation, now) else "usual"


def _has_turned(incident: Incident, observation: Observation, now: _Now) -> bool:
    """Whether a metric is anomalous on the other side, and not only by the measure of what it was in the incident."""
    watch, opening = now.watches[incident.metric], incident.opening
    if watch.is_trailing:
        is_as_before = opening.lower <= observation.value <= opening.upper
    else:
        is_as_before = now.slot_of(incident.metric) - incident.start >= watch.adapt
    return observation.status == "anomaly" and not is_as_before


def _stayed(incident: Incident, slot: pd.Timestamp, length: pd.Timedelta, lookback: pd.Timedelta) -> Incident:
    """Return an incident whose detector takes it for the usual course by now, though nothing is as it was.

    It is over once all that its detector looks back to is like that: then this is the usual course.
    """
    since = slot if incident.staying is None else incident.staying
    stayed = replace(incident, last=slot, quiet=0, staying=since)
    return replace(stayed, end=slot + length, ending="settled") if slot + length - since >= lookback else stayed


def _is_learnt(incident: Incident, observation: Observation, now: _Now) -> bool:
    """Whether an incident is over only because the days that its detector compares with are like it by now.

    Then the value is still as far off what was expected at this time of day while the incident was not yet learnt.
    """
    watch, slot = now.watches[incident.metric], now.slot_of(incident.metric)
    lasted = slot - incident.start
    if watch.is_trailing or observation.status != "ok" or lasted < watch.adapt + watch.recurrence:
        return False
    known = now.replaced.get(incident.metric, {})
    same = [known[slot - day * DAY].value for day in range(1, lasted // DAY + 1) if slot - day * DAY in known]
    levels = [level for level in same if not math.isnan(level)]
    return bool(levels) and all(incident.is_beyond(observation.value, level) for level in levels)


def _is_back(incident: Incident, watch: Watch | None, observation: Observation | None) -> bool:
    """Whether a metric that ended otherwise is as usual after all, while others keep the episode open."""
    if watch is None or observation is None or not observation.is_judged:
        return False
    if incident.ending == "turned":
        return observation.status == "ok"
    return incident.ending == "settled" and watch.is_trailing and not incident.is_beyond(observation.value)


def _is_worse(incident: Incident, now: Observation, watch: Watch) -> bool:
    relative, absolute = watch.policy.worsen
    told = incident.told
    return abs(now.deviation) >= abs(told.deviation) + absolute and abs(now.value - now.expected) >= relative * abs(
        told.value - told.expected
    )


def _is_due(watch: Watch | None, silence: pd.Timedelta) -> bool:
    return watch is not None and watch.policy.remind is not None and silence >= pd.Timedelta(watch.policy.remind)


def _last_seen(incidents: Iterable[Incident], now: _Now) -> tuple[tuple[Incident, Observation], ...]:
    """Return the latest incident of each metric with what was seen of it; its peak is not what it is now."""
    return tuple((each, now.seen.get(each.metric, unseen(each))) for each in _latest(incidents))


def unseen(incident: Incident) -> Observation:
    """Return what is shown of a metric that was not judged."""
    unknown = dict.fromkeys(NUMBERS, math.nan)
    return Observation(incident.metric, **unknown, direction=None, status="no_data", is_alert=False)


def _replaced(state: State, now: _Now) -> Mapping[str, Mapping[pd.Timestamp, Replacement]]:
    """Return what replaces known incidents in the baseline, with this slot and without what nobody looks back to."""
    replaced = dict(state.replaced)
    for incident in state.incidents():
        metric, slot = incident.metric, incident.last
        if now.shows(incident):
            known, watch = replaced.get(metric, {}), now.watches[metric]
            # What lasts this long is no incident any more but the new usual course, and has to be learnt.
            if slot - incident.start < watch.adapt:
                seen = now.seen[metric]
                bounds = seen.expected, seen.lower, seen.upper
                replacement = replacement_of(known, slot, incident.direction, bounds, watch)
                if replacement is not None:
                    replaced[metric] = {**known, slot: replacement}
    # Once a day is enough: what is older than anybody looks back to does no harm.
    for metric, watch in now.watches.items() if now.slot == now.slot.normalize() else ():
        if metric in replaced:
            horizon = now.slot - watch.reach
            replaced[metric] = {when: known for when, known in replaced[metric].items() if when >= horizon}
    return replaced
