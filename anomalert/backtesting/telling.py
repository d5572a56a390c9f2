"""What verdicts over history give to say: the incident machine of a run, led only through the instants that matter.

The runner calls this for a whole pipeline, and a span for its own metrics; it calls `walk`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.episodes import Episode, Incident, Said, State
from anomalert.monitor import Monitor
from anomalert.verdicts import Verdicts
from anomalert.walk import step_over, watches_of

Integers = NDArray[np.int64]

__all__ = ["Told", "tell"]


@dataclass
class Told:
    """What there was to say, and what is known at the end.

    Parameters
    ----------
    state : State
        What is open.
    said : list of Said
        Each is one message per channel.
    ended : list of (str, Incident)
        Those that are remembered no more, each with the key of its episode.
    """

    state: State
    said: list[Said] = field(default_factory=list)
    ended: list[tuple[str, Incident]] = field(default_factory=list)

    @property
    def incidents(self) -> list[tuple[str, Incident]]:
        """All incidents, those that are open too, each with the key of its episode."""
        going_on = [(episode.key, incident) for episode in self.state.episodes for incident in episode.incidents]
        return [*self.ended, *going_on]


def tell(
    monitors: Sequence[Monitor],
    blocks: Mapping[str, Sequence[Verdicts]],
    state: State,
    shortest: pd.Timedelta | None = None,
) -> Told:
    """Lead the incident machine through verdicts, as runs do that judge every slot as soon as it is settled.

    Parameters
    ----------
    monitors : sequence of Monitor
        Those of the pipeline.
    blocks : mapping of str to sequence of Verdicts
        By monitor, its slots in order.
    state : State
        Before the first slot.
    shortest : pandas.Timedelta, optional
        The shortest slot of the pipeline, which names instants; by default that of `monitors`.
    """
    watches = watches_of(monitors)
    length = shortest or min(monitor.slot_length for monitor in monitors)
    told = Told(state)
    for end, seen in _instants(monitors, blocks, told):
        before = told.state
        told.state, said = step_over(before, end - length, end, seen, watches)
        told.said += said
        told.ended += _ended(before.episodes, told.state.episodes, said)
    return told


def _instants(
    monitors: Sequence[Monitor], blocks: Mapping[str, Sequence[Verdicts]], told: Told
) -> Iterator[tuple[pd.Timestamp, dict[str, tuple[Verdicts, int]]]]:
    """Give the instants at which slots end, in the order in which runs see them, but for those that change nothing."""
    known = [(monitor, block) for monitor in monitors for block in blocks[monitor.name] if len(block.slots)]
    matters = [block.is_alert.any(axis=1) | block.is_missing.any(axis=1) | block.is_empty for _, block in known]
    if not known or (_is_quiet(told.state) and not any(flags.any() for flags in matters)):
        return
    which = np.repeat(np.arange(len(known)), [len(block.slots) for _, block in known])
    row = np.concatenate([np.arange(len(block.slots)) for _, block in known])
    end = np.concatenate([block.slots.asi8 + monitor.slot_length.value for monitor, block in known])
    # A slot is judged as soon as it is settled; in one run the slots that ended first are walked first.
    ready = end + np.asarray([monitor.settle_time.value for monitor, _ in known])[which]
    order = np.lexsort((end, ready))
    first = np.flatnonzero(np.diff(ready[order], prepend=-1) | np.diff(end[order], prepend=-1))
    # Not split into as many arrays: over a year those take more memory than what was judged.
    until = np.append(first[1:], len(order))
    busy = np.flatnonzero(np.logical_or.reduceat(np.concatenate(matters)[order], first))
    instant = 0
    while True:
        if _is_quiet(told.state):
            ahead = busy.searchsorted(instant)
            if ahead == len(busy):
                return
            instant = int(busy[ahead])
        if instant >= len(first):
            return
        rows = order[first[instant] : until[instant]]
        seen = {known[which[i]][0].name: (known[which[i]][1], int(row[i])) for i in rows}
        yield pd.Timestamp(int(end[rows[0]]), tz="UTC"), seen
        instant += 1


def _is_quiet(state: State) -> bool:
    """Whether nothing is going on, so that slots without an alert leave the state as it is."""
    return not state.episodes and not state.outages


def _ended(before: Sequence[Episode], after: Sequence[Episode], said: Sequence[Said]) -> list[tuple[str, Incident]]:
    """Return the incidents that are remembered no more, as they were told of last.

    Those of episodes that are over now, and those whose metric has begun another one in the same episode.
    """
    kept = {incident.key for episode in after for incident in episode.incidents}
    last = {incident.key: incident for each in said if each.kind == "resolved" for incident, _ in each.about}
    return [
        (episode.key, last.get(incident.key, incident))
        for episode in before
        for incident in episode.incidents
        if incident.key not in kept
    ]
