"""The one path from panels to what there is to say: slot by slot, day by day, through every monitor of a pipeline.

Runs, re-runs, catch-up after an outage and backtests all take these steps, so that they say the same. Pipelines
call this; it calls `monitor` and `incidents`.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomalert.episodes import Observation, Outage, Replacement, Said, State, Watch
from anomalert.errors import AnomalertError, DetectorError
from anomalert.incidents import advance
from anomalert.metric import Metric, known_lookback, learning_of
from anomalert.monitor import Monitor
from anomalert.sight import lose_metrics, lose_sight
from anomalert.verdicts import Verdicts

__all__ = ["Step", "Stretch", "baseline_of", "named_by", "step_over", "walk", "watches_of"]


@dataclass
class Stretch:
    """The slots of one monitor to be walked through, and the panel to judge them by.

    Parameters
    ----------
    monitor : Monitor
        Whose.
    panel : pandas.DataFrame
        As `Monitor.panel` gives it, beginning `lookback` before the first slot.
    slots : sequence of pandas.Timestamp
        UTC, in order.
    errors : list of AnomalertError
        Filled while walking: the metrics that could not be judged.
    """

    monitor: Monitor
    panel: pd.DataFrame
    slots: Sequence[pd.Timestamp]
    errors: list[AnomalertError] = field(default_factory=list)
    _day: Verdicts | None = None

    def judged(self, slot: pd.Timestamp, state: State) -> tuple[Verdicts, int]:
        """Return the verdicts of the local day of `slot`, made when its first slot is asked for, and which row it is.

        Known incidents enter the baseline from the next local midnight on, so a whole day has one baseline.
        """
        if self._day is None or slot not in self._day.slots:
            day = self.monitor.local_day(slot)
            last = max(each for each in self.slots if each <= day[-1])
            known = self.panel.loc[:last]
            self._day, errors = self.monitor.verdicts(
                known, slot, baseline_of(self.monitor.metrics, known, state, day[0])
            )
            self.errors += errors
        return self._day, int(self._day.slots.searchsorted(slot))


@dataclass(frozen=True)
class Step:
    """What one instant of a walk gave: the slots of all monitors that end then.

    Parameters
    ----------
    slot, end : pandas.Timestamp
        Start and end of the slot (UTC), the shortest one of the pipeline if monitors differ.
    judgements : mapping of str to pandas.DataFrame
        By the name of the monitor.
    said : tuple of Said
        What there is to say.
    state : State
        After it.
    """

    slot: pd.Timestamp
    end: pd.Timestamp
    judgements: Mapping[str, pd.DataFrame]
    said: tuple[Said, ...]
    state: State


def walk(stretches: Sequence[Stretch], state: State, watches: Mapping[str, Watch]) -> Iterator[Step]:
    """Judge every slot of every stretch in the order in which the slots end, and say what there is to say.

    Parameters
    ----------
    stretches : sequence of Stretch
        One for each monitor that could be read.
    state : State
        Before the first slot.
    watches : mapping of str to Watch
        All metrics of the pipeline; an incident of any other is ended, and what else is known of it or its monitor
        forgotten.
    """
    state = _of_watched(state, watches)
    ends: dict[pd.Timestamp, list[tuple[Stretch, pd.Timestamp]]] = {}
    for stretch in stretches:
        for slot in stretch.slots:
            ends.setdefault(slot + stretch.monitor.slot_length, []).append((stretch, slot))
    for end in sorted(ends):
        slot = named_by(end, watches)
        seen = {stretch.monitor.name: stretch.judged(start, state) for stretch, start in ends[end]}
        state, said = step_over(state, slot, end, seen, watches)
        judgements = {name: verdicts.rows(slice(row, row + 1)).frame() for name, (verdicts, row) in seen.items()}
        yield Step(slot, end, judgements, said, state)


def _of_watched(state: State, watches: Mapping[str, Watch]) -> State:
    """Return the state without what was taken out of the configuration; open incidents stay, since their end is told.

    Not for every step: where a backtest judges a share of the metrics, the others have to stay known.
    """
    monitors = {watch.monitor for watch in watches.values()}
    return replace(
        state,
        recent=tuple(incident for incident in state.recent if incident.metric in watches),
        outages=tuple(o for o in state.outages if (o.metric in watches if o.metric else o.monitor in monitors)),
        replaced={metric: slots for metric, slots in state.replaced.items() if metric in watches},
    )


def step_over(
    state: State,
    slot: pd.Timestamp,
    end: pd.Timestamp,
    seen: Mapping[str, tuple[Verdicts, int]],
    watches: Mapping[str, Watch],
) -> tuple[State, tuple[Said, ...]]:
    """Return the state after the slots that end at one instant, and what there is to say.

    Parameters
    ----------
    state : State
        Before.
    slot, end : pandas.Timestamp
        As in a `Step`.
    seen : mapping of str to (Verdicts, int)
        By monitor: where what is known of its slot stands.
    watches : mapping of str to Watch
        All metrics of the pipeline.
    """
    # Of a metric that is quiet and has no incident nothing follows: it is left out, which makes long backtests quick.
    concerned = {incident.metric for incident in state.incidents()}
    observations = [
        Observation(**row) for verdicts, number in seen.values() for row in verdicts.observed(number, concerned)
    ]
    gone: dict[str, Literal["no_data", "source_failed"] | None] = {
        name: "no_data" if verdicts.is_empty[number] else None for name, (verdicts, number) in seen.items()
    }
    state, sight = lose_sight(state, slot, gone)
    silent = {outage.metric for outage in state.outages if outage.metric is not None}
    known = {metric for verdicts, number in seen.values() for metric in verdicts.known(number, silent)}
    missing = [_outage(name, metric, *at, watches) for name, at in seen.items() for metric in at[0].missing(at[1])]
    state, gaps = lose_metrics(state, slot, missing, known)
    state, said = advance(state, slot, observations, watches, end - slot)
    return state, (*said, *sight, *gaps)


def _outage(monitor: str, metric: str, verdicts: Verdicts, row: int, watches: Mapping[str, Watch]) -> Outage:
    """Return that a metric has no values, since as many slots as its policy waits for one."""
    waited = watches[metric].policy.missing_slots(verdicts.slot) or 1
    return Outage(monitor, "no_data", verdicts.slots[row] - (waited - 1) * verdicts.slot, told="", metric=metric)


def named_by(end: pd.Timestamp, watches: Mapping[str, Watch]) -> pd.Timestamp:
    """Return the start of the shortest slot that ends at `end`: it names the instant, whatever else ends then."""
    return end - min(watch.slot for watch in watches.values() if watch.slot is not None)


def watches_of(monitors: Sequence[Monitor]) -> dict[str, Watch]:
    """Return how every metric of `monitors` is watched."""
    return {metric.name: _watch(metric, monitor) for monitor in monitors for metric in monitor.metrics}


def _watch(metric: Metric, monitor: Monitor) -> Watch:
    slot = monitor.slot_length
    try:
        recurrence, score = learning_of(metric.detector)
    except DetectorError:  # Then it is not judged either, which says why.
        return Watch(metric.policy, known_lookback(metric), slot, monitor=monitor.name)
    return Watch(metric.policy, known_lookback(metric), slot, recurrence, score, monitor.name)


def baseline_of(
    metrics: Iterable[Metric], panel: pd.DataFrame, state: State, midnight: pd.Timestamp
) -> pd.DataFrame | None:
    """Return the columns of `metrics` with known incidents before `midnight` replaced by ordinary values.

    None if there are none, so that the panel itself is the baseline.
    """
    names = [metric.name for metric in metrics]
    replaced = {name: _before(midnight, state.replaced.get(name, {})) for name in names}
    if not any(replaced.values()):
        return None
    columns = {name: _with_values(panel[name], values) for name, values in replaced.items()}
    return pd.DataFrame(columns, index=panel.index)


def _before(midnight: pd.Timestamp, replaced: Mapping[pd.Timestamp, Replacement]) -> dict[pd.Timestamp, float]:
    return {slot: known.value for slot, known in replaced.items() if slot < midnight and not math.isnan(known.value)}


def _with_values(column: pd.Series, replaced: Mapping[pd.Timestamp, float]) -> NDArray[np.float64]:
    """Return a column with other values in some slots; those that it does not hold are left out."""
    values = column.to_numpy(dtype=np.float64, copy=True)
    if replaced:
        index = pd.DatetimeIndex(column.index)
        rows = index.get_indexer(pd.DatetimeIndex(list(replaced)).tz_convert(index.tz))
        values[rows[rows >= 0]] = np.fromiter(replaced.values(), dtype=np.float64)[rows >= 0]
    return values
