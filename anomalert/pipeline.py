"""The run: read, judge, record, deliver, for whatever instant a scheduler hands in.

Schedulers, the command line and the reference call this; it wires the rooms below and does no arithmetic.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pandas as pd

from anomalert.crashpoints import reached
from anomalert.delivery import deliver, note_accepted
from anomalert.episodes import State, state_from_dict
from anomalert.errors import ConfigurationError, LedgerBusyError, LedgerDamagedError, LedgerError
from anomalert.findings import Findings, Watchers, find
from anomalert.heartbeat import Heartbeat
from anomalert.intake import NoMemory
from anomalert.interfaces import Notifier, RunReport, plugin_name
from anomalert.ledger import Ledger, LedgerSession
from anomalert.ledger.records import Loss, StoredMessage
from anomalert.loss import doubtful, loss_draft, loss_of, moved_aside
from anomalert.messages import opened_key
from anomalert.monitor import Monitor
from anomalert.outbox import MemoryOutbox, Outbox
from anomalert.panel import as_duration, as_instant
from anomalert.phrases import LANGUAGES, Language
from anomalert.policy import no_judgements
from anomalert.settings import all_of

__all__ = ["Pipeline"]

logger = logging.getLogger(__name__)

MISSED = "pipeline %r: monitor %r judges %d slots at once: nobody saw those from %s to %s in their time"

LATE = "pipeline %r: %d slots changed after they were judged, the first is %s: if rows are late, take a longer `settle`"


class Pipeline:
    """Monitors, the notifiers that are told about them, and the ledger that remembers what was told.

    With a ledger a run judges every slot that was not judged yet, tells each incident once and its end once, and
    running it again says nothing again. Without one a pipeline remembers nothing: each run judges the newest complete
    slot and tells what it finds there, so an anomaly that lasts is told in every slot.

    Parameters
    ----------
    monitors : sequence of Monitor
        At least one; the names of their metrics differ.
    notifiers : sequence of Notifier, optional
        Their names differ. Without any, alerts are only in the report.
    ledger : Ledger, optional
        The durable memory.
    name : str, default "anomalert"
        Names the pipeline in alerts, keys and the ledger.
    language : {"en", "ru"}, default "en"
        What messages are written in.
    fallback : Notifier, optional
        Gets what another notifier refuses, such as a bot that was removed from its chat.
    heartbeat : str, optional
        URL of an outside watcher: pinged at the start, and after everything is recorded.
    deadline : str or Timedelta, default "60s"
        How long a notifier may take in one run.

    Examples
    --------
    >>> from anomalert import DayLagRatio, FrameSource, Metric, Monitor, Pipeline
    >>> index = pd.date_range("2026-11-01", periods=192, freq="15min", tz="UTC")
    >>> likes = pd.DataFrame({"likes": 100.0}, index)
    >>> likes.iloc[-1] = 20.0
    >>> pipeline = Pipeline([Monitor(FrameSource(likes), [Metric("likes", DayLagRatio())])])
    >>> report = pipeline.run(at="2026-11-03T00:00Z")
    >>> [(alert.metric, alert.value, alert.deviation) for alert in report.alerts], report.exit_code
    ([('likes', 20.0, -0.8)], 0)
    """

    def __init__(
        self,
        monitors: Sequence[Monitor],
        notifiers: Sequence[Notifier] = (),
        ledger: Ledger | None = None,
        *,
        name: str = "anomalert",
        language: Language = "en",
        fallback: Notifier | None = None,
        heartbeat: str | None = None,
        deadline: str | pd.Timedelta = "60s",
    ) -> None:
        self.monitors = all_of(monitors, Monitor, "monitors")
        self.notifiers = all_of(notifiers, Notifier, "notifiers")  # type: ignore[type-abstract]
        self.ledger = ledger
        self.name = name
        self.language = language
        self.fallback = fallback
        self.deadline = as_duration(deadline, "deadline")
        self._watchers = Watchers(self.monitors, name, language)
        self._heartbeat = None if heartbeat is None else Heartbeat(heartbeat)
        self._check()

    def run(self, at: str | datetime, dry_run: bool = False) -> RunReport:
        """Judge what is complete at `at` and not judged yet, and tell what is found.

        Parameters
        ----------
        at : datetime or str
            An aware instant; schedulers pass the end of their data interval. The clock is never read.
        dry_run : bool, default False
            Judge all the same, record nothing, send nothing.

        Returns
        -------
        RunReport
            Also when a source, a notifier or the ledger failed: see `RunReport.raise_for_status`.

        Raises
        ------
        ConfigurationError
            If `at` has no time zone.
        """
        instant = as_instant(at, "at")
        if self._heartbeat is not None and not dry_run:
            self._heartbeat.ping("start")
        report = self._with_ledger(self.ledger, instant, dry_run) if self.ledger else self._without(instant, dry_run)
        if self._heartbeat is not None and not dry_run:
            self._heartbeat.ping("fail" if report.errors else "success")
        return report

    def __repr__(self) -> str:
        monitored = ", ".join(f"{m.name} ({', '.join(metric.name for metric in m.metrics)})" for m in self.monitors)
        told = ", ".join(map(plugin_name, self.notifiers)) or "nobody"
        memory = "without a ledger, so it remembers nothing" if self.ledger is None else f"remembers in {self.ledger!r}"
        return f"Pipeline {self.name!r}: watches {monitored}; tells {told}; {memory}"

    def _check(self) -> None:
        if not self.monitors:
            raise ConfigurationError(f"pipeline {self.name!r} has no monitors: name at least one")
        if self.language not in LANGUAGES:
            raise ConfigurationError(f"`language` is {self.language!r}: take one of {', '.join(LANGUAGES)}")
        fallback = [] if self.fallback is None else [self.fallback]
        everybody = [*self.notifiers, *all_of(fallback, Notifier, "fallback")]  # type: ignore[type-abstract]
        for kind, names in (
            ("monitor", [monitor.name for monitor in self.monitors]),
            ("metric", [metric.name for monitor in self.monitors for metric in monitor.metrics]),
            ("notifier", [plugin_name(notifier) for notifier in everybody]),
        ):
            for name in names:
                if names.count(name) > 1:
                    raise ConfigurationError(f"pipeline {self.name!r} has two {kind}s named {name!r}: rename one")

    def _without(self, instant: pd.Timestamp, dry_run: bool, trouble: LedgerError | None = None) -> RunReport:
        """Run without a memory: because there is no ledger, or because of `trouble` with it."""
        if trouble is None:
            logger.info("pipeline %r runs at %s without a ledger: it remembers nothing", self.name, instant)
        found = find(self._watchers, instant, NoMemory(), State())
        return self._told_from_memory(found, instant, dry_run, trouble)

    def _told_from_memory(
        self, found: Findings, instant: pd.Timestamp, dry_run: bool, trouble: LedgerError | None
    ) -> RunReport:
        """Deliver what was found without recording it."""
        drafts = found.drafts if trouble is None else [doubtful(each, str(trouble)) for each in found.drafts]
        stored = [StoredMessage(each.key, each.slot, each.to_dict()) for each in drafts]
        outbox = MemoryOutbox(stored, map(plugin_name, self.notifiers))
        errors = found.errors if trouble is None else [*found.errors, trouble]
        return self._delivered(replace(found, drafts=drafts, errors=errors), outbox, instant, dry_run)

    def _with_ledger(self, ledger: Ledger, instant: pd.Timestamp, dry_run: bool) -> RunReport:
        """Run with the ledger; what it cannot do must not keep an alert from being sent."""
        try:
            return self._remembered(ledger, instant, dry_run)
        except LedgerBusyError as error:
            return RunReport(instant, no_judgements(), errors=(error,))
        except LedgerDamagedError as error:
            trouble: LedgerError = LedgerDamagedError(f"{error}{'' if dry_run else moved_aside(ledger, instant)}")
        except LedgerError as error:
            trouble = error
        # Once more, with a new file, or with a new connection to a server that has only restarted.
        try:
            report = self._remembered(ledger, instant, dry_run, trouble)
        except LedgerBusyError as error:
            # Another run has taken over; what this one recorded is sent by that.
            return RunReport(instant, no_judgements(), errors=(trouble, error))
        except LedgerError as error:
            report = self._without(instant, dry_run, error)
        else:
            if not isinstance(trouble, LedgerDamagedError):
                logger.warning("pipeline %r: the ledger failed, and was opened anew: %s", self.name, trouble)
        # What was moved aside is told in any case: nobody would look for it.
        return replace(report, errors=(trouble, *report.errors)) if isinstance(trouble, LedgerDamagedError) else report

    def _remembered(
        self, ledger: Ledger, instant: pd.Timestamp, dry_run: bool, trouble: LedgerError | None = None
    ) -> RunReport:
        """Run once with the ledger; `trouble` is what befell the first try, if this is the second."""
        report = None
        try:
            with ledger.open(self.name) as session:
                reached("run: the ledger is open")
                found = find(self._watchers, instant, session, _state(session))
                for name, slots in found.missed:
                    logger.info(MISSED, self.name, name, len(slots), slots[0], slots[-2])
                loss = loss_of(session, trouble)
                reached("run: judged, nothing recorded")
                try:
                    report = self._recorded(session, self._with_loss(found, loss, trouble), instant, dry_run)
                except LedgerError as error:
                    if trouble is None:
                        raise
                    return self._told_from_memory(found, instant, dry_run, error)
                lost = [error for error in report.errors if isinstance(error, LedgerError)]
                if found.begins_a_day and not dry_run and not lost:
                    keep = {opened_key(self.name, episode.key) for episode in found.state.episodes}
                    session.prune(found.newest - ledger.retention, keep)
        except LedgerError as error:
            if report is None:
                raise
            # Everything was told by then: what fails afterwards must not have it told again.
            return replace(report, errors=(*report.errors, error))
        if lost:
            return self._resumed(ledger, report, found)
        reached("run: done")
        return report

    def _recorded(self, session: LedgerSession, found: Findings, instant: pd.Timestamp, dry_run: bool) -> RunReport:
        """Record what was found, then deliver it."""
        if dry_run:
            return self._delivered(found, MemoryOutbox((), ()), instant, dry_run)
        changed = session.commit(found.record(tuple(map(plugin_name, self.notifiers))))
        # What comes for slots that were empty is no change of a verdict, also while it waits to be judged.
        revised = [slot for slot in changed if slot not in found.empty]
        if revised:
            logger.warning(LATE, self.name, len(revised), revised[0])
        reached("run: recorded, nothing sent")
        return self._delivered(found, session, instant, dry_run)

    def _resumed(self, ledger: Ledger, report: RunReport, found: Findings) -> RunReport:
        """Deliver what the ledger failed to hand out: with a new connection to it, or else from memory."""
        if any(isinstance(error, LedgerDamagedError) for error in report.errors):
            completed = self._completed_from_memory(report, found)
            moved_aside(ledger, report.at)  # Everything was sent, so the next run may begin anew.
            return completed
        try:
            with ledger.open(self.name) as session:
                note_accepted(session, report.deliveries)
                more, failures = deliver(session, self.notifiers, found.newest, self.deadline, self.fallback)
        except LedgerBusyError as error:
            # Another run has taken over what is pending.
            return replace(report, errors=(*report.errors, error))
        except LedgerError as error:
            return self._completed_from_memory(replace(report, errors=(*report.errors, error)), found)
        resumed = replace(report, deliveries=(*report.deliveries, *more), errors=(*report.errors, *failures))
        if any(isinstance(error, LedgerError) for error in failures):
            return self._completed_from_memory(resumed, found)
        lost = [error for error in report.errors if isinstance(error, LedgerError)]
        logger.warning("pipeline %r: the ledger failed, and was opened anew: %s", self.name, lost[0])
        return replace(resumed, errors=tuple(error for error in resumed.errors if error not in lost))

    def _completed_from_memory(self, report: RunReport, found: Findings) -> RunReport:
        """Send what the ledger failed to hand out while it was being delivered: each channel gets what it lacks."""
        tried = {(delivery.message, delivery.notifier) for delivery in report.deliveries}
        trouble = next(error for error in report.errors if isinstance(error, LedgerError))
        outbox = MemoryOutbox((), map(plugin_name, self.notifiers))
        for each in found.drafts:
            marked = doubtful(each, str(trouble))
            for notifier in map(plugin_name, self.notifiers):
                if (each.key, notifier) not in tried:
                    outbox.queue(StoredMessage(each.key, each.slot, marked.to_dict()), notifier)
        deliveries, failures = deliver(outbox, self.notifiers, found.newest, self.deadline, self.fallback)
        return replace(report, deliveries=(*report.deliveries, *deliveries), errors=(*report.errors, *failures))

    def _with_loss(self, found: Findings, loss: Loss | None, trouble: LedgerError | None) -> Findings:
        """Add to what was found that the memory of earlier runs is gone; what is told with it may be a repeat."""
        if loss is None:
            return found
        zone = self.monitors[0].timezone
        news = loss_draft(loss, trouble, self.name, found.newest, zone, self.language)
        reason = news.facts[-1].heading
        return replace(found, drafts=[news, *(doubtful(each, reason) for each in found.drafts)])

    def _delivered(self, found: Findings, outbox: Outbox, instant: pd.Timestamp, dry_run: bool) -> RunReport:
        deliveries, failures = (
            ([], []) if dry_run else deliver(outbox, self.notifiers, found.newest, self.deadline, self.fallback)
        )
        return RunReport(
            at=instant,
            judgements=found.judgements,
            alerts=tuple(alert for each in found.drafts for alert in each.alerts),
            deliveries=tuple(deliveries),
            errors=(*found.errors, *failures),
        )


def _state(session: LedgerSession) -> State:
    try:
        return state_from_dict(session.state())
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerDamagedError(
            f"the state of {session.pipeline!r} in the ledger cannot be read: {error!r}"
        ) from error
