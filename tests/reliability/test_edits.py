"""Configurations that are edited between runs: what was judged is not told again, and what is removed is closed."""

import os
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anomalert import (
    IQR,
    DayLagRatio,
    Ledger,
    Message,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    RollingSigma,
    RunReport,
    WeeklyAverage,
)
from anomalert.detector import Detector
from anomalert.testing import FakeNotifier, FakeSource

SLOT = pd.Timedelta("1h")
START = pd.Timestamp("2026-11-02", tz="UTC")
NAMES = ("views", "likes", "posts")
HISTORY = 3 * 24


def panel_of(edits: int, choose: random.Random) -> pd.DataFrame:
    """Return metrics that fall and rise and come back now and then, and a source that is silent now and then."""
    values = np.full((HISTORY + edits + 1, len(NAMES)), 1000.0)
    for column in range(len(NAMES)):
        slot = HISTORY
        while slot < len(values):
            slot += choose.randrange(1, 12)
            length = choose.randrange(1, 9)
            values[slot : slot + length, column] *= choose.choice([0.1, 0.4, 0.6, 2.0, 8.0])
            slot += length
    values[[slot for slot in range(HISTORY, len(values)) if choose.random() < 0.03]] = np.nan
    index = pd.date_range(START, periods=len(values), freq=SLOT)
    return pd.DataFrame(values, index=index, columns=list(NAMES)).dropna()


@dataclass
class Edited:
    """A pipeline whose configuration is another one in every run; its ledger and its channels stay."""

    place: Path
    panel: pd.DataFrame
    choose: random.Random
    chats: dict[str, FakeNotifier] = field(default_factory=lambda: {name: FakeNotifier(name=name) for name in "ab"})

    def detector(self) -> Detector:
        """Return any detector."""
        threshold = self.choose.choice([0.2, 0.5, 0.8])
        kinds = DayLagRatio(threshold=threshold), WeeklyAverage(days=3, threshold=threshold, min_count=2)
        return self.choose.choice([*kinds, RollingSigma(window="12h"), IQR(window="3D", season=None)])

    def policy(self) -> Policy:
        """Return any policy."""
        return Policy(
            direction=self.choose.choice(["up", "down", "both"]),
            min_change=self.choose.choice([0.0, 0.3]),
            persist=self.choose.choice([(1, 1), (2, 3)]),
            recover=self.choose.choice([1, 2, 4]),
            remind=self.choose.choice([None, "3h"]),
        )

    def edited(self) -> Pipeline:
        """Return the pipeline with everything in it that may be edited chosen anew."""
        names = self.choose.sample(NAMES, self.choose.randint(1, len(NAMES)))
        links = self.choose.choice([{}, {"Board": "https://bi"}])
        metrics = [Metric(name, self.detector(), policy=self.policy(), links=links) for name in names]
        monitor = Monitor(
            FakeSource(self.panel, name="feed"),
            metrics,
            slot=SLOT,
            timezone=self.choose.choice(["UTC", "Europe/Moscow"]),
            empty=self.choose.choice(["no_data", "zero"]),
        )
        chats = [self.chats[name] for name in self.choose.choice(["a", "b", "ab", "ba"])]
        return Pipeline([monitor], chats, Ledger(self.place), language=self.choose.choice(["en", "ru"]))

    def news(self, pipeline: Pipeline, at: pd.Timestamp) -> tuple[RunReport, list[Message]]:
        """Run, and return what the channels got by it."""
        before = {name: len(chat.messages) for name, chat in self.chats.items()}
        report = pipeline.run(at=at)
        return report, [message for name, chat in self.chats.items() for message in chat.messages[before[name] :]]


@pytest.mark.parametrize("seed", range(4))
def test_an_edit_tells_nothing_of_what_was_judged(tmp_path: Path, seed: int) -> None:
    """After each edit the judged slot is run again, which says nothing, and then the next one, which says what is new.

    Nothing is said twice, no incident is opened twice, and one whose metric was removed is closed.
    """
    edits, choose = 125 if os.environ.get("ANOMALERT_EXHAUSTIVE") == "1" else 20, random.Random(seed)
    life = Edited(tmp_path / "alerts.db", panel_of(edits, choose), choose)
    life.edited().run(at=START + HISTORY * SLOT)
    told = surprises = closed = 0
    for number in range(1, edits + 1):
        slot, pipeline = START + (HISTORY + number - 1) * SLOT, life.edited()
        _, repeated = life.news(pipeline, slot)
        surprises += len(repeated)
        open_before = open_incidents(life.place)
        report, news = life.news(pipeline, slot + SLOT)
        assert report.exit_code == 0, report.errors
        surprises += sum(alert.slot != slot for message in news for alert in message.alerts)
        told += len(news)
        still_open = open_incidents(life.place)
        assert max(Counter((metric, side) for _, metric, side in still_open).values(), default=1) == 1
        watched = {metric.name for metric in pipeline.monitors[0].metrics}
        assert {metric for _, metric, _ in still_open} <= watched
        closed += sum(metric not in watched for _, metric, _ in open_before)
    keys = Counter((name, message.key) for name, chat in life.chats.items() for message in chat.messages)
    assert (surprises, max(keys.values())) == (0, 1)
    assert told > edits / 4
    assert closed > 0
    print(f"\nseed {seed}: {edits} edits, {told} messages of new slots, {closed} incidents closed, surprises 0")


def open_incidents(place: Path) -> set[tuple[str, str, str]]:
    """Return key, metric and direction of what the ledger takes to be going on."""
    known = Ledger(place).history().incidents
    rows = known[known["ended"].isna()].to_dict("records") if len(known) else []
    return {(row["incident"], row["metric"], row["direction"]) for row in rows}
