"""A pipeline, its source, its channel and its ledger in the hands of hypothesis, beside a model of what has to hold.

``python -m tests.reliability.machine --examples 5000 --steps 100`` is the long form; `test_machine` runs a share.

In one half of the lives what was written stays: everything but the ledger's memory may break, and in the end the
messages are those of a walk over the whole history, each told once, or again for a reason that is counted. In the
other half rows come late, the configuration is edited, the ledger is damaged or removed. Then it is not known what
there was to tell, so what holds is weaker: every verdict stays as it was given, what was alerted belongs to an incident
that was told, nothing is told that was not judged, and each loss of memory excuses one more unmarked copy.
"""

import argparse
import logging
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from anomalert import DayLagRatio, Ledger, Metric, Monitor, Pipeline
from anomalert.errors import LedgerBusyError, LedgerDamagedError
from anomalert.interfaces import RunReport
from tests.ledger.samples import contents_of
from tests.reliability.machine_checks import check_alerts_were_told, check_deliveries, expected_keys, metric_keys
from tests.reliability.machine_parts import (
    CHANNEL_MOODS,
    HISTORY,
    KINDS,
    METRICS,
    SLOT,
    SOURCE_MOODS,
    START,
    VALUES,
    Channel,
    Killed,
    MoodySource,
    damage,
    failing,
    killing,
    observed,
)


class Life(RuleBasedStateMachine):
    """Slots come and go, things break, processes die; the promise of the documentation holds after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.place = Path(self.folder.name, "alerts.db")
        self.channel = Channel()
        self.source_mood = "ok"
        self.threshold = 0.5
        self.metrics: tuple[str, ...] = METRICS
        self.values: list[tuple[float, ...]] = [VALUES["usual"]] * HISTORY
        self.kills = self.failures = self.losses = self.set_aside = 0
        self.keeps_memory = True
        self.is_damaged = self.was_touched = self.is_changed = False
        self.first_judged: int | None = HISTORY - 1
        self.slots_run: list[int] = []
        self.verdicts: dict[tuple[str, pd.Timestamp], tuple[Any, ...]] = {}

    @initialize(keeps_memory=st.booleans())
    def first_run(self, keeps_memory: bool) -> None:
        """Begin with a ledger that knows one slot."""
        self.keeps_memory = keeps_memory
        self.run_at(self.newest)

    @property
    def newest(self) -> int:
        """The newest slot."""
        return len(self.values) - 1

    def pipeline(self, wait: str = "60s") -> Pipeline:
        """Build everything anew, as a process does."""
        index = pd.date_range(START, periods=len(self.values), freq=SLOT)
        panel = pd.DataFrame(np.array(self.values), index=index, columns=list(METRICS))
        source = MoodySource(panel[list(self.metrics)].dropna(how="all"), self.source_mood)
        metrics = [Metric(name, DayLagRatio(threshold=self.threshold)) for name in self.metrics]
        monitor = Monitor(source, metrics, slot=SLOT)
        return Pipeline([monitor], [self.channel], Ledger(self.place, wait=wait), deadline="10s")

    def run_at(self, slot: int, *, is_whole: bool = True) -> RunReport:
        """Run at the end of a slot, and hold what came of it against what was known; `is_whole` if nothing is done."""
        told = len(self.channel.accepted)
        self.slots_run.append(slot)
        report = self.pipeline().run(at=START + (slot + 1) * SLOT)
        self.was_touched = self.was_touched and not is_whole
        if self.source_mood != "ok":
            # What could not be read is no verdict.
            assert {alert.kind for alert in report.alerts} <= {"source_failed", "ledger_lost"}, report.alerts
        if self.was_set_aside():
            assert report.exit_code == 1
            assert any(isinstance(error, LedgerDamagedError) for error in report.errors)
        # A ledger begins with the slot that it is first used for: there is no storm of what was before.
        news = [alert.slot for message in self.channel.accepted[told:] for alert in message.alerts]
        assert all(each >= START + min(self.slots_run) * SLOT for each in news), news
        if self.first_judged is None and self.source_mood == "ok" and is_whole:
            self.first_judged = max(self.slots_run)
        return report

    def was_set_aside(self) -> bool:
        """Return whether a damaged ledger was moved aside since this was asked last."""
        before, self.set_aside = self.set_aside, len(list(self.place.parent.glob("*.damaged-*[0-9Z]")))
        if self.set_aside > before:
            self.forgotten()
        return self.set_aside > before

    def forgotten(self) -> None:
        """Note that the ledger that there is now knows nothing of what was before."""
        self.losses += 1
        # The run that finds the damage begins anew.
        self.slots_run = self.slots_run[-1:]
        self.is_changed, self.is_damaged, self.first_judged = True, False, None
        self.verdicts.clear()

    @rule(kind=KINDS)
    def tick(self, kind: str) -> None:
        """Let a slot pass."""
        self.values.append(VALUES[kind])

    @rule()
    def run_now(self) -> None:
        """Run for the newest slot."""
        self.run_at(self.newest)

    @rule(back=st.integers(1, 20))
    def run_old(self, back: int) -> None:
        """Run for an older slot again."""
        self.run_at(max(self.newest - back, 0))

    @rule(mood=st.sampled_from(SOURCE_MOODS))
    def source(self, mood: str) -> None:
        """Have the source work, fail, or give what must not be judged."""
        self.source_mood = mood

    @rule(mood=st.sampled_from(CHANNEL_MOODS))
    def mood(self, mood: str) -> None:
        """Have the channel in another mood."""
        self.channel.mood = mood

    @rule(point=st.integers(1, 60))
    def killed_run(self, point: int) -> None:
        """Die at the n-th crash point of a run, everywhere at once."""
        try:
            with observed(killing(point)):
                self.run_at(self.newest, is_whole=False)
        except Killed:
            self.kills += 1
            self.was_set_aside()

    @rule(point=st.integers(1, 40), for_good=st.booleans())
    def run_on_a_full_disk(self, point: int, for_good: bool) -> None:
        """Have the ledger fail on the way, for a moment or until the run is over."""
        self.failures += 1
        with observed(failing(point, for_good=for_good)):
            self.run_at(self.newest, is_whole=False)

    @rule(point=st.integers(1, 60))
    def second_runner(self, point: int) -> None:
        """Have another run begin at the n-th crash point of a run, while that one holds the ledger."""
        count = 0

        def observer(name: str) -> None:
            nonlocal count
            count += 1
            if count == point:
                other = self.pipeline(wait="20ms").run(at=START + (self.newest + 1) * SLOT)
                is_busy = any(isinstance(error, LedgerBusyError) for error in other.errors)
                assert name == "run: done" or (is_busy and not other.deliveries and not other.alerts)

        with observed(observer):
            self.run_at(self.newest)

    @precondition(lambda self: not self.keeps_memory)
    @rule(back=st.integers(0, 3), kind=KINDS)
    def late_rows(self, back: int, kind: str) -> None:
        """Have a slot's rows come, or go, after it was judged."""
        self.values[self.newest - back] = VALUES[kind]
        self.is_changed = True

    @precondition(lambda self: not self.keeps_memory)
    @rule(threshold=st.sampled_from([0.3, 0.5, 0.95]), metrics=st.sampled_from([METRICS, METRICS[:1]]))
    def edited(self, threshold: float, metrics: tuple[str, ...]) -> None:
        """Edit the configuration: running a slot again that was judged and told says nothing of it."""
        self.source_mood, self.channel.mood = "ok", "ok"
        for _ in range(3):
            self.run_now()
        told = len(self.channel.accepted)
        self.threshold, self.metrics, self.is_changed = threshold, metrics, True
        self.run_now()
        assert len(self.channel.accepted) == told

    @precondition(lambda self: not self.keeps_memory)
    @rule()
    def lost(self) -> None:
        """Remove the ledger and all that lies beside it."""
        for path in self.place.parent.glob("alerts.db*"):
            path.unlink()
        self.set_aside = 0
        self.forgotten()
        self.slots_run = []

    @precondition(lambda self: not self.keeps_memory)
    @rule(which=st.sampled_from(["", "-wal", ".lock"]), how=st.sampled_from(["flip", "cut"]), where=st.floats(0, 1))
    def damaged(self, which: str, how: str, where: float) -> None:
        """Damage one file between runs: what cannot be noticed has changed nothing."""
        ledger = Ledger(self.place)
        # Whoever damages both the log and what knows how long it was makes them agree.
        if self.was_touched or self.is_damaged or not self.place.exists() or ledger.verify():
            return
        self.was_touched = True
        before = contents_of(ledger)
        if damage(self.place.with_name(f"alerts.db{which}"), how, where) and not ledger.verify():
            assert contents_of(ledger) == before
        self.is_damaged = bool(ledger.verify())

    @invariant()
    def the_ledger_is_sound(self) -> None:
        """Whatever happened but damage, nothing that was written is lost or changed; verdicts stay as given."""
        if self.is_damaged or not self.place.exists():
            return
        ledger = Ledger(self.place)
        assert ledger.verify() == []
        judged = ledger.history().judgements.reindex(columns=["metric", "slot", "value", "status", "is_alert"])
        verdicts = dict(self.verdicts)
        for row in judged.to_dict("records"):
            key = row["metric"], row["slot"]
            verdict = repr(row["value"]), row["status"], row["is_alert"]
            before = self.verdicts.get(key, verdict)
            # Where the source had nothing there is no verdict yet.
            assert before == verdict or self.was_empty(row["slot"]), key
            verdicts[key] = verdict
        self.verdicts = verdicts

    def was_empty(self, slot: pd.Timestamp) -> bool:
        """Return whether every verdict on a slot was that there is nothing."""
        return all(status == "no_data" for (_, of), (_, status, _) in self.verdicts.items() if of == slot)

    @invariant()
    def nobody_is_told_twice_without_a_reason(self) -> None:
        """Accept a message once, and once more for each unknown outcome, kill, failure or loss; marked."""
        copies = Counter(message.key for message in self.channel.accepted)
        unmarked = Counter(m.key for m in self.channel.accepted if "may be a repeat" not in m.headline)
        mishaps = self.kills + self.failures + self.losses
        for key, count in copies.items():
            assert count <= 1 + self.channel.unclear.count(key) + mishaps, (key, count)
            assert unmarked[key] <= 1 + self.losses, key
        assert sum(copies.values()) - len(copies) <= mishaps + len(self.channel.unclear)

    def teardown(self) -> None:
        """Mend everything, and compare what was told with what there was to tell."""
        try:
            self.mended()
        finally:
            self.folder.cleanup()

    def mended(self) -> None:
        """Run on until everything that can be told is told, and look back."""
        self.source_mood, self.channel.mood = "ok", "ok"
        self.values += [VALUES["usual"]] * 3
        for _ in range(4):
            report = self.run_at(self.newest)
        assert report.exit_code == 0 or self.is_damaged, report.errors
        if self.is_damaged:
            # In rows that no run had to read: `verify` tells of them, and history cannot be read as a whole.
            return
        history = Ledger(self.place).history()
        assert self.first_judged is not None
        wanted = pd.date_range(START, periods=len(self.values), freq=SLOT)[self.first_judged :]
        assert set(wanted) <= set(history.judgements["slot"])
        if not self.is_changed:
            expected = expected_keys(self.pipeline(), START + len(self.values) * SLOT, wanted[0])
            assert metric_keys(history) == expected, metric_keys(history) ^ expected
        check_alerts_were_told(history)
        check_deliveries(history, self.channel)


def live(examples: int, steps: int) -> None:
    """Run the machine."""
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    # What goes wrong is done on purpose.
    logging.disable(logging.CRITICAL)
    live(options.examples, options.steps)
    print(f"{options.examples} lives of {options.steps} steps: every invariant held")
