"""The share of `crowds` for every change: a drop of one metric, of 50 and of 500, and what else may be many.

The whole is ``python -m tests.reliability.crowds``.
"""

import pandas as pd
import pytest

from anomalert import DayLagRatio, FrameSource, Metric, Monitor, Pipeline
from anomalert.digests import digest
from anomalert.errors import SourceError
from anomalert.interfaces import Fact
from anomalert.messages import Draft
from anomalert.testing import FakeNotifier, FakeSource
from tests.reliability.crowds import SLOT, crowd, fallen

IN_FULL, PICTURES = 12, 10


@pytest.mark.parametrize(("metrics", "monitors"), [(1, 1), (50, 5), (500, 1)])
def test_a_crowd_of_anomalies_is_one_message_and_its_end_another(metrics: int, monitors: int) -> None:
    """However many metrics fall in a slot, a channel gets one message that fits, and the ledger has all of them."""
    found = crowd(metrics, monitors)
    assert found.told == ["opened", "resolved"]
    assert (found.messages, found.failed) == (1, 0)
    assert found.posts <= 3
    assert found.in_ledger == found.named == metrics
    assert found.pictures <= PICTURES
    for text in found.texts:
        assert text.count("Metric ") == min(metrics, IN_FULL)
        assert (f"and {metrics - IN_FULL} more" in text) == (metrics > IN_FULL)
        assert len(text) <= 4096


def test_the_gravest_of_a_crowd_lead() -> None:
    """Those told in full and pictured are the ones that fell the furthest; the alerts are all of them."""
    panel, chat = fallen(40), FakeNotifier()
    pipeline = Pipeline([Monitor(FrameSource(panel), [Metric(str(name), DayLagRatio()) for name in panel])], [chat])
    report = pipeline.run(at=panel.index[-7] + SLOT)
    (message,) = chat.messages
    gravest = panel.iloc[-7].sort_values().index
    assert [fact.heading for fact in message.facts[:IN_FULL]] == [f"Metric {name}:" for name in gravest[:IN_FULL]]
    assert message.facts[IN_FULL].heading == "and 28 more"
    assert [picture.name.split("-")[0] for picture in message.pictures] == list(gravest[:PICTURES])
    assert len(message.alerts) == len(report.alerts) == 40
    assert message.headline.endswith("and 37 more")


def test_a_silent_source_of_many_metrics_is_told_in_short() -> None:
    """What was expected of the first is told, and how many there are besides."""
    panel, chat = fallen(40), FakeNotifier()
    panel.iloc[-1] = float("nan")
    Pipeline([Monitor(FrameSource(panel), [Metric(str(name), DayLagRatio()) for name in panel])], [chat]).run(
        at=panel.index[-1] + SLOT
    )
    (message,) = chat.messages
    assert len(message.facts) == IN_FULL + 2
    assert message.facts[IN_FULL].heading == "and 28 more"
    assert len(message.alerts) == 40


def test_many_sources_that_fail_are_told_in_short() -> None:
    """Twelve are named with their reasons; the report has every error."""
    panel, chat = pd.DataFrame({"x": 1.0}, pd.date_range("2026-11-02", periods=8, freq=SLOT, tz="UTC")), FakeNotifier()
    monitors = [
        Monitor(
            FakeSource(panel, [SourceError("no route")], name=f"s{number:02d}"), [Metric(f"m{number}", DayLagRatio())]
        )
        for number in range(40)
    ]
    report = Pipeline(monitors, [chat]).run(at=panel.index[-1] + SLOT)
    (message,) = chat.messages
    assert message.headline.startswith("✖ Cannot read s00, s01, ")
    assert message.headline.endswith("s11 and 28 more")
    assert sum(fact.heading == "no route" for fact in message.facts) == IN_FULL
    assert len(report.errors) == 40


def test_a_digest_of_many_messages_goes_on_with_headlines() -> None:
    """The first have their numbers too; of many it names each, and is short enough to be sent."""
    slots = pd.date_range("2026-11-02", periods=40, freq=SLOT, tz="UTC")
    numbers = Fact("Metric likes:", ("current value = 812.00", "deviation from usual 61.45%"))
    drafts = [Draft(f"shop/{number}", slot, f"▼ likes {number}", (), (numbers,)) for number, slot in enumerate(slots)]
    few, many = digest(drafts[:12], "few"), digest(drafts, "many")
    assert all(len(fact.lines) == 3 for fact in few.facts)
    assert [fact.heading for fact in many.facts] == [f"▼ likes {number}" for number in range(40)]
    assert [len(fact.lines) for fact in many.facts] == [3] * 20 + [0] * 20
