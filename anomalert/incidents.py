"""From judged slots to incidents and what to say about them: a pure state machine.

`advance` takes what is open and what one slot showed, and gives what is open then and what there is to say. It reads
no clock and touches no disk, so that a run, a re-run and a replay over history say the same. Walks call this; it
calls `policy`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import Any, Literal, cast

import pandas as pd

from anomalert.interfaces import AlertKind, Direction
from anomalert.policy import Policy

__all__ = [
    "NUMBERS",
    "Episode",
    "Incident",
    "Observation",
    "Outage",
    "Said",
    "State",
    "Watch",
    "advance",
    "lose_sight",
    "number_of",
    "plain_number",
    "stamp",
    "state_from_dict",
    "state_to_dict",
]

DAY = pd.Timedelta("1D")

NUMBERS = ("value", "expected", "lower", "upper", "deviation", "score")
"""What is measured of a slot; NaN where it is unknown."""


@dataclass(frozen=True)
class Watch:
    """How a metric is watched: its policy, how far back its detector looks, and its slots where others' are shorter."""

    policy: Policy
    lookback: pd.Timedelta
    slot: pd.Timedelta | None = None

    @property
    def rebound(self) -> pd.Timedelta:
        """How long after an incident a return to the old level may look like an incident of its own.

        Detectors that look back less than a day take the incident itself for the usual course. The others compare
        with other days, on which known incidents are replaced by what was expected.
        """
        return DAY if self.lookback <= DAY else pd.Timedelta(0)


@dataclass(frozen=True)
class Observation:
    """What one slot showed of one metric: the part of its judgement that incidents are made of."""

    metric: str
    value: float
    expected: float
    lower: float
    upper: float
    deviation: float
    score: float
    direction: Direction | None
    status: Literal["ok", "anomaly", "no_data", "warming_up"]
    is_alert: bool


@dataclass(frozen=True)
class Incident:
    """Anomalous slots of one metric in one direction that belong together.

    Parameters
    ----------
    metric, direction : str
        Of what, and on which side.
    start, last : pandas.Timestamp
        The slots (UTC) of the first alert and of the newest anomaly.
    opening, peak, told : Observation
        What the first slot showed, the slot with the largest deviation, and the slot it was last told with.
    peak_slot : pandas.Timestamp
        When the peak was.
    quiet : int
        Slots in a row without an anomaly on this side.
    end : pandas.Timestamp, optional
        Start of the first quiet slot, once the incident is over.
    """

    metric: str
    direction: Direction
    start: pd.Timestamp
    last: pd.Timestamp
    opening: Observation
    peak: Observation
    told: Observation
    peak_slot: pd.Timestamp
    quiet: int = 0
    end: pd.Timestamp | None = None

    @property
    def key(self) -> str:
        """What the alerts of this incident share."""
        return f"{self.metric}/{self.direction}/{stamp(self.start)}"


@dataclass(frozen=True)
class Episode:
    """Overlapping incidents of one direction: what is told as one.

    Parameters
    ----------
    direction : {"up", "down"}
        The side.
    start, told : pandas.Timestamp
        The slots (UTC) it was opened in and last told of.
    incidents : tuple of Incident
        Open ones and ended ones, in the order in which they opened.
    """

    direction: Direction
    start: pd.Timestamp
    told: pd.Timestamp
    incidents: tuple[Incident, ...]

    @property
    def key(self) -> str:
        """Names the episode: with its first metric, since one that is judged late may open in the same slot."""
        return f"{self.direction}/{self.incidents[0].metric}/{stamp(self.start)}"

    @property
    def is_open(self) -> bool:
        """Whether one of its incidents is not over."""
        return any(incident.end is None for incident in self.incidents)


@dataclass(frozen=True)
class Outage:
    """A source of which nothing is seen, since the slot `start` (UTC); outages `told` together share that text."""

    monitor: str
    kind: Literal["no_data", "source_failed"]
    start: pd.Timestamp
    told: str


@dataclass(frozen=True)
class State:
    """All that has to be remembered between two slots.

    Parameters
    ----------
    episodes : tuple of Episode
        The open ones, at most one a direction.
    recent : tuple of Incident
        Those that ended lately.
    outages : tuple of Outage
        The sources of which nothing is seen.
    replaced : mapping
        Metric to slot to what was expected there: what stands in the baseline in place of a known incident.
    """

    episodes: tuple[Episode, ...] = ()
    recent: tuple[Incident, ...] = ()
    outages: tuple[Outage, ...] = ()
    replaced: Mapping[str, Mapping[pd.Timestamp, float]] = field(default_factory=dict)

    def incidents(self) -> Iterable[Incident]:
        """Return the incidents of the open episodes."""
        return chain.from_iterable(episode.incidents for episode in self.episodes)


@dataclass(frozen=True)
class Said:
    """What there is to say of one episode or outage in one slot.

    Parameters
    ----------
    kind : str
        What is said.
    subject : str
        Key of the episode or outage.
    slot : pandas.Timestamp
        UTC.
    about : tuple of (Incident, Observation)
        The incidents it is about, each with what the slot showed (NaN of what was not judged in it).
    outages : tuple of Outage
        Those it is about.
    """

    kind: AlertKind
    subject: str
    slot: pd.Timestamp
    about: tuple[tuple[Incident, Observation], ...] = ()
    outages: tuple[Outage, ...] = ()


@dataclass(frozen=True)
class _Now:
    """An instant at which slots end: what they showed. Metrics with longer slots began theirs earlier than `slot`."""

    slot: pd.Timestamp
    length: pd.Timedelta
    seen: Mapping[str, Observation]
    watches: Mapping[str, Watch]

    def length_of(self, metric: str) -> pd.Timedelta:
        watch = self.watches.get(metric)
        return self.length if watch is None or watch.slot is None else watch.slot

    def slot_of(self, metric: str) -> pd.Timestamp:
        return self.slot + self.length - self.length_of(metric)

    def shows(self, incident: Incident) -> bool:
        """Whether the incident goes on now: its metric was judged, and is anomalous on its side."""
        return incident.end is None and incident.metric in self.seen and incident.last == self.slot_of(incident.metric)


def stamp(slot: pd.Timestamp) -> str:
    """Return an instant (UTC) as it stands in keys and file names.

    Examples
    --------
    >>> stamp(pd.Timestamp("2026-11-01T10:15Z")), stamp(pd.Timestamp("2026-11-01T10:15:30Z"))
    ('20261101T1015Z', '20261101T101530Z')
    """
    return f"{slot:%Y%m%dT%H%M%SZ}" if slot.second else f"{slot:%Y%m%dT%H%MZ}"


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
    now = _Now(slot, slot_length, {observation.metric: observation for observation in observations}, watches)
    opening = [
        _opened(observation, now.slot_of(observation.metric))
        for observation in observations
        if observation.is_alert
        and not _is_open(state, observation)
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
        ended += [i for i in episode.incidents if i.end is not None and _was_open(before, i)]
        if episode.is_open:
            open_episodes.append(episode)
    recent = tuple(
        i for i in (*state.recent, *ended) if i.metric in watches and i.end and slot < i.end + watches[i.metric].rebound
    )
    kept = tuple(i for i in state.recent if i.metric not in watches)
    after = replace(state, episodes=tuple(open_episodes), recent=(*kept, *recent))
    return replace(after, replaced=_replaced(after, now)), said


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
    out = {outage.monitor for outage in state.outages}
    back = tuple(outage for outage in state.outages if outage.monitor in seen and seen[outage.monitor] is None)
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
        said.append(Said("source_back", back[0].told, slot, outages=back))
    return replace(state, outages=tuple(outages)), said


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


def _is_open(state: State, observation: Observation) -> bool:
    return any(
        incident.end is None and (incident.metric, incident.direction) == (observation.metric, observation.direction)
        for incident in state.incidents()
    )


def _is_rebound(state: State, observation: Observation, slot: pd.Timestamp, watch: Watch) -> bool:
    """Whether this is only the way back from an incident to where the metric was before it."""
    return any(
        incident.metric == observation.metric
        and incident.direction != observation.direction
        and incident.opening.lower <= observation.value <= incident.opening.upper
        and (incident.end is None or slot < incident.end + watch.rebound)
        for incident in chain(state.incidents(), state.recent)
        if watch.rebound
    )


def _was_open(before: Episode | None, incident: Incident) -> bool:
    return before is None or any(i.key == incident.key and i.end is None for i in before.incidents)


def _continued(before: Episode | None, new: Sequence[Incident], now: _Now) -> tuple[Episode, list[Said]]:
    """Return an episode after one slot, and what there is to say of it: at most one thing."""
    if before is None:
        episode = Episode(new[0].direction, now.slot, now.slot, tuple(new))
        return episode, [Said("opened", episode.key, now.slot, _last_seen(new, now))]
    known = {incident.metric for incident in before.incidents}
    old = [_seen(incident, now) for incident in before.incidents]
    worse = [i for i in old if now.shows(i) and _is_worse(i, now.seen[i.metric], now.watches[i.metric])]
    worse += [incident for incident in new if incident.metric not in known]
    keys = {incident.key for incident in worse}
    after = tuple(replace(i, told=now.seen[i.metric]) if i.key in keys else i for i in (*old, *new))
    episode = replace(before, incidents=after)
    if not episode.is_open:
        return episode, [Said("resolved", episode.key, now.slot, _last_seen(after, now))]
    if worse:
        return replace(episode, told=now.slot), [Said("worsened", episode.key, now.slot, _last_seen(worse, now))]
    active = tuple(i for i in after if i.end is None)
    if any(now.shows(i) and _is_due(now.watches.get(i.metric), now.slot - before.told) for i in active):
        return replace(episode, told=now.slot), [Said("reminder", episode.key, now.slot, _last_seen(active, now))]
    return episode, []


def _seen(incident: Incident, now: _Now) -> Incident:
    """Return an incident after its metric was seen once more; what cannot be judged neither prolongs nor ends it."""
    if incident.end is not None:
        return incident
    slot, length = now.slot_of(incident.metric), now.length_of(incident.metric)
    watch, observation = now.watches.get(incident.metric), now.seen.get(incident.metric)
    if watch is None:  # The metric is watched no more: an incident that nobody looks at must not stay open.
        return replace(incident, end=incident.last + length)
    if observation is None or observation.status not in ("ok", "anomaly"):
        return incident
    if observation.status == "anomaly" and observation.direction == incident.direction:
        deeper = abs(observation.deviation) > abs(incident.peak.deviation)
        peak, peak_slot = (observation, slot) if deeper else (incident.peak, incident.peak_slot)
        return replace(incident, last=slot, quiet=0, peak=peak, peak_slot=peak_slot)
    quiet = incident.quiet + 1
    end = incident.last + length if quiet >= watch.policy.recover else None
    return replace(incident, quiet=quiet, end=end)


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
    latest = {incident.metric: incident for incident in incidents}
    return tuple((incident, now.seen.get(metric, _unseen(incident))) for metric, incident in latest.items())


def _unseen(incident: Incident) -> Observation:
    unknown = dict.fromkeys(NUMBERS, math.nan)
    return Observation(incident.metric, **unknown, direction=None, status="no_data", is_alert=False)


def _replaced(state: State, now: _Now) -> Mapping[str, Mapping[pd.Timestamp, float]]:
    """Return what replaces known incidents in the baseline, with this slot and without what nobody looks back to."""
    replaced = dict(state.replaced)
    for incident in state.incidents():
        metric, slot = incident.metric, incident.last
        # What lasts this long is no incident any more but the new usual course, and has to be learnt.
        if now.shows(incident) and slot - incident.start < pd.Timedelta(now.watches[metric].policy.adapt):
            replaced[metric] = {**replaced.get(metric, {}), slot: now.seen[metric].expected}
    for metric, watch in now.watches.items():
        if metric in replaced:
            horizon = now.slot - watch.lookback - 3 * DAY
            replaced[metric] = {when: value for when, value in replaced[metric].items() if when >= horizon}
    return replaced


def plain_number(number: float) -> float | str | None:
    """Return a number as JSON can hold it: NaN is None, and an infinite bound a text.

    Examples
    --------
    >>> [plain_number(number) for number in (812.0, math.nan, -math.inf)]
    [812.0, None, '-inf']
    """
    if math.isnan(number):
        return None
    return number if math.isfinite(number) else str(number)


def number_of(plain: float | str | None) -> float:
    """Return the number that `plain_number` gave."""
    return math.nan if plain is None else float(plain)


def state_to_dict(state: State) -> dict[str, Any]:
    """Return a state as plain data that JSON can hold; instants are ISO texts, numbers as `plain_number` gives."""
    plain: dict[str, Any] = _plain(
        {
            "episodes": [asdict(episode) for episode in state.episodes],
            "recent": [asdict(incident) for incident in state.recent],
            "outages": [asdict(outage) for outage in state.outages],
            "replaced": {
                metric: {slot.isoformat(): value for slot, value in slots.items()}
                for metric, slots in state.replaced.items()
            },
        }
    )
    return plain


def state_from_dict(data: Mapping[str, Any] | None) -> State:
    """Return the state that `state_to_dict` gave; of None, a state in which nothing is known."""
    if data is None:
        return State()
    return State(
        episodes=tuple(_episode(episode) for episode in data["episodes"]),
        recent=tuple(_incident(incident) for incident in data["recent"]),
        outages=tuple(Outage(**{**outage, "start": pd.Timestamp(outage["start"])}) for outage in data["outages"]),
        replaced={
            metric: {pd.Timestamp(slot): number_of(value) for slot, value in slots.items()}
            for metric, slots in data["replaced"].items()
        },
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return plain_number(value) if isinstance(value, float) else value


def _episode(data: Mapping[str, Any]) -> Episode:
    instants = {name: pd.Timestamp(data[name]) for name in ("start", "told")}
    return Episode(**{**data, **instants, "incidents": tuple(_incident(incident) for incident in data["incidents"])})


def _incident(data: Mapping[str, Any]) -> Incident:
    instants = {name: pd.Timestamp(data[name]) for name in ("start", "last", "peak_slot")}
    end = None if data["end"] is None else pd.Timestamp(data["end"])
    shown = {name: _observation(data[name]) for name in ("opening", "peak", "told")}
    return Incident(**{**data, **instants, **shown, "end": end})


def _observation(data: Mapping[str, Any]) -> Observation:
    return Observation(**{**data, **{name: number_of(data[name]) for name in NUMBERS}})
