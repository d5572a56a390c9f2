"""Checks of what a verdict may depend on: on earlier rows of its metric, `lookback` of them, and the baseline alone.

They are what makes a notebook, a backtest and the scheduler say the same about a slot. Each takes a `Trial` and
raises `CheckError`; `detectors` runs them.
"""

from dataclasses import replace

import pandas as pd

from anomalert.detection import Detection
from anomalert.testing.trials import Trial

__all__ = ["alone", "baseline", "chunks", "lookback", "prefix", "self_exclusion", "start"]

FRAMES = ("value", "expected", "lower", "upper")

FROM_THE_PAST = "Compute the bounds of a row from the rows before it: shift before rolling, centre no window"


def prefix(trial: Trial) -> None:
    """Hold that later rows change nothing: the first n rows alone get the verdicts they get among all."""
    among_all = trial.detector.detect(trial.panel)
    for slot in trial.some_slots:
        alone = trial.detector.detect(trial.panel.loc[:slot])
        trial.require_same("prefix", among_all, alone, ("with the later rows", "without them"), FROM_THE_PAST)


def alone(trial: Trial) -> None:
    """Hold that a metric gets the same verdicts alone as among others: they are judged together to save time."""
    remedy = "Compute every column of `baseline.frame` for itself: summarize over rows, never across the metrics"
    among_all = trial.detector.detect(trial.panel)
    for metric in trial.panel.columns:
        own_score = None if among_all.own_score is None else among_all.own_score[[metric]]
        parts = {name: getattr(among_all, name)[[metric]] for name in FRAMES}
        of_all = Detection(**parts, slot=among_all.slot, own_score=own_score)
        by_itself = trial.detector.detect(trial.panel[[metric]])
        trial.require_same("alone", of_all, by_itself, ("among other metrics", "alone"), remedy)


def self_exclusion(trial: Trial) -> None:
    """Hold that a slot's own value changes nothing in its bounds."""
    for slot in trial.some_slots:
        panel = trial.panel.loc[:slot]
        other = panel.copy()
        other.loc[slot] = 1000 * trial.whole.loc[slot] + 1000
        one, two = (replace(trial.detector.detect(data, slot), own_score=None) for data in (panel, other))
        ways = ("with the slot's own value", "with another one in its place")
        trial.require_same("self_exclusion", one, two, ways, FROM_THE_PAST)


def lookback(trial: Trial) -> None:
    """Hold that a row gets the same verdict after `lookback` of history as after all, and without gaps it gets one."""
    remedy = (
        f"Make `lookback`, which is {trial.detector.lookback}, as long as what the bounds of a row use, plus three "
        "hours for a clock change if that is found by the wall clock; use nothing that grows with the history"
    )
    ways = ("after all history", "after `lookback` of it")
    for panel in (trial.whole, trial.panel):
        among_all = trial.detector.detect(panel)
        for slot in trial.some_slots:
            after_lookback = trial.detector.detect(panel.loc[slot - trial.detector.lookback : slot], slot)
            trial.require_same("lookback", among_all, after_lookback, ways, remedy)
            if panel is trial.whole:
                trial.require(
                    "lookback", after_lookback.expected.notna(), "not judged after `lookback` without a gap", remedy
                )


def start(trial: Trial) -> None:
    """Hold that `start` chooses which rows are judged, and changes nothing in their verdicts."""
    among_all = trial.detector.detect(trial.panel)
    for slot in trial.some_slots:
        from_slot = trial.detector.detect(trial.panel, slot)
        judged = trial.panel.loc[slot:].index
        if not from_slot.value.index.equals(judged):
            found = f"{len(from_slot.value)} rows were judged from {slot} on, not {len(judged)}"
            trial.fail("start", found, "Inherit `detect`")
        trial.require_same(
            "start", among_all, from_slot, ("among all rows", "with `start`"), "Give the rows from `baseline.first` on"
        )


def chunks(trial: Trial) -> None:
    """Hold that pieces of the history, judged one by one with `lookback` before each, get the verdicts of the whole."""
    among_all = trial.detector.detect(trial.panel)
    judged = trial.judged
    size = max(len(judged) // 5, 1)
    for begin in range(0, len(judged), size):
        first, last = judged[begin], judged[min(begin + size, len(judged)) - 1]
        piece = trial.detector.detect(trial.panel.loc[first - trial.detector.lookback : last], first)
        remedy = "Align blocks of a sum or a recursion to absolute times, not to the first row of the frame"
        trial.require_same("chunks", among_all, piece, ("in one go", f"in a piece from {first} on"), remedy)


def baseline(trial: Trial) -> None:
    """Hold that expected and bounds come from the baseline, the values that are judged and scored from the data."""
    remedy = "Inherit `detect`, and compute in `bounds` from the `Baseline` alone"
    other = 1.5 * trial.whole.shift(3)
    bare, explicit, swapped, source = (
        replace(detection, own_score=None)
        for detection in (
            trial.detector.detect(trial.panel),
            trial.detector.detect(trial.panel, baseline=trial.panel),
            trial.detector.detect(trial.panel, baseline=other),
            trial.detector.detect(other),
        )
    )
    trial.require_same("baseline", bare, explicit, ("by default", "with the data as its `baseline`"), remedy)
    trial.require_same("baseline", source, swapped, ("on data", "with them as the `baseline` of others"), remedy)
    same = (swapped.value == trial.panel) | (swapped.value.isna() & trial.panel.isna())
    trial.require("baseline", pd.DataFrame(same), "`value` is not that of the data judged", remedy)
    for slot in trial.some_slots:
        data = trial.panel.loc[:slot]
        replaced = data.copy()
        replaced.loc[slot] = 0.5 * trial.whole.loc[slot]
        one, two = trial.detector.detect(data, slot), trial.detector.detect(data, slot, baseline=replaced)
        # What the bounds make of a slot's own value is for `self_exclusion` to say.
        scored = replace(one, own_score=two.own_score)
        ways = ("by default", "with another value of its slot in the `baseline`")
        remedy = "Compute a score of your own from the values it is called with"
        trial.require_same("baseline", one, scored, ways, remedy)
