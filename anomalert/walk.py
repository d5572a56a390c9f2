"""The one path from panels to what there is to say: slot by slot, day by day, through every monitor of a pipeline.

Runs, re-runs, catch-up after an outage and replays over history all walk here, so that they say the same. Pipelines
call this; it calls `monitor` and `incidents`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from anomalert.episodes import Observation, Said, State, Watch
from anomalert.errors import AnomalertError, DetectorError
from anomalert.incidents import advance, lose_sight
from anomalert.monitor import Metric, Monitor

__all__ = ["Step", "Stretch", "baseline_of", "raised", "walk", "watches_of"]


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
    _day: pd.DataFrame = field(default_factory=pd.DataFrame)
    _day_slots: frozenset[pd.Timestamp] = frozenset()

    def judged(self, slot: pd.Timestamp, state: State) -> pd.DataFrame:
        """Return the judgements of `slot`, made with those of its local day when the first of them is asked for.

        Known incidents enter the baseline from the next local midnight on, so a whole day has one baseline.
        """
        if slot not in self._day_slots:
            day = self.monitor.local_day(slot)
            self._day_slots = frozenset(day.tz_convert("UTC"))
            wanted = [each for each in self.slots if each >= slot and each in self._day_slots]
            self._day = self._judged_until(slot, wanted[-1], midnight=day[0], state=state)
        return self._day[self._day["slot"] == slot] if len(self._day) else self._day

    def _judged_until(
        self, first: pd.Timestamp, last: pd.Timestamp, midnight: pd.Timestamp, state: State
    ) -> pd.DataFrame:
        known = self.panel.loc[:last]
        frames = []
        for metric in self.monitor.metrics:
            try:
                baseline = baseline_of(metric, known, state, midnight)
                frames.append(self.monitor.judge_metric(metric, known, first, baseline))
            except AnomalertError as error:
                self.errors.append(raised(DetectorError, f"metric {metric.name!r}", error))
            except Exception as error:  # noqa: BLE001 - other people's code: this metric fails, the others go on
                self.errors.append(raised(DetectorError, f"metric {metric.name!r}: {metric.detector!r}", error))
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


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
        All metrics of the pipeline; an incident of any other is ended.
    """
    ends: dict[pd.Timestamp, list[tuple[Stretch, pd.Timestamp]]] = {}
    for stretch in stretches:
        for slot in stretch.slots:
            ends.setdefault(slot + stretch.monitor.slot_length, []).append((stretch, slot))
    # Longer slots end together with a shorter one: named by it, instants are in order, and each has a name of its own.
    shortest = min((watch.slot for watch in watches.values() if watch.slot is not None), default=None)
    for end in sorted(ends):
        slot = end - shortest if shortest is not None else max(start for _, start in ends[end])
        judgements = {stretch.monitor.name: stretch.judged(start, state) for stretch, start in ends[end]}
        empty = {stretch.monitor.name: _is_empty(stretch, start) for stretch, start in ends[end]}
        observations = [_observation(row) for frame in judgements.values() for row in frame.to_dict("records")]
        state, sight = lose_sight(state, slot, {name: "no_data" if gone else None for name, gone in empty.items()})
        state, said = advance(state, slot, observations, watches, end - slot)
        yield Step(slot, end, judgements, (*said, *sight), state)


def watches_of(monitors: Sequence[Monitor]) -> dict[str, Watch]:
    """Return how every metric of `monitors` is watched."""
    return {
        metric.name: Watch(metric.policy, metric.detector.lookback, monitor.slot_length)
        for monitor in monitors
        for metric in monitor.metrics
    }


def baseline_of(metric: Metric, panel: pd.DataFrame, state: State, midnight: pd.Timestamp) -> pd.Series | None:
    """Return the baseline of `metric` where known incidents before `midnight` are replaced by what was expected.

    None if there are none, so that the panel itself is the baseline.
    """
    replaced = {slot: value for slot, value in state.replaced.get(metric.name, {}).items() if slot < midnight}
    if not replaced:
        return None
    baseline = panel[metric.name].copy()
    slots = pd.DatetimeIndex(list(replaced)).tz_convert(midnight.tz)
    rows = baseline.index.get_indexer(slots)
    values = pd.Series(list(replaced.values()), dtype=float).to_numpy()
    baseline.iloc[rows[rows >= 0]] = values[rows >= 0]
    return baseline


def raised(kind: type[AnomalertError], where: str, error: Exception) -> AnomalertError:
    """Return `error` as an error of the tree that names the metric or source it befell."""
    if isinstance(error, AnomalertError):
        text = str(error)
    elif issubclass(kind, DetectorError):
        text = f"raised {type(error).__name__}: {error}"
    else:  # A driver's own text may hold the password it was given, and this one goes to reports and logs.
        text = f"raised {type(error).__name__}; the cause is chained"
    wrapped = kind(f"{where}: {text}")
    wrapped.__cause__ = error
    return wrapped


def _is_empty(stretch: Stretch, slot: pd.Timestamp) -> bool:
    return stretch.monitor.is_empty(stretch.panel.loc[[slot]])


def _observation(row: dict[object, object]) -> Observation:
    fields = Observation.__dataclass_fields__
    return Observation(**{name: row[name] for name in fields})  # type: ignore[arg-type]
