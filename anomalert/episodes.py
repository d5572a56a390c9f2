"""What incidents are made of, as records, and the same as plain data that a ledger can hold.

`incidents` moves these from slot to slot; walks, scenes and messages read them. This calls `learning`.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import chain
from typing import Any, Literal

import pandas as pd

from anomalert.interfaces import AlertKind, Direction
from anomalert.learning import Replacement, Watch
from anomalert.panel import DAY

__all__ = [
    "DAY",
    "NUMBERS",
    "Ending",
    "Episode",
    "Incident",
    "Observation",
    "Outage",
    "Replacement",
    "Said",
    "State",
    "Watch",
    "number_of",
    "plain_number",
    "stamp",
    "state_from_dict",
    "state_to_dict",
]

Ending = Literal["usual", "turned", "settled", "unwatched"]
"""How an incident ended, in the order of the names.

Back to what was usual; anomalous on the other side now; at a level that has become the usual one; or nobody knows,
since nobody looks any more.
"""

NUMBERS = ("value", "expected", "lower", "upper", "deviation", "score")
"""What is measured of a slot; NaN where it is unknown."""


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

    @property
    def is_judged(self) -> bool:
        """Whether there was a value, and enough to compare it with."""
        return self.status in ("ok", "anomaly")


@dataclass(frozen=True)
class Incident:
    """Anomalous slots of one metric in one direction that belong together.

    Parameters
    ----------
    metric, direction : str
        Of what, and on which side.
    start, last : pandas.Timestamp
        The slots (UTC) of the first alert, and the newest that was anomalous or stayed where the anomalies were.
    opening, peak, told : Observation
        What the first slot showed, the slot with the largest deviation, and the slot it was last told with.
    peak_slot : pandas.Timestamp
        When the peak was.
    quiet : int
        Slots in a row without an anomaly on this side.
    end : pandas.Timestamp, optional
        Start of the first quiet slot, once the incident is over.
    staying : pandas.Timestamp, optional
        The first of the newest slots in a row that were not anomalous any more, but still outside of what was usual
        when the incident opened.
    ending : {"usual", "turned", "settled", "unwatched"}
        How it ended, once it is over: as usual again, anomalous on the other side, at a level that is the usual one by
        now, or out of sight.
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
    staying: pd.Timestamp | None = None
    ending: Ending = "usual"

    def is_beyond(self, value: float, level: float | None = None) -> bool:
        """Whether a value is outside of what was usual when the incident opened, on the incident's side.

        Or of as wide a range around another `level`: what would be usual at another time of day.
        """
        expected = self.opening.expected
        edge = self.opening.upper if self.direction == "up" else self.opening.lower
        if level is not None:
            scale = level / expected if expected else 0.0
            edge = edge * scale if scale > 0 else edge + level - expected
        return value > edge if self.direction == "up" else value < edge

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
        Of each metric the latest one, open or ended, in the order in which the metrics joined.
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
    """A source of which nothing is seen, or a metric of one, since the slot `start` (UTC).

    Parameters
    ----------
    monitor : str
        Whose source.
    kind : {"no_data", "source_failed"}
        What is wrong.
    start : pandas.Timestamp
        The first slot of it.
    told : str
        Shared by outages that are told together; it ends with the slot in which they are.
    metric : str, optional
        The one that has no values while its source has others.
    end : pandas.Timestamp, optional
        When it was over, if that is not the slot in which it is told to be: slots that could not be read were not seen
        before the read that makes up for them.
    """

    monitor: str
    kind: Literal["no_data", "source_failed"]
    start: pd.Timestamp
    told: str
    metric: str | None = None
    end: pd.Timestamp | None = None

    @property
    def name(self) -> str:
        """Of what nothing is seen."""
        return self.metric or self.monitor


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
        The sources and metrics of which nothing is seen.
    replaced : mapping
        Metric to slot to what stands in the baseline in place of a known incident.
    """

    episodes: tuple[Episode, ...] = ()
    recent: tuple[Incident, ...] = ()
    outages: tuple[Outage, ...] = ()
    replaced: Mapping[str, Mapping[pd.Timestamp, Replacement]] = field(default_factory=dict)

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


def stamp(slot: pd.Timestamp) -> str:
    """Return an instant (UTC) as it stands in keys and file names.

    Examples
    --------
    >>> stamp(pd.Timestamp("2026-11-01T10:15Z")), stamp(pd.Timestamp("2026-11-01T10:15:30Z"))
    ('20261101T1015Z', '20261101T101530Z')
    """
    return f"{slot:%Y%m%dT%H%M%SZ}" if slot.second else f"{slot:%Y%m%dT%H%MZ}"


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
            "episodes": state.episodes,
            "recent": state.recent,
            "outages": state.outages,
            "replaced": {
                metric: {slot.isoformat(): [*known] for slot, known in slots.items()}
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
            metric: {pd.Timestamp(slot): _replacement(known) for slot, known in slots.items()}
            for metric, slots in data["replaced"].items()
        },
    )


def _plain(value: Any) -> Any:
    # Not by `asdict`, which copies everything deeply: of thousands of incidents that takes longer than to judge them.
    if isinstance(value, Episode | Incident | Observation | Outage):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return plain_number(value) if isinstance(value, float) else value


def _replacement(data: Any) -> Replacement:
    # Ledgers once held the number alone.
    value, direction = data if isinstance(data, list) else (data, None)
    return Replacement(number_of(value), direction)


def _episode(data: Mapping[str, Any]) -> Episode:
    instants = {name: pd.Timestamp(data[name]) for name in ("start", "told")}
    return Episode(**{**data, **instants, "incidents": tuple(_incident(incident) for incident in data["incidents"])})


def _incident(data: Mapping[str, Any]) -> Incident:
    instants = {name: pd.Timestamp(data[name]) for name in ("start", "last", "peak_slot")}
    # Ledgers once held neither `staying` nor `ending`.
    until = {name: None if data.get(name) is None else pd.Timestamp(data[name]) for name in ("end", "staying")}
    shown = {name: _observation(data[name]) for name in ("opening", "peak", "told")}
    return Incident(**{**data, **instants, **shown, **until})


def _observation(data: Mapping[str, Any]) -> Observation:
    return Observation(**{**data, **{name: number_of(data[name]) for name in NUMBERS}})
