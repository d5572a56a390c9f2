"""What one run finds: what it reads and judges, and what there is to say of it, before any of it is kept or told.

Pipelines call this; it calls `intake`, `walk`, `messages` and `paragraphs`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from anomalert.catch_up import as_it_is_now, is_still_so, last_said
from anomalert.episodes import Incident, Said, State, state_to_dict
from anomalert.errors import AnomalertError, LedgerError, SourceError, raised
from anomalert.foreign import ends_the_run
from anomalert.intake import Memory, Task, definition_of, due, read, recorded, task_of
from anomalert.interfaces import Fact
from anomalert.ledger.records import Reading, RunRecord, SlotRecord, StoredMessage
from anomalert.messages import Draft, draft, links_of
from anomalert.monitor import Monitor
from anomalert.outage_text import NAMED_IN_TEXT
from anomalert.panel import slot_of
from anomalert.paragraphs import leading
from anomalert.phrases import LANGUAGES, Language
from anomalert.policy import no_judgements
from anomalert.scenes import Scene
from anomalert.sight import lose_sight
from anomalert.walk import Step, Stretch, walk, watches_of

__all__ = ["Findings", "Watchers", "find"]


@dataclass(frozen=True)
class Watchers:
    """Who finds: the monitors of a pipeline, its name, and the language its messages are written in."""

    monitors: tuple[Monitor, ...]
    pipeline: str
    language: Language


@dataclass
class Findings:
    """What one run found, before any of it is recorded or told."""

    state: State
    newest: pd.Timestamp
    tasks: dict[str, Task] = field(default_factory=dict)
    failed: dict[str, Task] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    slots: list[SlotRecord] = field(default_factory=list)
    frames: list[pd.DataFrame] = field(default_factory=list)
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    errors: list[AnomalertError] = field(default_factory=list)

    def fail(self, monitor: Monitor, error: AnomalertError, task: Task) -> None:
        """Keep that a monitor could not be read: its slots stay unjudged."""
        self.errors.append(error)
        if task.told:
            self.failed[monitor.name] = task

    def keep(self, step: Step, monitors: Iterable[Monitor], *, told: bool) -> None:
        """Keep the judgements of a step for the report and the ledger, and its incidents if they are told."""
        for monitor in monitors:
            frame = step.judgements.get(monitor.name)
            if frame is None:
                continue
            self.frames.append(frame)
            rows = tuple(_row(row) for row in frame.to_dict("records"))
            slot = step.end - monitor.slot_length
            was_empty = slot in self.tasks[monitor.name].empty
            self.slots.append(SlotRecord(monitor.name, slot, definition_of(monitor), rows, told, was_empty))
        if told:
            # Those of open episodes, whatever is said of them, and those that are told of for the last time.
            going_on = [(episode.key, each) for episode in step.state.episodes for each in episode.incidents]
            told_of = [(said.subject, incident) for said in step.said for incident, _ in said.about]
            self.incidents.update((each.key, _incident_row(episode, each)) for episode, each in (*going_on, *told_of))

    @property
    def judgements(self) -> pd.DataFrame:
        """What was judged, one row per metric and slot."""
        frames = [frame for frame in self.frames if len(frame)]
        return pd.concat(frames, ignore_index=True) if frames else no_judgements()

    @property
    def missed(self) -> list[tuple[str, list[pd.Timestamp]]]:
        """The monitors that no run has judged in time, with the slots that no run has seen, the newest one included."""
        tasks = (self.tasks | self.failed).items()
        unseen = [(name, [slot for slot in task.slots if slot not in task.empty]) for name, task in tasks]
        return [(name, slots) for name, slots in unseen if len(slots) > 1]

    @property
    def empty(self) -> set[pd.Timestamp]:
        """The slots that were judged before, when a source had nothing in them."""
        return {slot for task in self.tasks.values() for slot in task.empty}

    @property
    def begins_a_day(self) -> bool:
        """Whether a UTC day began among the slots: the time to prune what is old."""
        return any(record.slot == record.slot.normalize() for record in self.slots)

    def record(self, notifiers: Sequence[str]) -> RunRecord:
        """Return what the ledger is to keep, all of it in one transaction."""
        live = sorted((each.slot, each.key) for each in self.drafts if each.slot >= self.newest)
        return RunRecord(
            slots=self.slots,
            readings=self.readings,
            state=state_to_dict(self.state),
            incidents=list(self.incidents.values()),
            messages=[StoredMessage(each.key, each.slot, each.to_dict()) for each in self.drafts],
            notifiers=notifiers,
            first=live[0][1] if live else None,
        )


def find(watchers: Watchers, instant: pd.Timestamp, memory: Memory, state: State) -> Findings:
    """Read and judge what is due; what fails is kept, and fails nothing else."""
    found = Findings(state, max(monitor.newest_slot(instant) for monitor in watchers.monitors))
    stretches: list[Stretch] = []
    for monitor in watchers.monitors:
        task = task_of(monitor, instant, memory)
        if task.given_up is not None:
            found.errors.append(
                SourceError(
                    f"monitor {monitor.name!r}: the slots from {task.given_up} to {task.slots[0]} were missed too long "
                    "ago and are not judged any more"
                )
            )
        if not task.slots:
            found.frames.append(recorded(monitor, task.newest, memory))
            continue
        try:
            panel, readings = read(monitor, task, memory, state)
        except LedgerError:  # Of the memory, not of the source: the pipeline knows what to do.
            raise
        except AnomalertError as error:
            found.fail(monitor, error, task)
        except Exception as error:
            if ends_the_run(error):
                raise
            # Rows of other people may fail wherever they are used: told as a source that cannot be read.
            found.fail(monitor, raised(SourceError, f"source {monitor.name!r}", error), task)
        else:
            found.readings += readings
            found.tasks[monitor.name] = task
            stretches.append(Stretch(monitor, panel, due(monitor, task, panel)))
    _walk(watchers, found, stretches)
    return found


def _walk(watchers: Watchers, found: Findings, stretches: Sequence[Stretch]) -> None:
    told = [stretch for stretch in stretches if found.tasks[stretch.monitor.name].told]
    untold = [stretch for stretch in stretches if not found.tasks[stretch.monitor.name].told]
    panels = {stretch.monitor.name: stretch.panel for stretch in stretches}
    watches = watches_of(watchers.monitors)
    for step in walk(untold, found.state, watches):
        found.keep(step, watchers.monitors, told=False)
    steps = list(walk(told, found.state, watches))
    for step in steps:
        found.keep(step, watchers.monitors, told=True)
    if steps:
        news, found.state = as_it_is_now([(step, said) for step in steps for said in step.said], steps)
        last = last_said(news)
        for step, each in news:
            is_now = _is_newest(watchers, found, step) or is_still_so(each, last, found.state)
            written = _draft(watchers, _as_seen(watchers, each, step, found), step.state, panels, step)
            found.drafts.append(_as_newest(written, found) if is_now else written)
    if found.failed:
        slot = max(task.newest for task in found.failed.values())
        found.state, said = lose_sight(found.state, slot, dict.fromkeys(found.failed, "source_failed"))
        reasons = leading(found.errors, lambda error: Fact(str(error), ()), LANGUAGES[watchers.language])
        drafts = [_draft(watchers, each, found.state, panels, None) for each in said]
        found.drafts += [_as_newest(replace(lost, facts=(*lost.facts, *reasons)), found) for lost in drafts]
    found.errors += [error for stretch in stretches for error in stretch.errors]


def _draft(
    watchers: Watchers, said: Said, state: State, panels: Mapping[str, pd.DataFrame], step: Step | None
) -> Draft:
    scenes = {
        metric.name: Scene(monitor, metric, panels[monitor.name], state, _newest(monitor, step.end))
        for monitor in watchers.monitors
        if step is not None and monitor.name in panels
        for metric in monitor.metrics
    }
    silent = {(outage.monitor, outage.metric) for outage in said.outages}
    unseen = [
        metric
        for monitor in watchers.monitors
        for metric in monitor.metrics
        if silent & {(monitor.name, None), (monitor.name, metric.name)}
    ]
    rows: dict[str, Mapping[str, Any]] = {metric.name: {} for metric in unseen}
    for frame in step.judgements.values() if step else ():
        rows.update({row["metric"]: row for row in frame.to_dict("records") if row["metric"] in rows})
    blind = {monitor for monitor, _ in silent}
    zone = next((monitor.timezone for monitor in watchers.monitors if monitor.name in blind), "UTC")
    written = draft(said, watchers.pipeline, scenes, rows, watchers.language, zone)
    lost = said.kind in ("no_data", "source_failed")
    return replace(written, links=links_of(unseen[:NAMED_IN_TEXT])) if lost else written


def _as_seen(watchers: Watchers, said: Said, step: Step, found: Findings) -> Said:
    """Have an outage end with this run if it makes up for the slots of it: until now they were not seen."""
    if said.kind != "data_back":
        return said
    ends: dict[tuple[str, str], pd.Timestamp] = {}
    for monitor in watchers.monitors:
        if monitor.name in found.tasks:
            task, length = found.tasks[monitor.name], monitor.slot_length
            ends[monitor.name, "source_failed"] = task.newest + length
            if step.end - length in task.empty:
                ends[monitor.name, "no_data"] = task.newest + length
    return replace(
        said,
        outages=tuple(o if o.metric else replace(o, end=ends.get((o.monitor, o.kind), o.end)) for o in said.outages),
    )


def _is_newest(watchers: Watchers, found: Findings, step: Step) -> bool:
    """Whether a step is the newest that one of its monitors could be judged in: others may settle sooner."""
    judged = [monitor for monitor in watchers.monitors if monitor.name in step.judgements]
    return any(step.end - each.slot_length == found.tasks[each.name].newest for each in judged)


def _as_newest(each: Draft, found: Findings) -> Draft:
    """Have a message delivered as what is newest: that of its own monitor may be older."""
    return replace(each, slot=max(each.slot, found.newest))


def _incident_row(episode: str, incident: Incident) -> dict[str, Any]:
    return {
        "key": incident.key,
        "episode": episode,
        "metric": incident.metric,
        "direction": incident.direction,
        "start": incident.start.isoformat(),
        "end": None if incident.end is None else incident.end.isoformat(),
        "peak_slot": incident.peak_slot.isoformat(),
        "peak_value": incident.peak.value,
        "peak_expected": incident.peak.expected,
        "peak_deviation": incident.peak.deviation,
    }


def _newest(monitor: Monitor, end: pd.Timestamp) -> pd.Timestamp:
    """Return the newest slot of `monitor` that ends at `end` or before: slots of other monitors may be shorter."""
    return slot_of(end, monitor.slot_length) - monitor.slot_length


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a judgement as plain data; the slot stands beside it."""
    return {str(k): None if v != v else getattr(v, "item", lambda v=v: v)() for k, v in row.items() if k != "slot"}
